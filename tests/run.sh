#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds Eddy and runs its tests. Installs what is missing first.
#   tests/run.sh [ARGUMENTS OF CTEST]       for example: tests/run.sh -R task_group
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

eddy_deps build samples tests guests
werror=OFF
[ -z "${CI:-}" ] || werror=ON
cmake --preset dev -DEDDY_WERROR="$werror"
cmake --build --preset dev --parallel "$(eddy_jobs)"
exec ctest --preset dev "$@"
