# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by the scripts that count the system calls of a server. Needs strace.
#
# What the process needs to start, and for its first clients, is taken off: each server runs twice,
# with few and with many of what is counted, and the difference is divided by their number.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# trace <bench> <server> <summary> <the client's arguments>...
trace() {
    bench=$1 server=$2 summary=$3
    shift 3
    mkfifo "$work/port"
    strace -f -c -o "$summary" "$bench" --serve "$server" >"$work/port" &
    tracer=$!
    read -r port <"$work/port"
    "$bench" --load "$port" "$@" >/dev/null
    # The server is strace's child; strace writes its summary when that one ends.
    traced=$(cat "/proc/$tracer/task/$tracer/children")
    # shellcheck disable=SC2086
    kill -TERM $traced
    wait "$tracer" 2>/dev/null || true
    rm "$work/port"
}

# per_one <number>: prints the difference of the summaries "few" and "many", divided by it.
per_one() {
    awk -v number="$1" '
        FNR == 1 { file++ }
        $1 ~ /^[0-9.]+$/ && $NF != "total" {
            calls[$NF] += file == 1 ? -$4 : $4
        }
        END {
            for (name in calls) {
                each = calls[name] / number
                if (each > 0.005) { printf " %s %.2f", name, each; sum += each }
            }
            printf "; all %.2f\n", sum
        }' "$work/few" "$work/many"
}
