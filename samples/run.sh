#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs a sample. Installs what is missing first; all but the sample's output goes to stderr.
#   samples/run.sh [ARGUMENTS]                  the main sample
#   samples/run.sh --sample NAME [ARGUMENTS]    another one
#   samples/run.sh --list                       the names of all
set -eu
here=$(cd "$(dirname "$0")" && pwd)
name=loop_latency

case "${1:-}" in
--list)
    for source in "$here"/*.cpp "$here"/*/main.cpp "$here"/*/run.sh; do
        case $source in
        */main.cpp | */run.sh) basename "$(dirname "$source")" ;;
        *) basename "$source" .cpp ;;
        esac
    done | sort
    exit 0
    ;;
--sample)
    [ $# -ge 2 ] || { echo "samples/run.sh: --sample needs a name; --list shows them" >&2; exit 2; }
    name=$2
    shift 2
    ;;
esac
if [ ! -f "$here/$name.cpp" ] && [ ! -f "$here/$name/main.cpp" ] &&
    [ ! -f "$here/$name/run.sh" ]; then
    echo "samples/run.sh: there is no sample \"$name\"; --list shows them" >&2
    exit 2
fi

(
    cd "$here/.."
    . ./.ci/deps.sh
    # shellcheck disable=SC2046  # A list of words.
    eddy_deps build $(eddy_sample_needs "$name")
    [ ! -f "$here/$name/run.sh" ] || exit 0  # it builds by itself
    cmake --preset release -B build/samples -DEDDY_BUILD_TESTS=OFF -DEDDY_BUILD_BENCH=OFF \
        -DEDDY_TESTING=OFF
    cmake --build build/samples --parallel "$(eddy_jobs)" --target "sample_$name"
) >&2
[ ! -f "$here/$name/run.sh" ] || exec "$here/$name/run.sh" "$@"
exec "$here/../build/samples/samples/$name" "$@"
