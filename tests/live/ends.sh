#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How workloads end: who gets which signal, how long they may take, when all of them are gone, and who comes back.
. "$(dirname -- "$0")/lib.sh"

# Each process of it says which signal it got. The child outlives its parent when it wants to.
cat >"$work/family" <<'END'
#!/bin/bash
# family FILE CHILD: CHILD is what the child does after SIGTERM: exit, or stay
(
    trap 'echo child TERM >>"$1"; [ "$2" = stay ] || exit' TERM
    trap 'echo child INT >>"$1"; exit' INT
    echo child >>"$1"
    while :; do read -rt 1 <>"$3" || :; done
) &
trap 'echo main TERM >>"$1"; exit' TERM
trap 'echo main INT >>"$1"; exit' INT
echo main >>"$1"
while :; do read -rt 1 <>"$3" || :; done
END
chmod +x "$work/family"
mkfifo "$work/never"
policy <<END
[workload:group]
ExecStart=$work/family $work/group exit $work/never

[workload:mixed]
ExecStart=$work/family $work/mixed exit $work/never
KillMode=mixed

[workload:interrupted]
ExecStart=$work/family $work/interrupted exit $work/never
KillSignal=INT

[workload:stubborn]
ExecStart=$work/family $work/stubborn stay $work/never
TimeoutStopSec=2s

# More than are signaled at once; each ends by itself when it is asked, or the stop would have to kill it.
[workload:crowd]
ExecStart=/bin/bash -c 'for ((i = 0; i < 300; i++)); do read -r <> $work/never & done; echo all >$work/crowd; wait'
State=stopped

[workload:leaving]
ExecStart=/bin/bash -c '$work/family $work/leaving exit $work/never & read -r < $work/leaving-gate'
State=stopped

[workload:deserted]
ExecStart=/bin/bash -c 'echo start >>$work/starts; $work/family $work/deserted stay $work/never & read -r < $work/deserted-gate'
TimeoutStopSec=10min
State=stopped

[workload:soft]
ExecStart=/bin/bash -c 'trap "" TERM; echo ready >$work/soft; read -r < $work/soft-gate'
TimeoutStopSec=50ms
SendSIGKILL=no
State=stopped

[workload:success]
ExecStart=/bin/sh -c 'exit 75'
SuccessExitStatus=75
Restart=on-failure

[workload:prevented]
ExecStart=/bin/sh -c 'echo start >>$work/prevented; exit 9'
RestartPreventExitStatus=9
Restart=always

[workload:eager]
ExecStart=/bin/sh -c 'echo start >>$work/eager; exit 1'
Restart=on-failure
RestartSec=10ms
StartLimitIntervalSec=1min
StartLimitBurst=3
END
mkfifo "$work/soft-gate" "$work/leaving-gate" "$work/deserted-gate"
must 'the daemon starts' daemon_start

heard() { sort -u "$work/$1" | tr '\n' ' ' | sed 's/ $//'; }
both_run() { [ "$(heard "$1")" = 'child main' ]; }
empty_leaf() { grep -q 'populated 0' "$tree/$1/cgroup.events"; }

# KillMode=, KillSignal=
for name in group mixed interrupted stubborn; do check_eventually "$name: both run" both_run "$name"; done
check 'a stop of a group' supctl stop group
equal 'control-group: both are asked to end' 'child child TERM main main TERM' "$(heard group)"
check 'and both have ended' empty_leaf group
check 'a stop of mixed' supctl stop mixed
equal 'mixed: only the main process is asked' 'child main main TERM' "$(heard mixed)"
check 'and all have ended' empty_leaf mixed
check 'a stop by another signal' supctl stop interrupted
equal 'KillSignal=: both get that' 'child child INT main main INT' "$(heard interrupted)"

# What does not end in time.
check 'a stop of one whose child stays' supctl stop stubborn
equal 'the child was asked' 'child child TERM main main TERM' "$(heard stubborn)"
check 'and killed in the end' empty_leaf stubborn
matches 'which the log says' 'stubborn did not end in time' "$(cat "$journal")"

# A crowd is asked in portions.
supctl start crowd
check_eventually 'a crowd runs' test -s "$work/crowd"
check 'a stop of the crowd' supctl stop crowd
check 'all of it have ended' empty_leaf crowd
refuted 'and nobody had to be killed' grep -q 'crowd did not end in time' "$journal"

# What a main process leaves behind.
supctl start leaving
check_eventually 'leaving: both of what it will leave run' both_run leaving
echo >"$work/leaving-gate"
check_state 'a workload whose main process ends by itself has ended' leaving exited
matches 'after the rest of it was asked to' 'child TERM' "$(heard leaving)"
check 'and had ended' empty_leaf leaving

# A plan for all in the meantime makes it no stop that somebody asked for, which would start it again.
supctl start deserted
check_eventually 'deserted: both of what it will leave run' both_run deserted
echo >"$work/deserted-gate"
check_state 'its main process has ended, the rest stays' deserted stopping
check 'a plan for all' supctl thaw success
check 'the rest is killed' supctl kill --signal KILL deserted
check_state 'it has ended by itself' deserted exited
equal 'and is not started again' 1 "$(wc -l <"$work/starts")"

# SendSIGKILL=no
supctl start soft
check_eventually 'it runs and ignores SIGTERM' test -s "$work/soft"
supctl stop soft >/dev/null 2>&1 &
stopper=$!
check_eventually 'its time is over' says 'soft did not end in time, SendSIGKILL= lets it go on' cat "$journal"
check_state 'but it is let go on' soft stopping
echo >"$work/soft-gate"
wait "$stopper"
equal 'the stop has waited for it' 0 "$?"

# Who is started again.
check_state 'SuccessExitStatus= is a success' success exited
check_state 'RestartPreventExitStatus= is the end' prevented failed
equal 'there was one start' 1 "$(wc -l <"$work/prevented")"
check_state 'too many starts are a failure' eager failed
equal 'there were as many as allowed' 3 "$(wc -l <"$work/eager")"
matches 'status says so' 'start limit hit' "$(supctl status eager)"
supctl start eager
starts_again() { [ "$(wc -l <"$work/eager")" -gt 3 ]; }
check_eventually 'a start by hand begins a new count' starts_again
check_state 'and comes to the same end' eager failed
equal 'with as many again' 6 "$(wc -l <"$work/eager")"
the_end
