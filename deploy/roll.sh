#!/bin/bash
# Replaces the workers of docker-compose by those of a new image, and none is
# stopped before as many new ones are ready:
#
#   docker-compose build worker       (or pull; or set BYOC_IMAGE to a new name)
#   deploy/roll.sh [OPTIONS OF DOCKER-COMPOSE...]
set -euo pipefail

cd "$(dirname "$0")/.."
compose=(docker-compose "$@")

# What Docker says of the health of containers, each on a line.
health() {
	docker inspect --format '{{.State.Health.Status}}' "$@"
}

mapfile -t old < <("${compose[@]}" ps --quiet worker)
count=${#old[@]}
[ "$count" -gt 0 ] || {
	echo "roll.sh: there are no workers to replace" >&2
	exit 1
}
"${compose[@]}" up --detach --no-deps --no-recreate --no-build \
	--scale "worker=$((2 * count))" worker
mapfile -t new < <("${compose[@]}" ps --quiet worker |
	grep --invert-match --fixed-strings --line-regexp \
		"$(printf '%s\n' "${old[@]}")")
deadline=$((SECONDS + 120))
while health "${new[@]}" | grep --quiet --invert-match '^healthy$'; do
	[ "$SECONDS" -lt "$deadline" ] || {
		echo "roll.sh: new workers are not ready; the old ones go on" >&2
		exit 1
	}
	sleep 1
done
# Each finishes what it has begun; what it cannot finish, others take over.
docker stop --time 40 "${old[@]}" >/dev/null
docker rm "${old[@]}" >/dev/null
echo "replaced $count workers"
