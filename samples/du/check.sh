#!/bin/bash
# SPDX-License-Identifier: MIT
# Compares du with the du of GNU coreutils, in sorted lines: check.sh PROGRAM
set -euo pipefail
export LC_ALL=C
program=$(realpath "$1")
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work"

failures=0
fail() { # TEXT
    echo "FAILED: $1"
    failures=$((failures + 1))
}
same() { # ARGUMENT...
    local expected=0 status=0
    command du "$@" 2>"$work/expected.err" | sort >"$work/expected.out" || expected=$?
    "$program" "$@" 2>"$work/err" | sort >"$work/out" || status=$?
    cmp -s "$work/out" "$work/expected.out" ||
        fail "du $*: $(diff "$work/expected.out" "$work/out" | head -n 6)"
    cmp -s "$work/err" "$work/expected.err" ||
        fail "du $* says: $(diff "$work/expected.err" "$work/err" | head -n 6)"
    [ $status -eq $expected ] || fail "du $* ends with $status, not $expected"
}
refused() { # ARGUMENT...
    local status=0
    "$program" "$@" >out 2>err || status=$?
    [ $status -eq 1 ] || fail "du $* ends with $status, not 1"
    [ ! -s out ] || fail "du $* prints: $(cat out)"
}

# A tree with everything in it.
mkdir -p tree/a/b/c tree/empty tree/many tree/links $'tree/odd \xff\n'
head -c 100000 /dev/zero >tree/a/file
head -c 5 /dev/zero >tree/a/b/small
truncate -s 50M tree/a/b/hole
ln -s ../a tree/empty.link
ln -s nowhere tree/broken
ln -s loop tree/loop
mkfifo tree/fifo
head -c 20000 /dev/zero >tree/links/one
ln tree/links/one tree/links/two
: >$'tree/odd \xff\n/-a'
long=$(printf '%0250d' 0)
mkdir -p "tree/$long/$long/$long"
for i in {1..300}; do
    mkdir "tree/many/$i"
    head -c $((i * 37)) /dev/zero >"tree/many/$i/file"
done

for options in '' -s -h -k -x -l '-d 1' -d2 -sh -lx; do
    # shellcheck disable=SC2086  # Words.
    same $options tree
done
same -a tree/a tree/many tree/empty.link tree/a/file
same -al tree
same -d 0 -a tree/a/file
same -- tree
same tree/ tree/a .//tree
same tree/a tree/a
cd tree/a
same
cd "$work"
same /usr/include
# Newer ones count no directories in these.
[ "$(command du -sb tree/empty)" = $'0\ttree/empty' ] || same -b tree

# What cannot be read. Root reads everything.
same missing tree/a/file/below tree/a
mkdir -p closed/inside closed/listed
: >closed/listed/file
chmod 0 closed/inside
chmod 444 closed/listed
chmod 755 "$work"
if [ "$(id -u)" -ne 0 ]; then
    same closed
elif command -v setpriv >/dev/null; then
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    status=0
    cp "$program" du
    "${as[@]}" "$(command -v du)" closed 2>expected.err | sort >expected.out || true
    "${as[@]}" ./du closed 2>err | sort >out || status=$?
    cmp -s out expected.out || fail "closed directories: $(diff expected.out out)"
    # The order is the directory's.
    cmp -s <(sort err) <(sed 's/^[^:]*: /du: /' expected.err | sort) ||
        fail "closed directories: it says $(diff expected.err err)"
    [ $status -eq 1 ] || fail "closed directories: it ends with $status"
fi

refused -z
refused -d
refused -d x
refused -as
"$program" --help >out || fail "du --help"
if [ -c /dev/full ]; then
    ! "$program" tree >/dev/full 2>err || fail "a full device is no success"
fi

[ $failures -eq 0 ] && echo "du: all checks passed"
exit $((failures > 0))
