#!/bin/bash
# Makes what docker-compose.yml wants in a folder (./secrets): passwords, URLs
# that hold them, and keys for sealing. What exists is kept.
#
#   deploy/secrets.sh [DIR]
#
# Keys are made by the `byoc` of build/release, or the one in the PATH. The
# containers' user (10001) has to be able to read the files: run as root, this
# gives them to it.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$root/secrets}
byoc=$root/build/release/bin/byoc
[ -x "$byoc" ] || byoc=byoc

umask 077
mkdir -p "$dir"

password() {
	od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# put NAME: writes standard input to a file that does not exist yet.
put() {
	if [ -e "$dir/$1" ]; then
		cat >/dev/null
	else
		cat >"$dir/$1"
	fi
}

password | put postgres_password
password | put rabbitmq_password
echo "postgresql://byoc:$(cat "$dir/postgres_password")@postgres/byoc" |
	put database_url
echo "amqp://byoc:$(cat "$dir/rabbitmq_password")@rabbitmq/%2f" | put amqp_url
printf 'default_user = byoc\ndefault_pass = %s\n' \
	"$(cat "$dir/rabbitmq_password")" | put rabbitmq.conf
[ -d "$dir/keys" ] || "$byoc" keygen "$dir/keys" >/dev/null
if [ "$(id -u)" = 0 ]; then
	chown -R 10001 "$dir/keys" "$dir/database_url" "$dir/amqp_url"
	# The broker's own user reads its file, whatever its number is.
	chmod 644 "$dir/rabbitmq.conf"
	chmod 711 "$dir"
fi
echo "$dir is complete"
