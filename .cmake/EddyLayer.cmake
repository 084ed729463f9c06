# SPDX-License-Identifier: MIT
# One library per layer: headers in include/eddy, sources in src, and a link line that says what the
# layer may see.

# Our own warnings; private, so they never reach a user's build.
function(eddy_set_warnings target)
    if(MSVC)
        target_compile_options(${target} PRIVATE /W4 $<$<BOOL:${EDDY_WERROR}>:/WX>)
        return()
    endif()
    target_compile_options(
        ${target}
        PRIVATE
            -Wall
            -Wextra
            -Wextra-semi
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wold-style-cast
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wcast-align
            -Wformat=2
            -Wundef
            -Wimplicit-fallthrough
            $<$<BOOL:${EDDY_WERROR}>:-Werror>
    )
endfunction()

# eddy_add_layer(<name> [PUBLIC <libs>...] [PRIVATE <libs>...])
#
# Makes eddy_<name> and its alias eddy::<name> from the current folder. Sources and headers are
# found by themselves; a layer that has no source yet is an INTERFACE library.
function(eddy_add_layer name)
    cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
    set(target eddy_${name})
    set(root "${CMAKE_CURRENT_SOURCE_DIR}")
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${root}/include/eddy/*.hpp")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${root}/src/*.cpp")

    if(sources)
        set(scope PUBLIC)
        add_library(${target} ${sources})
        target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
        target_include_directories(${target} PRIVATE "${root}/src")
        eddy_set_warnings(${target})
        set_target_properties(
            ${target}
            PROPERTIES
                CXX_EXTENSIONS OFF
                CXX_VISIBILITY_PRESET hidden
                VISIBILITY_INLINES_HIDDEN ON
                UNITY_BUILD ${EDDY_UNITY}  # not what CMAKE_UNITY_BUILD says: see EDDY_UNITY
                POSITION_INDEPENDENT_CODE ON
                VERSION ${PROJECT_VERSION}
                SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
        )
        get_target_property(type ${target} TYPE)
        if(type STREQUAL "SHARED_LIBRARY")
            target_compile_definitions(${target} PUBLIC EDDY_SHARED PRIVATE EDDY_BUILDING)
        endif()
    else()
        set(scope INTERFACE)
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE ${arg_PUBLIC})
    endif()

    add_library(eddy::${name} ALIAS ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
    target_compile_features(${target} ${scope} cxx_std_20)
    target_sources(
        ${target} ${scope} FILE_SET HEADERS BASE_DIRS "${root}/include" FILES ${headers}
    )
endfunction()

# Calls a target_* command for a layer and its users, whether the layer has sources or not.
function(eddy_layer_usage name command)
    get_target_property(type eddy_${name} TYPE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        cmake_language(CALL ${command} eddy_${name} INTERFACE ${ARGN})
    else()
        cmake_language(CALL ${command} eddy_${name} PUBLIC ${ARGN})
    endif()
endfunction()
