#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the report of coverage: a small tree that is right must pass, and each of the faults that
# are put into it must be found. Needs no compiler: what llvm-cov would say is written here.
#
#   self_test.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# source_of FILE HITS: the lines of standard input; HITS has a digit for each, or "-" for no code
source_of() {
    mkdir -p "$work/$(dirname "$1")"
    cat >"$work/$1"
    printf '%s\n' "$2" | awk -v path="$work/$1" '{
        print "SF:" path
        for (i = 1; i <= length($0); ++i) {
            if (substr($0, i, 1) != "-") {
                print "DA:" i "," substr($0, i, 1)
            }
        }
        print "FN:1,a.cpp:_Zone\nFN:1,_Ztwo\nFNDA:0,a.cpp:_Zone\nFNDA:3,_Ztwo"
        print "end_of_record"
    }' >>"$work/lcov"
    # A branch in two instantiations, in one of which it is never false.
    printf '%s\n' '{"branches":' '' '2,5,2,9,4,0,0,0,4],' '2,5,2,9,0,3,0,0,4],' \
        "3,5,3,9,1,0,0,0,4]],\"filename\":\"$work/$1\",\"segments\":" >>"$work/branches"
}

new_tree() {
    rm -rf "$work/runtime" "$work/tests" "$work/lcov" "$work/branches"
    : >"$work/exceptions"
    source_of runtime/src/low/floor.cpp 1111- <<'CPP'
void tread() {
    step();
    step();
}

CPP
    source_of tests/support/src/kit.cpp 10 <<'CPP'
int kit() { return 1; }
int idle() { return 1; }
CPP
}

# lapse: a function that nothing calls, and a branch that nothing takes
lapse() {
    {
        seq 42
        printf '%s\n' '' 'void lapse() {' '    forgotten();' '    // As is this.' '    twice();' '}'
    } | source_of runtime/src/high/roof.cpp 111111111111111111111111111111111111111111-00-01
}

check() {
    result=0
    awk -v root="$work" -v gate="${1:-80}" -v exceptions="$work/exceptions" \
        -f "$here/lines.awk" "$work/branches" "$work/lcov" >"$work/said" 2>&1 || result=$?
}

wrong() {
    printf '%s\n' "$1"
    cat "$work/said"
    failed=1
}

# finds TEXT [GATE]: the tree as it is now fails with it; then it is made anew
finds() {
    check "${2:-80}"
    if [ "$result" -ne 1 ] || ! grep -qF -e "$1" "$work/said"; then
        wrong "not found: $1"
    fi
    new_tree
}

# passes TEXT: the tree as it is now passes and says so; then it is made anew
passes() {
    check
    if [ "$result" -ne 0 ] || ! tr -s ' ' <"$work/said" | grep -qF -e "$1"; then
        wrong "does not pass with: $1"
    fi
    new_tree
}

new_tree
passes 'runtime/src/low/floor.cpp 4 0 0 100.0 100.0 75.0'
passes 'tests/support 2 1 0 50.0 100.0 75.0'
lapse
finds 'runtime/src/high/roof.cpp:44: no test reaches'
lapse
finds '    forgotten();'
lapse
finds 'fewer than 97 % of the library'\''s lines were reached' 97
lapse
echo 'runtime/src/high/roof.cpp: forgotten() | nobody remembers' >"$work/exceptions"
passes 'runtime/src/high/roof.cpp 46 3 3 93.4'
lapse
echo 'runtime/src/high/roof.cpp: remembered() | nobody does' >"$work/exceptions"
finds 'roof.cpp:44: no test reaches'
lapse
echo 'runtime/src/low/floor.cpp: forgotten() | of another file' >"$work/exceptions"
finds 'roof.cpp:44: no test reaches'
source_of runtime/src/low/empty.cpp 1101 <<'CPP'
void quiet() {
    while (again()) {
    }
#if 1
CPP
finds 'empty.cpp:3: no test reaches'
source_of runtime/src/low/empty.cpp 1100 <<'CPP'
void quiet() {
    while (again()) {
    }
#if 1
CPP
echo 'runtime/src/low/empty.cpp: while (again()) | it never is' >"$work/exceptions"
passes 'runtime/src/low/empty.cpp 3 1 1'
echo 'runtime/src/low/floor.cpp: tread() | it was hard to reach once' >"$work/exceptions"
finds 'nothing is left of runtime/src/low/floor.cpp: tread()'
echo '? runtime/src/low/floor.cpp: tread() | only if two threads meet' >"$work/exceptions"
passes 'the library 4 0 0 100.0'
echo '? runtime/src/low/floor.cpp: trod() | only if two threads meet' >"$work/exceptions"
finds 'nothing is left of runtime/src/low/floor.cpp: trod()'
echo 'runtime/src/low/cellar.cpp: dig() | it is gone' >"$work/exceptions"
finds 'nothing is left of runtime/src/low/cellar.cpp: dig()'
echo 'runtime/src/low/floor.cpp: tread()' >"$work/exceptions"
finds 'no reason: runtime/src/low/floor.cpp: tread()'
# The same line in two instantiations of a template, one of which has run.
printf 'SF:%s\nDA:1,0\nDA:1,1\nend_of_record\n' "$work/runtime/src/low/floor.cpp" >"$work/lcov"
passes 'the library 1 0 0 100.0'
: >"$work/lcov"
finds 'nothing of the library was counted'

[ "$failed" -eq 0 ] && echo 'coverage: every fault was found'
exit "$failed"
