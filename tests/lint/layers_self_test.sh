#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the checks of layers, rooms and homes: each must pass a small tree that is right, and find
# each of the faults that are put into it.
#
#   layers_self_test.sh CMAKE
# shellcheck disable=SC2016  # Backticks are Markdown's.
set -eu

cmake=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# put FILE LINE...
put() {
    mkdir -p "$tree/$(dirname "$1")"
    put_into=$tree/$1
    shift
    printf '%s\n' "$@" >"$put_into"
}

# in_library FILE LINE...: the lines in the namespace of the library
in_library() {
    library_file=$1
    shift
    put "$library_file" 'namespace eddy::inline v1_2 {' "$@" '}  // namespace eddy::inline v1_2'
}

new_tree() {
    tree=$work/tree
    rm -rf "$tree"
    put CMakeLists.txt '    VERSION 1.2.3'
    put .cmake/rooms.cmake 'set(rooms low high)' 'set(low_sees "")' 'set(high_sees low)' \
        'set(low_headers alone)' 'set(high_headers "")'
    cp "$here/../../.cmake/check_layers.cmake" "$tree/.cmake"
    put runtime/src/README.md '| `low/` | all |' '| `high/` | all |'
    in_library runtime/include/eddy/alone.hpp 'int alone();'
    in_library runtime/include/eddy/floor.hpp 'class EDDY_API Floor final {' '    void tread();' '};' \
        'class Floor::Board {' '    Board();' '};' 'EDDY_API void sweep(Floor& floor);'
    in_library runtime/src/low/floor.cpp '#include <eddy/floor.hpp>' 'void Floor::tread() {' '}' \
        'Floor::Board::Board() {}' 'void sweep(Floor& floor) {' '    floor.tread();' '}'
    in_library runtime/include/eddy/roof.hpp '#include <eddy/floor.hpp>' \
        'class Roof : public Floor {' '    ~Roof();' '};'
    in_library runtime/src/high/roof.cpp '#include <uv.h>' '#include <eddy/roof.hpp>' \
        'namespace {' 'void sweep(Floor&) {' '}' '}  // namespace' 'Roof::~Roof() = default;'
    in_library primitives/include/eddy/lamp.hpp '#include <eddy/roof.hpp>' 'bool lit() noexcept;'
    in_library primitives/src/lamp.cpp '#include <eddy/lamp.hpp>' 'bool lit() noexcept {' \
        '    return true;' '}'
    in_library executor/include/eddy/motor.hpp '#include <eddy/roof.hpp>'
    put tests/runtime/roof_test.cpp '#include <eddy/roof.hpp>'
}

# check: what both of them say
check() {
    result=0
    "$cmake" -D "ROOT=$tree" -P "$tree/.cmake/check_layers.cmake" >"$work/said" 2>&1 || result=$?
    sh "$here/homes.sh" "$tree" >>"$work/said" 2>&1 || result=$?
}

# finds TEXT: the tree as it is now fails with it; then it is made anew
finds() {
    check
    # What CMake says is wrapped.
    if [ "$result" -eq 0 ] || ! tr -s ' \n' '  ' <"$work/said" | grep -qF -e "$1"; then
        printf 'not found: %s\n' "$1"
        cat "$work/said"
        failed=1
    fi
    new_tree
}

new_tree
check
if [ "$result" -ne 0 ]; then
    cat "$work/said"
    exit 1
fi

# Layers.
put tests/runtime/roof_test.cpp '#include <uv.h>'
finds 'only runtime/src may include <uv.h>'
in_library primitives/src/lamp.cpp '#include <uv/unix.h>'
finds 'only runtime/src may include <uv/unix.h>'
in_library runtime/include/eddy/roof.hpp '#include <eddy/lamp.hpp>'
finds 'runtime must not see <eddy/lamp.hpp> of primitives'
in_library primitives/include/eddy/lamp.hpp '#include <eddy/motor.hpp>'
finds 'primitives must not see <eddy/motor.hpp> of executor'
in_library executor/include/eddy/motor.hpp '#include <eddy/lamp.hpp>'
finds 'executor must not see <eddy/lamp.hpp> of primitives'
in_library executor/include/eddy/lamp.hpp 'int twice();'
finds 'executor/include/eddy/lamp.hpp: primitives has one of this name'
put primitives/src/lamp.cpp 'namespace eddy {'
finds 'should be in eddy::inline v1_2'
put primitives/src/lamp.cpp 'namespace eddy::inline v1_1::detail {'
finds 'should be in eddy::inline v1_2'

# Rooms.
in_library runtime/include/eddy/floor.hpp '#include <eddy/roof.hpp>'
finds 'the room low must not see eddy/roof.hpp of high'
in_library runtime/src/high/beam.hpp 'int beam();'
in_library runtime/src/low/floor.cpp '#include "high/beam.hpp"'
finds 'the room low must not see high/beam.hpp of high'
in_library runtime/src/stray.cpp 'int stray;'
finds 'runtime/src/stray.cpp: every source is in a room'
in_library runtime/src/cellar/wine.cpp 'int wine;'
finds 'there is no such room'
put runtime/src/README.md '| `low/` | all |'
finds 'says nothing of the room high/'
in_library runtime/include/eddy/nowhere.hpp 'int nowhere();'
finds 'has no source; say in .cmake/rooms.cmake which room it is in'
in_library runtime/src/low/alone.cpp '#include <eddy/alone.hpp>'
finds 'lists alone as a header without a source'
rm "$tree/runtime/include/eddy/alone.hpp"
finds 'has no alone.hpp, which .cmake/rooms.cmake lists'

# Homes.
in_library runtime/src/high/roof.cpp 'void Floor::tread() {' '}'
finds 'runtime/src/high/roof.cpp:2: Floor::tread is at home in floor.cpp'
in_library runtime/src/high/roof.cpp 'Floor::Board::Board() {}'
finds 'Floor::Board::Board is at home in floor.cpp'
in_library runtime/src/high/roof.cpp 'void sweep(Floor& floor) {' '    floor.tread();' '}'
finds 'sweep is at home in floor.cpp'
in_library runtime/src/low/floor.cpp 'Roof::~Roof() = default;'
finds 'Roof::~Roof is at home in roof.cpp'
in_library primitives/src/bulb.cpp '[[nodiscard]] bool lit() noexcept {' '    return true;' '}'
finds 'primitives/src/bulb.cpp:2: lit is at home in lamp.cpp'
in_library primitives/src/bulb.cpp 'std::vector<int> detail::Roof::all(' '    int one,' \
    '    int two) const noexcept {' '    return {one, two};' '}'
finds 'primitives/src/bulb.cpp:2: Roof::all is at home in roof.cpp'
put tests/lint/homes.exceptions '# why' 'bulb.cpp:lit  it is dark'
finds 'bulb.cpp:lit is listed as away from home, and is not'
put tests/lint/homes.exceptions '# why' 'bulb.cpp:lit  it is dark'
in_library primitives/src/bulb.cpp 'bool lit() {' '    return true;' '}'
check
if [ "$result" -ne 0 ]; then
    echo 'an exception is none'
    cat "$work/said"
    failed=1
fi

[ "$failed" -eq 0 ] && echo 'layers, rooms and homes: every fault was found'
exit "$failed"
