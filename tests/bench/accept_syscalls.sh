#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts the system calls that each server makes for a connection of one request. Needs strace.
#
#   accept_syscalls.sh <scale_bench> [connections at a time] [connections]
set -eu
. "$(dirname "$0")/syscalls.sh"
bench=$1
together=${2:-1}
connections=${3:-2048}

for server in eddy uv eddy-once uv-once; do
    trace "$bench" "$server" "$work/few" "$together" "$together"
    trace "$bench" "$server" "$work/many" "$((together + connections))" "$together"
    printf '%s, %s at a time:' "$server" "$together"
    per_one "$connections"
done
