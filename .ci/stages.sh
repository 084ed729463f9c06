# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by .ci/run: the stages that every change goes through. What each costs stands there.

# The seeds are the same for everybody, and so a failing one is found again. Those of the stage "seeds".
seeds=25

build() { # PRESET [CMAKE ARGUMENTS]
    cmake --preset "$1" -DEDDY_WERROR=ON "${@:2}"
    cmake --build --preset "$1" --parallel "$(eddy_jobs)" -- -k 0
}

test_preset() { # PRESET [ARGUMENTS OF CTEST]
    ./.ci/ctest.sh "build/$1" --preset "$@"
}
test_folder() { # BUILD FOLDER [ARGUMENTS OF CTEST]
    ./.ci/ctest.sh "$1" --test-dir "$1" --output-on-failure --no-tests=error -j 2 "${@:2}"
}

# The lint has a stage of its own.
stage_tests() {
    ./tests/run.sh -LE lint
    ./tests/shortage.sh  # once more, to say how many sites that were
}

# shellcheck disable=SC2046  # A list of words.
stage_deps() { eddy_deps build tests $(eddy_sample_needs) bench clang lint libuv; }

stage_format() {
    find runtime primitives executor tests samples '(' -name '*.cpp' -o -name '*.hpp' ')' -print0 |
        xargs -0 clang-format-19 --dry-run -Werror
    # It leaves comments alone, so nobody else sees one that is too long.
    find runtime primitives executor tests samples '(' -name '*.cpp' -o -name '*.hpp' ')' -exec \
        awk 'length > 100 { print FILENAME ":" FNR ": longer than 100 columns"; bad = 1 } END { exit bad }' {} +
}

# Every public header compiles alone.
stage_headers() {
    cmake --preset dev -DEDDY_WERROR=ON
    cmake --build --preset dev --parallel "$(eddy_jobs)" --target all_verify_interface_header_sets
}

# Of what others use and read; that of the tests, which fail when they are compiled wrongly, is for
# the night. It needs tools that tests/run.sh does not install: the first configuration may lack it.
stage_lint() {
    build dev
    local -x EDDY_LINT_ONLY='^(runtime|primitives|executor|samples|tests/(support|scenarios))/'
    test_preset dev -L lint
}

# Several sources in one: most of the time goes into the standard headers, once for each. For files
# that a path with "UnifiedSource" includes, the analyzer does what it does for the file itself.
stage_tidy() {
    local folder=build/UnifiedSource
    cmake --preset clang -B "$folder" -DEDDY_BUILD_TESTS=OFF -DEDDY_BUILD_SAMPLES=OFF
    find "$folder"/{runtime,primitives,executor} -name 'unity_*' -print0 |
        xargs -0 -n 1 -P "$(eddy_jobs)" \
            clang-tidy-19 -p "$folder" --quiet --checks=-bugprone-suspicious-include \
            --warnings-as-errors='*'
}

# The file is the test here: thousands of processes cost more than what they run.
stage_clang() {
    build clang -DEDDY_TEST_BY_FILE=ON
    test_preset clang -LE lint
}

# With sanitizers g++ 12 warns of what is not there (mismatched new and delete where the frame pool is
# inlined, an uninitialised stop_token); the plain builds of both compilers hold the line. The checks
# that it leaves out cost half of its compile time: clang has all of them by night, and for what is fuzzed.
# The tests themselves are not optimised there, which would cost a third more.
stage_asan() {
    build asan -DEDDY_WERROR=OFF
    test_preset asan
}

stage_tsan() {
    build tsan
    test_preset tsan
}

# Three seconds a target, on top of its corpus.
stage_fuzz() {
    ./tests/fuzz.sh 3
}

# test_wake FOLDER LIBRARIES WAKE REGEX: on the libuv in the folder LIBRARIES, by which a loop must be
# woken so.
test_wake() {
    local -x LD_LIBRARY_PATH=$2
    local version
    version=$(pkg-config --modversion "$2/pkgconfig/libuv.pc")
    "$1"/tests/runtime_tests --source-file='*/attach_wake_test*' |
        grep -F "libuv $version, a loop is woken by $3" ||
        { echo "not on libuv $version, or not woken by $3" >&2 && return 1; }
    test_folder "$1" -R "$4"
}

# A current libuv. A shared libuv may be exchanged below a program: so what was compiled against the
# system's runs on it, all of it. The other ways to wake a loop are for the night: stage "wake".
stage_libuv() {
    eddy_deps build tests libuv
    local libuv13
    libuv13=$(./.ci/libuv13.sh)
    [ -x build/dev/tests/executor_tests ] || build dev
    test_wake build/dev "$libuv13/lib" uv_async '^(runtime|executor)/'
}

# Users of installed libraries: shared and static, g++ and clang, and libc++; C++23 comes by night,
# stage "install_more". tests/run.sh has tested static libraries of g++ in C++20, file by file, and the
# sources.
stage_install() {
    install_rows=""
    install_failed=""
    install_row "shared, g++, C++20" -DBUILD_SHARED_LIBS=ON
    install_row "static, clang, C++20, libc++, no spdlog" -DCMAKE_CXX_COMPILER=clang++-19 -DEDDY_LOG=OFF \
        "-DCMAKE_CXX_FLAGS=-stdlib=libc++ -fexperimental-library"
    install_verdict
}

install_verdict() {
    printf '\n%s\n' "$install_rows"
    [ -z "$install_failed" ]
}

install_row() { # WHAT CMAKE ARGUMENTS
    local begin=$SECONDS verdict=ok folder
    folder=build/install/$(printf '%s' "$1" | tr -cs 'a-z0-9+' _)
    if ! cmake --preset dev -B "$folder" -DEDDY_WERROR=ON -DEDDY_UNITY=ON \
        -DCMAKE_UNITY_BUILD_BATCH_SIZE=16 -DEDDY_TEST_STATIC=OFF -DEDDY_BUILD_SAMPLES=OFF \
        -DEDDY_TEST_PCH=OFF -DCMAKE_CXX_FLAGS_DEBUG=-O0 "${@:2}" ||
        ! cmake --build "$folder" --parallel "$(eddy_jobs)" --target eddy_libraries ||
        ! test_folder "$folder" -L install -E subdirectory; then
        verdict=FAILED
        install_failed=yes
    fi
    install_rows+=$(printf '%-45s %4d s   %s' "$1" $((SECONDS - begin)) "$verdict")$'\n'
}

# What is optimised: the libraries, the benchmarks, and of the tests the programs over all layers, each
# under more schedules than the rest has in the stage "seeds"; the services of the samples live through
# eight hours. All other tests, and the samples, are built so by night: "seeds_more", "lto", "hardened".
stage_release() {
    build release -DEDDY_BUILD_SAMPLES=OFF -DEDDY_UNITY=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 \
        -DEDDY_TEST_SOURCES='(executor/(scenario_|offload_stress)|simulation/)'
    test_preset release -LE '^simulation$'
    EDDY_STRESS=1000000 EDDY_SEEDS=0 build/release/tests/executor_tests -sf='*offload_stress*'
    EDDY_SEEDS=$((8 * seeds)) build/release/tests/executor_tests -sf='*scenario_order*'
    ./tests/simulate.sh 8 1
}

# All test cases under more schedules, in the build that is there: to optimise them for that would take
# three times as long as it saves.
stage_seeds() {
    ./tests/seeds.sh dev "$seeds"
}
