# SPDX-License-Identifier: MIT
# The part of the compiler canary that checks what does not compile. COMPILER, COMPILER_ID,
# COMPILER_VERSION, SOURCE.
#
# Every case is valid C++20 that g++ 12 rejects: with g++ an error is reported, with any other
# compiler it is a failure.
cmake_minimum_required(VERSION 3.24)

function(compile)
    execute_process(
        COMMAND "${COMPILER}" -std=c++20 -fsyntax-only ${ARGN} "${SOURCE}"
        RESULT_VARIABLE result
        OUTPUT_VARIABLE output
        ERROR_VARIABLE output
    )
    set(result "${result}" PARENT_SCOPE)
    set(output "${output}" PARENT_SCOPE)
endfunction()

message("compiler: ${COMPILER_ID} ${COMPILER_VERSION}")
compile()
if(NOT result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} does not compile even without a case:\n${output}")
endif()

set(failed 0)
file(STRINGS "${SOURCE}" lines REGEX "^#ifdef CANARY_")
foreach(line IN LISTS lines)
    string(REGEX MATCH "CANARY_(B[0-9])_(.*)$" macro "${line}")
    set(label "listed   ${CMAKE_MATCH_1}  ${CMAKE_MATCH_2}")
    compile(-D${macro})
    if(result EQUAL 0)
        message("ok   ${label}")
        if(COMPILER_ID STREQUAL "GNU" AND COMPILER_VERSION VERSION_LESS 13)
            message("     the list can shrink: this works with this compiler")
        endif()
    else()
        string(REGEX MATCH "error: [^\n]*" error "${output}")
        message("bad  ${label}   ${error}")
        if(NOT COMPILER_ID STREQUAL "GNU")
            message("     ^ FAILED: this must compile with every compiler but g++\n${output}")
            math(EXPR failed "${failed} + 1")
        endif()
    endif()
endforeach()
if(failed GREATER 0)
    message(FATAL_ERROR "${failed} cases failed")
endif()
