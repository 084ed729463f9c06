# SPDX-License-Identifier: MIT
# Finds libuv and makes libuv::uv, whether libuv came with its own CMake package (1.45 and newer) or
# with pkg-config only. Installed beside eddyConfig.cmake, which needs it again.

include(FindPackageHandleStandardArgs)

find_package(libuv CONFIG QUIET)
if(NOT TARGET libuv::uv AND TARGET libuv::uv_a)
    add_library(libuv::uv INTERFACE IMPORTED)
    target_link_libraries(libuv::uv INTERFACE libuv::uv_a)
    set(_libuv_target libuv::uv_a)
else()
    set(_libuv_target libuv::uv)
endif()

if(TARGET libuv::uv)
    get_target_property(libuv_INCLUDE_DIR ${_libuv_target} INTERFACE_INCLUDE_DIRECTORIES)
    list(GET libuv_INCLUDE_DIR 0 libuv_INCLUDE_DIR)
    set(libuv_LIBRARY ${_libuv_target})
else()
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(PC_LIBUV QUIET libuv)
    endif()
    find_path(libuv_INCLUDE_DIR uv.h HINTS ${PC_LIBUV_INCLUDE_DIRS})
    find_library(libuv_LIBRARY NAMES uv libuv HINTS ${PC_LIBUV_LIBRARY_DIRS})
    mark_as_advanced(libuv_INCLUDE_DIR libuv_LIBRARY)
endif()

set(libuv_VERSION "")
if(EXISTS "${libuv_INCLUDE_DIR}/uv/version.h")
    file(STRINGS "${libuv_INCLUDE_DIR}/uv/version.h" _libuv_lines
        REGEX "^#define UV_VERSION_(MAJOR|MINOR|PATCH) "
    )
    string(REGEX REPLACE "[^0-9;]" "" _libuv_lines "${_libuv_lines}")
    list(JOIN _libuv_lines "." libuv_VERSION)
endif()

find_package_handle_standard_args(
    libuv
    REQUIRED_VARS libuv_LIBRARY libuv_INCLUDE_DIR
    VERSION_VAR libuv_VERSION
)

if(libuv_FOUND AND NOT TARGET libuv::uv)
    add_library(libuv::uv UNKNOWN IMPORTED)
    set_target_properties(
        libuv::uv
        PROPERTIES
            IMPORTED_LOCATION "${libuv_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${libuv_INCLUDE_DIR}"
    )
    # A static libuv needs these; a shared one does not mind.
    set_property(
        TARGET libuv::uv
        PROPERTY INTERFACE_LINK_LIBRARIES ${CMAKE_DL_LIBS} $<$<PLATFORM_ID:Linux>:rt>
    )
endif()
