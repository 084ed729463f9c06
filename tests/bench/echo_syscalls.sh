#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts the system calls that each echo server makes for a message. Needs strace.
#
#   echo_syscalls.sh <echo_bench> [connections] [requests]
#
# What the process needs to start and to accept is taken off: each server runs twice, with few and
# with many messages, and the difference is divided by their number.
set -eu
bench=$1
connections=${2:-1}
requests=${3:-20000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count <server> <requests> <summary>
count() {
    mkfifo "$work/port"
    strace -f -c -o "$3" "$bench" --serve "$1" >"$work/port" &
    tracer=$!
    read -r port <"$work/port"
    "$bench" --load "$port" --connections "$connections" --requests "$2" >/dev/null
    # The server is strace's child; strace writes its summary when that one ends.
    traced=$(cat "/proc/$tracer/task/$tracer/children")
    # shellcheck disable=SC2086
    kill -TERM $traced
    wait "$tracer" 2>/dev/null || true
    rm "$work/port"
}

for server in eddy eddy-30s eddy-500ms uv asio; do
    count "$server" "$connections" "$work/few"
    count "$server" "$((connections + requests))" "$work/many"
    printf '%s, %s connections:' "$server" "$connections"
    awk -v requests="$requests" '
        FNR == 1 { file++ }
        $1 ~ /^[0-9.]+$/ && $NF != "total" {
            calls[$NF] += file == 1 ? -$4 : $4
        }
        END {
            for (name in calls) {
                each = calls[name] / requests
                if (each > 0.005) { printf " %s %.2f", name, each; sum += each }
            }
            printf "; all %.2f\n", sum
        }' "$work/few" "$work/many"
done
