# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by the tests beside it; $work is a folder of their own.
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() { # WHAT EXPECTED ACTUAL
    if [ "$2" != "$3" ]; then
        printf 'FAILED: %s: expected "%s", got "%s"\n' "$1" "$2" "$3"
        failures=$((failures + 1))
    fi
}
finish() {
    [ "$failures" -eq 0 ] || exit 1
    echo 'all as it should be'
}
