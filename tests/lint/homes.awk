# SPDX-License-Identifier: MIT
# awk -v "exceptions=SOURCE:NAME ..." -f homes.awk HEADER... SOURCE...
#
# Checks that definitions are at home: members of a class that x.hpp defines, and functions that
# x.hpp declares, are defined in x.cpp, or in a source that begins with "Part of x:". Prints those
# that are not. See homes.sh.
#
# Reads what clang-format has laid out: what begins in the first column is at the scope of a
# namespace, and what ends with a brace there ends with one in the first column.

function stem_of(path) {
    sub(/^.*\//, "", path)
    sub(/\.[^.]*$/, "", path)
    return path
}

# Several headers may have one of a name: each of them is a home.
function at_home(table, name) { return index(table[name], "|" stem "|") != 0 }
function move_in(table, name) {
    if (!((name) in table)) {
        table[name] = "|"
    }
    if (!at_home(table, name)) {
        table[name] = table[name] stem "|"
    }
}

# "ThreadPool::Impl" of "class EDDY_API ThreadPool::Impl final : public Base {".
function class_name(text) {
    gsub(/\[\[[^]]*\]\]|alignas\([^)]*\)|EDDY_[A-Z_]+/, " ", text)
    sub(/^ *(class|struct) +/, "", text)
    match(text, /^[A-Za-z_][A-Za-z_0-9]*(::[A-Za-z_][A-Za-z_0-9]*)*/)
    return substr(text, 1, RLENGTH)
}

# "Counter::add" of "std::int64_t Counter::add(detail::Amount delta) {".
function function_name(text,    name) {
    gsub(/\[\[[^]]*\]\]|EDDY_[A-Z_]+/, " ", text)
    while (match(text, /[A-Za-z_][A-Za-z_0-9]*(::~?[A-Za-z_][A-Za-z_0-9]*)*(operator[^A-Za-z_0-9(]*(\(\))?)? *\(/)) {
        name = substr(text, RSTART, RLENGTH - 1)
        text = substr(text, RSTART + RLENGTH)
        gsub(/ /, "", name)
        if (name !~ /^(void|bool|decltype|noexcept|requires|alignas|asm|explicit)$/) {
            return name
        }
    }
    return ""
}

function complain(name, homes) {
    if ((stem ".cpp:" name) in excepted) {
        delete excepted[stem ".cpp:" name]
        return
    }
    gsub(/^\||\|$/, "", homes)
    gsub(/\|/, " or ", homes)
    print FILENAME ":" begin ": " name " is at home in " homes ".cpp"
}

# `name` is defined here.
function check(name,    path, known, count, parts, i) {
    while (name ~ /^[a-z_0-9]+::/) {  # of a namespace
        sub(/^[a-z_0-9]+::/, "", name)
    }
    count = split(name, parts, "::")
    if (count == 1) {
        if ((name) in functions && !at_home(functions, name)) {
            complain(name, functions[name])
        }
        return
    }
    known = ""
    path = ""
    for (i = 1; i < count; ++i) {
        path = path (i == 1 ? "" : "::") parts[i]
        if ((path) in classes) {
            if (at_home(classes, path)) {
                return
            }
            known = classes[path]
        }
    }
    if (known != "") {
        complain(name, known)
    }
}

# `text`: from the first column to where a body or the next declaration begins.
function judge(text,    name) {
    if (text ~ /^(template|using|namespace|enum|union|friend|concept|typedef|extern|static_assert|public|private|protected|requires|EDDY_[A-Z_]+\()/) {
        return
    }
    if (text ~ /^(class|struct)[^A-Za-z_0-9]/ && text !~ /^[^{:;]*\(/) {
        name = class_name(text)
        if (text !~ /;/ && name != "") {
            move_in(classes, name)
        }
        return
    }
    if (text ~ /^(inline|constexpr|consteval|static)[^A-Za-z_0-9]/) {
        if (in_header || text !~ /^inline[^;]*::/) {
            return
        }
    }
    name = function_name(text)
    if (name == "" || text ~ /^[^(]*=/ && name !~ /operator/) {
        return
    }
    if (in_header) {
        if (text ~ /;/ && name !~ /::/) {
            move_in(functions, name)
        }
    } else if (!anonymous && (text !~ /;/ || text ~ /= *default *;/)) {
        check(name)
    }
}

BEGIN {
    split(exceptions, listed, " ")
    for (i in listed) {
        excepted[listed[i]] = 1
    }
}
FNR == 1 {
    stem = stem_of(FILENAME)
    in_header = FILENAME ~ /\.hpp$/
    anonymous = 0
    pending = ""
}
# A source that says so is one of several in which the definitions of a header are.
FNR <= 3 && /^\/\/ Part of [a-z_]+:/ {
    stem = $4
    sub(/:$/, "", stem)
}
{
    line = $0
    sub(/ *\/\/.*$/, "", line)
}
/^namespace \{/ { anonymous = 1 }
/^\}  \/\/ namespace$/ { anonymous = 0 }
pending == "" {
    if (line !~ /^[A-Za-z_[]/) {
        next
    }
    begin = FNR
}
{
    pending = pending (pending == "" ? "" : " ") line
    if (pending ~ /[{;]/) {
        sub(/\{.*/, "{", pending)
        judge(pending)
        pending = ""
    } else if (pending ~ /^template/ && line ~ />$/ || pending ~ /^requires/) {
        pending = ""
    }
}
END {
    for (name in excepted) {
        print name " is listed as away from home, and is not"
    }
}
