#!/bin/bash
# Makes what docker-compose.yml wants in a folder (./secrets): passwords, URLs
# that hold them, keys for sealing, and certificates for TLS between the
# containers. What exists is kept; a certificate that ends within two months is
# made anew, so run it again in time, and then `docker-compose restart`.
#
#   deploy/secrets.sh [DIR]
#
# Keys are made by the `byoc` of build/release, or the one in the PATH. The
# containers' users have to be able to read the files (10001 is ours, 999 is
# PostgreSQL's and RabbitMQ's, 472 is Grafana's): run as root, this gives them to them.
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

	for user in dashboard worker consumer operator; do
		hash=$(hash_password "${user}_password")
		edits+=(--expression "/\"name\": \"$user\"/ \
			s|\"password_hash\": \"\"|\"password_hash\": \"$hash\"|")
	done
	sed "${edits[@]}" "$root/deploy/rabbitmq/definitions.json"
}

# ---- Certificates ----

quietly() {
	local said

	said=$("$@" 2>&1) || {
		echo "$said" >&2
		return 1
	}
}

make_authority() {
	[ -e "$dir/ca.key" ] || quietly openssl req -x509 -newkey ec \
		-pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-subj "/CN=BYOC containers" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" \
		-keyout "$dir/ca.key" -out "$dir/ca.pem"
}

# For a server that the others find by this name.
make_certificate() {
	local name=$1 days=60

	openssl x509 -in "$dir/$name.pem" -noout \
		-checkend $((days * 24 * 3600)) >/dev/null 2>&1 && return
	quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=$name" -keyout "$dir/$name.key" -out "$dir/$name.csr"
	quietly openssl x509 -req -in "$dir/$name.csr" -days 730 \
		-CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial \
		-CAserial "$dir/ca.srl" -out "$dir/$name.pem" -extfile - <<-END
			basicConstraints = critical, CA:FALSE
			keyUsage = critical, digitalSignature
			extendedKeyUsage = serverAuth
			subjectAltName = DNS:$name
		END
	rm "$dir/$name.csr"
}

for name in postgres dashboard worker consumer operator grafana; do
	password | put "${name}_password"
done
make_authority
for name in postgres rabbitmq hcloud-sim; do
	make_certificate "$name"
done
# The owner migrates; workers have their own login.
database="postgres/byoc?sslmode=verify-full&sslrootcert=/run/secrets/ca"
echo "postgresql://byoc:$(cat "$dir/postgres_password")@$database" |
	put owner_database_url
# urls USER NAME: the two of the login and user USER; NAME begins their files'.
urls() {
	echo "postgresql://$1:$(cat "$dir/$1_password")@$database" |
		put "$2database_url"
	echo "amqps://$1:$(cat "$dir/$1_password")@rabbitmq/byoc" |
		put "$2amqp_url"
}
urls worker ""
urls dashboard dashboard_
echo "amqps://operator:$(cat "$dir/operator_password")@rabbitmq/byoc" |
	put operator_amqp_url
definitions | put definitions.json
[ -d "$dir/keys" ] || "$byoc" keygen "$dir/keys" >/dev/null
# What seals, for whoever may not open.
mkdir -p "$dir/public"
find "$dir/keys" -name '*.pub' -exec cp -t "$dir/public" {} +
if [ "$(id -u)" = 0 ]; then
	chown -R 10001 "$dir/keys" "$dir/public"
	cd "$dir"
	chown 10001 owner_database_url database_url amqp_url operator_amqp_url \
		dashboard_database_url dashboard_amqp_url hcloud-sim.key
	chown 472 grafana_password
	chown 999 postgres_password worker_password dashboard_password \
		postgres.key rabbitmq.key definitions.json
	# No secret is in these.
	chmod 644 ca.pem postgres.pem rabbitmq.pem hcloud-sim.pem
	chmod 711 .
fi
echo "$dir is complete"
