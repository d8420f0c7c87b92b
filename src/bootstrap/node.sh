#!/bin/bash
# Brings this server into its k3s cluster. What fails here ends the script, and
# systemd runs it again: every step may be repeated. Settings come from
# /etc/mengi/node.env through the unit; none is called K3S_..., for such ones
# the installer would hand on to k3s.

set -euo pipefail

settings=/etc/mengi
config=/etc/rancher/k3s/config.yaml.d
server=/var/lib/rancher/k3s/server
binary=/usr/local/bin/k3s

# The private link is the one that the network's router is reached through.
find_private_address() {
	local route
	route=$(ip -4 -oneline route get "$ROUTER_ADDRESS")
	if [[ $route == *" via "* && $route != *" via $ROUTER_ADDRESS "* ]]; then
		echo "the private link is not up yet" >&2
		return 1
	fi
	address=$(sed -n 's/.* src \([^ ]*\).*/\1/p' <<<"$route")
	[[ -n $address ]]
}

# Ubuntu's own upgrades may hold the lock for a while.
ensure_packages() {
	dpkg-query --show "$@" >/dev/null 2>&1 && return
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install --yes \
		--option DPkg::Lock::Timeout=300 "$@"
}

has_hash() {
	sha256sum --check --status <<<"$2  $1" 2>/dev/null
}

# Short attempts, and many: the NAT gateway starts at the same time as we do. A
# transfer that stands still is given up. What has another hash than the release
# that was chosen is not kept.
download() {
	local file=$1 hash=$2 url=$3
	has_hash "$file" "$hash" && return
	curl --fail --silent --show-error --location --output "$file" \
		--proto =https --connect-timeout 3 \
		--speed-limit 10000 --speed-time 15 \
		--retry 200 --retry-delay 1 --retry-all-errors "$url"
	if ! has_hash "$file" "$hash"; then
		rm "$file"
		echo "$url is not what this cluster was made for" >&2
		return 1
	fi
}

# The installer itself downloads nothing. It must not enable k3s: after a reboot
# in between, that would start a cluster of its own.
install_k3s() {
	local installer=/run/install-k3s.sh tag=${RELEASE/+/%2B}
	download "$installer" "$INSTALLER_SHA256" \
		"https://raw.githubusercontent.com/k3s-io/k3s/$tag/install.sh"
	download "$binary" "$BINARY_SHA256" \
		"https://github.com/k3s-io/k3s/releases/download/$tag/k3s"
	chmod 0755 "$binary"
	INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_SKIP_ENABLE=true \
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
			"https://$API_ADDRESS:6443/ping" || status=$?
		case $status in
		0) return 0 ;;
		60)
			echo "another cluster answers at $API_ADDRESS" >&2
			exit 1
			;;
		esac
	done
	return 1
}

# What would install a chart names it, with its hash. k3s gets the chart itself,
# so that nobody decides later what it is.
install_manifest() {
	local manifest=$1 installed=$server/manifests/${1##*/} chart hash content
	content=$(<"$manifest")
	if [[ $content =~ chartContent:\ \"([^ ]+)\ ([0-9a-f]+)\" ]]; then
		chart=${BASH_REMATCH[1]} hash=${BASH_REMATCH[2]}
		download "/run/$chart" "$hash" \
			"https://charts.hetzner.cloud/$chart"
		content=${content/"$chart $hash"/$(base64 --wrap=0 "/run/$chart")}
	fi
	install -m 0600 /dev/stdin "$installed" <<<"$content"
}

# The first control plane begins the cluster, except when it was made again and
# the others live: then it joins them. Decided once, and only after a download
# has shown that the network is up, so that silence means there is no cluster.
choose_cluster() {
	local choice manifest
	if [[ -e $settings/begin.yaml ]] && ! api_answers; then
		install -d -m 0700 "$server/manifests"
		for manifest in "$settings"/manifests/*.yaml; do
			install_manifest "$manifest"
		done
		choice='begin'
	else
		choice='join'
	fi
	install -m 0600 "$settings/$choice.yaml" "$config/cluster.yaml.new"
	mv "$config/cluster.yaml.new" "$config/50-cluster.yaml"
	[[ $choice == begin ]] || rm -rf "$settings/manifests"
}

# At every start k3s applies what lies in its folder. Once the objects are there
# they belong to the cluster: a token or a version that was replaced there must
# not come back. Removing a manifest removes no object.
hand_over_manifests() {
	local manifest
	[[ -e $settings/manifests ]] || return 0
	"$binary" kubectl get --request-timeout=10s \
		--filename "$settings/manifests" >/dev/null
	for manifest in "$settings"/manifests/*.yaml; do
		rm -f "$server/manifests/${manifest##*/}"
	done
	rm -r "$settings/manifests"
}

find_private_address
install -d -m 0700 "$config"
printf 'node-ip: "%s"\n' "$address" >"$config/60-node.yaml"

if [[ ! -e $config/50-cluster.yaml ]]; then
	install_k3s
	choose_cluster
fi

ensure_packages nftables
systemctl daemon-reload
systemctl enable --now mengi-metadata-guard.service
systemctl enable --now "$SERVICE.service"

hand_over_manifests
# Volumes over iSCSI and NFS; the cluster need not wait for them.
ensure_packages open-iscsi nfs-common
rm -f "$settings/begin.yaml" "$settings/join.yaml" # k3s has its copy

install -d /var/lib/mengi
touch /var/lib/mengi/in-cluster
