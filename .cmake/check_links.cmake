# SPDX-License-Identifier: MIT
# cmake -D ROOT=<checkout> -P check_links.cmake
#
# Checks what the pages (*.md) refer to: relative links and their anchors, sections that are named
# ('NETWORK.md, "How a server ends"', 'see "The log"'), files in backticks, and that a file has the
# names that are said to be in it (`uv/driver.cpp`: `wake`). And the sections that comments of
# the sources name.
cmake_minimum_required(VERSION 3.24)

set(failures "")
function(fail where what)
    set(failures "${failures}  ${where}: ${what}\n" PARENT_SCOPE)
endfunction()

# What a list of CMake's would take for its own. Headings and links have none of these.
function(read_text file out)
    file(READ "${file}" text)
    string(REPLACE ";" "," text "${text}")
    string(REPLACE "](" "@link(" text "${text}")
    string(REGEX REPLACE "[][]" "" text "${text}")
    string(REPLACE "\\" "" text "${text}")
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Without the blocks between ``` lines.
function(remove_blocks text out)
    set(kept "")
    while(TRUE)
        string(FIND "${text}" "```" begin)
        if(begin EQUAL -1)
            break()
        endif()
        string(SUBSTRING "${text}" 0 ${begin} part)
        string(APPEND kept "${part}")
        math(EXPR begin "${begin} + 3")
        string(SUBSTRING "${text}" ${begin} -1 text)
        string(FIND "${text}" "```" end)
        if(end EQUAL -1)
            break()
        endif()
        math(EXPR end "${end} + 3")
        string(SUBSTRING "${text}" ${end} -1 text)
    endwhile()
    set(${out} "${kept}${text}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE pages RELATIVE "${ROOT}" "${ROOT}/*.md")
list(FILTER pages EXCLUDE REGEX "^(build|\\.git|\\.cache)/")
list(LENGTH pages count)
if(count LESS 5)
    message(FATAL_ERROR "Only ${count} pages found below ${ROOT}")
endif()

# --- headings ----------------------------------------------------------------------------------

foreach(page IN LISTS pages)
    read_text("${ROOT}/${page}" text)
    remove_blocks("${text}" text)
    set("text_${page}" "${text}")
    string(REGEX MATCHALL "(^|\n)#+ [^\n]+" headings "${text}")
    set(titles "")
    set(anchors "")
    foreach(heading IN LISTS headings)
        string(REGEX REPLACE "^\n?#+ " "" title "${heading}")
        list(APPEND titles "${title}")
        string(TOLOWER "${title}" anchor)
        string(REGEX REPLACE "[^a-z0-9 _-]" "" anchor "${anchor}")
        string(REPLACE " " "-" anchor "${anchor}")
        list(APPEND anchors "${anchor}")
    endforeach()
    set("titles_${page}" "${titles}")
    set("anchors_${page}" "${anchors}")
endforeach()

# A page as somebody in `folder` names it, or an empty string.
function(find_page folder name out)
    set(${out} "" PARENT_SCOPE)
    foreach(candidate IN ITEMS "${folder}${name}" "${name}")
        cmake_path(NORMAL_PATH candidate)
        if(candidate IN_LIST pages)
            set(${out} "${candidate}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
endfunction()

# 'PAGE.md, "Section"' in a text whose white space is single spaces.
function(check_sections where folder text)
    string(REGEX MATCHALL "[A-Za-z_./-]*(\\.md|README)[`)]*, \"[^\"]+\"" references "${text}")
    foreach(reference IN LISTS references)
        string(REGEX REPLACE "[`)]*, \".*$" "" name "${reference}")
        string(REGEX REPLACE "^.*, \"([^\"]+)\"$" "\\1" title "${reference}")
        string(REGEX REPLACE "^[^A-Za-z_.]+" "" name "${name}")
        string(REGEX REPLACE ",$" "" title "${title}")
        if(NOT name MATCHES "\\.md$")
            set(name "${name}.md")
        endif()
        find_page("${folder}" "${name}" page)
        if(page STREQUAL "")
            fail("${where}" "there is no page ${name}")
        elseif(NOT title IN_LIST "titles_${page}")
            fail("${where}" "${page} has no section \"${title}\"")
        endif()
    endforeach()
    set(failures "${failures}" PARENT_SCOPE)
endfunction()

# --- pages -------------------------------------------------------------------------------------

foreach(page IN LISTS pages)
    set(text "${text_${page}}")
    cmake_path(GET page PARENT_PATH folder)
    if(NOT folder STREQUAL "")
        set(folder "${folder}/")
    endif()

    string(REGEX REPLACE "[ \t\n]+" " " flat "${text}")
    check_sections("${page}" "${folder}" "${flat}")
    string(REGEX MATCHALL "[Ss]ee \"[^\"]+\"" references "${flat}")
    foreach(reference IN LISTS references)
        string(REGEX REPLACE "^[Ss]ee \"([^\"]+)\"$" "\\1" title "${reference}")
        if(NOT title IN_LIST "titles_${page}")
            fail("${page}" "it has no section \"${title}\"")
        endif()
    endforeach()

    # Files in backticks, and names in them. Not in the change log: it tells of what was.
    if(NOT page MATCHES "CHANGELOG")
        set(homes "" "${folder}" "${folder}src/" "${folder}include/eddy/" "${folder}include/eddy/detail/"
            runtime/include/eddy/ primitives/include/eddy/ executor/include/eddy/
            primitives/src/ executor/src/ runtime/include/eddy/detail/ samples/
            runtime/include/ primitives/include/ executor/include/ tests/support/include/)
        string(REGEX MATCHALL "`[A-Za-z0-9_./*-]+\\.(hpp|cpp|md|sh|cmake|query|\\*)`(: (`[A-Za-z_:~]+`(, )?)+)?"
            mentions "${flat}")
        foreach(mention IN LISTS mentions)
            string(REGEX REPLACE "^`([^`]+)`.*$" "\\1" name "${mention}")
            string(REGEX REPLACE "^`[^`]+`" "" names "${mention}")
            if(name MATCHES "NAME")  # whatever it is called
                continue()
            endif()
            set(found "")
            foreach(home IN LISTS homes)
                if(NOT found)
                    file(GLOB found "${ROOT}/${home}${name}")
                endif()
            endforeach()
            if(NOT found)
                fail("${page}" "there is no file ${name}")
                continue()
            endif()
            list(GET found 0 file)
            read_text("${file}" content)
            string(REGEX MATCHALL "`[A-Za-z_:~]+`" names "${names}")
            foreach(inside IN LISTS names)
                string(REPLACE "`" "" inside "${inside}")
                string(REGEX REPLACE "^.*::" "" last "${inside}")
                if(NOT content MATCHES "(^|[^A-Za-z0-9_])${last}[^A-Za-z0-9_]")
                    fail("${page}" "${name} has no ${inside}")
                endif()
            endforeach()
        endforeach()
    endif()

    # Links, in what is no code.
    string(REGEX REPLACE "`[^`\n]*`" "" prose "${text}")
    string(REGEX MATCHALL "@link\\([^) ]+\\)" links "${prose}")
    foreach(link IN LISTS links)
        string(REGEX REPLACE "^@link\\((.*)\\)$" "\\1" link "${link}")
        if(link MATCHES "^[a-z]+:")
            continue()
        endif()
        string(REGEX REPLACE "#.*$" "" target "${link}")
        if(target STREQUAL "")
            set(target_page "${page}")
        else()
            set(target_page "${folder}${target}")
            cmake_path(NORMAL_PATH target_page)
            if(NOT EXISTS "${ROOT}/${target_page}")
                fail("${page}" "the link ${link} leads nowhere")
                continue()
            endif()
        endif()
        if(link MATCHES "#(.+)$" AND NOT CMAKE_MATCH_1 IN_LIST "anchors_${target_page}")
            fail("${page}" "the anchor of ${link} is not there")
        endif()
    endforeach()
endforeach()

# --- comments ----------------------------------------------------------------------------------

file(
    GLOB_RECURSE sources
    RELATIVE "${ROOT}"
    "${ROOT}/runtime/*.[ch]pp"
    "${ROOT}/primitives/*.[ch]pp"
    "${ROOT}/executor/*.[ch]pp"
    "${ROOT}/samples/*.[ch]pp"
    "${ROOT}/tests/*.[ch]pp"
)
foreach(source IN LISTS sources)
    file(STRINGS "${ROOT}/${source}" hits LIMIT_COUNT 1 REGEX "//.*(\\.md|README), ")
    if(hits)
        read_text("${ROOT}/${source}" text)
        string(REGEX REPLACE "\n[ \t]*///?" " " text "${text}")
        string(REGEX REPLACE "[ \t\n]+" " " text "${text}")
        cmake_path(GET source PARENT_PATH folder)
        check_sections("${source}" "${folder}/" "${text}")
    endif()
endforeach()

if(failures)
    message(FATAL_ERROR "The pages refer to what is not there:\n${failures}")
endif()
message(STATUS "${count} pages, all that they refer to is there")
