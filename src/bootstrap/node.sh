#!/bin/bash
# Brings this server into its k3s cluster. What fails here ends the script, and
# systemd runs it again: every step may be repeated. Settings come from
# /etc/mengi/node.env through the unit; none is called K3S_..., for such ones
# the installer would hand on to k3s.

set -euo pipefail

settings=/etc/mengi
config=/etc/rancher/k3s/config.yaml.d
server=/var/lib/rancher/k3s/server

# The private link is the one that the network's router is reached through.
find_private_link() {
	local route
	route=$(ip -4 -oneline route get "$ROUTER_ADDRESS")
	if [[ $route == *" via "* && $route != *" via $ROUTER_ADDRESS "* ]]; then
		echo "the private link is not up yet" >&2
		return 1
	fi
	interface=$(sed -n 's/.* dev \([^ ]*\).*/\1/p' <<<"$route")
	address=$(sed -n 's/.* src \([^ ]*\).*/\1/p' <<<"$route")
	[[ -n $interface && -n $address ]]
}

# Part of Ubuntu's image; other images may lack it.
ensure_nft() {
	command -v nft >/dev/null && return
	apt-get update
	apt-get install --yes nftables
}

# Short attempts, and many: the NAT gateway starts at the same time as we do.
# The script checks what it downloads against the release's hashes. It must not
# enable k3s: after a reboot in between, that would start a cluster of its own.
install_k3s() {
	local installer=/run/install-k3s.sh
	curl --fail --silent --show-error --location --output "$installer" \
		--connect-timeout 3 --max-time 60 \
		--retry 200 --retry-delay 1 --retry-all-errors \
		"https://raw.githubusercontent.com/k3s-io/k3s/${RELEASE/+/%2B}/install.sh"
	INSTALL_K3S_VERSION=$RELEASE INSTALL_K3S_SKIP_ENABLE=true \
		INSTALL_K3S_SKIP_START=true sh "$installer" "$ROLE"
}

# Does the cluster live? Only an answer under our own authority counts, with
# whatever status. When somebody else answers, nobody may begin anything here.
api_answers() {
	local attempt status
	for attempt in 1 2 3; do
		[[ $attempt == 1 ]] || sleep 2
		status=0
		curl --silent --output /dev/null --connect-timeout 3 --max-time 10 \
			--cacert "$server/tls/server-ca.crt" \
			"https://$LOAD_BALANCER_ADDRESS:6443/ping" || status=$?
		case $status in
		0) return 0 ;;
		60)
			echo "another cluster answers at $LOAD_BALANCER_ADDRESS" >&2
			exit 1
			;;
		esac
	done
	return 1
}

# The first control plane begins the cluster, except when it was made again and
# the others live: then it joins them. Decided once, and only after a download
# has shown that the way out works, so that silence means there is no cluster.
choose_cluster() {
	if [[ -e $settings/begin.yaml ]] && ! api_answers; then
		# From here on these objects belong to the cluster: the token is
		# replaced there, not here, so no later start may bring it back.
		install -d -m 0700 "$server/manifests"
		install -m 0600 "$settings"/manifests/*.yaml "$server/manifests"
		choice='begin'
	else
		choice='join'
	fi
	install -m 0600 "$settings/$choice.yaml" "$config/cluster.yaml.new"
	mv "$config/cluster.yaml.new" "$config/50-cluster.yaml"
}

find_private_link
install -d -m 0700 "$config"
printf 'node-ip: "%s"\nflannel-iface: "%s"\n' "$address" "$interface" \
	>"$config/60-node.yaml"

if [[ ! -e $config/50-cluster.yaml ]]; then
	install_k3s
	choose_cluster
fi

ensure_nft
systemctl daemon-reload
systemctl enable --now mengi-metadata-guard.service
systemctl enable --now "$SERVICE.service"

install -d /var/lib/mengi
touch /var/lib/mengi/in-cluster
