#!/bin/sh
# SPDX-License-Identifier: MIT
# .ci/skipped.sh on what ctest really writes: skipped_test.sh CTEST
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/expect.sh"
ctest=$1

mkdir "$work/build"
cat >"$work/build/CTestTestfile.cmake" <<'CMAKE'
add_test("plain" sh -c "echo fine")
add_test("in part: <a> & \"b\"" sh -c "echo '[skipped] no terminals here'")
add_test("by status" sh -c "exit 77")
set_tests_properties("by status" PROPERTIES SKIP_RETURN_CODE 77)
add_test("disabled" sh -c "exit 1")
set_tests_properties("disabled" PROPERTIES DISABLED ON)
add_test("not there" "/no/such/program")
add_test("talks of it" sh -c "echo 'the item was skipped'")
CMAKE

check() { # RESULTS LIST: what is complained of, one name a line, and the status
    status=0
    printf '%s\n' "$2" >"$work/skips"
    EDDY_SKIPS=$work/skips sh "$here/../../.ci/skipped.sh" "$1" 2>"$work/said" || status=$?
    sed -n 's/^eddy: skipped, and .* list it: "\(.*\)": .*/\1/p' "$work/said" | sort | tr '\n' ,
    echo $status
}

"$ctest" --test-dir "$work/build" --output-junit "$work/all.xml" \
    --test-output-size-passed 1000000 >"$work/out" 2>&1 || true
all='by status,disabled,in part: <a> & "b",not there,'
expect 'all kinds are found' "${all}1" "$(check "$work/all.xml" '# nothing')"
expect 'who is listed may be skipped' "disabled,not there,1" \
    "$(check "$work/all.xml" 'by status | a reason
in part: .* | another')"
expect 'the whole name is meant' "${all}1" "$(check "$work/all.xml" 'status|part | a reason')"
expect 'without a reason nobody is listed' "${all}1" "$(check "$work/all.xml" 'by status')"
expect 'all may be listed' 0 "$(check "$work/all.xml" '.* | a reason')"

"$ctest" --test-dir "$work/build" -R '^(plain|talks of it)$' --output-junit "$work/two.xml" \
    --test-output-size-passed 1000000 >"$work/out" 2>&1
expect 'nothing is skipped' 0 "$(check "$work/two.xml" '# nothing')"

# No results are no good news.
: >"$work/empty.xml"
expect 'results that are empty' 1 "$(check "$work/empty.xml" '# nothing')"
head -n 14 "$work/all.xml" >"$work/cut.xml"
expect 'results that are cut' 1 "$(check "$work/cut.xml" '# nothing')"
finish
