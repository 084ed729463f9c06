#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: exports.sh CHECKOUT BUILD
# What the shared libraries in BUILD export: everything that a header declares and a source defines, and
# nothing of spdlog.
set -eu
checkout=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

libraries=$(find "$build/runtime" "$build/primitives" "$build/executor" -name 'libeddy_*.so')
find "$checkout/runtime/include" "$checkout/primitives/include" "$checkout/executor/include" \
    -name '*.hpp' -exec cat {} + | sed 's,//.*,,' >"$work/headers"

# shellcheck disable=SC2086  # A list of files.
nm -D --defined-only $libraries | sed -n 's/^[0-9a-f]* [A-Za-z] //p' | sort -u >"$work/exported"
[ "$(grep -c eddy "$work/exported")" -gt 500 ] || {
    echo "exports.sh: $libraries: too little is exported to be true" >&2
    exit 1
}
if grep 6spdlog "$work/exported"; then
    echo "exports.sh: this is spdlog's, or made of it" >&2
    exit 1
fi

# Functions with external linkage (T: inline ones are W) that are hidden, without their namespace.
find "$build/runtime" "$build/primitives" "$build/executor" -name '*.o' -exec nm {} + |
    sed -n 's/^[0-9a-f]* [TBD] //p' | sort -u | comm -23 - "$work/exported" | c++filt |
    sed -n 's/^\(non-virtual thunk to \)\{0,1\}eddy::[a-z0-9_]*:://p' |
    sed 's/^detail:://; s/\[abi:[^]]*\]//; s/(.*//' | grep -v '^anonymous\|^$' | sort -u >"$work/hidden"

result=0
while read -r name; do
    class=${name%%::*}
    if [ "$class" != "$name" ]; then
        found=$(grep -E "^ *(class|struct) ([^;]* )?$class( final)?( :[^;]*)?( \{.*)?$" "$work/headers" || true)
    else
        found=$(grep -E "^[^ #}/].*[ &*]$name\(" "$work/headers" || true)
    fi
    if [ -n "$found" ]; then
        printf 'not exported: %s\n    %s\n' "$name" "$found" >&2
        result=1
    fi
done <"$work/hidden"
echo "exports.sh: $(grep -c eddy "$work/exported") names exported, $(wc -l <"$work/hidden") functions hidden"
exit $result
