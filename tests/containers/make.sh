#!/bin/bash
# Makes ready what tests/integration/test_containers_run.py runs on: the images
# that .env names, or, where no registry has them for us, stand-ins from Debian's
# packages under the names byoc-tests/base, byoc-tests/postgres and so on; and those
# layers of our own images that hardly ever change. Takes some minutes, once.
# Without a Docker engine it does nothing.
#
#   tests/containers/make.sh          as root
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
# shellcheck source=/dev/null
. "$root/.env"
base=$BASE_IMAGE

exists() {
	docker image inspect "$1" >/dev/null 2>&1
}

have_images() {
	local image

	for image in "$BASE_IMAGE" "$POSTGRES_IMAGE" "$RABBITMQ_IMAGE" \
		"$PROMETHEUS_IMAGE" "$GRAFANA_IMAGE"; do
		exists "$image" || docker pull --quiet "$image" >/dev/null 2>&1 ||
			return 1
	done
}

# As small as debian:12-slim, and from the same packages.
make_base() {
	local dir tree

	dir=$(mktemp -d /var/tmp/byoc-base.XXXXXX)
	# shellcheck disable=SC2064
	trap "rm -rf '$dir'" EXIT
	tree=$dir/root
	debootstrap --variant=minbase bookworm "$tree" \
		http://deb.debian.org/debian >"$dir/log" 2>&1 || {
		tail -n 20 "$dir/log" >&2
		exit 1
	}
	cat >"$tree/etc/apt/sources.list" <<-END
		deb http://deb.debian.org/debian bookworm main
		deb http://deb.debian.org/debian bookworm-updates main
		deb http://deb.debian.org/debian-security bookworm-security main
	END
	# What debian:12-slim leaves out, too.
	cat >"$tree/etc/dpkg/dpkg.cfg.d/docker" <<-END
		path-exclude /usr/share/doc/*
		path-include /usr/share/doc/*/copyright
		path-exclude /usr/share/info/*
		path-exclude /usr/share/locale/*
		path-exclude /usr/share/man/*
	END
	# As it does: what is synced here is not what makes an image whole.
	echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
	echo 'APT::Install-Recommends "false";' \
		>"$tree/etc/apt/apt.conf.d/docker"
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	find "$tree/usr/share/doc" -type f ! -name copyright -delete
	rm -rf "$tree"/usr/share/{info,locale,man}/* "$tree"/var/cache/apt/* \
		"$tree"/var/lib/apt/lists/* "$tree"/var/log/*
	tar --create --directory "$tree" --numeric-owner . |
		docker import --change 'CMD ["bash"]' - "$1" >/dev/null
}

build() {
	docker build --quiet --build-arg "BASE=$base" "$@" >/dev/null
}

if ! docker info >/dev/null 2>&1; then
	echo "make.sh: no Docker engine answers; the containers' test is skipped"
	exit 0
fi
if ! have_images; then
	base=byoc-tests/base
	exists "$base" || make_base "$base"
	for name in postgres rabbitmq; do
		build --tag "byoc-tests/$name" \
			--file "$here/$name.Dockerfile" "$here"
	done
	for name in prometheus grafana; do
		build --tag "byoc-tests/$name" --target "$name" \
			--file "$here/observability.Dockerfile" "$here"
	done
fi
for stage in tools runtime; do
	build --target "$stage" --file "$root/deploy/Dockerfile" "$root"
done
