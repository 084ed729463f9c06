#!/bin/sh
# SPDX-License-Identifier: MIT
# The services of the samples, 100 clients and bad wires, for hours of virtual time, in the
# optimised build; see tests/simulation/README.md.
#   tests/simulate.sh [HOURS [SEED [CLIENTS]]]
# 24 hours unless given, the day of the year as seed, 100 clients.
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

hours=${1:-24}
seed=${2:-$(date +%j | sed 's/^0*//')}
eddy_deps build tests
werror=OFF
[ -z "${CI:-}" ] || werror=ON
cmake --preset release -DEDDY_WERROR="$werror" -DEDDY_BUILD_BENCH=OFF
cmake --build --preset release --parallel "$(eddy_jobs)" --target simulate
exec build/release/tests/simulation/simulate "$hours" "$seed" "${3:-100}"
