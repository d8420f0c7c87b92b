#!/bin/bash
# The PostgreSQL and RabbitMQ that all tests of one ctest run share.
#
#   services.sh start BUILD_DIR
#   services.sh stop BUILD_DIR
#   services.sh run BUILD_DIR COMMAND...  with the settings in the environment
#
# BUILD_DIR/services.env holds the settings: BYOC_TEST_DATABASE_URL,
# BYOC_TEST_AMQP_URL, BYOC_TEST_POSTGRES_DIR and BYOC_TEST_RABBITMQ_DIR. Each
# test makes a database and a vhost of its own. Should ctest be killed, the
# services end with it.
set -eu

local=$(dirname "$(readlink -f "$0")")/../deploy/local
build=$(cd "$2" && pwd)
settings=$build/services.env

start() {
	stop
	dir=$(mktemp -d /tmp/byoc-tests.XXXXXX)
	echo "$dir" >"$build/services.dir"
	bash "$local/services.sh" start "$dir" "$PPID"
	umask 077
	sed -E 's/^([A-Z_]*(URL|DIR))=/BYOC_TEST_\1=/; t; d' "$dir/env" \
		>"$settings"
}

stop() {
	rm -f "$settings"
	[ -r "$build/services.dir" ] || return 0
	bash "$local/services.sh" remove "$(cat "$build/services.dir")"
	rm -f "$build/services.dir"
}

case $1 in
start) start ;;
stop) stop ;;
run)
	set -a
	# shellcheck source=/dev/null
	. "$settings"
	shift 2
	exec "$@"
	;;
esac
