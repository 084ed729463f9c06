#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs ctest on a build folder: ctest.sh FOLDER [ARGUMENTS OF CTEST]. Under CI=true a test that is
# skipped fails, unless .ci/skips says why it may be.
set -eu
results=$PWD/$1/tests.xml
shift
[ -n "${CI:-}" ] || exec ctest "$@"
status=0
rm -f "$results"
ctest "$@" --output-junit "$results" --test-output-size-passed 1000000 || status=$?
"$(dirname "$0")/skipped.sh" "$results" || status=1
exit $status
