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
exec ./.ci/ctest.sh build/dev --preset dev "$@"
