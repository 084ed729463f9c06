#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every coroutine test under N random schedules, and 50 N random programs of each model test, and
# says how many that were.
#   tests/seeds.sh [PRESET] [N] [ARGUMENTS OF DOCTEST]     for example: tests/seeds.sh 2000 -sf="*lock*"
# PRESET: release unless given, for many; what is built already is ready sooner. N: 200 unless given.
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh
. ./tests/layers.sh

preset=release
case "${1:-}" in
[a-z]*)
    preset=$1
    shift
    ;;
esac
seeds=200
case "${1:-}" in
[0-9]*)
    seeds=$1
    shift
    ;;
esac
eddy_deps build tests
werror=OFF
[ -z "${CI:-}" ] || werror=ON
cmake --preset "$preset" -DEDDY_WERROR="$werror" -DEDDY_BUILD_BENCH=OFF -DEDDY_TEST_SOURCES=
cmake --build --preset "$preset" --parallel "$(eddy_jobs)" \
    --target runtime_tests primitives_tests executor_tests
echo "== seeds 1 to $seeds"
run_layers "$preset" seeds "EDDY_SEEDS=$seeds" "$@"
cat "build/$preset"/seeds_*.log
if [ -n "$failed_layers" ]; then
    echo "FAILED:$failed_layers" >&2
    exit 1
fi
