#!/bin/bash
# Builds a preset of CMakePresets.json into build/PRESET:
#
#   build.sh dev|release [TARGET...]
set -eu

cd "$(dirname "$0")/.."
preset=$1
shift
cmake --preset "$preset" --log-level=WARNING
targets=()
[ $# = 0 ] || targets=(--target "$@")
cmake --build "build/$preset" --parallel "$(nproc)" "${targets[@]}" -- --quiet
