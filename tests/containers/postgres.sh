#!/bin/bash
# Makes the database at the first start, then runs what it is given.
set -eu

if [ ! -e "$PGDATA/PG_VERSION" ]; then
	initdb --username="$POSTGRES_USER" --encoding=UTF8 --locale=C.UTF-8 \
		--auth=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE" >/dev/null
	echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
	pg_ctl --wait --silent --options="-c listen_addresses=''" start
	PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") createdb \
		--username="$POSTGRES_USER" "$POSTGRES_DB"
	pg_ctl --wait --silent --mode=fast stop
fi
exec "$@"
