#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the addon for the node that is here, and runs main.js with it.
#   samples/embed_node/run.sh [BUILD FOLDER]             77: there is no node, or it has no headers
#   samples/embed_node/run.sh --check [BUILD FOLDER]     compares what it prints with what it should
set -eu
here=$(cd "$(dirname "$0")" && pwd)
check=false
if [ "${1:-}" = --check ]; then
    check=true
    shift
fi
build=${1:-$here/../../build/embed_node}

skip() {
    echo "embed_node: skipped: $1" >&2
    exit 77
}
node=$(command -v node || command -v nodejs) || skip 'there is no node here (Debian: nodejs, libnode-dev)'
headers=$("$node" -p 'require("node:path").join(process.execPath, "../../include/node")')
[ -f "$headers/node_api.h" ] || skip "node has no node_api.h in $headers (Debian: libnode-dev)"
uv=$headers
if [ ! -f "$uv/uv.h" ] && [ "$("$node" -p process.config.variables.node_shared_libuv)" = true ]; then
    uv=$(pkg-config --variable=includedir libuv)  # Debian's node uses the installed one itself
fi
[ -f "$uv/uv.h" ] || skip "node has no uv.h in $headers"
case $("$node" -p 'process.versions.node.split(".")[0]') in
[0-9] | 1[0-7]) skip 'node 18 or later is needed' ;;
esac

{
    cmake -S "$here" -B "$build" -G Ninja -DEDDY_LIBUV_INCLUDE_DIR="$uv" \
        -DEMBED_NODE_INCLUDE_DIR="$headers" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 \
        -DEDDY_UNITY=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16
    cmake --build "$build"
} >&2

EMBED_NODE_BUILD=$build
export EMBED_NODE_BUILD
if ! $check; then
    exec "$node" "$here/main.js"
fi
"$node" "$here/main.js" >"$build/output.txt"
diff "$here/../expected/embed_node.txt" "$build/output.txt"
status=0
"$node" "$here/main.js" exit || status=$?
[ $status -eq 3 ] || {
    echo "embed_node: process.exit(3) with a promise pending ended with $status" >&2
    exit 1
}
