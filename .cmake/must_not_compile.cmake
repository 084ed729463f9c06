# SPDX-License-Identifier: MIT
# See eddy_add_must_not_compile. COMPILER, FLAGS, DEFINITIONS, INCLUDES, SOURCE, ERROR.
cmake_minimum_required(VERSION 3.24)

list(TRANSFORM DEFINITIONS PREPEND "-D")
list(TRANSFORM INCLUDES PREPEND "-I")
list(REMOVE_ITEM FLAGS "")
set(command "${COMPILER}" ${FLAGS} ${DEFINITIONS} ${INCLUDES} -fsyntax-only)

execute_process(
    COMMAND ${command} "${SOURCE}"
    RESULT_VARIABLE result
    ERROR_VARIABLE errors
    OUTPUT_VARIABLE errors
)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "The correct half of ${SOURCE} does not compile:\n${errors}")
endif()

execute_process(
    COMMAND ${command} -DEDDY_MUST_NOT_COMPILE "${SOURCE}"
    RESULT_VARIABLE result
    ERROR_VARIABLE errors
    OUTPUT_VARIABLE errors
)
if(result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles, though it must not")
endif()
if(NOT errors MATCHES "${ERROR}")
    message(FATAL_ERROR "${SOURCE} fails, but not with \"${ERROR}\":\n${errors}")
endif()
