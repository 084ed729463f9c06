#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every coroutine test under N random schedules, and 50 N random programs of each model test,
# in the optimised build, and says how many that were.
#   tests/seeds.sh [N] [ARGUMENTS OF DOCTEST]     N: 200 unless given;  tests/seeds.sh 2000 -sf="*lock*"
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

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
for layer in runtime primitives executor; do
    (
        begin=$(date +%s)
        result=0
        EDDY_SEEDS=$seeds "./build/release/tests/${layer}_tests" "$@" || result=$?
        echo "== $layer: $(($(date +%s) - begin)) s"
        exit $result
    ) >"build/release/seeds_$layer.log" 2>&1 &
    eval "$layer=$!"
done
failed=""
for layer in executor primitives runtime; do
    eval "wait \$$layer" || failed="$failed $layer"
    cat "build/release/seeds_$layer.log"
done
if [ -n "$failed" ]; then
    echo "FAILED:$failed" >&2
    exit 1
fi
