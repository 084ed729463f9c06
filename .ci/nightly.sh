# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by .ci/run: the stages that take too long for every change, or find too little for what they
# cost. Each ends within half an hour on two cores, and installs what it needs.

# Clang's sanitizers see what g++'s do not, and the other way round.
stage_clang_asan() {
    eddy_deps build tests clang
    local sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    cmake --preset clang -B build/clang_asan -DEDDY_WERROR=ON -DEDDY_TEST_BY_FILE=ON \
        -DEDDY_TEST_STATIC=OFF -DCMAKE_CXX_FLAGS="$sanitize" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1"
    cmake --build build/clang_asan --parallel "$(eddy_jobs)" -- -k 0
    local -x EDDY_TEST_TIMEOUT=300
    test_folder build/clang_asan
}

# The standard library's containers and iterators check their users. spdlog's are not those, so it is
# left out.
stage_containers() {
    eddy_deps build tests
    cmake --preset dev -B build/containers -DEDDY_WERROR=ON -DEDDY_LOG=OFF -DEDDY_UNITY=ON \
        -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 -DEDDY_TEST_BY_FILE=ON -DEDDY_TEST_STATIC=OFF \
        -DEDDY_TEST_INSTALL=OFF -DEDDY_BUILD_SAMPLES=OFF \
        -DCMAKE_CXX_FLAGS_DEBUG="-g1 -D_GLIBCXX_DEBUG -D_GLIBCXX_DEBUG_PEDANTIC"
    cmake --build build/containers --parallel "$(eddy_jobs)" -- -k 0
    local -x EDDY_TEST_TIMEOUT=300
    test_folder build/containers
}

# What distributions compile with, and clang's optimiser; and no test leans on a precompiled header.
stage_hardened() {
    # shellcheck disable=SC2046  # A list of words.
    eddy_deps build tests clang $(eddy_sample_needs)
    cmake --preset clang -B build/hardened -DEDDY_WERROR=ON -DEDDY_HARDEN=ON \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="-D_GLIBCXX_ASSERTIONS" \
        -DCMAKE_CXX_FLAGS_RELEASE="-O2 -g1 -DNDEBUG" -DEDDY_TEST_PCH=OFF -DEDDY_TEST_BY_FILE=ON \
        -DEDDY_TEST_STATIC=OFF
    cmake --build build/hardened --parallel "$(eddy_jobs)" -- -k 0
    test_folder build/hardened
}

# The optimiser sees through the library: g++ 12 has most of its coroutine faults there.
stage_lto() {
    # shellcheck disable=SC2046  # A list of words.
    eddy_deps build tests $(eddy_sample_needs)
    cmake --preset release -B build/lto -DEDDY_WERROR=OFF -DEDDY_BUILD_BENCH=OFF \
        -DCMAKE_CXX_FLAGS="-flto=auto -fno-fat-lto-objects" -DEDDY_TEST_BY_FILE=ON
    cmake --build build/lto --parallel "$(eddy_jobs)" -- -k 0
    test_folder build/lto
}

# What no sanitizer sees: memory that was never written. Threads take turns there, so that what measures
# time, or needs many steps, is left out.
stage_valgrind() {
    eddy_deps build tests valgrind
    cmake --preset dev -B build/valgrind -DEDDY_WERROR=ON -DEDDY_TEST_STATIC=OFF \
        -DEDDY_TEST_INSTALL=OFF -DEDDY_BUILD_SAMPLES=OFF -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g"
    cmake --build build/valgrind --parallel "$(eddy_jobs)" --target primitives_tests
    # The tests' own operator new stays: it counts, and fails on request.
    valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --soname-synonyms=somalloc=nouserintercepts \
        build/valgrind/tests/primitives_tests -sfe='*_model_test*,*_cost_test*,*off_loop*,*remote_*'
}

# What no test reaches.
stage_coverage() {
    ./tests/coverage.sh
}

# What is seldom, by doing it often.
stage_storms() {
    ./tests/storms.sh
}

# Twenty minutes: half of them for whole programs, the other half for all others.
stage_fuzz_longer() {
    local -a others=()
    local source name
    for source in tests/fuzz/*_fuzz.cpp; do
        name=$(basename "$source" _fuzz.cpp)
        [[ " program scopes " = *" $name "* ]] || others+=("$name")
    done
    ./tests/fuzz.sh 600 program scopes
    local each=$((600 * $(eddy_jobs) / ${#others[@]}))
    ./tests/fuzz.sh $((each < 600 ? each : 600)) "${others[@]}"
}

# Interleavings with three pre-emptions; every day there are two.
stage_explore() {
    eddy_deps build tests
    build dev
    local -x EDDY_EXPLORE_PREEMPTIONS=3
    test_preset dev -R '^explore: [a-z_]+$'
}

# All tests optimised, under twenty times the schedules and programs of the stage "seeds", and days with
# other weather.
stage_seeds_more() {
    ./tests/seeds.sh release $((20 * seeds))
    EDDY_SEEDS=10000 build/release/tests/executor_tests -sf='*scenario_order*'
    local seed
    for seed in 1 2 3 4 5 6; do
        ./tests/simulate.sh 24 $seed
    done
}

# What the compiler of the library must not do to the tests either.
stage_lint_tests() {
    # shellcheck disable=SC2046  # A list of words.
    eddy_deps build tests lint $(eddy_sample_needs)
    build dev
    test_preset dev -L lint
}

# Builds what depends on libuv or on how a loop is woken, and all that it wakes.
build_wake() { # EDDY_WAKE
    cmake --preset dev -B build/libuv -DEDDY_WERROR=ON -DEDDY_WAKE="$1" \
        -DCMAKE_PREFIX_PATH="$libuv13" -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 \
        -DCMAKE_CXX_FLAGS_DEBUG=-D_GLIBCXX_ASSERTIONS -DEDDY_TEST_SOURCES="$woken" \
        -DEDDY_TEST_BY_FILE=ON -DEDDY_TEST_STATIC=OFF -DEDDY_TEST_INSTALL=OFF \
        -DEDDY_BUILD_SAMPLES=OFF
    cmake --build build/libuv --parallel "$(eddy_jobs)" --target runtime_tests executor_tests
}

# All ways to wake a loop, on this libuv and on a current one.
stage_wake() {
    eddy_deps build tests libuv
    local woken='executor/|runtime/(attach|inbox|post|loop|fork|signals|shutdown|teardown)'
    local libuv13 current systems auto=eventfd
    libuv13=$(./.ci/libuv13.sh)
    current=$libuv13/lib
    systems=$(pkg-config --variable=libdir libuv)
    ! pkg-config --atleast-version=1.45 libuv || auto=uv_async

    build_wake eventfd
    test_wake build/libuv "$current" eventfd "^($woken)"
    build_wake uv_async
    test_wake build/libuv "$systems" uv_async "^($woken)"
    build_wake auto
    test_wake build/libuv "$current" uv_async "^($woken)"
    test_wake build/libuv "$systems" "$auto" '^runtime/(inbox|post)'
}

# The users that the stage "install" leaves out.
stage_install_more() {
    # shellcheck disable=SC2046  # A list of words.
    eddy_deps build tests clang $(eddy_sample_needs)
    install_rows=""
    install_failed=""
    install_row "static, g++, C++23" -DCMAKE_CXX_STANDARD=23
    install_row "shared, clang, C++23" -DBUILD_SHARED_LIBS=ON -DCMAKE_CXX_STANDARD=23 \
        -DCMAKE_CXX_COMPILER=clang++-19
    install_verdict
}
