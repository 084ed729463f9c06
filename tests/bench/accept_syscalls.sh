#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts the system calls that each server makes for a connection of one request. Needs strace.
#
#   accept_syscalls.sh <scale_bench> [connections at a time] [connections]
set -eu
bench=$1
together=${2:-1}
connections=${3:-2048}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count <server> <connections> <summary>
count() {
    mkfifo "$work/port"
    strace -f -c -o "$3" "$bench" --serve "$1" >"$work/port" &
    tracer=$!
    read -r port <"$work/port"
    "$bench" --load "$port" "$2" "$together" >/dev/null
    # The server is strace's child; strace writes its summary when that one ends.
    traced=$(cat "/proc/$tracer/task/$tracer/children")
    # shellcheck disable=SC2086
    kill -TERM $traced
    wait "$tracer" 2>/dev/null || true
    rm "$work/port"
}

for server in eddy uv eddy-once uv-once; do
    count "$server" "$together" "$work/few"
    count "$server" "$((together + connections))" "$work/many"
    printf '%s, %s at a time:' "$server" "$together"
    awk -v connections="$connections" '
        FNR == 1 { file++ }
        $1 ~ /^[0-9.]+$/ && $NF != "total" {
            calls[$NF] += file == 1 ? -$4 : $4
        }
        END {
            for (name in calls) {
                each = calls[name] / connections
                if (each > 0.005) { printf " %s %.2f", name, each; sum += each }
            }
            printf "; all %.2f\n", sum
        }' "$work/few" "$work/many"
done
