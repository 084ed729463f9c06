# SPDX-License-Identifier: MIT
# Checks that a C++ block of README is the file SAMPLE, to the byte.
cmake_minimum_required(VERSION 3.24)

file(READ "${README}" text)
file(READ "${SAMPLE}" sample)
string(FIND "${text}" "```cpp\n${sample}```\n" found)
if(found EQUAL -1)
    message(FATAL_ERROR "No program of ${README} is ${SAMPLE}. Copy the file into it.")
endif()
