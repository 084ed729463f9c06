#!/bin/bash
# SPDX-License-Identifier: MIT
# Compares the sample du with that of coreutils, and a walk with find: wall time and CPU time of
# the whole process, in turns, on a tree that is in the system's memory.
#
#   du_compare.sh <du> <walk_bench> [rounds] [directories] [files in each]
set -euo pipefail
export LC_ALL=C
du=$(realpath "$1")
walk=$(realpath "$2")
rounds=${3:-15}
directories=${4:-1000}
files=${5:-100}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for ((i = 1; i <= directories; ++i)); do
    mkdir "$work/$i"
    (cd "$work/$i" && seq -f 'file_%g' "$files" | xargs touch)
done

declare -A command=(
    [du_eddy]="$du -s $work"
    [du_coreutils]="du -s $work"
    [du_all_eddy]="$du -a $work"
    [du_all_coreutils]="du -a $work"
    [walk_eddy]="$walk $work"
    [walk_find]="find $work -mindepth 1"
    [walk_status_eddy]="$walk --status $work"
    [walk_status_find]="find $work -mindepth 1 -printf %b\40%p\n"
)

# They say the same, and the tree is warm.
for what in du du_all walk walk_status; do
    other=coreutils
    [[ $what != walk* ]] || other='find'
    cmp <(${command[${what}_eddy]} | sort) <(${command[${what}_$other]} | sort)
done

runs=$(mktemp)
trap 'rm -rf "$work" "$runs"' EXIT
TIMEFORMAT='%R %U %S'
for ((round = 1; round <= rounds; ++round)); do
    for which in $(printf '%s\n' "${!command[@]}" | shuf); do
        figures=$({ time ${command[$which]} >/dev/null; } 2>&1)
        echo "$round $which $figures" >>"$runs"
    done
done

# Medians, and the median of the ratios within each round.
awk '
function median(list, n,    i, j, t) {
    for (i = 2; i <= n; ++i) {
        for (j = i; j > 1 && list[j - 1] > list[j]; --j) {
            t = list[j]
            list[j] = list[j - 1]
            list[j - 1] = t
        }
    }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
function of(which, figures,    r, list) {
    for (r = 1; r <= rounds; ++r) list[r] = figures[r, which]
    return median(list, rounds)
}
function ratio(one, other, figures,    r, list) {
    for (r = 1; r <= rounds; ++r) list[r] = figures[r, one] / figures[r, other]
    return median(list, rounds)
}
function row(what, peer) {
    printf "%-12s %9.0f %9.0f %6.2f %9.0f %9.0f %6.2f\n", what,
        1000 * of(what "_eddy", wall), 1000 * of(what "_" peer, wall),
        ratio(what "_eddy", what "_" peer, wall),
        1000 * of(what "_eddy", cpu), 1000 * of(what "_" peer, cpu),
        ratio(what "_eddy", what "_" peer, cpu)
}
{
    rounds = $1
    wall[$1, $2] = $3
    cpu[$1, $2] = $4 + $5
}
END {
    printf "%-12s %9s %9s %6s %9s %9s %6s\n", "ms", "Eddy", "peer", "ratio", "CPU", "peer", "ratio"
    row("du", "coreutils")
    row("du_all", "coreutils")
    row("walk", "find")
    row("walk_status", "find")
}' "$runs"
