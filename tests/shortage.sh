#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the tests in which every allocation of the process fails in turn, and says how many they
# were: scenarios, runs, and sites, which are different chains of calls that lead to an allocation.
#   tests/shortage.sh [PRESET]     dev unless given; its test programs are built
# An abort, or a scenario that fails, is a failure; leaks are one in the preset asan.
set -eu
cd "$(dirname "$0")/.."
. ./tests/layers.sh

preset=${1:-dev}
run_layers "$preset" shortage EDDY_SEEDS=0 --test-case="*shortage*,*short of memory*,*memory is short*,*could not begin*"
cat "build/$preset"/shortage_*.log |
    awk '/MESSAGE: [0-9]+ runs, [0-9]+ sites/ {
             for (i = 1; i <= NF; ++i) {
                 if ($i == "MESSAGE:") { ++scenarios; runs += $(i + 1); sites += $(i + 3) }
             }
         }
         END { printf "shortage: %d scenarios, %d sites, %d runs\n", scenarios, sites, runs
               exit scenarios == 0 }'
if [ -n "$failed_layers" ]; then
    for layer in $failed_layers; do
        tail -n 40 "build/$preset/shortage_$layer.log"
    done
    echo "FAILED:$failed_layers" >&2
    exit 1
fi
