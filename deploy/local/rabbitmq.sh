#!/bin/bash
# A private RabbitMQ for tests and demos: own ports, own Erlang cookie, own
# epmd, everything in one folder; needs no service manager and no root.
#
#   rabbitmq.sh start DIR        start and wait until ready; prints the port
#   rabbitmq.sh stop DIR         stop it and its epmd; the data stays in DIR
#   rabbitmq.sh kill DIR         the same without asking (SIGKILL)
#   rabbitmq.sh restart DIR      stop and start: same port, same data
#   rabbitmq.sh ctl DIR ARGS...  rabbitmqctl for it
#   rabbitmq.sh eval DIR CODE    Erlang to be run in it, which is a hundredth of
#                                the work that rabbitmqctl is
#   rabbitmq.sh with COMMAND...  run a command with a server of its own, which
#                                is thrown away afterwards; the command finds
#                                AMQP_URL and RABBITMQ_DIR in its environment
#
# DIR/env then holds AMQP_URL and RABBITMQ_PORT for a shell to source. Before a
# start, DIR/extra.conf may hold lines to be added to rabbitmq.conf, and
# DIR/plugins the names of plugins to enable. RABBITMQ_DEADLINE is the number of
# seconds to wait for readiness (60).
set -u

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=deploy/local/ports.sh
. "$here/ports.sh"

fail() {
	echo "rabbitmq.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '5,14s/^#   //p' "$0" >&2
	exit 2
}

find_programs() {
	local bin

	for bin in "${RABBITMQ_BIN:-}" /usr/lib/rabbitmq/bin \
		/usr/local/sbin /opt/rabbitmq/sbin; do
		[ -n "$bin" ] && [ -r "$bin/rabbitmq-server" ] && break
	done
	[ -r "$bin/rabbitmq-server" ] ||
		fail "RabbitMQ is not installed (apt install rabbitmq-server)"
	SERVER=$bin/rabbitmq-server
	CTL=$bin/rabbitmqctl
	EPMD=$(command -v epmd) || fail "epmd is not installed (erlang-base)"
}

choose_ports() {
	cat >"$DIR/ports" <<-END
		AMQP_PORT=$(free_port)
		DIST_PORT=$(free_port)
		EPMD_PORT=$(free_port)
	END
}

# What both the server and rabbitmqctl need to know.
export_settings() {
	# shellcheck source=/dev/null
	. "$DIR/ports"
	unset NOTIFY_SOCKET ERL_LIBS ERL_FLAGS
	export HOME=$DIR
	export ERL_EPMD_PORT=$EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
	export RABBITMQ_NODENAME=byoc@localhost
	export RABBITMQ_NODE_PORT=$AMQP_PORT
	export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
	export RABBITMQ_DIST_PORT=$DIST_PORT
	export RABBITMQ_MNESIA_BASE=$DIR/data
	export RABBITMQ_LOG_BASE=$DIR/log
	export RABBITMQ_CONF_ENV_FILE=$DIR/rabbitmq-env.conf
	export RABBITMQ_CONFIG_FILE=$DIR/rabbitmq.conf
	export RABBITMQ_ENABLED_PLUGINS_FILE=$DIR/enabled_plugins
	export RABBITMQ_PID_FILE=$DIR/server.pid.own
	export RABBITMQ_LOGS=$DIR/log/server.log
	# No -noinput from the script, so that it turns into the server
	# instead of watching over it: one process, one known id.
	export RABBITMQ_ALLOW_INPUT=1
	# Schedulers that look for work in a loop take the processor from those
	# who have it: PostgreSQL and the workers are on the same machine.
	export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none"
	# Quorum queues' log files are 512 MiB each unless told otherwise.
	cat >"$DIR/rabbitmq.conf" <<-END
		log.file.level = warning
		disk_free_limit.absolute = 100MB
		raft.wal_max_size_bytes = 64000000
	END
	[ -r "$DIR/extra.conf" ] && cat "$DIR/extra.conf" >>"$DIR/rabbitmq.conf"
	: >"$DIR/rabbitmq-env.conf"
	[ -e "$DIR/plugins" ] || : >"$DIR/plugins"
	echo "[$(tr -s ' \n' ',' <"$DIR/plugins" | sed 's/,$//')]." \
		>"$DIR/enabled_plugins"
}

# Is it running, and is it ours? An old id may be another process's by now.
alive() {
	[ -r "$DIR/$1.pid" ] && grep -qzxF "HOME=$DIR" \
		"/proc/$(<"$DIR/$1.pid")/environ" 2>/dev/null
}

# Waits up to $2 tenths of a second for process $1 to be gone.
gone_within() {
	local tenths=$2

	while alive "$1"; do
		[ "$((tenths--))" -gt 0 ] || return 1
		sleep 0.1
	done
	return 0
}

# Ends the processes of this folder; signal $1 is the first to try.
end_processes() {
	local signal=$1 name

	for name in server epmd; do
		alive "$name" && kill "-$signal" "$(<"$DIR/$name.pid")"
		gone_within "$name" 150 || kill -KILL "$(<"$DIR/$name.pid")"
		gone_within "$name" 50
		rm -f "$DIR/$name.pid"
	done 2>/dev/null
}

# A server that answers the protocol header with a frame is ready: RabbitMQ
# opens its listener last.
answers() {
	local byte=

	exec 3<>"/dev/tcp/127.0.0.1/$AMQP_PORT" || return 1
	printf 'AMQP\0\0\011\001' >&3
	IFS= read -r -t 5 -N 1 -u 3 byte
	exec 3>&-
	[ "$byte" = $'\001' ]
} 2>/dev/null

launch() {
	export_settings
	rm -f "$DIR/server.pid.own"
	setsid "$EPMD" -port "$EPMD_PORT" -address 127.0.0.1 \
		</dev/null >"$DIR/log/epmd.out" 2>&1 &
	echo $! >"$DIR/epmd.pid"
	setsid sh "$SERVER" -noinput \
		</dev/null >"$DIR/log/server.out" 2>&1 &
	echo $! >"$DIR/server.pid"
	disown -a
}

wait_ready() {
	local deadline=$((SECONDS + ${RABBITMQ_DEADLINE:-60}))

	until answers; do
		kill -0 "$(<"$DIR/server.pid")" 2>/dev/null || return 1
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}

start() {
	alive server && fail "already running in $DIR"
	mkdir -p "$DIR/log" "$DIR/data" || fail "cannot write to $DIR"
	find_programs
	trap 'end_processes KILL; exit 1' INT TERM HUP
	for _ in 1 2 3; do
		# A folder that has ports keeps them, so that a restart is one.
		[ -r "$DIR/ports" ] || choose_ports
		launch
		if wait_ready; then
			cat >"$DIR/env" <<-END
				AMQP_URL=amqp://guest:guest@127.0.0.1:$AMQP_PORT/%2f
				RABBITMQ_PORT=$AMQP_PORT
			END
			echo "$AMQP_PORT"
			return
		fi
		end_processes KILL
		[ -r "$DIR/env" ] || rm -f "$DIR/ports"
	done
	tail -n 20 "$DIR/log/server.out" "$DIR/log/server.log" >&2
	fail "the server in $DIR does not come up"
}

throw_away() {
	end_processes KILL
	rm -rf "$DIR"
}

# A test runner may kill its test without mercy; the server must not stay.
throw_away_after() {
	while kill -0 "$1" 2>/dev/null; do
		sleep 1
	done
	[ -d "$DIR" ] && throw_away
}

with_server() {
	local status

	DIR=$(mktemp -d /tmp/rabbitmq.XXXXXX) || exit 1
	trap 'throw_away; exit 1' INT TERM HUP
	setsid bash "$0" reap "$DIR" $$ </dev/null >/dev/null 2>&1 &
	disown -a
	bash "$0" start "$DIR" >/dev/null || exit 1
	# shellcheck source=/dev/null
	. "$DIR/env"
	AMQP_URL=$AMQP_URL RABBITMQ_DIR=$DIR "$@" &
	wait $!
	status=$?
	throw_away
	exit "$status"
}

# The code must raise nothing. Two that are at it at once need two names (-R).
evaluate() {
	local answer

	answer=$(erl_call -R -e -n "$RABBITMQ_NODENAME" <<<"$1") ||
		fail "erl_call: $answer"
	[[ $answer == "{ok, "* ]] || fail "$1: $answer"
	echo "$answer"
}

[ $# -ge 2 ] || usage
verb=$1
case $verb in
with)
	shift
	with_server "$@"
	;;
start) mkdir -p "$2" || exit 1 ;;
stop | kill | restart | ctl | eval | reap) [ -d "$2" ] || fail "no such folder: $2" ;;
*) usage ;;
esac
DIR=$(cd "$2" && pwd) || exit 1
shift 2

case $verb in
start) start ;;
stop) end_processes TERM ;;
kill) end_processes KILL ;;
reap) throw_away_after "$1" ;;
restart)
	end_processes TERM
	start
	;;
ctl)
	find_programs
	export_settings
	exec sh "$CTL" --quiet "$@"
	;;
eval)
	export_settings
	evaluate "$1"
	;;
esac
