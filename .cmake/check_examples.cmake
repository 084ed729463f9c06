# SPDX-License-Identifier: MIT
# cmake -D ROOT=<checkout> -P check_examples.cmake
#
# Checks that every C++ block of a page, but for white space, stands in a sample or in a test called
# *_example_test.cpp or own_primitive_test.cpp, so that it is compiled and run, or is quoted from a
# public header. And that what such a test says it took from a header, between "// Shown in FILE."
# and "// Shown so far.", stands in that header's comments.
cmake_minimum_required(VERSION 3.24)

set(failures "")

function(strip text out)
    string(REGEX REPLACE "[ \t\r\n]+" "" text "${text}")
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE programs "${ROOT}/samples/*.[ch]pp")
file(
    GLOB_RECURSE quoted
    "${ROOT}/runtime/include/eddy/*.hpp"
    "${ROOT}/primitives/include/eddy/*.hpp"
    "${ROOT}/executor/include/eddy/*.hpp"
)
list(FILTER quoted EXCLUDE REGEX "/detail/")
file(GLOB_RECURSE tests "${ROOT}/tests/*_example_test.cpp" "${ROOT}/tests/own_primitive_test.cpp")
set(compiled "")
foreach(file IN LISTS programs quoted tests)
    file(READ "${file}" text)
    strip("${text}" text)
    string(APPEND compiled "${text}\n")
endforeach()

set(blocks 0)
file(GLOB_RECURSE pages RELATIVE "${ROOT}" "${ROOT}/*.md")
list(FILTER pages EXCLUDE REGEX "^(build|\\.git|\\.cache)/")
foreach(page IN LISTS pages)
    file(READ "${ROOT}/${page}" text)
    while(TRUE)
        string(FIND "${text}" "```cpp\n" begin)
        if(begin EQUAL -1)
            break()
        endif()
        math(EXPR begin "${begin} + 7")
        string(SUBSTRING "${text}" ${begin} -1 text)
        string(FIND "${text}" "\n```" end)
        string(SUBSTRING "${text}" 0 ${end} block)
        math(EXPR blocks "${blocks} + 1")
        strip("${block}" stripped)
        string(FIND "${compiled}" "${stripped}" found)
        if(found EQUAL -1)
            string(REGEX REPLACE "\n.*" "" first "${block}")
            string(APPEND failures "  ${page}: \"${first} ...\" is compiled nowhere\n")
        endif()
    endwhile()
endforeach()

set(shown 0)
foreach(file IN LISTS tests)
    file(READ "${file}" text)
    while(TRUE)
        string(FIND "${text}" "// Shown in " begin)
        if(begin EQUAL -1)
            break()
        endif()
        math(EXPR begin "${begin} + 12")
        string(SUBSTRING "${text}" ${begin} -1 text)
        string(FIND "${text}" ".\n" end)
        string(SUBSTRING "${text}" 0 ${end} header)
        math(EXPR end "${end} + 2")
        string(SUBSTRING "${text}" ${end} -1 text)
        string(FIND "${text}" "// Shown so far." end)
        if(end EQUAL -1 OR NOT EXISTS "${ROOT}/${header}")
            string(APPEND failures "  ${file}: what does it show of ${header}, and how far?\n")
            break()
        endif()
        string(SUBSTRING "${text}" 0 ${end} example)
        math(EXPR shown "${shown} + 1")
        file(READ "${ROOT}/${header}" comment)
        string(REPLACE "///" "" comment "${comment}")
        strip("${comment}" comment)
        strip("${example}" example)
        string(FIND "${comment}" "${example}" found)
        if(found EQUAL -1)
            string(APPEND failures "  ${header}: its example is not the one that ${file} compiles\n")
        endif()
    endwhile()
endforeach()

if(blocks LESS 5 OR shown LESS 2)
    message(FATAL_ERROR "Only ${blocks} blocks and ${shown} examples found below ${ROOT}")
endif()
if(failures)
    message(FATAL_ERROR "Examples that nobody compiles:\n${failures}"
        "Put them into a sample or a *_example_test.cpp, word by word.")
endif()
message(STATUS "${blocks} blocks of pages and ${shown} of headers, all compiled")
