#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks loop_latency on files of its own: check.sh PROGRAM
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
failures=0
expect() { # WHAT EXPECTED ACTUAL
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: expected \"$2\", got \"$3\""
        failures=$((failures + 1))
    fi
}
status_of() { # COMMAND...: its exit status; the output goes to $work.out
    local status=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    echo $status
}

mkdir -p "$work/tree/deep/er" "$work/tree/empty folder"
printf 'hello\n' >"$work/tree/a"
printf '' >"$work/tree/deep/empty"
head -c 1000000 /dev/zero >"$work/tree/deep/er/zeros"
printf 'odd' >"$work/tree/back\\slash and
newline"
ln -s a "$work/tree/link"
ln -s nowhere "$work/tree/dangling"
mkfifo "$work/tree/fifo"

expect "status" 0 "$(status_of "$program" --json "$work/j" --sums "$work/s" --svg "$work/v" "$work/tree")"
expect "digests agree with sha256sum" "" "$(sha256sum --quiet --strict -c "$work/s" 2>&1)"
expect "number of digests" 4 "$(wc -l <"$work/s")"
expect "the same bytes as sha256sum prints" \
    "$(cd / && find "$work/tree" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | LC_ALL=C sort)" \
    "$(LC_ALL=C sort "$work/s")"
for way in blocking offloaded bounded; do
    expect "json has $way" 1 "$(grep -c "\"name\":\"$way\",\"files\":4,\"bytes\":1000009," "$work/j")"
done
expect "svg is one" "<svg" "$(head -c 4 "$work/v")"
expect "links are counted" 1 "$(grep -c '2 links and 1 special files skipped' "$work/out")"
expect "no progress line in a pipe" 0 "$(grep -c $'\r' "$work/err" || true)"
if command -v python3 >/dev/null; then
    expect "json is valid" "blocking offloaded bounded" \
        "$(python3 -c 'import json,sys; print(*[w["name"] for w in json.load(open(sys.argv[1]))["ways"]])' "$work/j")"
fi

expect "an unknown option" 2 "$(status_of "$program" --wat)"
expect "a bad number" 2 "$(status_of "$program" --threads 0 "$work/tree")"
expect "two directories" 2 "$(status_of "$program" a b)"
expect "a missing value" 2 "$(status_of "$program" --json)"
expect "help" 0 "$(status_of "$program" --help)"
expect "a directory that is not there" 1 "$(status_of "$program" "$work/nowhere")"
expect "an output that cannot be written" 1 "$(status_of "$program" --json "$work/no/where" "$work/tree")"

# Root may read everything, so permissions can only be tried as somebody else.
if [ "$(id -u)" -ne 0 ]; then
    chmod 000 "$work/tree/a" "$work/tree/deep/er"
    expect "unreadable files" 1 "$(status_of "$program" --sums "$work/s" "$work/tree")"
    expect "the rest is hashed" 2 "$(wc -l <"$work/s")"
    expect "both are reported" 2 "$(grep -c 'Permission denied' "$work/err")"
fi

[ $failures -eq 0 ] && echo "loop_latency: all checks passed"
exit $((failures > 0))
