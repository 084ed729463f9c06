# SPDX-License-Identifier: MIT
# cmake -D ROOT=<checkout> -P check_layers.cmake
#
# Checks who includes what: <uv.h> only in runtime/src, no layer a header of a layer above it, no room
# of the runtime what is in a room above it (rooms.cmake), and no two layers the same header name.
# And that all of the library is in the inline namespace that carries its version.
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
foreach(layer IN LISTS layers)
    file(GLOB_RECURSE headers RELATIVE "${ROOT}/${layer}/include" "${ROOT}/${layer}/include/*")
    foreach(header IN LISTS headers)
        if(DEFINED "owner_${header}")
            report("${ROOT}/${layer}/include/${header}" "${owner_${header}} has one of this name")
        endif()
        set("owner_${header}" ${layer})
        list(APPEND all_${layer}_headers "${header}")
    endforeach()
endforeach()

# Which room of the runtime a file of it is in.
include("${CMAKE_CURRENT_LIST_DIR}/rooms.cmake")
set(runtime "${ROOT}/runtime")
file(GLOB flat RELATIVE "${ROOT}" "${runtime}/src/*.[chi]pp")
foreach(file IN LISTS flat)
    report("${ROOT}/${file}" "every source is in a room, see .cmake/rooms.cmake")
endforeach()
file(GLOB folders RELATIVE "${runtime}/src" LIST_DIRECTORIES TRUE "${runtime}/src/*")
file(READ "${runtime}/src/README.md" rooms_page)
foreach(room IN LISTS folders)
    if(IS_DIRECTORY "${runtime}/src/${room}" AND NOT room IN_LIST rooms)
        report("${runtime}/src/${room}" "there is no such room in .cmake/rooms.cmake")
    endif()
endforeach()
foreach(room IN LISTS rooms)
    if(NOT rooms_page MATCHES "\\| `${room}/` \\|")
        report("${runtime}/src/README.md" "says nothing of the room ${room}/")
    endif()
    foreach(name IN LISTS ${room}_headers)
        set(listed_${name} ${room})
    endforeach()
    file(GLOB_RECURSE sources RELATIVE "${runtime}/src/${room}" "${runtime}/src/${room}/*.[chi]pp")
    foreach(source IN LISTS sources)
        set("room_of_${room}/${source}" ${room})
        get_filename_component(name "${source}" NAME_WE)
        set(has_source_${name} TRUE)
        list(APPEND ${room}_headers "${name}")
    endforeach()
    foreach(name IN LISTS ${room}_headers)
        set("room_of_name_${name}" ${room})
    endforeach()
endforeach()
file(GLOB_RECURSE sources "${runtime}/src/*.[chi]pp")
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    if(DEFINED listed_${name})
        report("${source}" ".cmake/rooms.cmake lists ${name} as a header without a source")
    endif()
endforeach()
foreach(header IN LISTS all_runtime_headers)
    get_filename_component(name "${header}" NAME_WE)
    set(is_header_${name} TRUE)
    if(header MATCHES "^eddy/(net|os)/")
        set("room_of_${header}" ${CMAKE_MATCH_1})
    elseif(DEFINED "room_of_name_${name}")
        set("room_of_${header}" ${room_of_name_${name}})
    else()
        report("${runtime}/include/${header}" "has no source; say in .cmake/rooms.cmake which room it is in")
    endif()
endforeach()

foreach(room IN LISTS rooms)
    foreach(name IN LISTS ${room}_headers)
        if(NOT DEFINED is_header_${name} AND NOT DEFINED has_source_${name})
            report("${runtime}/include" "has no ${name}.hpp, which .cmake/rooms.cmake lists")
        endif()
    endforeach()
endforeach()

file(STRINGS "${ROOT}/CMakeLists.txt" version REGEX "^ *VERSION [0-9]+\\.[0-9]+")
string(REGEX REPLACE "^ *VERSION ([0-9]+)\\.([0-9]+).*" "v\\1_\\2" version "${version}")

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

    if(layer AND NOT layer STREQUAL "tests/support")
        file(STRINGS "${file}" opened REGEX "^namespace eddy")
        foreach(line IN LISTS opened)
            if(NOT line MATCHES "^namespace eddy::inline ${version}(::detail)? {")
                report("${file}" "\"${line}\" should be in eddy::inline ${version}")
            endif()
        endforeach()
    endif()
    set(room "")
    if(path MATCHES "^runtime/(include|src)/(.*)$")
        set(room "${room_of_${CMAKE_MATCH_2}}")
    endif()

    foreach(include IN LISTS includes)
        string(REGEX REPLACE "^[^<\"]*[<\"]([^>\"]*)[>\"].*$" "\\1" header "${include}")
        if(header MATCHES "^uv(\\.h$|/[a-z-]+\\.h$)")
            # Tests and samples of Loop::attach play the host, tests of sockets count handles
            # (uv_inventory.hpp), and the benchmarks compare with plain libuv.
            if(NOT path MATCHES "^runtime/src/"
                AND NOT path MATCHES "^tests/(runtime|primitives|executor|stress|unload)/[^.]*(attach|uv_inventory)[^/]*$"
                AND NOT path MATCHES "^tests/bench/"
                AND NOT path MATCHES "^samples/(embed|embed_glib|host_glib)\\.cpp$"
            )
                report("${file}" "only runtime/src may include <${header}>")
            endif()
        elseif(layer AND DEFINED "owner_${header}")
            if(NOT "${owner_${header}}" IN_LIST "${layer}_sees")
                report("${file}" "${layer} must not see <${header}> of ${owner_${header}}")
            endif()
        endif()
        if(room AND DEFINED "room_of_${header}")
            if(NOT "${room_of_${header}}" IN_LIST "${room}_sees"
               AND NOT "${room_of_${header}}" STREQUAL room
            )
                report("${file}" "the room ${room} must not see ${header} of ${room_of_${header}}")
            endif()
        endif()
    endforeach()
endforeach()

if(failures)
    message(FATAL_ERROR "Broken layering:\n${failures}")
endif()
message(STATUS "${count} files, all in their layer and room")
