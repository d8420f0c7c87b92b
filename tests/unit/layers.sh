#!/bin/sh
# What libraries may not refer to. The phases are pure: no HTTP client, broker
# or database. The dashboard asks no Hetzner and opens nothing that only a
# worker may open.
#
#   layers.sh LIBPHASE.A LIBDASHBOARD.A
set -eu

refuse() {
	if nm -u "$1" | grep -E "$2"; then
		echo "layers.sh: $1 must not refer to these" >&2
		exit 1
	fi
}

refuse "$1" ' (curl_|amqp_|PQ)'
refuse "$2" ' (curl_|amqp_|hz_|unseal|seal_own)'
