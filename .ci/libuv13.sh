#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the libuv of Debian 13 from its source package, below build/libuv13, and prints the folder
# it is installed in, for CMAKE_PREFIX_PATH. Needs dpkg-dev and the network; does nothing if it has
# been done.
#
# apt runs with a configuration of its own here, so that the system, its sources and its lists stay
# as they are; what comes is checked against the archive's keys like any package. The binary package
# needs the C library of Debian 13, so it does not run everywhere.
#
# The archive is the one that the system has its own packages from, as far as apt can tell (not of a
# list of mirrors, and not without package lists), else Debian's; EDDY_DEBIAN_ARCHIVE names another.
set -eu
cd "$(dirname "$0")/.."

suite=trixie
keys=/usr/share/keyrings/debian-archive-keyring.gpg
work=$PWD/build/libuv13
prefix=$work/installed
if [ -e "$work/done" ]; then
    printf '%s\n' "$prefix"
    exit 0
fi

# shellcheck disable=SC2016  # It is apt that puts something in for $(REPO_URI).
archive=${EDDY_DEBIAN_ARCHIVE:-$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/$' || true)}
[ -n "$archive" ] || archive=http://deb.debian.org/debian/

rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
printf 'deb-src [signed-by=%s] %s %s main\n' "$keys" "$archive" "$suite" >"$work/apt/sources.list"
cat >"$work/apt/apt.conf" <<CONF
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$work/apt";
Dir::Cache "$work/apt";
APT::Sandbox::User "";
Acquire::Retries "3";
Acquire::Languages "none";
CONF
export APT_CONFIG="$work/apt/apt.conf"

{
    if ! apt-get update -q --error-on=any || ! (cd "$work" && apt-get source -q libuv1); then
        echo "libuv13: no libuv from Debian's archive ($archive, $suite)"
        exit 1
    fi
    # Asserts stay, as in Debian's own build.
    cmake -S "$work"/libuv1-*/ -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_C_FLAGS="-O1 -g1" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
        -DLIBUV_BUILD_TESTS=OFF -DLIBUV_BUILD_BENCH=OFF
    cmake --build "$work/build" --parallel 2
    cmake --install "$work/build"
    rm -rf "$work/apt" "$work/build"
} >&2

touch "$work/done"
printf '%s\n' "$prefix"
