#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts the system calls that the sample resp_server makes for a request, one at a time and in
# pipelines of 16. Needs strace, and redis-benchmark.
#
#   resp_syscalls.sh <resp_server> [connections] [requests]
set -eu
. "$(dirname "$0")/syscalls.sh"
server=$1
connections=${2:-1}
requests=${3:-32000}

count_calls() { # SUMMARY PIPELINE REQUESTS
    rm -f "$work/said"
    strace -f -c -o "$1" "$server" --port 0 >"$work/said" &
    tracer=$!
    until grep -q '^listening on ' "$work/said" 2>/dev/null; do sleep 0.05; done
    redis-benchmark -p "$(sed -n 's/^listening on .*://p' "$work/said")" -t get -q \
        -c "$connections" -P "$2" -n "$3" >/dev/null
    # The server is strace's child; strace writes its summary when that one ends.
    traced=$(cat "/proc/$tracer/task/$tracer/children")
    # shellcheck disable=SC2086
    kill -TERM $traced
    wait "$tracer" || true
}

for pipeline in 1 16; do
    count_calls "$work/few" "$pipeline" "$((connections * pipeline))"
    count_calls "$work/many" "$pipeline" "$((connections * pipeline + requests))"
    printf 'pipelines of %s, %s connections, calls for a pipeline:' "$pipeline" "$connections"
    per_one "$((requests / pipeline))"
done
