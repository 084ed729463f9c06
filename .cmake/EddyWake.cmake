# SPDX-License-Identifier: MIT
# EDDY_WAKE: how another thread makes the poll of a loop return. executor/README.md has the figures.

set(EDDY_WAKE auto CACHE STRING "How another thread wakes a loop: auto, uv_async or eventfd")
set_property(CACHE EDDY_WAKE PROPERTY STRINGS auto uv_async eventfd)

if(NOT EDDY_WAKE MATCHES "^(auto|uv_async|eventfd)$")
    message(FATAL_ERROR "EDDY_WAKE is \"${EDDY_WAKE}\"; it must be auto, uv_async or eventfd.")
endif()
if(EDDY_WAKE STREQUAL "eventfd")
    include(CheckIncludeFileCXX)
    check_include_file_cxx(sys/eventfd.h EDDY_HAS_EVENTFD)
    if(NOT EDDY_HAS_EVENTFD)
        message(
            FATAL_ERROR
            "EDDY_WAKE is eventfd, but ${CMAKE_SYSTEM_NAME} has no <sys/eventfd.h>: configure with "
            "-DEDDY_WAKE=auto or -DEDDY_WAKE=uv_async."
        )
    endif()
endif()

# The one source that knows, so that another choice compiles no other.
function(eddy_set_wake source)
    string(TOUPPER "EDDY_WAKE_${EDDY_WAKE}" definition)
    set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_DEFINITIONS ${definition})
endfunction()
