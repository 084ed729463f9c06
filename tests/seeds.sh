#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every coroutine test under N random schedules, and 50 N random programs of each model test,
# in the optimised build, and says how many that were.
#   tests/seeds.sh [N] [ARGUMENTS OF DOCTEST]     N: 200 unless given;  tests/seeds.sh 2000 -sf="*lock*"
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh
. ./tests/layers.sh

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
cmake --preset release -DEDDY_WERROR="$werror" -DEDDY_BUILD_BENCH=OFF
cmake --build --preset release --parallel "$(eddy_jobs)" \
    --target runtime_tests primitives_tests executor_tests
echo "== seeds 1 to $seeds"
run_layers release seeds "EDDY_SEEDS=$seeds" "$@"
cat build/release/seeds_*.log
if [ -n "$failed_layers" ]; then
    echo "FAILED:$failed_layers" >&2
    exit 1
fi
