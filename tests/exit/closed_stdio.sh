#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts the program closed_stdio with each of its standard descriptors open or closed: eight ways.
#   closed_stdio.sh PROGRAM
program=$1
failed=0
runs=0
try() { # WAY STATUS
    runs=$((runs + 1))
    if [ "$2" -ne 0 ]; then
        failed=1
        echo "with $1 closed: status $2"
    fi
}
"$program" </dev/null >/dev/null 2>/dev/null
try nothing $?
"$program" <&- >/dev/null 2>/dev/null
try 0 $?
"$program" </dev/null >&- 2>/dev/null
try 1 $?
"$program" </dev/null >/dev/null 2>&-
try 2 $?
"$program" <&- >&- 2>/dev/null
try "0 and 1" $?
"$program" <&- >/dev/null 2>&-
try "0 and 2" $?
"$program" </dev/null >&- 2>&-
try "1 and 2" $?
"$program" <&- >&- 2>&-
try "all" $?
echo "$runs ways to start"
exit $failed
