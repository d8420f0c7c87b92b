#!/bin/sh
# The phases are pure: their library refers to no HTTP client, broker or
# database.
#
#   layers.sh LIBPHASE.A
set -eu

symbols=$(nm -u "$1")
if echo "$symbols" | grep -E ' (curl_|amqp_|PQ)'; then
	echo "layers.sh: $1 must not refer to these" >&2
	exit 1
fi
