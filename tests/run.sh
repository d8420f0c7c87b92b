#!/bin/bash
# Installs what is missing, builds with AddressSanitizer and UBSan, and runs all
# tests:
#
#   tests/run.sh [ARGS OF CTEST...]      e.g. tests/run.sh -L unit
#
# A few that failed beside others are run once more, alone: many tests measure
# time, and a machine may be too busy for that. The last line says how many test
# cases passed, failed and were skipped, and which passed alone only. The whole
# story is in build/dev/tests.xml and tests-alone.xml (JUnit).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/dev
cd "$root"

deploy/packages.sh build test
deploy/build.sh dev
deploy/build.sh release byoc byoc-worker hcloud-sim

run() { # run REPORT ARGS OF CTEST...
	report=$build/$1
	shift
	ctest --test-dir "$build" --output-on-failure --output-junit "$report" \
		--test-output-size-passed 4000000 \
		--test-output-size-failed 4000000 "$@"
}

rm -f "$build"/tests.xml "$build"/tests-alone.xml
failed=$build/Testing/Temporary/LastTestsFailed.log
reports=$build/tests.xml
# Most tests wait for somebody else: many more of them than processors.
if ! run tests.xml --parallel $(($(nproc) * 4)) "$@" &&
	[ "$(wc -l <"$failed")" -le 5 ]; then
	reports="$reports $build/tests-alone.xml"
	run tests-alone.xml --rerun-failed || true
fi
# shellcheck disable=SC2086 # two words
exec /usr/bin/python3 tests/count.py $reports
