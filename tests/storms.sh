#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every storm in full, in the optimised build, and says how long each took; then the storms that
# are tests, with more rounds than every day, and ten thousand idle connections.
#   tests/storms.sh [NAME...]    all of them unless some are named; tests/storms/README.md
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

eddy_deps build tests
werror=OFF
[ -z "${CI:-}" ] || werror=ON
cmake --preset release -DEDDY_WERROR="$werror" -DEDDY_BUILD_BENCH=OFF -DEDDY_TEST_SOURCES=
targets=storms
[ $# -gt 0 ] || targets="storms idle_connections runtime_tests executor_tests"
# shellcheck disable=SC2086
cmake --build --preset release --parallel "$(eddy_jobs)" --target $targets
tests=build/release/tests
log=build/release/storms.log
table=""
failed=""

# one NAME COMMAND...: under a limit of its own, so that one that hangs does not take the others along.
one() {
    name=$1
    shift
    begin=$(date +%s)
    verdict=ok
    if ! timeout --kill-after=10 600 "$@" >"$log" 2>&1; then
        verdict=FAILED
        failed="$failed $name"
    fi
    tail -n 12 "$log"
    table="$table$(printf '%-16s %5d s   %s' "$name" $(($(date +%s) - begin)) "$verdict")
"
}

if [ $# -gt 0 ]; then
    for name in "$@"; do
        one "$name" "$tests/storms/storms" "$name" --full
    done
else
    for name in $("$tests/storms/storms" --list); do
        one "$name" "$tests/storms/storms" "$name" --full
    done
    one idle "$tests/idle_connections" --connections 10000 --check
    one bytes env EDDY_IO_SEEDS=10000 EDDY_SEEDS=0 "$tests/runtime_tests" -sf='*socket_storm_test*'
    one offloads env EDDY_STRESS=1000000 "$tests/executor_tests" -sf='*offload_stress*'
fi
printf '\n=== storms ===\n%s' "$table"
if [ -n "$failed" ]; then
    echo "FAILED:$failed" >&2
    exit 1
fi
