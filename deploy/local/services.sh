#!/bin/bash
# A private PostgreSQL and a private RabbitMQ, side by side in one folder.
#
#   services.sh start DIR [PID]  start both and wait until they are ready; with
#                                PID, both stop and DIR goes when PID has ended
#   services.sh stop DIR         stop both; their data stays in DIR
#   services.sh remove DIR       stop both and throw DIR away
#   services.sh with COMMAND...  run a command with services of its own, which
#                                are thrown away afterwards; the command finds
#                                the settings in its environment
#
# DIR/env then holds the settings for a shell to source: DATABASE_URL,
# AMQP_URL, POSTGRES_DIR and RABBITMQ_DIR.
set -u

here=$(dirname "$(readlink -f "$0")")

usage() {
	sed -n '4,10s/^#   //p' "$0" >&2
	exit 2
}

start() {
	local postgres status=0

	mkdir -p "$DIR/postgres" "$DIR/rabbitmq" || exit 1
	chmod a+x "$DIR"
	trap 'stop; exit 1' INT TERM HUP
	bash "$here/postgres.sh" start "$DIR/postgres" >/dev/null &
	postgres=$!
	bash "$here/rabbitmq.sh" start "$DIR/rabbitmq" >/dev/null || status=1
	wait "$postgres" || status=1
	if [ "$status" != 0 ]; then
		stop
		exit 1
	fi
	(
		umask 077
		cat "$DIR/postgres/env" "$DIR/rabbitmq/env" >"$DIR/env"
		cat >>"$DIR/env" <<-END
			POSTGRES_DIR=$DIR/postgres
			RABBITMQ_DIR=$DIR/rabbitmq
		END
	)
	[ -z "$1" ] || remove_after "$1"
}

stop() {
	[ ! -d "$DIR/rabbitmq" ] || bash "$here/rabbitmq.sh" kill "$DIR/rabbitmq"
	[ ! -d "$DIR/postgres" ] || bash "$here/postgres.sh" stop "$DIR/postgres"
}

remove() {
	stop
	rm -rf "$DIR"
}

# Whoever wanted the services may be killed without mercy; they must not stay.
remove_after() {
	setsid bash "$0" reap "$DIR" "$1" </dev/null >/dev/null 2>&1 &
	disown -a
}

reap() {
	while kill -0 "$1" 2>/dev/null && [ -d "$DIR" ]; do
		sleep 1
	done
	[ ! -d "$DIR" ] || remove
}

with_services() {
	local status

	DIR=$(mktemp -d /tmp/services.XXXXXX) || exit 1
	trap 'remove; exit 1' INT TERM HUP
	bash "$0" start "$DIR" $$ || exit 1
	set -a
	# shellcheck source=/dev/null
	. "$DIR/env"
	set +a
	"$@" &
	wait $!
	status=$?
	remove
	exit "$status"
}

[ $# -ge 2 ] || usage
verb=$1
case $verb in
with)
	shift
	with_services "$@"
	;;
start) mkdir -p "$2" || exit 1 ;;
stop | remove | reap) [ -d "$2" ] || exit 0 ;;
*) usage ;;
esac
DIR=$(cd "$2" && pwd) || exit 1
case $verb in
start) start "${3:-}" ;;
stop) stop ;;
remove) remove ;;
reap) reap "$3" ;;
esac
