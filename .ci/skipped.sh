#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if a test was skipped that .ci/skips does not list: skipped.sh RESULTS.xml...
# The results are what ctest --output-junit writes. Skipped is what ctest did not run, and a test that
# ended well but has said "[skipped] REASON" for a part of it.
set -eu
list=${EDDY_SKIPS:-$(dirname "$0")/skips}

# Without that, a cut or empty file would say that nothing was skipped.
for results in "$@"; do
    grep -q '</testsuite>' "$results" || {
        echo "eddy: $results has no results of tests" >&2
        exit 1
    }
done

awk '
    function text(xml) {
        gsub(/&lt;/, "<", xml); gsub(/&gt;/, ">", xml); gsub(/&quot;/, "\"", xml)
        gsub(/&apos;/, "\047", xml); gsub(/&amp;/, "\\&", xml)
        return xml
    }
    function skipped(reason,    i) {
        for (i = 1; i <= entries; ++i) {
            if (name ~ entry[i]) {
                return
            }
        }
        printf "eddy: skipped, and .ci/skips does not list it: \"%s\": %s\n", name, reason
        bad = 1
    }
    FILENAME == ARGV[1] {
        if ($0 ~ /^#/ || $0 ~ /^[ \t]*$/) next
        split_at = index($0, " | ")
        if (!split_at || substr($0, split_at + 3) ~ /^[ \t]*$/) {
            printf "eddy: %s:%d: no reason after \" | \"\n", FILENAME, FNR
            bad = 1
            next
        }
        entry[++entries] = "^(" substr($0, 1, split_at - 1) ")$"
        next
    }
    match($0, /<testcase name="[^"]*"/) {
        name = text(substr($0, RSTART + 16, RLENGTH - 17))
        if ($0 ~ / status="disabled"/) skipped("it is disabled")
    }
    match($0, /<skipped message="[^"]*"/) {
        skipped(text(substr($0, RSTART + 18, RLENGTH - 19)))
    }
    match($0, /\[skipped\] .*/) { skipped(text(substr($0, RSTART + 10))) }
    END { exit bad }
' "$list" "$@" >&2
