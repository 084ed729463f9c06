# SPDX-License-Identifier: MIT
# EDDY_LIBUV=host: Eddy becomes a part of a plugin whose host has a libuv and exports it, as node
# does. Only headers are needed, those of the host's libuv; the symbols are the host's. So nothing
# that is a program can be built.

if(NOT EDDY_LIBUV_INCLUDE_DIR)
    find_program(EDDY_NODE NAMES node nodejs DOC "the node whose headers are taken")
    if(EDDY_NODE)
        execute_process(
            COMMAND "${EDDY_NODE}" -p "process.execPath"
            OUTPUT_VARIABLE eddy_host
            OUTPUT_STRIP_TRAILING_WHITESPACE
        )
        cmake_path(GET eddy_host PARENT_PATH eddy_host)
        find_path(
            EDDY_LIBUV_INCLUDE_DIR uv.h
            PATHS "${eddy_host}/../include/node"
            NO_DEFAULT_PATH
            DOC "the folder of the uv.h of the host"
        )
        execute_process(
            COMMAND "${EDDY_NODE}" -p "process.config.variables.node_shared_libuv"
            OUTPUT_VARIABLE eddy_host_shares
            OUTPUT_STRIP_TRAILING_WHITESPACE
        )
        if(eddy_host_shares STREQUAL "true")  # Debian's node uses the installed one itself
            find_path(EDDY_LIBUV_INCLUDE_DIR uv.h)
        endif()
    endif()
endif()
if(NOT EXISTS "${EDDY_LIBUV_INCLUDE_DIR}/uv.h")
    message(
        FATAL_ERROR
        "EDDY_LIBUV=host needs the headers of the host's libuv: -DEDDY_LIBUV_INCLUDE_DIR=<folder of "
        "uv.h>. Those of node are in its include/node (Debian: libnode-dev)."
    )
endif()
if(EDDY_BUILD_TESTS OR EDDY_BUILD_SAMPLES OR EDDY_BUILD_BENCH)
    message(
        FATAL_ERROR
        "With EDDY_LIBUV=host there are no programs, only libraries for a plugin: configure with "
        "-DEDDY_BUILD_TESTS=OFF -DEDDY_BUILD_SAMPLES=OFF -DEDDY_BUILD_BENCH=OFF."
    )
endif()

message(STATUS "eddy: libuv is the host's, with headers in ${EDDY_LIBUV_INCLUDE_DIR}")
add_library(libuv::uv INTERFACE IMPORTED GLOBAL)
set_target_properties(
    libuv::uv
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${EDDY_LIBUV_INCLUDE_DIR}"
)
set(EDDY_INSTALL OFF)
