#!/bin/bash
# A private PostgreSQL for tests and demos: own port, own password, everything
# in one folder; needs no service manager and no root. Started by root, it runs
# as the user postgres.
#
#   postgres.sh start DIR        start and wait until ready; prints the port
#   postgres.sh stop DIR         stop it; the data stays in DIR
#   postgres.sh kill DIR         the same without asking (SIGKILL)
#   postgres.sh restart DIR      stop and start: same port, same data
#
# DIR/env then holds DATABASE_URL (a superuser's) and POSTGRES_PORT for a shell
# to source. Before the first start, DIR/extra.conf may hold lines to be added
# to postgresql.conf. Nothing is relaxed: what is committed is on the disk.
set -u

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=deploy/local/ports.sh
. "$here/ports.sh"

fail() {
	echo "postgres.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '6,9s/^#   //p' "$0" >&2
	exit 2
}

find_programs() {
	local bin

	BIN=${POSTGRES_BIN:-}
	for bin in /usr/lib/postgresql/*/bin; do
		[ -n "${POSTGRES_BIN:-}" ] || BIN=$bin
	done
	[ -x "$BIN/initdb" ] ||
		fail "PostgreSQL is not installed (apt install postgresql)"
}

# PostgreSQL refuses to run as root.
as_owner() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups "$@"
	else
		"$@"
	fi
}

make_database() {
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$DIR/password"
	[ "$(id -u)" = 0 ] && chown postgres: "$DIR/password"
	as_owner "$BIN/initdb" --pgdata="$DIR/data" --username=postgres \
		--encoding=UTF8 --locale=C.UTF-8 --auth=scram-sha-256 \
		--pwfile="$DIR/password" >"$DIR/initdb.out" 2>&1 ||
		fail "initdb failed: $(tail -n 3 "$DIR/initdb.out")"
	cat >>"$DIR/data/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$DIR/socket'
		max_connections = 200
		include '$DIR/listen.conf'
	END
	[ ! -r "$DIR/extra.conf" ] ||
		cat "$DIR/extra.conf" >>"$DIR/data/postgresql.conf"
}

prepare() {
	umask 077
	mkdir -p "$DIR/socket" "$DIR/log" || fail "cannot write to $DIR"
	if [ "$(id -u)" = 0 ]; then
		chmod a+x "$DIR"
		mkdir -p "$DIR/data"
		chown postgres: "$DIR/data" "$DIR/socket" "$DIR/log"
		as_owner test -x "$DIR/socket" ||
			fail "the user postgres cannot get to $DIR"
	fi
	[ -e "$DIR/data/PG_VERSION" ] || make_database
}

choose_port() {
	PORT=$(free_port)
	echo "port = $PORT" >"$DIR/listen.conf"
	chmod a+r "$DIR/listen.conf"
}

# The id of the running server; fails when there is none, or not of this folder.
server() {
	local pid

	[ -r "$DIR/data/postmaster.pid" ] || return 1
	read -r pid <"$DIR/data/postmaster.pid" || return 1
	grep -qzxF -e "$DIR/data" "/proc/$pid/cmdline" 2>/dev/null || return 1
	echo "$pid"
}

start() {
	server >/dev/null && fail "already running in $DIR"
	prepare
	for _ in 1 2 3; do
		# A folder that has a port keeps it, so that a restart is one.
		[ -r "$DIR/env" ] || choose_port
		PORT=$(sed -n 's/^port = //p' "$DIR/listen.conf")
		if as_owner "$BIN/pg_ctl" start --silent --wait --timeout=60 \
			--pgdata="$DIR/data" --log="$DIR/log/server.log" \
			</dev/null >"$DIR/pg_ctl.out" 2>&1; then
			cat >"$DIR/env" <<-END
				DATABASE_URL=postgresql://postgres:$(<"$DIR/password")@127.0.0.1:$PORT/postgres
				POSTGRES_PORT=$PORT
			END
			echo "$PORT"
			return
		fi
	done
	tail -n 20 "$DIR/pg_ctl.out" "$DIR/log/server.log" >&2
	fail "the server in $DIR does not come up"
}

stop() {
	server >/dev/null || return 0
	as_owner "$BIN/pg_ctl" stop --silent --wait --timeout=60 --mode=fast \
		--pgdata="$DIR/data" >/dev/null
}

# Every process of the server at once, as when the power fails.
kill_all() {
	local pid family tenths=100

	pid=$(server) || return 0
	kill -STOP "$pid"
	family="$pid $(cat "/proc/$pid/task/$pid/children")"
	# shellcheck disable=SC2086
	kill -KILL $family 2>/dev/null
	# shellcheck disable=SC2086
	while kill -0 $family 2>/dev/null && [ $((tenths--)) -gt 0 ]; do
		sleep 0.1
	done
}

[ $# -eq 2 ] || usage
case $1 in
start) mkdir -p "$2" || exit 1 ;;
stop | kill | restart) [ -d "$2" ] || fail "no such folder: $2" ;;
*) usage ;;
esac
DIR=$(cd "$2" && pwd) || exit 1
cd "$DIR" || exit 1
find_programs

case $1 in
start) start ;;
stop) stop ;;
kill) kill_all ;;
restart)
	stop
	start
	;;
esac
