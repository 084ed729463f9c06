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
status_of() { # COMMAND...: its exit status; what it says goes to $work/out and $work/err
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

# Output that cannot be written.
expect "a closed output" 1 "$(status_of bash -c '"$0" "$@" >&-' "$program" "$work/tree")"
expect "it says so" 1 "$(grep -c 'cannot write the output' "$work/err")"
expect "help into a closed output" 1 "$(status_of bash -c '"$0" --help >&-' "$program")"
if [ -c /dev/full ]; then
    expect "a full device" 1 "$(status_of bash -c '"$0" "$@" >/dev/full' "$program" "$work/tree")"
    expect "it says why" 1 "$(grep -c 'cannot write the output: No space left' "$work/err")"
    expect "help into a full device" 1 "$(status_of bash -c '"$0" --help >/dev/full' "$program")"
    expect "json into a full device" 1 "$(status_of "$program" --json /dev/full "$work/tree")"
fi

# A single stall counts; and the last sentence says what was gained.
stalled() { # whether the blocking way's maximum is above 10 ms
    sed -n 's/.*"blocking".*"max":\([0-9]*\).*/\1/p' "$work/j" | awk '{print ($1 > 10000)}'
}
expect "no gain without work" 0 "$(status_of "$program" "$work/tree")"
expect "it says so" 1 "$(grep -c '^Too little work to compare' "$work/out")"
mkdir "$work/big"
truncate -s 512M "$work/big/zeros"
expect "a large file" 0 "$(status_of "$program" --json "$work/j" "$work/big")"
expect "the stall is recorded" 1 "$(stalled)"
expect "the gain" 1 \
    "$(grep -cE "^Offloaded, the heartbeat's p99 was .* instead of .* times less\) and .* the (same )?speed\.$" "$work/out")"
interrupt_after() { # LINE: its exit status when it is interrupted after that line of its output
    "$program" --json "$work/j" "$work/big" >"$work/out" 2>"$work/err" &
    until grep -q "$1" "$work/out"; do sleep 0.01; done
    kill -INT $!
    local status=0
    wait $! || status=$?
    echo $status
}
expect "interrupted while it blocks" 130 "$(interrupt_after '^idle loop')"
expect "its stall is recorded too" 1 "$(stalled)"
expect "nothing is claimed then" 1 "$(grep -c '^Interrupted before .* nothing to compare' "$work/out")"

expect "interrupted while it offloads" 130 "$(interrupt_after '^blocking')"
expect "which is no problem of the file" "" "$(cat "$work/err")"

# More than ten problems of a kind are counted. Paths of over 4096 bytes are one even for root.
mkdir "$work/far"
(
    name=$(printf '%0250d' 0)
    cd "$work/far"
    while [ ${#PWD} -lt 3800 ]; do
        mkdir "$name"
        cd "$name"
    done
    for i in 10 11 12 13 14 15 16 17 18 19 20; do mkfifo "$(printf '%0253d' 0)$i"; done
)
expect "eleven problems" 1 "$(status_of "$program" "$work/far")"
expect "they are counted" 1 \
    "$(grep -c '11 directory entries could not be looked at .* the first: .*: File name too long' "$work/err")"
expect "and not listed" 1 "$(wc -l <"$work/err")"
expect "verbose" 1 "$(status_of "$program" --verbose "$work/far")"
expect "they are listed" 11 "$(grep -c 'File name too long' "$work/err")"
(cd "$work/far"/0* && while cd 0*/ 2>/dev/null; do :; done && rm 0*10)
expect "ten problems" 1 "$(status_of "$program" "$work/far")"
expect "ten are listed" 10 "$(grep -c 'File name too long' "$work/err")"

# A file that grows is none whose digest means anything.
touch "$work/big/growing" "$work/stop"
while [ -e "$work/stop" ]; do printf x >>"$work/big/growing"; done &
expect "a file that changes" 1 "$(status_of "$program" "$work/big")"
rm "$work/stop"
wait
expect "is reported" 1 "$(grep -c 'growing: changed while it was read' "$work/err")"

# Root may read everything, so permissions can only be tried as somebody else.
as=()
if [ "$(id -u)" -eq 0 ]; then
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chmod 755 "$work"
fi
if "${as[@]}" test -x "$program" 2>/dev/null; then
    chmod 000 "$work/tree/a" "$work/tree/deep/er"
    expect "unreadable files" 1 "$(status_of "${as[@]}" "$program" "$work/tree")"
    expect "the rest is hashed" 1 "$(grep -c '^bounded: 2 files' "$work/out")"
    expect "both are reported" 2 "$(grep -c 'Permission denied' "$work/err")"
    mkdir "$work/closed"
    for i in 1 2 3 4 5 6 7 8 9 10 11; do touch "$work/closed/$i"; done
    chmod 000 "$work/closed"/*
    expect "eleven unreadable files" 1 "$(status_of "${as[@]}" "$program" "$work/closed")"
    expect "are counted" 1 "$(grep -c '11 files could not be read' "$work/err")"
    expect "each once" 1 "$(wc -l <"$work/err")"
fi

[ $failures -eq 0 ] && echo "loop_latency: all checks passed"
exit $((failures > 0))
