#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks postgres_query with a server of its own, on a socket in a folder of its own: check.sh PROGRAM
# 77: there is no server on this machine.
set -euo pipefail
program=$(realpath "$1")
unset "${!PG@}"
server_folder=
for initdb in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$initdb" ] && [ -x "$(dirname "$initdb")/postgres" ] && server_folder=$(dirname "$initdb")
done
if [ -z "$server_folder" ]; then
    echo 'postgres_query: skipped: there is no PostgreSQL server here (Debian: postgresql)' >&2
    exit 77
fi

work=$(mktemp -d /tmp/eddy-postgres.XXXXXX)  # a socket's path is short
server=
# shellcheck disable=SC2317  # In the trap.
stop_server() {
    if [ -n "$server" ]; then
        kill -QUIT "$server" 2>/dev/null || true  # at once
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap 'stop_server; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The server refuses to be root.
as=(setpriv --pdeathsig QUIT)
if [ "$(id -u)" -eq 0 ]; then
    user=nobody
    id postgres >/dev/null 2>&1 && user=postgres
    chown "$user" "$work"
    as+=(--reuid "$user" --regid "$(id -g "$user")" --clear-groups)
fi
chmod 755 "$work"
cd "$work"
"${as[@]}" "$server_folder/initdb" -D "$work/data" -U tester -A trust --no-sync --locale=C -E UTF8 \
    >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"${as[@]}" "$server_folder/postgres" -D "$work/data" -k "$work" -c listen_addresses='' -c fsync=off \
    -c shared_buffers=1MB -c max_connections=20 -c dynamic_shared_memory_type=mmap \
    -c shared_memory_type=mmap >>"$work/log" 2>&1 &
server=$!
info="host=$work user=tester dbname=postgres sslmode=disable gssencmode=disable"
attempts=0
until "$program" "$info" 'select 1' >"$work/out" 2>"$work/err"; do
    attempts=$((attempts + 1))
    if ! kill -0 "$server" 2>/dev/null || [ $attempts -gt 400 ]; then
        cat "$work/log" "$work/err"
        exit 1
    fi
    sleep 0.05
done

failures=0
expect() { # WHAT EXPECTED ACTUAL
    if [ "$2" != "$3" ]; then
        echo "FAILED: $1: expected \"$2\", got \"$3\"; it said:"
        cat "$work/err"
        failures=$((failures + 1))
    fi
}
status_of() { # COMMAND...: its exit status; what it says goes to $work/out and $work/err
    local status=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    echo $status
}
said() { # REGULAR EXPRESSION: in how many lines of its complaints and figures
    grep -cE "$1" "$work/err" || true
}

begin() { # SQL: returns when the server has begun with it
    local attempts=0
    "$program" "$info" "$1" >"$work/out" 2>"$work/err" &
    until [ "$("$program" "$info" 'select count(*) from pg_stat_activity where query = $1' "$1" \
        2>/dev/null)" = 1 ]; do
        attempts=$((attempts + 1))
        if ! kill -0 $! 2>/dev/null || [ $attempts -gt 400 ]; then
            echo "FAILED: the server has not begun with \"$1\"; it said:"
            cat "$work/err"
            exit 1
        fi
        sleep 0.05
    done
}

# Values.
expect "a query" 0 "$(status_of "$program" "$info" 'select 6 * 7')"
expect "its value" 42 "$(cat "$work/out")"
expect "parameters" 0 "$(status_of "$program" "$info" 'select $1::int + $2::int, $3::text' 40 2 'a b')"
expect "what they give" $'42\ta b' "$(cat "$work/out")"
expect "rows" 0 "$(status_of "$program" "$info" "select * from (values (1, 'a'), (2, null)) as v")"
expect "their values" $'1\ta\n2\t' "$(cat "$work/out")"
expect "a statement without rows" 0 "$(status_of "$program" "$info" 'create sequence numbers')"
expect "prints nothing" "" "$(cat "$work/out")"
expect "a long answer" 0 "$(status_of "$program" "$info" "select repeat('x', 5000000)")"
expect "all of it" 5000001 "$(wc -c <"$work/out")"
long=$(printf '%0120000d' 0)
expect "a long question" 0 "$(status_of "$program" "$info" \
    'select length($1 || $2 || $3 || $4 || $5 || $6 || $7 || $8)' \
    "$long" "$long" "$long" "$long" "$long" "$long" "$long" "$long")"
expect "all of that" 960000 "$(cat "$work/out")"

# The pool.
expect "many queries" 0 "$(status_of "$program" --repeat 50 --connections 4 "$info" 'select pg_sleep(0.005)')"
expect "share a few connections" 1 \
    "$(said '^50 queries; connections: 4 made, 46 times reused, 0 broken, 0 failed;')"
expect "the first one's rows are printed" 1 "$(wc -l <"$work/out")"
expect "queries of which half fail" 1 "$(status_of "$program" --repeat 10 --connections 2 "$info" \
    "select 1 / (nextval('numbers') % 2)")"
expect "the server's words" 1 "$(said '^postgres_query: ERROR:  division by zero \(5 times\)$')"
expect "no connection is lost by that" 1 "$(said '^5 queries; connections: 2 made, 8 times reused, 0 broken,')"
expect "one that is wrong" 1 "$(status_of "$program" "$info" 'select nonsense')"
expect "is told where" 1 "$(said 'ERROR:  column "nonsense" does not exist')"
expect "in lines of its own" 1 "$(said '^  LINE 1: select nonsense')"
expect "COPY" 1 "$(status_of "$program" "$info" 'copy (select 1) to stdout')"
expect "is refused, and its connection closed" 2 "$(said 'COPY is more than a query|1 broken')"
expect "an open transaction" 0 "$(status_of "$program" "$info" 'begin')"
expect "goes with its connection" 1 "$(said ' 1 broken')"

# Time.
SECONDS=0
expect "a query that takes too long" 1 "$(status_of "$program" --timeout 0.2 --repeat 3 --connections 1 \
    "$info" 'select pg_sleep(60)')"
expect "is told" 1 "$(said '^postgres_query: the query took longer than --timeout allows \(3 times\)$')"
expect "is given up at once" 1 $((SECONDS < 10))
expect "each connection is closed" 1 \
    "$(said '^0 queries; connections: 3 made, 0 times reused, 3 broken, 0 failed;')"
begin 'select pg_sleep(61)'
kill -INT $!
status=0
wait $! || status=$?
expect "interrupted" 130 $status

# Arguments and output.
expect "no query" 2 "$(status_of "$program" "$info")"
expect "an unknown option" 2 "$(status_of "$program" --wat "$info" 'select 1')"
expect "a bad number" 2 "$(status_of "$program" --repeat 0 "$info" 'select 1')"
expect "a bad time" 2 "$(status_of "$program" --timeout never "$info" 'select 1')"
expect "help" 0 "$(status_of "$program" --help)"
expect "a bad connection string" 1 "$(status_of "$program" "host=$work password=my secret" 'select 1')"
expect "keeps what it says" 0 "$(said secret)"
if [ -c /dev/full ]; then
    expect "a full device" 1 "$(status_of bash -c '"$0" "$@" >/dev/full' "$program" "$info" 'select 1')"
    expect "help into one" 1 "$(status_of bash -c '"$0" --help >/dev/full' "$program")"
fi

# The server's end.
begin 'select pg_sleep(62)'
client=$!
stop_server
status=0
wait $client || status=$?
expect "a server that is killed" 1 $status
expect "is told" 1 "$(said 'server closed the connection|terminating connection|connection to server .* lost')"
expect "and its connection closed" 1 "$(said '^0 queries; connections: 1 made, 0 times reused, 1 broken,')"
expect "a server that is not there" 1 "$(status_of "$program" --repeat 3 "$info" 'select 1')"
expect "is told three times" 2 "$(said 'connection to server .* failed: (Connection refused|No such file)|\(3 times\)$')"
expect "in the figures, too" 1 "$(said '^0 queries; connections: 0 made, 0 times reused, 0 broken, 3 failed;')"

[ $failures -eq 0 ] && echo "postgres_query: all checks passed"
exit $((failures > 0))
