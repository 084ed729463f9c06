#!/bin/bash
# SPDX-License-Identifier: MIT
# Compares the sample resp_server with redis-server: CPU time of the server per request, requests
# per second and p99, with redis-benchmark as the client of both, in turns.
#
#   resp_compare.sh <resp_server> [rounds] [requests]
#
# Servers run on the first processor, clients on the second.
set -euo pipefail
server=$1
rounds=${2:-5}
requests=${3:-200000}
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

touch "$work/eddy.log"
taskset -c 0 "$server" --port 0 >"$work/eddy.log" &
pids+=($!)
declare -A pid=([eddy]=$!) port
until grep -q '^listening on' "$work/eddy.log"; do
    kill -0 "${pid[eddy]}"
    sleep 0.05
done
port[eddy]=$(sed -n 's/^listening on .*://p' "$work/eddy.log")

# It takes no port 0: a few are tried.
for try in 1 2 3 4 5 6 7 8; do
    port[redis]=$((20000 + (RANDOM * 3 + try) % 12000))
    taskset -c 0 redis-server --port "${port[redis]}" --bind 127.0.0.1 --save '' --appendonly no \
        --dir "$work" >"$work/redis.log" &
    pid[redis]=$!
    until grep -qE 'Ready to accept|Failed|already in use' "$work/redis.log"; do sleep 0.05; done
    if grep -q 'Ready to accept' "$work/redis.log"; then break; fi
    wait "${pid[redis]}" || true
done
pids+=("${pid[redis]}")

cpu_ns() { # PID: of all its threads
    cat "/proc/$1/task/"*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# One line a run: server, pipeline, test, ns of CPU per request, requests per second, p99 in ms.
run() { # SERVER PIPELINE TEST
    local before after count=$requests
    [ "$2" -eq 1 ] || count=$((requests * 4))
    [ "$3" != lrange_100 ] || count=$((count / 4))
    before=$(cpu_ns "${pid[$1]}")
    taskset -c 1 redis-benchmark -p "${port[$1]}" -t "$3" -c 50 -n "$count" -P "$2" -r 10000 --csv \
        2>/dev/null >"$work/csv"
    after=$(cpu_ns "${pid[$1]}")
    # lrange_100 fills its list first; that counts, for both of them.
    tail -n 1 "$work/csv" | tr -d '"' | awk -F, -v server="$1" -v pipeline="$2" -v test="$3" \
        -v ns=$((after - before)) -v count="$count" \
        '{ printf "%s %d %s %.0f %.0f %s\n", server, pipeline, test, ns / count, $2, $7 }'
    redis-cli -p "${port[$1]}" DEL mylist >/dev/null
}

for ((round = 1; round <= rounds; ++round)); do
    for pipeline in 1 16; do
        for test in set get incr lpush lpop lrange_100; do
            for which in $(shuf -e eddy redis); do
                run "$which" "$pipeline" "$test" >>"$work/runs"
            done
        done
    done
    echo "round $round of $rounds" >&2
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
function of_server(server, row, column,    k, list) {
    for (k = 1; k <= count[server, row]; ++k) list[k] = value[server, row, k, column]
    return median(list, count[server, row])
}
function ratio(row,    k, list) {
    for (k = 1; k <= count["eddy", row]; ++k) {
        list[k] = value["eddy", row, k, 4] / value["redis", row, k, 4]
    }
    return median(list, count["eddy", row])
}
{
    row = sprintf("%-4s %-11s", $2, $3)
    if (!(row in seen)) {
        seen[row] = 1
        rows[++row_count] = row
    }
    n = ++count[$1, row]
    for (i = 4; i <= 6; ++i) value[$1, row, n, i] = $i
}
END {
    printf "%-4s %-11s %11s %11s %6s %11s %11s %9s %9s\n", "-P", "test", "eddy ns CPU",
        "redis", "ratio", "eddy req/s", "redis", "eddy p99", "redis"
    for (r = 1; r <= row_count; ++r) {
        row = rows[r]
        printf "%s %11.0f %11.0f %6.2f %11.0f %11.0f %9.2f %9.2f\n", row, of_server("eddy", row, 4),
            of_server("redis", row, 4), ratio(row), of_server("eddy", row, 5),
            of_server("redis", row, 5), of_server("eddy", row, 6), of_server("redis", row, 6)
    }
}' "$work/runs"
