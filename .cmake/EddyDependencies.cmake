# SPDX-License-Identifier: MIT
# libuv, spdlog unless EDDY_LOG is off, and doctest for the tests and the test kit: an installed one where there is one,
# otherwise, with EDDY_FETCH_DEPS, a pinned release built with Eddy.

include(FetchContent)
set(EDDY_FETCHED_DEPS "")

# Whoever links Eddy from another folder has to see its dependencies too.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

# Fetched projects take their options from the variables set here.
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
set(eddy_system "")
if(CMAKE_VERSION VERSION_GREATER_EQUAL 3.25)
    set(eddy_system SYSTEM)
endif()

macro(_eddy_fetch name commit repository)
    message(STATUS "eddy: ${name} is not installed, fetching it from ${repository}")
    FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${commit} ${eddy_system})
    FetchContent_MakeAvailable(${name})
    list(APPEND EDDY_FETCHED_DEPS ${name})
endmacro()

function(_eddy_missing what debian)
    message(
        FATAL_ERROR
        "eddy needs ${what}. Install it (Debian: apt-get install ${debian}), or configure with "
        "-DEDDY_FETCH_DEPS=ON to download and build it."
    )
endfunction()

find_package(Threads REQUIRED)

set(EDDY_LIBUV installed CACHE STRING "Whose libuv: an installed one, or the host's of a plugin")
set_property(CACHE EDDY_LIBUV PROPERTY STRINGS installed host)
if(EDDY_LIBUV STREQUAL "host" AND NOT TARGET libuv::uv)
    include(EddyHostLibuv)
endif()
if(NOT TARGET libuv::uv)
    find_package(libuv 1.44 MODULE QUIET)
endif()
if(NOT TARGET libuv::uv)
    if(NOT EDDY_FETCH_DEPS)
        _eddy_missing("libuv >= 1.44" libuv1-dev)
    endif()
    set(LIBUV_BUILD_SHARED OFF)
    set(LIBUV_BUILD_TESTS OFF)
    set(LIBUV_BUILD_BENCH OFF)
    _eddy_fetch(libuv 5152db2cbfeb5582e9c27c5ea1dba2cd9e10759b # v1.51.0
        https://github.com/libuv/libuv.git
    )
    set_target_properties(uv_a PROPERTIES POSITION_INDEPENDENT_CODE ON)
    add_library(libuv::uv ALIAS uv_a)
endif()

if(EDDY_LOG AND NOT TARGET spdlog::spdlog)
    find_package(spdlog 1.9 CONFIG QUIET)
endif()
if(EDDY_LOG AND NOT TARGET spdlog::spdlog)
    if(NOT EDDY_FETCH_DEPS)
        _eddy_missing("spdlog >= 1.9, or -DEDDY_LOG=OFF" libspdlog-dev)
    endif()
    set(SPDLOG_BUILD_PIC ON)
    _eddy_fetch(spdlog 7c02e204c92545f869e2f04edaab1f19fe8b19fd # v1.13.0
        https://github.com/gabime/spdlog.git
    )
endif()

if((EDDY_TESTING OR EDDY_BUILD_TESTS) AND NOT TARGET doctest::doctest)
    find_package(doctest 2.4 CONFIG QUIET)
    if(NOT TARGET doctest::doctest)
        if(EDDY_FETCH_DEPS)
            set(DOCTEST_WITH_TESTS OFF)
            set(DOCTEST_NO_INSTALL ON)
            _eddy_fetch(doctest 1da23a3e8119ec5cce4f9388e91b065e20bf06f5 # v2.4.12
                https://github.com/doctest/doctest.git
            )
        elseif(EDDY_BUILD_TESTS)
            _eddy_missing("doctest for its tests" doctest-dev)
        else()
            message(STATUS "eddy: doctest is not installed, so there is no eddy::testing")
            set(EDDY_TESTING OFF)
        endif()
    endif()
endif()
if(EDDY_BUILD_TESTS)
    set(EDDY_TESTING ON)
endif()

if(EDDY_FETCHED_DEPS AND EDDY_INSTALL)
    message(STATUS "eddy: not installable, because it was built with fetched dependencies")
    set(EDDY_INSTALL OFF)
endif()
