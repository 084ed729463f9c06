#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the fuzz targets under libFuzzer, with address and undefined behaviour sanitizers, and says
# how often each was called.
#   tests/fuzz.sh [SECONDS] [TARGET...]     5 seconds each unless given, all targets unless named
#   tests/fuzz.sh 1200 program              20 minutes of one
# Each begins with a copy of its corpus, build/fuzz/corpus/TARGET, that keeps what is new in it.
# A failure leaves its input in build/fuzz/found; build/fuzz/tests/fuzz/fuzz_TARGET FILE replays it.
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

found=build/fuzz/found
one() { # TARGET SECONDS
    name=$1
    corpus=build/fuzz/corpus/$name
    mkdir -p "$corpus"
    cp tests/fuzz/corpus/"$name"/* "$corpus"
    log=build/fuzz/$name.log
    options=''
    [ ! -f "tests/fuzz/$name.dict" ] || options="-dict=tests/fuzz/$name.dict"
    # shellcheck disable=SC2086  # One option or none.
    if build/fuzz/tests/fuzz/"fuzz_$name" -max_total_time="$2" -timeout=30 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$found/$name-" \
        $options "$corpus" >"$log" 2>&1; then
        awk -v name="$name" '
            /^stat::number_of_executed_units:/ { runs = $2 }
            /^stat::average_exec_per_sec:/ { each = $2 }
            END { printf "fuzz: %-20s %9d inputs, none failed, %7d a second\n", name, runs, each
                  exit runs == 0 }' "$log"
    else
        tail -n 60 "$log"
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        echo "fuzz: $name FAILED; replay: build/fuzz/tests/fuzz/fuzz_$name ${input:-(see $log)}" >&2
        return 1
    fi
}

if [ "${1:-}" = --one ]; then
    one "$2" "$3"
    exit
fi

seconds=5
case "${1:-}" in
[0-9]*)
    seconds=$1
    shift
    ;;
esac
eddy_deps build tests clang
werror=OFF
[ -z "${CI:-}" ] || werror=ON
cmake --preset fuzz -DEDDY_WERROR="$werror"
cmake --build build/fuzz --parallel "$(eddy_jobs)" --target eddy_fuzz_targets

if [ $# -eq 0 ]; then
    for source in tests/fuzz/*_fuzz.cpp; do
        name=${source##*/}
        set -- "$@" "${name%_fuzz.cpp}"
    done
fi
ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
mkdir -p "$found"
printf '%s\n' "$@" | xargs -P "$(eddy_jobs)" -I '{}' ./tests/fuzz.sh --one '{}' "$seconds" || {
    echo 'FAILED: see above' >&2
    exit 1
}
