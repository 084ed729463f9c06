# SPDX-License-Identifier: MIT
# Reads what llvm-cov exports, and the exceptions; writes a table of folders and files, and every run
# of lines that nothing reached and no exception names. Fails if there is one, if an exception names
# nothing, or if less than `gate` percent of the library's lines were reached.
#
#   awk -v root=DIR -v gate=97 -v exceptions=FILE -f lines.awk BRANCHES LCOV
#
# LCOV is in the format of that name. BRANCHES is the text format, broken before each "[": a line
# for each branch, which begins with where it is and how often it was true and false, and then one
# with the name of the file.
#
# A line was reached if anything on it was, in any instantiation. Lines that follow each other, with
# nothing but comments between, are one run; an exception excuses a run that has its text in it, or,
# if that is a brace alone, in the line before.

function fail(message) {
    faults[++fault_count] = message
}

function percent(part, whole) {
    return whole == 0 ? "" : sprintf("%.1f", int(1000 * part / whole) / 10)
}

function folder_of(path) {
    sub(/\/[^\/]*$/, "", path)
    return path
}

function below_root(path) {
    return index(path, root "/") == 1 ? substr(path, length(root) + 2) : path
}

function gated(path) {
    return path !~ /^tests\//
}

function read_exceptions(    line, parts, n) {
    while ((getline line < exceptions) > 0) {
        if (line ~ /^#/ || line ~ /^[ \t]*$/) {
            continue
        }
        n = ++exception_count
        if (!match(line, / +\| +/)) {
            fail("tests/coverage.exceptions: no reason: " line)
        }
        reason[n] = substr(line, RSTART + RLENGTH)
        line = substr(line, 1, RSTART - 1)
        sometimes[n] = sub(/^\? */, "", line)
        if (!match(line, /^[^ :]+: /) || reason[n] == "") {
            fail("tests/coverage.exceptions: not [?] PATH: TEXT | REASON: " line)
        }
        path_of[n] = substr(line, 1, RLENGTH - 2)
        text_of[n] = substr(line, RLENGTH + 1)
    }
    close(exceptions)
}

# Marks the exceptions that name something of the run of lines `first` to `last` of the file; says
# whether there are any.
function excused(path, first, last,    n, i, found) {
    if (first == last && source[first] ~ /^ *\}$/) {
        --first  # an empty block is known by its head
    }
    for (n = 1; n <= exception_count; ++n) {
        for (i = first; path_of[n] == path && i <= last; ++i) {
            if (index(source[i], text_of[n]) > 0) {
                used[n] = found = 1
                break
            }
        }
    }
    return found
}

function end_of_run(path, first, last,    i) {
    if (excused(path, first, last)) {
        excused_lines += run_lines
        excused_here += run_lines
        return
    }
    fail(path ":" first ": no test reaches")
    for (i = first; i <= last; ++i) {
        fail("    " source[i])
    }
}

function end_of_file(path,    i, n, first, last) {
    excused_here = 0
    delete source
    for (n = 0; (getline source[n + 1] < (root "/" path)) > 0;) {
        ++n
    }
    close(root "/" path)
    for (i = 1; i <= n; ++i) {
        if (source[i] ~ /^ *#/) {
            delete hits[i]  # between two cases it would count as what cannot be reached
        }
    }
    # What may happen or not is at least still there.
    for (i = 1; i <= exception_count; ++i) {
        if (sometimes[i] && path_of[i] == path) {
            for (first = 1; first <= n; ++first) {
                if (index(source[first], text_of[i]) > 0) {
                    used[i] = 1
                }
            }
        }
    }
    first = 0
    for (i = 1; i <= n && gated(path); ++i) {
        if ((i in hits) && hits[i] == 0) {
            if (first == 0) {
                first = i
                run_lines = 0
            }
            last = i
            ++run_lines
        } else if (first != 0 && source[i] !~ /^ *\/\//) {
            end_of_run(path, first, last)
            first = 0
        }
    }
    if (first != 0) {
        end_of_run(path, first, last)
    }

    found = 0
    reached = 0
    for (i in hits) {
        ++found
        reached += hits[i] > 0
    }
    functions_found = 0
    functions_reached = 0
    for (i in functions) {
        ++functions_found
        functions_reached += functions[i] > 0
    }
    add(path)
    add(folder_of(path))
    add(gated(path) ? "the library" : "tests/support")
    for (i = ++file_count; i > 1 && files[i - 1] > path; --i) {
        files[i] = files[i - 1]
    }
    files[i] = path
}

function add(name) {  # what end_of_file has found out
    lines[name, 0] += found
    lines[name, 1] += reached
    lines[name, 2] += excused_here
    sum_functions[name, 0] += functions_found
    sum_functions[name, 1] += functions_reached
    sum_branches[name, 0] += branches[path, 0]
    sum_branches[name, 1] += branches[path, 1]
}

function row(name) {
    printf "%-58s %6d %6d %6d %6s %6s %6s\n", name, lines[name, 0], \
        lines[name, 0] - lines[name, 1], lines[name, 2], percent(lines[name, 1], lines[name, 0]), \
        percent(sum_functions[name, 1], sum_functions[name, 0]), \
        percent(sum_branches[name, 1], sum_branches[name, 0])
}

BEGIN {
    read_exceptions()
}

FNR == NR && /"branches":$/ {
    split("", ways)
    in_branches = 1
    next
}
FNR == NR && in_branches && /^[0-9]/ {
    split($0, part, ",")
    where = part[1] "," part[2] "," part[3] "," part[4]
    ways[where ",true"] += part[5]
    ways[where ",false"] += part[6]
}
FNR == NR && /"filename":"/ {
    path = $0
    sub(/.*"filename":"/, "", path)
    sub(/".*/, "", path)
    path = below_root(path)
    for (i in ways) {
        ++branches[path, 0]
        branches[path, 1] += ways[i] > 0
    }
    in_branches = 0
}
FNR == NR { next }

{
    tag = $0
    value = ""
    if (match($0, /:/)) {
        tag = substr($0, 1, RSTART - 1)
        value = substr($0, RSTART + 1)  # which may have colons in it
    }
}
tag == "SF" {
    path = below_root(value)
    delete hits
    delete functions
    delete first_line
}
# Once for each instantiation: the line where it begins is the function's.
tag == "FN" {
    where = value
    line = value
    sub(/,.*/, "", line)
    sub(/^[0-9]+,/, "", where)
    first_line[where] = line
    functions[line] += 0
}
tag == "FNDA" {
    count = value
    where = value
    sub(/,.*/, "", count)
    sub(/^[0-9]+,/, "", where)
    if (where in first_line) {
        functions[first_line[where]] += count
    }
}
tag == "DA" {
    split(value, part, ",")
    hits[part[1]] += part[2]
}
tag == "end_of_record" { end_of_file(path) }

END {
    for (n = 1; n <= exception_count; ++n) {
        if (!used[n]) {
            fail("tests/coverage.exceptions: nothing is left of " path_of[n] ": " text_of[n])
        }
    }

    printf "%-58s %6s %6s %6s %6s %6s %6s\n", "", "lines", "not", "listed", "lines%", "funct%", \
        "branch%"
    for (n = 1; n <= file_count; ++n) {
        folder = folder_of(files[n])
        if (!(folder in shown)) {
            shown[folder] = 1
            row(folder)
            for (i = n; i <= file_count; ++i) {
                if (folder_of(files[i]) == folder) {
                    row(files[i])
                }
            }
        }
    }
    row("the library")
    if (("tests/support", 0) in lines) {
        row("tests/support")
    }
    if (lines["the library", 0] == 0) {
        fail("coverage: nothing of the library was counted")
    } else if (100 * lines["the library", 1] < gate * lines["the library", 0]) {
        fail("coverage: fewer than " gate " % of the library's lines were reached")
    }
    for (n = 1; n <= fault_count; ++n) {
        print faults[n]
    }
    exit fault_count > 0
}
