# SPDX-License-Identifier: MIT
# Copies FILE to COPY, with the text of FOLDER/from, which is there, replaced by that of FOLDER/to.
file(READ "${FILE}" text)
file(READ "${FOLDER}/from" from)
file(READ "${FOLDER}/to" to)
string(FIND "${text}" "${from}" at)
if(at EQUAL -1)
    message(FATAL_ERROR "the mistake to be made in ${FILE} has no place any more: ${from}\n"
                        "Adapt tests/explore/seeded.cmake to what stands there now."
    )
endif()
string(LENGTH "${from}" length)
string(SUBSTRING "${text}" 0 ${at} before)
math(EXPR at "${at} + ${length}")
string(SUBSTRING "${text}" ${at} -1 after)
file(WRITE "${COPY}" "${before}${to}${after}")
