# SPDX-License-Identifier: MIT
# Plays the user NAME of Eddy, in the fresh folder WORK. The settings come from CMakeLists.txt.
cmake_minimum_required(VERSION 3.24)

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(configure
    "${CMAKE_COMMAND}"
    -G "${GENERATOR}"
    -B "${WORK}"
    -D "CMAKE_CXX_COMPILER=${CXX}"
    -D "CMAKE_CXX_FLAGS=${CXX_FLAGS}"
    -D CMAKE_BUILD_TYPE=Debug
)

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

if(NAME STREQUAL "prefix")
    file(REMOVE_RECURSE "${PREFIX}")
    run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}")
elseif(NAME STREQUAL "subdirectory")
    run(
        ${configure} -S "${CMAKE_CURRENT_LIST_DIR}/subdirectory"
        -D "EDDY_CHECKOUT=${CHECKOUT}"
        -D "EDDY_FETCH_DEPS=${FETCH}"
        -D "BUILD_SHARED_LIBS=${SHARED}"
        -D CMAKE_UNITY_BUILD=ON
    )
    run("${CMAKE_COMMAND}" --build "${WORK}" --parallel 2)
    run("${WORK}/consumer")
elseif(NAME STREQUAL "package")
    run(
        ${configure} -S "${CMAKE_CURRENT_LIST_DIR}/package"
        -D "CMAKE_PREFIX_PATH=${PREFIX}"
        -D "WITH_TESTING=${TESTING}"
    )
    run("${CMAKE_COMMAND}" --build "${WORK}" --parallel 2)
    run("${WORK}/consumer")
    if(TESTING)
        run("${WORK}/consumer_test")
    endif()
elseif(NAME STREQUAL "pkg_config")
    set(ENV{PKG_CONFIG_PATH} "${PREFIX}/${LIBDIR}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
    set(ENV{LD_LIBRARY_PATH} "${PREFIX}/${LIBDIR}:$ENV{LD_LIBRARY_PATH}")
    set(ENV{CXX} "${CXX}")
    set(ENV{CXXFLAGS} "${CXX_FLAGS}")
    run(sh "${CMAKE_CURRENT_LIST_DIR}/pkg_config/build.sh" "${WORK}/consumer")
    run("${WORK}/consumer")
else()
    message(FATAL_ERROR "There is no user named ${NAME}")
endif()
