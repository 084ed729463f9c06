# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by tests/seeds.sh and tests/shake.sh.

# run_layers PRESET NAME VARIABLE=VALUE [ARGUMENTS OF DOCTEST]
#
# Runs the test programs of a build side by side, with VARIABLE in their environment. What
# <layer>_tests says goes to build/PRESET/NAME_<layer>.log; $failed_layers are those that failed.
run_layers() {
    layer_logs=build/$1/$2
    layer_programs=build/$1/tests
    layer_setting=$3
    shift 3
    for layer in runtime primitives executor; do
        (
            begin=$(date +%s)
            result=0
            env "$layer_setting" "$layer_programs/${layer}_tests" "$@" || result=$?
            echo "== $layer: $(($(date +%s) - begin)) s"
            exit $result
        ) >"${layer_logs}_$layer.log" 2>&1 &
        eval "$layer=$!"
    done
    failed_layers=""
    for layer in runtime primitives executor; do
        eval "wait \$$layer" || failed_layers="$failed_layers $layer"
    done
}
