# Sourced by the scripts beside it.
# shellcheck shell=bash

# Is anybody listening on this port?
taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range from which Linux takes the ports of outgoing connections, so
# that no client happens to sit on a port which was free a moment ago.
free_port() {
	local port

	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		taken "$port" || break
	done
	echo "$port"
}
