#!/bin/bash
# Installs the Debian 12 packages that are missing for what is to be done:
#
#   packages.sh [--list] build|run|demo|test|bench|lint...
#
#   build  compile the programs           run   only start what is compiled
#   demo   deploy/demo.sh                 test  tests/run.sh
#   bench  tests/bench/run.sh            lint  tests/lint.sh
#
# --list prints the packages and installs nothing. When nothing is missing it
# does nothing. No service is started by the installation, and none is needed.
set -euo pipefail

build="build-essential cmake ninja-build pkg-config librabbitmq-dev
	libcurl4-openssl-dev libjson-c-dev libsodium-dev libpq-dev libssl-dev
	uuid-dev libmicrohttpd-dev libgnutls28-dev libsmartcols-dev"
run="librabbitmq4 libcurl4 libjson-c5 libsodium23 libpq5 libssl3 libuuid1
	libmicrohttpd12 libgnutls30 libsmartcols1 ca-certificates"
demo="postgresql rabbitmq-server curl jq"
test="$demo libcriterion-dev hcloud-cli python3-hcloud python3-jsonschema
	python3-nacl python3-pika python3-psycopg2 python3-yaml python3-requests
	nodejs node-pg cloud-init
	shellcheck kubernetes-client openssl openssh-server openssh-client
	nftables iproute2 isc-dhcp-client docker-compose debootstrap systemd
	valgrind prometheus man-db fish zsh chromium chromium-driver python3-selenium"
bench="$demo python3-celery python3-pika python3-psycopg2 python3-requests"
lint="clang clang-format clang-tidy cppcheck shellcheck"

usage() {
	sed -n '4,8s/^#   //p' "$0" >&2
	exit 2
}

wanted() {
	local use

	for use; do
		case $use in
		build) echo "$build" ;;
		run) echo "$run" ;;
		demo) echo "$build $demo" ;;
		test) echo "$build $test" ;;
		bench) echo "$build $bench" ;;
		lint) echo "$build $lint" ;;
		*) usage ;;
		esac
	done | tr -s ' \t\n' '\n' | sed '/^$/d' | sort -u
}

# Those of the packages read that are not installed. Kubernetes' client and Node
# are often there from elsewhere, and Debian's packages would be in their way.
missing() {
	local package

	while read -r package; do
		[ "$package" = kubernetes-client ] &&
			command -v kubectl >/dev/null && continue
		[[ $package = node* ]] && command -v node >/dev/null && continue
		case $(dpkg-query --show --showformat '${Status}' "$package" \
			2>/dev/null) in
		"install ok installed") ;;
		*) echo "$package" ;;
		esac
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Debian asks this file whether an installed service may start; 101: it may not.
policy=/usr/sbin/policy-rc.d

forbid_services() {
	[ -e "$policy" ] && return
	as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
	trap 'as_root rm -f "$policy"' EXIT
	trap 'exit 1' INT TERM HUP
}

install() {
	local apt="apt-get --quiet --quiet --option DPkg::Lock::Timeout=300"

	echo "Installing" "$@"
	forbid_services
	# shellcheck disable=SC2086
	as_root $apt update
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive $apt install --yes \
		--no-install-recommends --option Dpkg::Use-Pty=0 "$@" \
		>"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		echo "packages.sh: the installation failed" >&2
		exit 1
	}
}

[ $# -gt 0 ] || usage
if [ "$1" = --list ]; then
	shift
	wanted "$@"
	exit
fi
lacking=$(wanted "$@" | missing)
[ -n "$lacking" ] || exit 0
log=$(mktemp /tmp/packages.XXXXXX)
# shellcheck disable=SC2086
install $lacking </dev/null
rm -f "$log"
