# SPDX-License-Identifier: MIT
# How the tests are put together; tests/ and its subfolders use it.

set(eddy_scripts "${CMAKE_CURRENT_LIST_DIR}")

set(eddy_pch_headers
    <doctest/doctest.h>
    <algorithm>
    <array>
    <atomic>
    <chrono>
    <coroutine>
    <cstdint>
    <exception>
    <functional>
    <map>
    <memory>
    <mutex>
    <optional>
    <span>
    <sstream>
    <stdexcept>
    <stop_token>
    <string>
    <string_view>
    <thread>
    <tuple>
    <utility>
    <variant>
    <vector>
)

# eddy_add_tests(<layer> [LINK <libs>...] [THREADS <regex>])
#
# Makes <layer>_tests from every source in the folder tests/<layer>, and a ctest test of each of its
# test cases, named "<layer>/<header>: <test case>", with the labels <layer> and <header>; with
# EDDY_TEST_BY_FILE one of each of its sources, "<layer>/<header>". With EDDY_TEST_THREADS_ONLY only
# the sources with a line that matches THREADS: those in which threads share something, or that a
# sanitizer can break. With EDDY_TEST_SOURCES only those whose path below tests/ matches that.
function(eddy_add_tests layer)
    cmake_parse_arguments(arg "" "THREADS" "LINK" ${ARGN})
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${layer}")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
    if(EDDY_TEST_THREADS_ONLY AND arg_THREADS)
        foreach(source IN LISTS sources)
            file(STRINGS "${source}" found LIMIT_COUNT 1 REGEX "${arg_THREADS}")
            if(NOT found)
                list(REMOVE_ITEM sources "${source}")
            endif()
        endforeach()
    endif()
    if(EDDY_TEST_SOURCES)
        set(tests "${sources}")
        list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
        list(REMOVE_ITEM sources ${tests})
        list(FILTER tests INCLUDE REGEX "/tests/(${EDDY_TEST_SOURCES})")
        list(APPEND sources ${tests})
    endif()
    if(NOT sources)
        return()
    endif()
    set(target ${layer}_tests)
    add_executable(${target} ${sources})
    target_link_libraries(
        ${target}
        PRIVATE eddy_doctest_main eddy_testing eddy_${layer} ${arg_LINK}
    )
    set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
    eddy_set_warnings(${target})
    if(EDDY_TEST_PCH)
        target_precompile_headers(${target} PRIVATE ${eddy_pch_headers})
        # Optimising, g++ 12 takes the copy of a long std::string for one into the place of a short
        # one (GCC bugs 105329, 105651). It keeps that for itself where the header is a system's, but
        # not once it is precompiled. The sanitizers see real ones.
        target_compile_options(
            ${target}
            PRIVATE
                $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread>
        )
    endif()
    target_compile_options(${target} PRIVATE ${EDDY_TEST_OPTIONS})

    set(list_file "${CMAKE_CURRENT_BINARY_DIR}/${target}.cmake")
    add_custom_command(
        TARGET ${target}
        POST_BUILD
        COMMAND
            "${CMAKE_COMMAND}" -D "EXECUTABLE=$<TARGET_FILE:${target}>" -D "LAYER=${layer}"
            -D "FOLDER=${folder}" -D "LIST_FILE=${list_file}" -D "BY_FILE=${EDDY_TEST_BY_FILE}"
            -P "${eddy_scripts}/discover_tests.cmake"
        BYPRODUCTS "${list_file}"
        VERBATIM
    )
    file(
        WRITE "${CMAKE_CURRENT_BINARY_DIR}/${target}_include.cmake"
        "if(EXISTS \"${list_file}\")\n"
        "    include(\"${list_file}\")\n"
        "else()\n"
        "    add_test(${target}_is_not_built ${target}_is_not_built)\n"
        "endif()\n"
    )
    set_property(
        DIRECTORY
        APPEND
        PROPERTY TEST_INCLUDE_FILES "${CMAKE_CURRENT_BINARY_DIR}/${target}_include.cmake"
    )
endfunction()

# eddy_add_must_not_compile(<test> SOURCE <file> ERROR <regex> LINK <targets>... [LABELS <labels>...])
#
# Adds a test that passes when the compiler accepts the file as it is, and rejects it with a message
# that matches the regex once EDDY_MUST_NOT_COMPILE is defined. The first half makes sure that
# the second one fails for the reason it was written for.
function(eddy_add_must_not_compile test)
    cmake_parse_arguments(arg "" "SOURCE;ERROR" "LINK;LABELS" ${ARGN})
    cmake_path(ABSOLUTE_PATH arg_SOURCE)
    string(MAKE_C_IDENTIFIER "must_not_compile_${test}" target)
    # Never built: it collects the flags that a source with this link line gets.
    add_library(${target} OBJECT EXCLUDE_FROM_ALL "${arg_SOURCE}")
    target_link_libraries(${target} PRIVATE ${arg_LINK})
    separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
    add_test(
        NAME "${test}"
        COMMAND
            "${CMAKE_COMMAND}" -D "COMPILER=${CMAKE_CXX_COMPILER}"
            -D "FLAGS=-std=c++20;-Wall;${flags};$<TARGET_PROPERTY:${target},COMPILE_OPTIONS>"
            -D "DEFINITIONS=$<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>"
            -D "INCLUDES=$<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>"
            -D "SOURCE=${arg_SOURCE}" -D "ERROR=${arg_ERROR}"
            -P "${eddy_scripts}/must_not_compile.cmake"
    )
    set_tests_properties("${test}" PROPERTIES LABELS "compile;${arg_LABELS}" TIMEOUT 120)
endfunction()
