#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds Eddy and runs its tests. Installs what is missing first.
#   tests/run.sh [ARGUMENTS OF CTEST]       for example: tests/run.sh -R task_group
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

# shellcheck disable=SC2046  # A list of words.
eddy_deps build tests $(eddy_sample_needs)
werror=OFF
[ -z "${CI:-}" ] || werror=ON
cmake --preset dev -DEDDY_WERROR="$werror"
cmake --build --preset dev --parallel "$(eddy_jobs)"
[ -n "${CI:-}" ] || exec ctest --preset dev "$@"
# There, what is skipped fails, unless .ci/skips says why it may be.
status=0
results=$PWD/build/dev/tests.xml
rm -f "$results"
ctest --preset dev "$@" --output-junit "$results" --test-output-size-passed 1000000 || status=$?
./.ci/skipped.sh "$results" || status=1
exit $status
