#!/bin/bash
# Shows the whole of it on one machine, against a simulated Hetzner Cloud: makes
# a highly available cluster, shows every event and what exists, and removes it.
#
#   deploy/demo.sh          afterwards everything is stopped
#   deploy/demo.sh --keep   it goes on running, to be used by hand
#
# Wants Debian 12, and root or sudo for the packages that are missing. Nothing
# leaves this machine; ports are free ones of 127.0.0.1, data is in /tmp.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
local=$root/deploy/local
bin=$root/build/release/bin
workers=2
keep=''
case "$#${1:-}" in
0) ;;
1--keep) keep=yes ;;
*)
	sed -n '5,6s/^#   //p' "$0" >&2
	exit 2
	;;
esac

bold='' plain=''
if [ -t 1 ]; then
	bold=$'\033[1m' plain=$'\033[0m'
fi

title() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# Runs a command, quietly unless it fails, and says how long it took.
step() {
	local what=$1 begin=$SECONDS

	shift
	printf '  %-58s ' "$what"
	if "$@" >"$dir/step.log" 2>&1; then
		echo "$((SECONDS - begin)) s"
		return
	fi
	echo "failed"
	tail -n 30 "$dir/step.log" >&2
	return 1
}

# ---- Stopping ----

pids=()
services=''

stop_all() {
	trap - EXIT
	trap '' INT TERM HUP
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	"$local/services.sh" remove "$dir/services"
	rm -rf "$dir"
}

# ---- Starting ----

start_services() {
	# Without --keep they end with this script, however it ends.
	local until=$$

	[ -z "$keep" ] || until=''
	"$local/services.sh" start "$dir/services" $until \
		>"$dir/services.log" 2>&1 </dev/null &
	services=$!
}

wait_services() {
	wait "$services" || {
		cat "$dir/services.log"
		return 1
	}
}

# Runs a program by itself: Ctrl-C reaches this script only.
start() {
	local log=$1

	shift
	setsid "$@" >"$dir/$log" 2>&1 </dev/null &
	pids+=($!)
}

# Waits until the last line of words is in a log; fails with what is there.
await_log() {
	local log=$1 words=$2 pid=${pids[-1]} tenths=300

	until grep -qs -e "$words" "$dir/$log"; do
		if ! kill -0 "$pid" 2>/dev/null || [ $((tenths--)) -le 0 ]; then
			cat "$dir/$log"
			return 1
		fi
		sleep 0.1
	done
}

start_sim() {
	od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$dir/token"
	start sim.log "$bin/hcloud-sim" --listen 127.0.0.1:0 --time-scale 20 \
		--clusters --token "$(cat "$dir/token")"
	await_log sim.log "listening on"
	endpoint=$(sed -n 's/.* listening on //p' "$dir/sim.log")
}

write_settings() {
	# shellcheck source=/dev/null
	. "$dir/services/env"
	cat >"$dir/env" <<-END
		export BYOC_DATABASE_URL=$DATABASE_URL
		export BYOC_AMQP_URL=$AMQP_URL
		export BYOC_KEY_DIR=$dir/keys
		export BYOC_HCLOUD_ENDPOINT=$endpoint
		export BYOC_LOG_FORMAT=text
		# For the memory that a user may lock: 8 MiB, as a rule.
		export BYOC_MAX_IN_FLIGHT=64
		export PATH=$bin:\$PATH
	END
	# shellcheck source=/dev/null
	. "$dir/env"
}

prepare() {
	byoc keygen "$dir/keys" && byoc migrate && byoc topology
}

start_workers() {
	local n

	for ((n = 1; n <= workers; n++)); do
		BYOC_HTTP_LISTEN=127.0.0.1:0 \
			start "worker-$n.log" "$bin/byoc-worker"
		await_log "worker-$n.log" "link.opened link=broker"
	done
}

# ---- What exists at "Hetzner" ----

at_hetzner() {
	curl --silent --fail "${endpoint%/v1}/_sim/state" | jq --raw-output '
		.projects.default as $all
		| ("servers", "load_balancers", "volumes", "networks",
		   "firewalls", "placement_groups", "ssh_keys", "primary_ips",
		   "floating_ips", "certificates")
		as $kind | ($all[$kind] // [])[]
		| [($kind | rtrimstr("s")), .name,
		   (.public_net?.ipv4?.ip? // .ip? // .ip_range? // "")]
		| @tsv' |
		while IFS=$'\t' read -r kind name address; do
			printf '  %-16s %-38s %s\n' "$kind" "$name" "$address"
		done
}

# Debian's kubectl, if it is there, with a kubeconfig as a customer gets it.
show_nodes() {
	if ! command -v kubectl >/dev/null; then
		echo "  (kubectl is not installed: package kubernetes-client)"
		return
	fi
	byoc cluster kubeconfig shop >"$dir/kubeconfig"
	kubectl --kubeconfig "$dir/kubeconfig" get nodes | sed 's/^/  /'
}

show_nothing() {
	local left

	left=$(at_hetzner)
	if [ -n "$left" ]; then
		echo "$left"
		echo "demo: this should not be there any more" >&2
		return 1
	fi
	echo "  Nothing is left."
}

explain_keep() {
	cat >"$dir/stop" <<-END
		#!/bin/bash
		kill ${pids[*]} 2>/dev/null
		"$local/services.sh" remove "$dir/services"
		rm -rf "$dir"
	END
	chmod +x "$dir/stop"
	title "It goes on running. To use it by hand"
	sed 's/^/  /' "$dir/env"
	cat <<-END

		  The same from a file:   . $dir/env
		  Then for example:       byoc cluster list --deleted
		  As a page:              byoc dashboard
		  What the workers say:   tail -f $dir/worker-1.log
		  A token for the API:    $dir/token
		  To stop it all:         $dir/stop
	END
}

dir=$(mktemp -d /tmp/byoc-demo.XXXXXX)
chmod a+x "$dir"
# What opens something is its owner's alone.
for file in env token kubeconfig; do
	install -m 600 /dev/null "$dir/$file"
done
trap 'stop_all' EXIT
trap 'exit 130' INT TERM HUP

title "Mengi Cloud BYOC for Hetzner: a demonstration"
step "Installing the packages that are missing" deploy/packages.sh demo
start_services
step "Building byoc, byoc-worker and hcloud-sim" \
	deploy/build.sh release byoc byoc-worker hcloud-sim
step "Starting a PostgreSQL and a RabbitMQ of its own" wait_services
step "Starting a simulated Hetzner Cloud, 20 times as fast" start_sim
write_settings
step "Making keys, tables and queues" prepare
step "Starting $workers workers" start_workers

title "Storing a Read & Write token, and having it checked"
byoc credential add --name acme --token-file "$dir/token" --wait

title "A cluster: three control planes, two workers"
byoc cluster create --name shop --credential acme --location fsn1 \
	--type dedicated_ha --workers 2 --watch

title "What exists at Hetzner now"
at_hetzner

title "What its own API tells: kubectl get nodes"
show_nodes

title "Deleting the cluster"
byoc cluster delete shop --watch

title "What exists at Hetzner now"
show_nothing

if [ -n "$keep" ]; then
	explain_keep
	trap - EXIT
else
	title "Done: stopping everything (--keep leaves it running)"
fi
