#!/bin/bash
# Puts the digest of each image in .env (or FILE) behind its tag: what the tag
# stands for at the registry now. To raise an image, write its new tag, or cut
# its digest off, and run this again; then look at what has changed and commit.
#
#   deploy/pin-images.sh [FILE]
set -euo pipefail

file=${1:-$(dirname "$0")/../.env}

# NAME:TAG@sha256:..., of what the registry has.
resolve() {
	local tagged=${1%@*} digest

	docker pull --quiet "$tagged" >/dev/null
	digest=$(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' \
		"$tagged" | sed -n 's/.*@\(sha256:[0-9a-f]\{64\}\)$/\1/p' | head -n 1)
	if [ -z "$digest" ]; then
		echo "pin-images.sh: no registry knows a digest of $tagged" >&2
		return 1
	fi
	echo "$tagged@$digest"
}

edits=()
while IFS='=' read -r name image; do
	case $name in
	*_IMAGE)
		pinned=$(resolve "$image")
		edits+=(--expression "s|^$name=.*|$name=$pinned|")
		echo "$name $pinned"
		;;
	esac
done <"$file"
sed --in-place "${edits[@]}" "$file"
