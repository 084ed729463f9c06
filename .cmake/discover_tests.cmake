# SPDX-License-Identifier: MIT
# Writes LIST_FILE, which registers every test case of the doctest executable EXECUTABLE with ctest,
# or with BY_FILE every source of it, all cases of which then run in one process.
# The environment variable EDDY_TEST_TIMEOUT (seconds) replaces the usual limit when ctest runs.
cmake_minimum_required(VERSION 3.24)

execute_process(
    COMMAND "${EXECUTABLE}" --list-test-cases --no-skip --reporters=xml
    OUTPUT_VARIABLE output
    COMMAND_ERROR_IS_FATAL ANY
)

# The names are text, but lists and brackets mean something to CMake.
string(REPLACE "[" "\\x5b" output "${output}")
string(REPLACE "]" "\\x5d" output "${output}")
string(REPLACE ";" "\\x3b" output "${output}")
string(REGEX MATCHALL "<TestCase [^\n]*" cases "${output}")

set(script
    "set(timeout 60)\n"
    "if(DEFINED ENV{EDDY_TEST_TIMEOUT})\n"
    "    set(timeout \$ENV{EDDY_TEST_TIMEOUT})\n"
    "endif()\n"
)
list(JOIN script "" script)

function(add_case test labels timeout)
    list(JOIN ARGN "]==] [==[" command)
    set(quoted "[==[${test}]==]")
    string(
        APPEND script
        "add_test(${quoted} [==[${command}]==])\n"
        "set_tests_properties(${quoted} PROPERTIES LABELS \"${labels}\" TIMEOUT \"${timeout}\""
        " FAIL_REGULAR_EXPRESSION \"test cases: +0 \")\n"
    )
    set(script "${script}" PARENT_SCOPE)
endfunction()

set(files "")
foreach(case IN LISTS cases)
    if(NOT case MATCHES "^<TestCase name=\"([^\"]*)\"")
        message(FATAL_ERROR "${EXECUTABLE} lists a test case without a name: ${case}")
    endif()
    set(name "${CMAKE_MATCH_1}")
    if(NOT case MATCHES " filename=\"([^\"]*)\"")
        message(FATAL_ERROR "${EXECUTABLE} lists a test case without a file: ${case}")
    endif()
    set(file "${CMAKE_MATCH_1}")
    if(case MATCHES " skipped=\"true\"")
        message(FATAL_ERROR "${file}: the test \"${name}\" is disabled")
    endif()

    string(REPLACE "\\x5b" "[" name "${name}")
    string(REPLACE "\\x5d" "]" name "${name}")
    string(REPLACE "&quot\\x3b" "\"" name "${name}")
    string(REPLACE "&apos\\x3b" "'" name "${name}")
    string(REPLACE "&lt\\x3b" "<" name "${name}")
    string(REPLACE "&gt\\x3b" ">" name "${name}")
    string(REPLACE "&amp\\x3b" "&" name "${name}")
    # Whatever doctest or ctest would take for syntax becomes "any one character".
    string(REGEX REPLACE "[][,\\\"*?]" "?" filter "${name}")
    string(REPLACE "?x3b" "?" filter "${filter}")
    string(REPLACE "\\x3b" "," name "${name}")

    file(RELATIVE_PATH header "${FOLDER}" "${file}")
    set(source "--source-file=*/${LAYER}/${header}")
    string(REGEX REPLACE "(_test)?\\.cpp$" "" header "${header}")
    set(test "${LAYER}/${header}")
    set(labels "${LAYER};${header}")
    if(NOT BY_FILE)
        add_case(
            "${test}: ${name}" "${labels}" "\${timeout}"
            "${EXECUTABLE}" "--test-case=${filter}" "${source}"
        )
    elseif(NOT file IN_LIST files)
        list(APPEND files "${file}")
        add_case("${test}" "${labels}" "\${timeout}" "${EXECUTABLE}" "${source}")
    endif()
endforeach()

file(WRITE "${LIST_FILE}" "${script}")
