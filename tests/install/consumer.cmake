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
    -D CMAKE_DISABLE_FIND_PACKAGE_spdlog=ON  # nobody has to find what is private
    -D CMAKE_DISABLE_FIND_PACKAGE_fmt=ON
)
if(STANDARD)
    list(APPEND configure -D "CMAKE_CXX_STANDARD=${STANDARD}")
endif()

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
        -D "EDDY_LOG=${LOG}"
        -D BUILD_SHARED_LIBS=ON
        -D CMAKE_CXX_VISIBILITY_PRESET=hidden
        -D CMAKE_VISIBILITY_INLINES_HIDDEN=ON
        -D CMAKE_UNITY_BUILD=ON
        -D EDDY_UNITY=ON
        -U CMAKE_DISABLE_FIND_PACKAGE_*  # Eddy itself has to find them
    )
    run("${CMAKE_COMMAND}" --build "${WORK}" --parallel 2)
    run("${WORK}/consumer")
elseif(NAME STREQUAL "package")
    run(
        ${configure} -S "${CMAKE_CURRENT_LIST_DIR}/package"
        -D "CMAKE_PREFIX_PATH=${PREFIX}"
        -D "WITH_TESTING=${TESTING}"
        -D "WITH_LOG=${LOG}"
    )
    run("${CMAKE_COMMAND}" --build "${WORK}" --parallel 2)
    run("${WORK}/consumer")
    run("${WORK}/consumer_hidden")
    if(EXISTS "${WORK}/consumer_spdlog")
        run("${WORK}/consumer_spdlog")
    endif()
    # Whoever runs a task gets no sockets, however his project is built.
    if(NOT SHARED AND NOT UNITY)
        execute_process(
            COMMAND "${NM}" "${WORK}/consumer" OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY
        )
        if(NOT names MATCHES "uv_run" OR names MATCHES "getaddrinfo|accept4|detail6SocketC|TcpStream")
            message(FATAL_ERROR "A program that runs a task contains:\n${names}")
        endif()
    endif()
    if(TESTING)
        run("${WORK}/consumer_test")
    endif()
elseif(NAME STREQUAL "pkg_config")
    set(ENV{PKG_CONFIG_PATH} "${PREFIX}/${LIBDIR}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
    set(ENV{LD_LIBRARY_PATH} "${PREFIX}/${LIBDIR}:$ENV{LD_LIBRARY_PATH}")
    set(ENV{CXX} "${CXX}")
    set(ENV{CXXFLAGS} "${CXX_FLAGS}")
    if(STANDARD)
        set(ENV{CXXFLAGS} "${CXX_FLAGS} -std=c++${STANDARD}")
    endif()
    run(sh "${CMAKE_CURRENT_LIST_DIR}/pkg_config/build.sh" "${WORK}/consumer")
    run("${WORK}/consumer")
elseif(NAME STREQUAL "plugins")
    run(${configure} -S "${CMAKE_CURRENT_LIST_DIR}/plugins" -D "CMAKE_PREFIX_PATH=${PREFIX}")
    run("${CMAKE_COMMAND}" --build "${WORK}" --parallel 2)
    include("${CMAKE_CURRENT_LIST_DIR}/run_plugins.cmake")
elseif(NAME STREQUAL "another_version")
    # Its header, and our library: an error when it is linked, not a crash.
    execute_process(
        COMMAND
            "${CXX}" -std=c++20 -Dv0_1=v0_0 "-I${PREFIX}/include"
            "${CMAKE_CURRENT_LIST_DIR}/main.cpp" -o "${WORK}/consumer" "-L${PREFIX}/${LIBDIR}"
            -leddy_runtime -luv
        RESULT_VARIABLE result
        ERROR_VARIABLE errors
    )
    if(result EQUAL 0 OR NOT errors MATCHES "undefined reference to `eddy::v0_0::")
        message(FATAL_ERROR "It is linked, or fails for another reason (${result}):\n${errors}")
    endif()
else()
    message(FATAL_ERROR "There is no user named ${NAME}")
endif()
