#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Finds code that g++ 12 compiles wrongly without a warning: the coroutine faults of tests/canary.
#
#   coroutine_lint.sh [-p BUILD_DIR] [-r ROOT] [-j JOBS] [FILE...]
#
# BUILD_DIR has a compile_commands.json (default: the build/dev of this checkout). Without FILE, all
# sources of library, tests and samples that contain a coroutine are checked, with the headers that
# they include; with EDDY_LINT_ONLY set, those of them whose path below ROOT matches that regular
# expression. A line is exempt when it, or a comment line above it, says
#
#   // eddy-lint: ok <reason>
#
# Exit status: 0 clean, 1 findings or an error, 77 when there is no clang-query (with
# EDDY_LINT_REQUIRED set that is an error too).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=''
jobs=$(nproc 2>/dev/null || echo 2)
while getopts p:r:j: option; do
    case $option in
        p) build=$OPTARG ;;
        r) root=$(cd "$OPTARG" && pwd) ;;
        j) jobs=$OPTARG ;;
        *) exit 1 ;;
    esac
done
shift $((OPTIND - 1))
build=${build:-$root/build/dev}

fail() {
    printf 'coroutine_lint: %s\n' "$*" >&2
    exit 1
}

query=''
for candidate in "${EDDY_CLANG_QUERY:-}" clang-query-19 clang-query; do
    if [ -z "$candidate" ] || ! command -v "$candidate" >/dev/null; then continue; fi
    version=$("$candidate" --version | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge 17 ]; then
        query=$candidate
        break
    fi
done
if [ -z "$query" ]; then
    missing='no clang-query >= 17 (Debian: apt-get install clang-tools-19)'
    [ -z "${EDDY_LINT_REQUIRED:-}" ] || fail "$missing"
    echo "SKIPPED: $missing"
    exit 77
fi
[ -f "$build/compile_commands.json" ] ||
    fail "no $build/compile_commands.json: configure with -DCMAKE_EXPORT_COMPILE_COMMANDS=ON"

# Reads names of files, passes on those that are ours, have a coroutine, and are not wrong on
# purpose.
with_coroutines() {
    while IFS= read -r file; do
        [[ ${file#"$root"/} =~ ${EDDY_LINT_ONLY:-.} ]] || continue
        case ${file#"$root"/} in
            tests/canary/* | tests/lint/*) ;;
            runtime/* | primitives/* | executor/* | tests/* | samples/*)
                if grep -qsE 'co_(await|yield|return)' "$file"; then echo "$file"; fi
                ;;
        esac
    done
}

if [ $# -gt 0 ]; then
    sources=("$@")
else
    mapfile -t sources < <(
        sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" |
            sort -u | with_coroutines
    )
    folders=("$root"/{runtime,primitives,executor,tests,samples})
    { find "${folders[@]}" -name '*.cpp' 2>/dev/null || true; } | with_coroutines |
        { grep -vxF -f <(printf '%s\n' "${sources[@]}") || true; } |
        sed "s|^|coroutine_lint: not built there, so not checked: |"
fi
[ ${#sources[@]} -gt 0 ] || fail "no coroutine in any source of $build/compile_commands.json"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What clang takes for an error is left out; what it only does not know is none, see below.
sed 's/ -fno-gnu-unique / /' "$build/compile_commands.json" >"$work/compile_commands.json"

escaped=$(printf '%s' "$root" | sed 's/[][\.*^$+?(){}|]/\\\\&/g')
ours="^$escaped/(runtime|primitives|executor|tests|samples)/"
awk -v ours="$ours" '
    BEGIN { gsub(/\\/, "\\\\", ours); gsub(/&/, "\\\\&", ours) }
    { gsub(/@OURS@/, ours); print }' "$here/coroutine_faults.query" >"$work/query"
queries=$(grep -c '^match ' "$work/query")

check_one() { # FILE
    local out counts
    out=$(mktemp "$work/XXXXXX.out")
    # The flags may be meant for g++: what clang does not know is no error.
    "$query" -p "$work" -f "$work/query" --extra-arg=-w --extra-arg=-Qunused-arguments \
        --extra-arg=-ferror-limit=3 "$1" >"$out" 2>&1 || true
    counts=$(grep -E '^[0-9]+ match(es)?\.$' "$out" || true)
    if grep -qE '^[^ ].*:[0-9]+:[0-9]+: (fatal )?error: |^error: ' "$out" ||
        [ "$(printf '%s\n' "$counts" | wc -l)" -ne "$queries" ]; then
        { echo "$1 could not be checked:" && grep 'rror' "$out" | head -5; } >"$out.broken"
    elif [ "$(printf '%s\n' "$counts" | tail -n 1)" = '0 matches.' ]; then
        echo "$1 could not be checked: its name there is not below $root" >"$out.broken"
    fi
}
export -f check_one
export query root build work queries
# shellcheck disable=SC2016  # The inner shell expands it.
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$jobs" bash -c 'check_one "$1"' check_one

declare -A remedies=(
    [condition]='co_await in a condition (hangs or crashes): write const auto x = co_await ...;
        and test x'
    [closure]='temporary closure with a destructor in a co_await expression (destroyed twice):
        name it and pass eddy::own(fn), or pass its state as arguments'
    [aggregate]='aggregate with a destructor in a co_await expression (destroyed twice): name it
        first, or give it a constructor'
    [ternary]='?: that makes an object with a destructor in a co_await expression (destroyed
        twice): use if and else'
    [default]='aggregate with a destructor as default argument (destroyed twice in awaited
        calls): give it a constructor, or make it trivially destructible'
    [list]='braced list in a co_await expression (does not compile): make it in a statement of
        its own'
)

exempt() { # FILE LINE
    sed -n "$2p" "$1" | grep -qE '// eddy-lint: ok [[:alnum:]]' && return
    [ "$2" -gt 1 ] && sed -n "$(($2 - 1))p" "$1" | grep -qE '^ *// eddy-lint: ok [[:alnum:]]'
}

findings=0
exempted=0
while IFS=: read -r file line column rule; do
    if exempt "$file" "$line"; then
        exempted=$((exempted + 1))
        continue
    fi
    findings=$((findings + 1))
    remedy=$(printf '%s' "${remedies[$rule]}" | tr -s '\n ' ' ')
    printf '%s:%s:%s: error: %s [%s]\n' "${file#"$root"/}" "$line" "$column" "$remedy" "$rule"
done < <(
    find "$work" -name '*.out' -exec cat {} + |
        sed -nE 's/^(.*:[0-9]+:[0-9]+): note: "([a-z]+)" binds here$/\1:\2/p' |
        grep -v ':whole$' | sort -t: -k1,1 -k2,2n -k3,3n -k4,4 -u
)

broken=0
for report in "$work"/*.broken; do
    [ -e "$report" ] || continue
    cat "$report"
    broken=$((broken + 1))
done
printf 'coroutine_lint: %d sources, %d findings, %d exempt, %d could not be checked\n' \
    ${#sources[@]} "$findings" "$exempted" "$broken"
[ "$findings" -eq 0 ] && [ "$broken" -eq 0 ]
