# SPDX-License-Identifier: MIT
# cmake --install: libraries, headers, a CMake package and a pkg-config file. All of them find each
# other relative to where they lie, so the tree may be moved.

include(CMakePackageConfigHelpers)

set(eddy_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/eddy")

install(
    TARGETS eddy eddy_runtime eddy_primitives eddy_executor
    EXPORT eddyTargets
    FILE_SET HEADERS
)
install(EXPORT eddyTargets NAMESPACE eddy:: DESTINATION "${eddy_cmake_dir}")

# The test kit has an export of its own: only its users need doctest.
if(EDDY_TESTING)
    install(TARGETS eddy_testing EXPORT eddyTestingTargets FILE_SET HEADERS)
    install(EXPORT eddyTestingTargets NAMESPACE eddy:: DESTINATION "${eddy_cmake_dir}")
endif()

# Static libraries: the files that the log needs, without what spdlog's own package would add to
# everybody's command line.
set(eddy_log_libraries "")
if(EDDY_LOG AND NOT BUILD_SHARED_LIBS)
    set(eddy_log_libraries spdlog)
    get_target_property(spdlog_needs spdlog::spdlog INTERFACE_LINK_LIBRARIES)
    if("${spdlog_needs}" MATCHES "fmt")
        list(APPEND eddy_log_libraries fmt)
    endif()
endif()

configure_package_config_file(
    "${CMAKE_CURRENT_LIST_DIR}/eddyConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/eddyConfig.cmake"
    INSTALL_DESTINATION "${eddy_cmake_dir}"
)
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/eddyConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion
)
install(
    FILES
        "${PROJECT_BINARY_DIR}/eddyConfig.cmake"
        "${PROJECT_BINARY_DIR}/eddyConfigVersion.cmake"
        "${CMAKE_CURRENT_LIST_DIR}/Findlibuv.cmake"
    DESTINATION "${eddy_cmake_dir}"
)

# pkg-config: the libraries from the top of the stack to its bottom, and what static ones pull in.
set(eddy_pc_libs "")
foreach(layer IN ITEMS executor primitives runtime)
    get_target_property(type eddy_${layer} TYPE)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
        string(APPEND eddy_pc_libs " -leddy_${layer}")
    endif()
endforeach()
foreach(library IN LISTS eddy_log_libraries)
    string(APPEND eddy_pc_libs " -l${library}")
endforeach()
if(BUILD_SHARED_LIBS)
    set(eddy_pc_requires "Requires.private: libuv >= 1.44")
else()
    set(eddy_pc_requires "Requires: libuv >= 1.44")
endif()
set(eddy_pc_cflags "-pthread")
if(BUILD_SHARED_LIBS)
    string(APPEND eddy_pc_cflags " -DEDDY_SHARED")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    string(APPEND eddy_pc_cflags " -foptimize-sibling-calls")
endif()
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR libdir_is_absolute)
if(libdir_is_absolute)
    set(eddy_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH eddy_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    set(eddy_pc_prefix "\${pcfiledir}/${eddy_pc_prefix}")
    string(REGEX REPLACE "/$" "" eddy_pc_prefix "${eddy_pc_prefix}")
endif()
cmake_path(APPEND eddy_pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND eddy_pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/eddy.pc.in" "${PROJECT_BINARY_DIR}/eddy.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/eddy.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
