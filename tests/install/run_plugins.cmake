# SPDX-License-Identifier: MIT
# Included by consumer.cmake: plays the two plugins in WORK, loaded in both ways and linked, compiled
# with default and with hidden visibility. With static libraries both play at once, on one thread; with
# shared ones they have the thread's loop in common, and the second says so.

if(SHARED)
    set(wanted 2)
else()
    set(wanted 0)
endif()

# play(<what it is> [ALONE] COMMAND <command>...)
#
# ALONE: nothing of Eddy's in one plugin may be bound to the other one's.
function(play what)
    cmake_parse_arguments(arg "ALONE" "" "COMMAND" ${ARGN})
    execute_process(
        COMMAND "${CMAKE_COMMAND}" -E env LD_DEBUG=bindings ${arg_COMMAND}
        RESULT_VARIABLE result
        ERROR_VARIABLE bindings
        OUTPUT_QUIET
    )
    message(STATUS "${what}: ${result}")
    if(NOT result EQUAL wanted)
        string(REGEX REPLACE " +[0-9]+:\t[^\n]*\n" "" said "${bindings}")
        message(FATAL_ERROR "${what}: ended with ${result}, not with ${wanted}\n${said}")
    endif()
    string(
        REGEX MATCH "binding file [^\n]*/second[^\n]* to [^\n]*/first[^\n]*4eddy[^\n]*" mixed "${bindings}"
    )
    if(arg_ALONE AND mixed)
        message(FATAL_ERROR "${what}: ${mixed}")
    endif()
endfunction()

foreach(visibility IN ITEMS default hidden)
    foreach(kind IN ITEMS module shared)
        # The variables of a shared library with default visibility are anybody's.
        set(alone "")
        if(NOT SHARED AND NOT "${kind}_${visibility}" STREQUAL "shared_default")
            set(alone ALONE)
        endif()
        foreach(scope IN ITEMS local global)
            play(
                "${kind}, ${visibility} visibility, ${scope}" ${alone}
                COMMAND
                    "${WORK}/host" ${scope} "${WORK}/first_${kind}_${visibility}.so"
                    "${WORK}/second_${kind}_${visibility}.so"
            )
        endforeach()
    endforeach()
    play("linked, ${visibility} visibility" ${alone} COMMAND "${WORK}/linked_${visibility}")
endforeach()
