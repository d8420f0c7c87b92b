#!/bin/bash
# Measures, in one run on this machine: the durable job cycle of byoc-worker,
# the same as a plain C loop (the limit) and in Go and Celery (peers), and many
# clusters at once on hcloud-sim. Installs, builds and starts what it needs.
#
#   tests/bench/run.sh [--quick] [worker|limit|peers|clusters...]
#
# Prints Markdown; what goes wrong is said on standard error. --quick takes
# under two minutes; its figures are rough. Compare within one run only.
set -eu

for word; do
	case $word in
	--quick | worker | limit | peers | clusters) ;;
	*)
		sed -n '6s/^#   //p' "$0" >&2
		exit 2
		;;
	esac
done

cd "$(dirname "$0")/../.."
deploy/packages.sh bench >&2
deploy/build.sh release byoc byoc-worker hcloud-sim bench-stub plain-loop >&2
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 tests/bench/bench.py "$@"
