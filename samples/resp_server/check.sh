#!/bin/bash
# SPDX-License-Identifier: MIT
# Holds real clients against resp_server, and the real server where there is one: check.sh PROGRAM
#   77: there is no redis-cli, or no redis-benchmark
set -euo pipefail
program=$1
here=$(cd "$(dirname "$0")" && pwd)
for tool in redis-cli redis-benchmark; do
    command -v $tool >/dev/null || {
        echo "resp_server: skipped: there is no $tool here (Debian: redis-tools)" >&2
        exit 77
    }
done
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
failures=0
expect() { # WHAT EXPECTED ACTUAL
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: expected \"$2\", got \"$3\""
        failures=$((failures + 1))
    fi
}
cli() { redis-cli -p "$port" "$@"; }
wait_for() { # WHAT COMMAND...: until it succeeds
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 2000 ] || { echo "FAILED: $what does not come"; exit 1; }
    done
}
start() { # begins anew: pid, port, and its output in $work/log
    rm -f "$work/log"
    "$program" --port 0 >"$work/log" &
    pid=$!
    pids+=("$pid")
    wait_for "the port" grep -q '^listening on ' "$work/log"
    port=$(sed -n 's/^listening on .*://p' "$work/log")
}
# Sends bytes as they are, and prints what comes until the end.
raw() { # FORMAT
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    # shellcheck disable=SC2059  # It is a format.
    printf "$1" >&3
    cat <&3 | tr -d '\r'
    exec 3>&-
}
blocked() { cli INFO | tr -d '\r' | grep -qx "blocked_clients:$1"; }

status_of() { # COMMAND...
    local status=0
    "$@" >"$work/out" 2>&1 || status=$?
    echo $status
}

expect "help" 0 "$(status_of "$program" --help)"
expect "an unknown option" 2 "$(status_of "$program" --wat x)"
expect "an option without its value" 2 "$(status_of "$program" --port)"
expect "a port that is none" 2 "$(status_of "$program" --port 65536)"

# Every answer, and those of the real one.
start
cli --no-raw <"$here/commands.txt" >"$work/answers"
expect "the answers" "" "$(diff "$here/answers.txt" "$work/answers" || true)"
if command -v redis-server >/dev/null; then
    redis-server --port 0 --unixsocket "$work/redis" --save '' --appendonly no --dir "$work" \
        >"$work/redis.log" &
    pids+=($!)
    wait_for "the real one" redis-cli -s "$work/redis" PING
    redis-cli -s "$work/redis" --no-raw <"$here/commands.txt" >"$work/real"
    expect "the real one's answers" "" "$(diff "$here/answers.txt" "$work/real" || true)"
else
    echo "resp_server: no redis-server here (Debian) to compare with" >&2
fi

# What is not said by a well-behaved client.
expect "words in a line" "$(printf '+PONG\n$1\nx\n+OK')" "$(raw 'PING\r\n\r\necho  x\nQUIT\r\n')"
expect "requests of no words" "+OK" "$(raw '*0\r\n*-1\r\n*1\r\n$4\r\nquit\r\n')"
expect "a huge count" "-ERR Protocol error: invalid multibulk length" "$(raw '*1000000000\r\n')"
expect "a count that is none" "-ERR Protocol error: invalid multibulk length" "$(raw '*x\r\n')"
expect "a huge length" "-ERR Protocol error: invalid bulk length" \
    "$(raw '*2\r\n$4\r\necho\r\n$1000000000\r\n')"
expect "a negative length" "-ERR Protocol error: invalid bulk length" "$(raw '*1\r\n$-1\r\n')"
expect "no length" "-ERR Protocol error: expected '\$', got 'p'" "$(raw '*1\r\nping\r\n')"
expect "what comes before is answered" \
    "$(printf '+PONG\n-ERR Protocol error: invalid bulk length')" "$(raw 'PING\r\n*1\r\n$x\r\n')"
expect "a line without end" "-ERR Protocol error: too big inline request" \
    "$(raw "$(printf '%05000d' 0)")"
expect "a page in a browser" "+PONG" \
    "$(raw 'PING\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\nSET said-by-it x\r\n')"
expect "one that gets its first line wrong" "" "$(raw 'hoSt: x\r\nSET said-by-it x\r\n')"
expect "is not listened to" 0 "$(cli EXISTS said-by-it)"
for timeout in inf 1e17 1e300; do
    expect "a wait of $timeout" "ERR timeout is out of range" "$(cli BLPOP nothing $timeout)"
done
expect "nothing is configured" "ERR there is nothing to configure" "$(cli CONFIG SET save x)"
expect "pipelined, behind one that waits" "$(printf '*-1\n+PONG\n+OK')" \
    "$(raw 'BLPOP nothing 0.01\r\nPING\r\nQUIT\r\n')"

# Lists that are waited for.
cli BLPOP first second 0 >"$work/one" &
one=$!
wait_for "the first that waits" blocked 1
cli BLPOP second first 0 >"$work/two" &
two=$!
wait_for "the second" blocked 2
redis-cli -p "$port" BLPOP second 0 >"$work/three" &  # no subshell, to be killed
three=$!
wait_for "the third" blocked 3
kill $three  # and nothing is lost with it
wait $three 2>/dev/null || true
wait_for "its end" blocked 2
expect "a push" 1 "$(cli RPUSH second a)"
wait $one
expect "goes to who came first" "$(printf 'second\na')" "$(cat "$work/one")"
wait_for "nobody else" blocked 1
expect "a push of three" 3 "$(cli LPUSH first x y z)"
wait $two
expect "gives the first of them" "$(printf 'first\nz')" "$(cat "$work/two")"
expect "and leaves the others" "$(printf 'y\nx')" "$(cli LRANGE first 0 -1)"
expect "keys are tried in their order" "$(printf 'first\ny')" "$(cli BLPOP second first 0)"
expect "an empty list is gone" "$(printf 'first\nx\n0')" "$(cli BLPOP first 0; cli EXISTS first)"

# What is published.
redis-cli -p "$port" SUBSCRIBE news more >"$work/heard" 2>/dev/null &
pids+=($!)
heard() { [ "$(cli PUBLISH news hello)" -eq 1 ]; }
wait_for "a subscriber" heard
wait_for "what it hears" grep -qx hello "$work/heard"
expect "what it hears" "$(printf '%s\n' subscribe news 1 subscribe more 2 message news hello)" \
    "$(head -n 9 "$work/heard")"
not_now="-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are"
not_now="$not_now allowed in this context"
expect "to and fro" "$(printf '%s\n' '*3' '$9' subscribe '$1' a ':1' '*2' '$4' pong '$0' '' "$not_now" \
    '*3' '$11' unsubscribe '$1' a ':0' '$-1' +OK)" \
    "$(raw 'subscribe a\r\nping\r\nget x\r\nunsubscribe\r\nget x\r\nquit\r\n')"

# The load that people know it by.
tests=ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,lrange_100
for pipeline in 1 16; do
    expect "redis-benchmark -P $pipeline" 0 "$(status_of redis-benchmark -p "$port" -q \
        -t $tests -n 4000 -P $pipeline)"
    expect "without an error" "" "$(grep -i err "$work/out" || true)"
done
kill -INT "$pid"
wait "$pid" || expect "SIGINT ends it well" 0 $?

# It ends: who waits is told, what was said is answered.
start
cli BLPOP nothing 0 >"$work/one" &
one=$!
wait_for "one that waits" blocked 1
cli RPUSH left a b c >"$work/out"
kill "$pid"
wait $one
expect "who waits gets nil" "" "$(cat "$work/one")"
wait "$pid" || expect "SIGTERM ends it well" 0 $?
words='^served [0-9]+ connections, [0-9]+ commands; 3 list items left in 1 keys$'
expect "its last words" 1 "$(grep -cE "$words" "$work/log")"

# On a Unix socket.
"$program" --unix "$work/socket" >"$work/log" &
pid=$!
pids+=("$pid")
wait_for "a server on a path" redis-cli -s "$work/socket" PING
expect "it says where it listens" "listening on $work/socket" "$(head -n 1 "$work/log")"
kill "$pid"
wait "$pid" || expect "SIGTERM ends it well" 0 $?
expect "the path is gone with it" gone "$([ -e "$work/socket" ] || echo gone)"

[ $failures -eq 0 ] && echo "resp_server: all checks passed"
exit $((failures > 0))
