#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that definitions are at home: a class that x.hpp defines has its members in x.cpp, and a
# function that x.hpp declares is defined there.
#
#   homes.sh ROOT
#
# ROOT/tests/lint/homes.exceptions lists those that are not, with reasons; one that is not needed is
# an error.
#
# Exit status: 0 all are, 1 those that are printed are not.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
exceptions=''
if [ -f tests/lint/homes.exceptions ]; then
    exceptions=$(awk '!/^#/ { printf "%s ", $1 }' tests/lint/homes.exceptions)
fi
files=$(
    for kind in hpp cpp; do
        find runtime primitives executor -name "*.$kind" | LC_ALL=C sort
    done
)
[ -n "$files" ] || { echo "no source below $1" && exit 1; }
# shellcheck disable=SC2086  # None of the names has a space.
found=$(awk -v "exceptions=$exceptions" -f "$here/homes.awk" $files)
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 1
fi
printf '%s\n' "$files" | awk 'END { print NR " files, all definitions at home" }'
