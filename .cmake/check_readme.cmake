# SPDX-License-Identifier: MIT
# Checks that the first C++ block of README is the file SAMPLE, to the byte.
cmake_minimum_required(VERSION 3.24)

file(READ "${README}" text)
file(READ "${SAMPLE}" sample)
set(fence "```cpp\n")
string(FIND "${text}" "${fence}" begin)
if(begin EQUAL -1)
    message(FATAL_ERROR "${README} has no block that starts with ${fence}")
endif()
string(LENGTH "${fence}" length)
math(EXPR begin "${begin} + ${length}")
string(SUBSTRING "${text}" ${begin} -1 text)
string(FIND "${text}" "```" end)
string(SUBSTRING "${text}" 0 ${end} block)
if(NOT block STREQUAL sample)
    message(FATAL_ERROR "The first program of ${README} is not ${SAMPLE}. Copy the file into it.")
endif()
