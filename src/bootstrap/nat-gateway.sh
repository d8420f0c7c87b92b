#!/bin/bash
# Lets the private network out through the public interface, and nothing in but
# what comes for the Kubernetes API, if it is to be relayed: Hetzner's firewall
# has judged by then who may. Runs at every boot; running it again changes
# nothing.
#
#	nat-gateway.sh NETWORK_RANGE RELAY_TO|nowhere

set -euo pipefail

network_range=$1
relay_to=$2
api_port=6443

# The interface has other names on other server types: it is the one that the
# default route leaves through.
public_interface=$(ip -4 route show default |
	awk '{ for (i = 1; i < NF; i++) if ($i == "dev") { print $(i + 1); exit } }')
if [[ -z $public_interface ]]; then
	echo "no default route yet" >&2
	exit 1 # and systemd tries again
fi

# Part of Ubuntu's image; other images may lack it.
if ! command -v nft >/dev/null; then
	apt-get update
	apt-get install --yes nftables
fi

# The answers have to come back this way: so the balancer sees the gateway.
relay='' relayed='' returned=''
if [[ $relay_to != nowhere ]]; then
	relay="iifname \"$public_interface\" tcp dport $api_port dnat to $relay_to"
	relayed="ip daddr $relay_to tcp dport $api_port ct status dnat accept"
	returned="ip daddr $relay_to ct status dnat masquerade"
fi

# Tables of our own, replaced as a whole: whatever else filters here stays.
# The gateway's metadata service is not for those behind it.
nft --file - <<RULES
table ip mengi_nat
delete table ip mengi_nat
table ip mengi_nat {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ip daddr 169.254.0.0/16 drop
		ct state established,related accept
		ip saddr $network_range oifname "$public_interface" accept
		$relayed
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		$relay
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr $network_range oifname "$public_interface" masquerade
		$returned
	}
}
RULES
