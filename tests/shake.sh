#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs all tests N times while their threads are held up at random where they meet.
#   tests/shake.sh [N] [ARGUMENTS OF DOCTEST]     N: 10 unless given;  tests/shake.sh 100 -sf="*pool*"
# SHAKE=SEED tests/shake.sh 1 runs one seed again: not the same run, but one of the same kind.
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh
. ./tests/layers.sh

runs=10
case "${1:-}" in
[0-9]*)
    runs=$1
    shift
    ;;
esac
eddy_deps build tests
cmake --preset dev
cmake --build --preset dev --parallel "$(eddy_jobs)" \
    --target eddy_shake runtime_tests primitives_tests executor_tests
first=${SHAKE:-1}
export EDDY_STRESS=2000 # a storm holds its threads up enough
failed=0
for seed in $(seq "$first" $((first + runs - 1))); do
    export SHAKE="$seed"
    # They sleep most of the time.
    run_layers dev shake "LD_PRELOAD=$PWD/build/dev/tests/stress/libeddy_shake.so" "$@"
    for layer in $failed_layers; do
        failed=$((failed + 1))
        cat "build/dev/shake_$layer.log"
        echo "== $layer failed, SHAKE=$seed" >&2
    done
    cat build/dev/shake_*.log | awk -v seed="$seed" '/^\[shake\]/ { sum += $5 }
        END { print "== seed " seed ": threads held up " sum " times" }'
done
if [ "$failed" -ne 0 ]; then
    echo "FAILED: $failed" >&2
    exit 1
fi
