#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands around the main one, and the time that they may take: a start that is under way is neither running nor failed,
# and goes on when the daemon dies.
. "$(dirname -- "$0")/lib.sh"

chmod 755 "$work"
mkfifo -m 666 "$work/gate" "$work/gate2" "$work/kept-gate" "$work/main-gate" "$work/rest-gate" "$work/post-gate"
install -m 666 /dev/null "$work/kept"
policy <<END
[workload:prepared]
ExecStartPre=/bin/sh -c 'cat /proc/self/cgroup >$work/pre; echo one >>$work/order'
ExecStartPre=-/bin/false
ExecStartPre=/bin/sh -c 'echo two >>$work/order'
ExecStart=/bin/sh -c 'echo main >>$work/order; exec sleep infinity'
User=root

[workload:unprepared]
ExecStartPre=/bin/sh -c 'exit 3'
ExecStart=/bin/sh -c 'touch $work/unprepared'
State=stopped

[workload:unpreparable]
ExecStartPre=$work/no-such-program
ExecStart=/bin/sh -c 'touch $work/unprepared'
State=stopped

[workload:gated]
ExecStartPre=/bin/cat $work/gate
ExecStart=/bin/sleep infinity
State=stopped

[workload:gated2]
ExecStartPre=/bin/cat $work/gate2
ExecStart=$work/no-such-program
State=stopped

[workload:kept]
ExecStart=/bin/sh -c 'trap "echo TERM >>$work/kept; exit" TERM; read -r x < $work/kept-gate; echo asked >>$work/kept'
ExecStartPost=/bin/sh -c 'echo post \$MAINPID \$(id -u) >>$work/kept'
ExecStartPost=-/bin/false
ExecStop=/bin/sh -c 'echo stop \$MAINPID >>$work/kept'
ExecStop=/bin/sh -c 'echo >$work/kept-gate; tail --pid=\$MAINPID -s 0.02 -f /dev/null'
User=nobody
State=stopped

[workload:post-gated]
ExecStart=/bin/sleep infinity
ExecStartPost=/bin/cat $work/gate
State=stopped

[workload:post-late]
ExecStart=/bin/bash -c 'trap "" TERM; (read -r <$work/rest-gate) & read -r <$work/main-gate'
ExecStartPost=/bin/sh -c 'echo first >>$work/post-late; read -r line <$work/post-gate'
ExecStartPost=/bin/sh -c 'echo second >>$work/post-late'
TimeoutStopSec=10min
State=stopped

[workload:post-fails]
ExecStart=/bin/sleep infinity
ExecStartPost=/bin/sh -c 'exit 7'
State=stopped

[workload:stop-fails]
ExecStart=/bin/sh -c 'trap "echo TERM >$work/stop-fails; exit" TERM; echo ready >$work/stop-fails; while :; do read -rt 1 x <>$work/gate2; done'
ExecStop=/bin/false
ExecStop=/bin/sh -c 'echo never >$work/never'
State=stopped

[workload:stop-hangs]
ExecStart=/bin/sleep infinity
ExecStop=/bin/sleep infinity
TimeoutStopSec=100ms
State=stopped

[workload:slow]
ExecStartPre=/bin/sleep infinity
ExecStart=/bin/true
TimeoutStartSec=100ms
State=stopped
END
must 'the daemon starts' daemon_start

# One after the other, in the same cgroup, and then the main one.
check_state 'a prepared workload runs' prepared running
equal 'each command had its turn' 'one two main' "$(tr '\n' ' ' <"$work/order" | sed 's/ $//')"
matches 'in the cgroup of the workload' "/$instance/prepared/1$" "$(grep ^0: "$work/pre")"

# Failing.
refuted 'a start whose command fails has failed' supctl start unprepared
matches 'it says which and how' "ExecStartPre= '/bin/sh': exit code 3" "$(cat "$work/said")"
check_state 'it is failed' unprepared failed
equal 'and did not run' no "$([ -e "$work/unprepared" ] && echo yes || echo no)"
refuted 'so has one whose command is not there' supctl start unpreparable
matches 'which is said too' "no-such-program': exit code 203" "$(cat "$work/said")"

# Under way.
supctl start gated >"$work/answer" 2>&1 &
starter=$!
check_state 'while a command runs it is starting' gated starting
pid=$(pid_of gated)
check 'with the pid that it will keep' is_alive "$pid"
echo go >"$work/gate"
wait "$starter"
equal 'start answers once it runs' 0 "$?"
check_state 'then it is running' gated running
equal 'under the same pid' "$pid" "$(pid_of gated)"
check 'it can be stopped' supctl stop gated

# A stop while it is starting ends all of it.
supctl start gated >"$work/answer" 2>&1 &
starter=$!
check_state 'it is starting again' gated starting
command=$(pgrep -P "$(pid_of gated)")
check 'a stop of what is starting' supctl stop gated
equal 'it is stopped' stopped "$(state_of gated)"
wait "$starter"
equal 'who waited for the start is told' 1 "$?"
check_eventually 'its command is gone' not is_alive "$command"

# The daemon dies meanwhile.
for signal in TERM KILL; do
    supctl start gated >/dev/null 2>&1 &
    check_state "before SIG$signal to the daemon it is starting" gated starting
    pid=$(pid_of gated)
    check "the daemon is ended by SIG$signal" daemon_signal "$signal"
    check 'and comes back' daemon_start
    check_state 'it finds it starting' gated starting
    echo go >"$work/gate"
    check_state 'and sees it begin' gated running
    equal 'under the same pid' "$pid" "$(pid_of gated)"
    check 'it can be stopped' supctl stop gated
done
supctl start gated2 >/dev/null 2>&1 &
check_state 'one that will fail is starting' gated2 starting
check 'the daemon is killed' daemon_kill
check 'and comes back' daemon_start
check_state 'it finds it starting' gated2 starting
echo go >"$work/gate2"
check_state 'and sees it fail' gated2 failed
matches 'with the reason' "cannot execute '.*no-such-program': No such file" "$(supctl status gated2)"
supctl stop gated2
supctl start gated2 >/dev/null 2>&1 &
check_state 'once more' gated2 starting
check 'the daemon is killed' daemon_kill
echo go >"$work/gate2"
check 'and comes back after it has failed' daemon_start
check_state 'it is failed' gated2 failed

# Commands beside the main one.
check 'a start with commands after it' supctl start kept
pid=$(pid_of kept)
equal 'they know its pid, and run as its user' "post $pid $(id -u nobody)" "$(cat "$work/kept")"
check_state 'it runs' kept running
check 'a stop runs the commands of ExecStop=' supctl stop kept
equal 'and they have ended it, so no signal came' "post $pid $(id -u nobody) stop $pid asked" \
    "$(tr '\n' ' ' <"$work/kept" | sed 's/ $//')"
supctl start post-gated >"$work/answer" 2>&1 &
starter=$!
check_state 'until the last has ended it is starting' post-gated starting
echo go >"$work/gate"
wait "$starter"
equal 'then start answers' 0 "$?"
check_state 'and it runs' post-gated running
refuted 'a start whose last command fails has failed' supctl start post-fails
matches 'it says which' "ExecStartPost= '/bin/sh': exit code 7" "$(cat "$work/said")"
check_state 'it is failed' post-fails failed
check 'and nothing of it is left' grep -q 'populated 0' "$tree/post-fails/cgroup.events"
supctl start post-late >"$work/answer" 2>&1 &
starter=$!
check_eventually 'the first of two commands runs' grep -q first "$work/post-late"
echo >"$work/main-gate"
wait "$starter"
check_state 'the main process has ended meanwhile' post-late stopping
echo >"$work/post-gate"
no_session() { [ -z "$(find "$tree/post-late" -type d -name 'x*')" ]; }
check_eventually 'the first has ended too' no_session
echo >"$work/rest-gate"
check_state 'and the rest' post-late exited
equal 'the second was not run beside an ending start' first "$(cat "$work/post-late")"
supctl start stop-fails
check_eventually 'one whose ExecStop= fails runs' grep -q ready "$work/stop-fails"
check 'it can be stopped' supctl stop stop-fails
equal 'by the signal' TERM "$(cat "$work/stop-fails")"
equal 'the commands behind the failed one were left out' no "$([ -e "$work/never" ] && echo yes || echo no)"
supctl start stop-hangs
check 'one whose ExecStop= hangs can be stopped' supctl stop stop-hangs
check_eventually 'and nothing of it is left' grep -q 'populated 0' "$tree/stop-hangs/cgroup.events"

# In time.
refuted 'a start that takes too long has failed' supctl start slow
matches 'it says so' 'TimeoutStartSec=' "$(cat "$work/said")"
check_state 'it is failed' slow failed
the_end
