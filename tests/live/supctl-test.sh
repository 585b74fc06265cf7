#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl against a server with canned answers: each tests/golden/supctl/CASE/command must print CASE/expected; then what no
# golden file can hold: signals, a server that goes away, a terminal. Needs neither root nor a daemon.
# Usage: supctl-test.sh SUPCTL FAKE_SERVER GOLDEN_DIRECTORY [--update]
set -u

golden=$(realpath "$3")
update=${4:-}
work=$(mktemp -d)
server= faulty_server=
failures=0

stop_server() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    server=
}
trap 'stop_server; kill $faulty_server 2>/dev/null; rm -rf "$work"' EXIT

# start_server SOCKET [faulty]: returns when it listens; its pid is in $server
start_server() {
    mkfifo "$work/ready"
    "$work/bin/supctl-fake-server" "$@" >"$work/ready" &
    server=$!
    read -r _ <"$work/ready"
    rm "$work/ready"
}

check() {
    description=$1
    shift
    if "$@"; then
        echo "ok - $description"
    else
        echo "not ok - $description"
        failures=$((failures + 1))
    fi
}

# wait_for COMMAND...: up to five seconds
wait_for() {
    for _ in $(seq 50); do
        "$@" && return 0
        sleep 0.1
    done
    return 1
}

mkdir "$work/bin"
ln -s "$(realpath "$1")" "$work/bin/supctl"
ln -s "$(realpath "$2")" "$work/bin/supctl-fake-server"
PATH=$work/bin:$PATH
export PATH SUPERVISORD_SOCKET="$work/control" SUPERVISORD_BINARY=/bin/echo LC_ALL=C TZ=UTC TERM=xterm
unset NO_COLOR
cd "$golden" || exit 1
start_server "$SUPERVISORD_SOCKET.faulty" faulty
faulty_server=$server
start_server "$SUPERVISORD_SOCKET"

# Times of day and chosen names change from run to run.
run_case() {
    { sh "$1/command" 2>&1 </dev/null; echo "exit status $?"; } |
        sed -E -e 's/since [0-9-]+ [0-9:]+ UTC/since TIME/' -e 's/run-[0-9a-f]{8}/run-XXXXXXXX/g' -e 's/"(since_usec)": ?[0-9]+/"\1": TIME/g' -e "s|$work|WORK|g"
}

matches_golden() {
    [ "$update" != --update ] || run_case "$1" >"$1/expected"
    run_case "$1" | diff -u "$1/expected" -
}

for case in *; do
    check "$case" matches_golden "$case"
done

# A signal stops the workload, and its end is still waited for.
stops_by() {
    signal=$1
    env --default-signal=INT supctl run sh -c "echo >'$work/started'; exec sleep 60" &
    wait_for test -e "$work/started"
    rm "$work/started"
    kill -"$signal" $!
    wait $!
    [ $? -eq 143 ]
}
check "run: SIGINT stops the workload" stops_by INT
check "run: SIGTERM stops the workload" stops_by TERM

# Background jobs of a script ignore SIGINT, and so does what they run.
ignores_ignored() {
    supctl run sh -c "echo >'$work/started'; sleep 0.5; exit 7" &
    wait_for test -e "$work/started"
    rm "$work/started"
    kill -INT $!
    wait $!
    [ $? -eq 7 ]
}
check "run: an ignored signal stays ignored" ignores_ignored

notices_lost_server() {
    env SUPERVISORD_SOCKET="$work/lost" supctl run sh -c "echo >'$work/started'; sleep 1" 2>"$work/lost.err" &
    run=$!
    wait_for test -e "$work/started"
    kill "$server"
    wait "$run"
    [ $? -eq 255 ] && grep -q 'lost the connection.*it goes on' "$work/lost.err"
}
main_server=$server
start_server "$work/lost"
check "run: a server that goes away is said" notices_lost_server
server=$main_server

# What a JSON parser of somebody else's makes of both styles is the same.
is_json() {
    "$@" --json=short >"$work/short" 2>/dev/null
    "$@" --json=pretty >"$work/pretty" 2>/dev/null
    [ "$(wc -l <"$work/short")" -eq 1 ] && [ "$(wc -l <"$work/pretty")" -gt 1 ] &&
        python3 - "$work/short" "$work/pretty" <<'END'
import json, sys

def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, parse_constant=lambda word: sys.exit("not JSON: " + word))

def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(member) for key, member in value.items() if key != "since_usec"}
    return [without_times(item) for item in value] if isinstance(value, list) else value

short, pretty = (without_times(load(path)) for path in sys.argv[1:])
sys.exit(short != pretty)
END
}
for verb in status 'top --interval 50ms' 'status web evil' 'show web' list tree plan check version; do
    # shellcheck disable=SC2086
    check "$verb: JSON in both styles" is_json supctl $verb
done

check "stdout that cannot be written is an error" sh -c '! supctl list >/dev/full 2>/dev/null'

# on_terminal COMMAND: its output on a terminal of 80 x 24, as it came, in $work/screen
on_terminal() {
    script -qec "stty rows 24 cols 80; $1" /dev/null >"$work/screen" </dev/null
}
escape=$(printf '\033')

fits_80_columns() {
    sed -e "s/$escape\[H/\n/g" -e "s/$escape\[?1049l/\n/g" -e "s/$escape\[[0-9;?]*[A-Za-z]//g" -e 's/\r//g' "$work/screen" | awk 'length($0) > 79 { bad = 1 } END { exit bad }'
}

top_live() {
    on_terminal 'before=$(stty -g); supctl top --iterations 3 --interval 100ms; [ "$before" = "$(stty -g)" ] && echo restored'
    grep -qF "$escape[?1049h" "$work/screen" && grep -qF "$escape[?1049l" "$work/screen" &&
        grep -qF "$escape[32mrunning" "$work/screen" && grep -q restored "$work/screen" && fits_80_columns
}
check "top: draws 80 x 24 and gives the terminal back" top_live

top_quits() {
    { sleep 0.5; printf q; sleep 0.5; } | script -qec 'stty rows 24 cols 80; supctl top; echo "left $?"' /dev/null >"$work/screen"
    grep -q 'left 0' "$work/screen" && grep -qF "$escape[?1049l" "$work/screen"
}
check "top: q quits" top_quits

top_terminated() {
    on_terminal 'supctl top & sleep 0.5; kill $!; wait $!; echo "left $?"'
    grep -q 'left 0' "$work/screen" && grep -qF "$escape[?1049l" "$work/screen"
}
check "top: SIGTERM gives the terminal back" top_terminated

top_without_color() {
    on_terminal 'NO_COLOR=1 supctl top --iterations 1'
    grep -q running "$work/screen" && ! grep -qE "$escape\[[0-9;]*m" "$work/screen"
}
check "top: NO_COLOR" top_without_color

list_in_color() {
    on_terminal 'supctl list'
    grep -qF "$escape[32mrunning" "$work/screen"
}
check "list: states are colored on a terminal" list_in_color

[ "$failures" -eq 0 ]
