# SPDX-License-Identifier: MIT
# cmake -D ROOT=<checkout> -P check_layers.cmake
#
# Checks who includes what: <uv.h> only in runtime/src, no layer a header of a layer above it, and no
# two layers the same header name.
cmake_minimum_required(VERSION 3.24)

set(failures "")

function(report file what)
    file(RELATIVE_PATH file "${ROOT}" "${file}")
    set(failures "${failures}  ${file}: ${what}\n" PARENT_SCOPE)
endfunction()

set(runtime_sees runtime)
set(primitives_sees primitives runtime)
set(executor_sees executor runtime)
set(tests/support_sees tests/support runtime)
set(layers runtime primitives executor tests/support)

# Who owns a header name.
set(all_headers "")
foreach(layer IN LISTS layers)
    file(GLOB_RECURSE headers RELATIVE "${ROOT}/${layer}/include" "${ROOT}/${layer}/include/*")
    foreach(header IN LISTS headers)
        if(DEFINED "owner_${header}")
            report("${ROOT}/${layer}/include/${header}" "${owner_${header}} has one of this name")
        endif()
        set("owner_${header}" ${layer})
    endforeach()
endforeach()

file(
    GLOB_RECURSE files
    "${ROOT}/runtime/*.[chi]pp"
    "${ROOT}/primitives/*.[chi]pp"
    "${ROOT}/executor/*.[chi]pp"
    "${ROOT}/samples/*.[chi]pp"
    "${ROOT}/tests/*.[chi]pp"
)
list(LENGTH files count)
if(count EQUAL 0)
    message(FATAL_ERROR "No source file found below ${ROOT}")
endif()

foreach(file IN LISTS files)
    file(RELATIVE_PATH path "${ROOT}" "${file}")
    file(STRINGS "${file}" includes REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
    set(layer "")
    foreach(candidate IN LISTS layers)
        if(path MATCHES "^${candidate}/(include|src)/")
            set(layer ${candidate})
        endif()
    endforeach()

    foreach(include IN LISTS includes)
        string(REGEX REPLACE "^[^<\"]*[<\"]([^>\"]*)[>\"].*$" "\\1" header "${include}")
        if(header MATCHES "^uv(\\.h$|/[a-z-]+\\.h$)")
            # Tests and the sample of Loop::attach play the host, tests of sockets count handles
            # (uv_inventory.hpp), and the benchmarks compare with plain libuv.
            if(NOT path MATCHES "^runtime/src/"
                AND NOT path MATCHES "^tests/(runtime|stress)/[^.]*(attach|uv_inventory)[^/]*$"
                AND NOT path MATCHES "^tests/bench/"
                AND NOT path STREQUAL "samples/embed.cpp"
            )
                report("${file}" "only runtime/src may include <${header}>")
            endif()
        elseif(layer AND DEFINED "owner_${header}")
            if(NOT "${owner_${header}}" IN_LIST "${layer}_sees")
                report("${file}" "${layer} must not see <${header}> of ${owner_${header}}")
            endif()
        endif()
    endforeach()
endforeach()

if(failures)
    message(FATAL_ERROR "Broken layering:\n${failures}")
endif()
message(STATUS "${count} files, all in their layer")
