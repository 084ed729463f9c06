#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks the lint with the fixtures: it must report exactly the lines marked "expect: <rule>".
#
#   self_test.sh
#
# Exit status as coroutine_lint.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sources=("$here"/fixtures/*.cpp)
{
    separator='['
    for source in "${sources[@]}"; do
        printf '%s\n{ "directory": "%s",\n  "command": "c++ -std=c++20 -c %s",\n  "file": "%s" }' \
            "$separator" "$here" "${source// /\\\\ }" "$source"
        separator=','
    done
    printf '\n]\n'
} >"$work/compile_commands.json"

status=0
"$here/coroutine_lint.sh" -p "$work" "${sources[@]}" >"$work/output" 2>&1 || status=$?
if [ "$status" -eq 77 ]; then
    cat "$work/output"
    exit 77
fi

sed -nE 's/^(.*):([0-9]+):[0-9]+: error: .* \[([a-z]+)\]$/\1:\2:\3/p' "$work/output" |
    sort -u >"$work/found"
(cd "$here/../.." && grep -nE '// expect: ' tests/lint/fixtures/*.?pp) |
    sed -E 's/^([^:]*):([0-9]+):.*\/\/ expect: ([a-z]+).*$/\1:\2:\3/' | sort -u >"$work/expected"

if ! diff -u --label expected --label found "$work/expected" "$work/found"; then
    cat "$work/output"
    echo 'self_test: the lint does not find what the fixtures expect'
    exit 1
fi
if ! grep -q ', 0 could not be checked$' "$work/output"; then
    cat "$work/output"
    exit 1
fi
printf 'self_test: all %d bad lines found, and nothing else\n' "$(wc -l <"$work/expected")"
