#!/bin/sh
# SPDX-License-Identifier: MIT
# Says which lines of the library no test reaches; fails if less than 97 % are reached, or if one
# is not that tests/coverage.exceptions does not name. tests/coverage/README.md says how to read it.
#   tests/coverage.sh           builds, runs all tests, reports
#   tests/coverage.sh report    only reports what is there
#   tests/coverage.sh html      the same, and every line in build/coverage/html
set -eu
cd "$(dirname "$0")/.."
. ./.ci/deps.sh

build=build/coverage
what=${1:-all}
export LLVM_PROFILE_FILE=/dev/null # but for the tests, whose preset says where
# shellcheck disable=SC2046  # A list of words.
eddy_deps build tests clang coverage $(eddy_sample_needs)
if [ "$what" = all ]; then
    cmake --preset coverage
    cmake --build --preset coverage --parallel "$(eddy_jobs)"
    rm -rf $build/profiles
    mkdir $build/profiles
    ./.ci/ctest.sh $build --preset coverage
fi

# Whatever ran: test programs and samples. What they link of the library is counted together.
objects=""
for program in $(find $build/tests $build/samples -maxdepth 2 -type f -perm -u+x ! -name '*.so' | sort); do
    objects="$objects -object $program"
done
# What one program has as a mere declaration, and another as code, is "mismatched data" to it.
cov() {
    # shellcheck disable=SC2086  # A list of words.
    llvm-cov-19 "$@" -instr-profile=$build/all.profdata $objects \
        -sources runtime primitives executor tests/support
}
llvm-profdata-19 merge -sparse $build/profiles/*.profraw -o $build/all.profdata
cov export -format=lcov >$build/all.lcov
# Only here do branches say where they are, so that those of instantiations can be added up.
cov export -format=text -skip-functions -skip-expansions | tr '[' '\n' >$build/branches.txt
if [ "$what" = html ]; then
    cov show -format=html -output-dir=$build/html -show-branches=count -show-instantiations=false
fi
awk -v root="$PWD" -v gate=97 -v exceptions=tests/coverage.exceptions -f tests/coverage/lines.awk \
    $build/branches.txt $build/all.lcov
