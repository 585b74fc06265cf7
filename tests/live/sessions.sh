#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl exec: commands within a running workload; and terminals of their own, for exec and run.
. "$(dirname -- "$0")/lib.sh"
needs_command script
needs_command ip

policy <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24

[workload:web]
ExecStart=/bin/sleep infinity
Environment=COLOR=red
User=nobody
WorkingDirectory=/usr
LimitNOFILE=77
Network=bridge:lan
Address=$subnet.9

[workload:plain]
ExecStart=/bin/sleep infinity

[workload:never]
ExecStart=/bin/true
State=stopped
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
web=$(pid_of web)
inside() { supctl exec web -- "$@"; }
status_of() { # COMMAND...: its exit status
    "$@" >"$work/status" 2>&1
    echo $?
}

# --- what it has of the workload
equal 'it has its user' "$(id -u nobody)" "$(inside id -u)"
equal 'its environment' red "$(inside sh -c 'echo $COLOR')"
equal 'and nothing of ours' '' "$(SECRET=x inside sh -c 'echo $SECRET')"
equal 'its directory' /usr "$(inside pwd)"
equal 'its resource limits' 77 "$(inside sh -c 'ulimit -n')"
equal 'its network' "$(readlink "/proc/$web/ns/net")" "$(inside readlink /proc/self/ns/net)"
matches 'its address' "$subnet\.9" "$(inside ip -o -4 address show eth0)"
matches 'a leaf of its own in its cgroup' '/web/x[0-9a-f]{8}$' "$(inside cat /proc/self/cgroup)"
equal 'no more capabilities' "$(sed -n 's/^CapBnd:\t//p' "/proc/$web/status")" "$(inside sed -n 's/^CapBnd:\t//p' /proc/self/status)"
equal 'another user' 0 "$(supctl exec web --user root id -u)"
equal 'another directory' /tmp "$(supctl exec web --working-directory /tmp pwd)"
equal 'a variable' 'blue red' "$(supctl exec web -E SHADE=blue -- sh -c 'echo $SHADE $COLOR')"
equal 'our input and output' 'hello' "$(echo hello | inside cat)"
equal 'errors go where ours go' oops "$(inside sh -c 'echo oops >&2' 2>&1 >/dev/null)"
equal 'web has not noticed' "$web" "$(pid_of web)"

# --- how it ends
equal 'its exit code is ours' 9 "$(status_of inside sh -c 'exit 9')"
equal 'or its signal' 143 "$(status_of inside sh -c 'kill -TERM $$')"
equal 'a command that there is not: 127' 127 "$(status_of inside no-such-command)"
refuted 'what cannot be executed is an error' inside /etc/passwd
matches 'which is said' 'execute' "$(inside /etc/passwd 2>&1)"
equal 'and no matter of the workload'\''s' '' "$(property web Degraded)"
equal 'what does not run: 3' 3 "$(status_of supctl exec never -- true)"
matches 'it says so' 'does not run' "$(cat "$work/status")"
equal 'what there is not: 4' 4 "$(status_of supctl exec wbe -- true)"
no_sessions() { [ -z "$(find "$tree" -type d -name 'x*')" ]; }
check_eventually 'no leaf stays' no_sessions

# --- signals, many, and the end of all
supctl exec plain -- sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done' >"$work/trap" &
session=$!
check_eventually 'a session runs' grep -q ready "$work/trap"
kill -USR1 $session
wait $session
equal 'our signals are passed on' 5 $?
for i in 1 2 3 4 5; do
    supctl exec plain -- sh -c "echo >'$work/up-$i'; sleep infinity" &
    sessions[i]=$!
done
all_up() { [ "$(find "$work" -name 'up-*' | wc -l)" = 5 ]; }
check_eventually 'five at a time' all_up
equal 'in a leaf each' 5 "$(find "$tree/plain" -type d -name 'x*' | wc -l)"
check 'a plan lets them be' plan_is_empty
check 'the workload stops' supctl stop plain
for i in 1 2 3 4 5; do
    wait "${sessions[i]}"
    equal "session $i ends with it" 137 $?
done
check_eventually 'no leaf stays' no_sessions
check 'it starts again' supctl start plain
supctl exec plain -- sh -c "echo >'$work/runs'; exec sleep infinity" &
session=$!
has_session() { [ -n "$(find "$tree/plain" -type d -name 'x*')" ]; }
check_eventually 'a session runs' test -s "$work/runs" # its leaf is there before
daemon_kill
wait $session 2>/dev/null
equal 'whose caller is told when the daemon dies' 255 $?
must 'a daemon comes back' daemon_start
check 'the session goes on' has_session
check 'and the plan is empty' plan_is_empty
check 'the workload is restarted' supctl restart plain
check_eventually 'that is its end' no_sessions
equal 'a frozen workload takes none' 1 "$(supctl freeze plain >/dev/null && status_of supctl exec plain -- true)"
supctl thaw plain

# --- terminals
# typed TEXT COMMAND: what a terminal of 30 x 100 shows of COMMAND when TEXT is typed once `ready` is shown
typed() {
    rm -f "$work/screen" "$work/keys"
    mkfifo "$work/keys"
    script -qefc "stty rows 30 cols 100; before=\$(stty -g); $2; echo \"left \$?\"; [ \"\$before\" = \"\$(stty -g)\" ] && echo restored" \
        "$work/screen" <"$work/keys" >/dev/null &
    local terminal=$!
    exec 8>"$work/keys"
    # At the begin of a line: what `script` writes first has the command, and these words in it.
    [ -z "$1" ] || { eventually grep -q '^ready' "$work/screen" && printf "$1" >&8; }
    eventually grep -q '^left ' "$work/screen"
    exec 8>&-
    wait $terminal
    tr -d '\r' <"$work/screen" | sed 's/\^[CD]//g' # what the terminal echoes comes wherever it likes
}
screen=$(typed '' "supctl exec plain --pty -- sh -c 'tty; stty size; ps -o tty= -p \$\$; exit 6'")
matches 'exec has a terminal' '^/dev/pts/[0-9]+$' "$screen"
matches 'of the size of ours' '^30 100$' "$screen"
matches 'which controls it' '^pts/[0-9]+ *$' "$screen"
matches 'its exit code is ours' '^left 6$' "$screen"
matches 'our terminal is as it was' '^restored$' "$screen"
screen=$(typed '\003' "supctl exec plain -t -- sh -c 'trap \"echo caught; exit 4\" INT; echo ready; while :; do sleep 0.05; done'")
matches '^C is the session'\''s' '^caught$' "$screen"
matches 'and its matter' '^left 4$' "$screen"
screen=$(typed 'hello\n\004' "supctl exec plain -t -- sh -c 'echo ready; cat >/dev/null; echo over'")
matches '^D ends what is read' '^over$' "$screen"
matches 'what it runs as may open it' '^opened$' "$(typed '' "supctl exec web -t -- sh -c 'exec 3<>\$(tty) && echo opened'")"
screen=$(typed '\003' "supctl run --pty -- sh -c 'trap \"echo caught; exit 3\" INT; tty; echo ready; while :; do sleep 0.05; done'")
matches 'run has one, too' '^/dev/pts/[0-9]+$' "$screen"
matches '^C is the workload'\''s' '^caught$' "$screen"
matches 'its exit code is ours' '^left 3$' "$screen"
matches 'our terminal is as it was' '^restored$' "$screen"
screen=$(typed '' "supctl run -t -p ExecStart=/nowhere -- true")
matches 'also when it did not start' '^restored$' "$screen"
screen=$(typed '' "supctl run -t --name killed -- sleep infinity & sleep 0.5; kill -TERM \$!; wait \$!")
matches 'SIGTERM stops it' '^left 143$' "$screen"
matches 'and our terminal is as it was' '^restored$' "$screen"
resize() { # ours grows while it runs
    typed '' "supctl exec plain -t -- sh -c 'trap \"stty size; exit 0\" WINCH; echo ready; while :; do sleep 0.05; done' &
        while kill -0 \$! 2>/dev/null; do sleep 1; stty rows 39; stty rows 40; done; wait"
}
matches 'when our terminal grows, so does the other' '^(39|40) 100$' "$(resize)"
equal 'without a terminal of ours there is one all the same' /dev/pts "$(dirname "$(supctl run -t -- tty </dev/null | tr -d '\r')")"

# --- run's other words
equal 'a variable' blue "$(supctl run -E SHADE=blue -- sh -c 'echo $SHADE')"
equal 'a directory' /usr "$(supctl run --working-directory /usr -- pwd)"
check 'detached, by the name of a unit' supctl run -q -d --unit apart -- sleep infinity
check_state 'it runs' apart running
check 'and stops' supctl stop apart
refuted 'a slice that there is not' supctl run --slice nowhere -- true

the_end
