#!/bin/bash
# Makes what docker-compose.yml wants in a folder (./secrets): passwords, URLs
# that hold them, and keys for sealing. What exists is kept.
#
#   deploy/secrets.sh [DIR]
#
# Keys are made by the `byoc` of build/release, or the one in the PATH. The
# containers' user (10001) has to be able to read the files: run as root, this
# gives them to it.
set -euo pipefail

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

# As RabbitMQ keeps passwords: base64 of a salt of four bytes, and the SHA-256 of
# salt and password.
hash_password() {
	local salt digest

	salt=$(password | cut -c 1-4)
	digest=$(printf '%s' "$salt$(cat "$dir/$1")" | sha256sum |
		cut -c 1-64 | sed 's/../\\x&/g')
	printf '%s%b' "$salt" "$digest" | base64 --wrap=0
}

# The broker's users with their passwords' hashes.
definitions() {
	local user hash edits=()

	for user in dashboard worker consumer; do
		hash=$(hash_password "${user}_password")
		edits+=(--expression "/\"name\": \"$user\"/ \
			s|\"password_hash\": \"\"|\"password_hash\": \"$hash\"|")
	done
	sed "${edits[@]}" "$root/deploy/rabbitmq/definitions.json"
}

for name in postgres dashboard worker consumer; do
	password | put "${name}_password"
done
# The owner migrates; workers have their own login.
echo "postgresql://byoc:$(cat "$dir/postgres_password")@postgres/byoc" |
	put owner_database_url
echo "postgresql://worker:$(cat "$dir/worker_password")@postgres/byoc" |
	put database_url
echo "amqp://worker:$(cat "$dir/worker_password")@rabbitmq/byoc" | put amqp_url
definitions | put definitions.json
[ -d "$dir/keys" ] || "$byoc" keygen "$dir/keys" >/dev/null
if [ "$(id -u)" = 0 ]; then
	chown -R 10001 "$dir/keys" "$dir/owner_database_url" \
		"$dir/database_url" "$dir/amqp_url"
	# The broker's own user reads its file, whatever its number is.
	chmod 644 "$dir/definitions.json"
	chmod 711 "$dir"
fi
echo "$dir is complete"
