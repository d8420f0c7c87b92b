#!/bin/bash
# Installs what is missing, builds with AddressSanitizer and UBSan, and runs all
# tests:
#
#   tests/run.sh [ARGS OF CTEST...]      e.g. tests/run.sh -L unit
#
# The last line says how many test cases passed, failed and were skipped. The
# whole story of the run is in build/dev/tests.xml (JUnit).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/dev
cd "$root"

deploy/packages.sh build test
deploy/build.sh dev
deploy/build.sh release byoc byoc-worker hcloud-sim

# Most tests wait for somebody else: many more of them than processors.
rm -f "$build/tests.xml"
status=0
ctest --test-dir "$build" --output-on-failure --parallel $(($(nproc) * 3)) \
	--output-junit "$build/tests.xml" --test-output-size-passed 4000000 \
	--test-output-size-failed 4000000 "$@" || status=$?
/usr/bin/python3 tests/count.py "$build/tests.xml" || status=1
exit "$status"
