#!/bin/bash
# Runs a command against a private RabbitMQ that also speaks TLS:
#
#   broker_tls.sh COMMAND ARGS...
#
# The command finds TLS_PORT, where the certificate is for "localhost" and
# 127.0.0.1, and TLS_CA, the file of the authority that signed it.
set -eu

local=$(cd "$(dirname "$0")/../../deploy/local" && pwd)
dir=$(mktemp -d /tmp/broker_tls.XXXXXX)
trap 'bash "$local/rabbitmq.sh" kill "$dir"; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

make_certificates() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca \
		-keyout "$dir/ca.key" -out "$dir/ca.pem"
	openssl req -newkey rsa:2048 -nodes -subj /CN=broker \
		-keyout "$dir/server.key" -out "$dir/server.csr"
	openssl x509 -req -in "$dir/server.csr" -days 2 -CAcreateserial \
		-CA "$dir/ca.pem" -CAkey "$dir/ca.key" -out "$dir/server.pem" \
		-extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1")
}

make_certificates 2>/dev/null
TLS_PORT=$((20000 + RANDOM % 12000))
TLS_CA=$dir/ca.pem
cat >"$dir/extra.conf" <<END
listeners.ssl.1 = $TLS_PORT
ssl_options.cacertfile = $dir/ca.pem
ssl_options.certfile = $dir/server.pem
ssl_options.keyfile = $dir/server.key
ssl_options.verify = verify_none
END
bash "$local/rabbitmq.sh" start "$dir" >/dev/null
# shellcheck source=/dev/null
. "$dir/env"
export TLS_PORT TLS_CA AMQP_URL RABBITMQ_DIR=$dir
"$@"
