#!/bin/bash
# Restarts k3s when one of its certificates has less than 90 days left: it makes
# new ones for a year, but only when it starts. Pods run on meanwhile. The
# authorities are not k3s' to renew, and last ten years.
#
#	certificates.sh SERVICE

set -euo pipefail

service=$1
data=/var/lib/rancher/k3s

# Not those of "temporary-certs", which nobody uses and no start renews.
list_certificates() {
	find "$data" -name '*.crt' ! -name '*-ca.*' \
		\( -path "$data/server/tls/*" -o -path "$data/agent/*.crt" \) \
		! -path '*/temporary-certs/*'
}

ends_soon() {
	! openssl x509 -noout -checkend $((90 * 24 * 3600)) -in "$1" >/dev/null
}

for certificate in $(list_certificates); do
	if ends_soon "$certificate"; then
		echo "$certificate ends soon: restarting $service"
		systemctl restart "$service"
		exit
	fi
done
