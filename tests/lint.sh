#!/bin/bash
# Reads the sources without running them: clang-format, cppcheck, shellcheck and
# clang-tidy. Tells all that is wrong, and fails when anything is.
set -u

cd "$(dirname "$0")/.." || exit 1
build=build/dev
failed=()

check() {
	local name=$1 begin=$SECONDS

	shift
	if "$@"; then
		echo "lint: $name ok ($((SECONDS - begin)) s)"
	else
		echo "lint: $name found something"
		failed+=("$name")
	fi
}

c_sources() {
	find src include tests -name '*.[ch]' -print0
}

scripts() {
	find . -name '*.sh' -not -path './build/*' -not -type l -print0
	printf '%s\0' .ci/run
}

format() {
	c_sources | xargs -0 clang-format --dry-run -Werror
}

cpp_check() {
	cppcheck --quiet -j "$(nproc)" --std=c11 --error-exitcode=1 \
		--enable=warning,performance,portability --inline-suppr \
		--suppressions-list=.cppcheck-suppressions -Iinclude \
		-D_GNU_SOURCE "-DTestSuite(...)=" src tests
}

shell_check() {
	scripts | xargs -0 shellcheck --external-sources
}

# The tests' own programs are left out: Criterion's macros are all it would see.
tidy() {
	local log

	log=$(mktemp /tmp/lint.XXXXXX)
	if run-clang-tidy -p "$build" -j "$(nproc)" -quiet \
		"$PWD/(src|tests/sim|tests/kube)/" >"$log" 2>&1; then
		rm "$log"
	else
		grep -v '^clang-tidy' "$log"
		rm "$log"
		return 1
	fi
}

deploy/packages.sh build test lint || exit 1
cmake --preset dev --log-level=WARNING >/dev/null || exit 1
# The header with the commit is made by the build, and read by clang-tidy.
cmake --build "$build" --target commit >/dev/null || exit 1
check clang-format format
check cppcheck cpp_check
check shellcheck shell_check
check clang-tidy tidy
[ "${#failed[@]}" = 0 ]
