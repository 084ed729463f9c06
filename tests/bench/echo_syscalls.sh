#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts the system calls that each echo server makes for a message. Needs strace.
#
#   echo_syscalls.sh <echo_bench> [connections] [requests]
set -eu
. "$(dirname "$0")/syscalls.sh"
bench=$1
connections=${2:-1}
requests=${3:-20000}

for server in eddy eddy-30s eddy-500ms uv asio; do
    trace "$bench" "$server" "$work/few" --connections "$connections" --requests "$connections"
    trace "$bench" "$server" "$work/many" \
        --connections "$connections" --requests "$((connections + requests))"
    printf '%s, %s connections:' "$server" "$connections"
    per_one "$requests"
done
