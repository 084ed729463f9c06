#!/bin/sh
# SPDX-License-Identifier: MIT
# A program that uses an installed Eddy, built with nothing but a compiler. Usage: build.sh PROGRAM
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2046,SC2086  # The flags are lists of words.
exec "${CXX:-c++}" -std=c++20 ${CXXFLAGS:-} "$here/../main.cpp" -o "$1" \
    $(pkg-config --cflags --libs eddy)
