#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is done to running processes: kill, freeze, thaw, wait, and what scripts ask.
. "$(dirname -- "$0")/lib.sh"

mkfifo "$work/gate"
policy <<END
[slice:batch]

[workload:web]
ExecStart=/bin/sh -c 'trap "exit 7" USR1; trap "" HUP; while :; do sleep 0.05 & wait; done'

[workload:job]
Slice=batch
ExecStart=/bin/sh -c 'while :; do :; done'
TimeoutStopSec=1s

[workload:gated]
ExecStartPre=/bin/sh -c 'read _ <$work/gate'
ExecStart=/bin/sleep infinity
ExecStop=/bin/sh -c 'read _ <$work/gate'
State=stopped

[workload:never]
ExecStart=/bin/true
State=stopped
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
check_state 'job runs' job running

status_of() { # COMMAND...: its exit status
    "$@" >/dev/null 2>&1
    echo $?
}

# --- kill and wait
supctl wait web >"$work/waited" &
waiting=$!
check 'a signal that it ignores' supctl kill -s HUP --kill-whom=main web
check 'one that ends its main process' supctl kill --signal=USR1 --kill-whom=main web
wait $waiting
equal 'who waited gets its exit code' 7 $?
equal 'and the words' 'web: exit code 7' "$(cat "$work/waited")"
equal 'who waits for what has ended does not wait' 7 "$(status_of supctl wait web)"
equal 'to what does not run no signal can be sent: status 3' 3 "$(status_of supctl kill web)"
equal 'for what has not run yet nobody waits: status 3' 3 "$(status_of supctl wait never)"
matches 'a name that is nearly right' 'did you mean web\?' "$(supctl kill wbe 2>&1)"
equal 'no such workload: status 4' 4 "$(status_of supctl kill wbe)"
equal 'a signal that there is not: status 2' 2 "$(status_of supctl kill -s TERMINATE web)"

check 'web is started again' supctl start web
children() { cat "$tree/web/"*/cgroup.procs | wc -l; }
check_eventually 'it has a child' eval '[ "$(children)" -ge 2 ]'
check 'KILL to all' supctl kill -s KILL web
equal 'it ended by it' 137 "$(status_of supctl wait web)"
none_left() { [ -z "$(cat "$tree/web/"*/cgroup.procs 2>/dev/null)" ]; }
check_eventually 'nobody is left' none_left
equal 'is-active of what has failed' 3 "$(status_of supctl is-active web)"
equal 'is-failed of it' 0 "$(status_of supctl is-failed web)"
equal 'is-active of one that runs and one that does not' 0 "$(status_of supctl is-active web job)"

# --- freeze and thaw
cpu_of() { stat_of "$1" cpu.stat usage_usec; }
stands_still() { # NAME: no CPU time in a while
    local before
    before=$(cpu_of "$1") && sleep 0.3 && [ "$(cpu_of "$1")" = "$before" ]
}
check 'job is frozen' supctl freeze job
equal 'the kernel says that all of it stands still' 1 "$(stat_of job cgroup.events frozen)"
check 'it gets no CPU time' stands_still job
equal 'its state says it' frozen "$(state_of job)"
equal 'and is a running one to scripts' 0 "$(status_of supctl is-active job)"
job=$(pid_of job)
daemon_kill
check 'it stands still without a daemon' stands_still job
must 'a daemon comes back' daemon_start
equal 'which knows it' frozen "$(state_of job)"
check 'and finds nothing to do' plan_is_empty
equal 'the process is the same' "$job" "$(pid_of job)"
matches 'what is frozen cannot be restarted, which is said' 'supctl thaw job' "$(supctl restart job 2>&1)"
check 'job is thawed' supctl thaw job
check_eventually 'it goes on' not stands_still job
equal 'as the same process' "$job" "$(pid_of job)"
equal 'its state says it' running "$(state_of job)"

check 'frozen once more' supctl freeze job
check 'what is frozen can be stopped' supctl stop job
equal 'by SIGTERM, for it was thawed first' 'signal TERM' "$(property job LastExit)"
equal 'frozen is over with it' 0 "$(file_of job cgroup.freeze)"
equal 'what does not run cannot be frozen: status 3' 3 "$(status_of supctl freeze job)"
check 'it can be started' supctl start job
check_state 'and runs' job running

check 'a whole slice is frozen' supctl freeze batch
check 'what is in it stands still' stands_still job
equal 'and says so' frozen "$(state_of job)"
check 'KILL ends it all the same' supctl kill -s KILL job
check_state 'it has failed' job failed
matches 'nothing starts in it' 'supctl thaw batch' "$(supctl start job 2>&1)"
cat >>"$policies/10-test.ini" <<'END'

[workload:late]
Slice=batch
ExecStart=/bin/sleep infinity
END
check 'a reload that brings a workload for it' supctl reload
equal 'does not start it' stopped "$(state_of late)"
check 'the slice is thawed' supctl thaw batch
check_state 'then it starts' late running
check 'a whole slice is stopped' supctl stop batch
equal 'with all that runs in it' 'failed stopped' "$(state_of job) $(state_of late)"
check 'and started' supctl start 'b*h'
equal 'all of it' 'running running' "$(state_of job) $(state_of late)"

# Without waiting for what waits at the gate.
open_gate() { timeout "$patience" sh -c 'echo >"$0"' "$work/gate"; }
check 'a start that nobody waits for' supctl start --no-block gated
check_state 'is under way' gated starting
check 'it may go on' open_gate
check_state 'and comes to its end' gated running
gated=$(pid_of gated)
check 'a restart that nobody waits for' supctl restart --no-block gated
equal 'is under way' stopping "$(state_of gated)"
check 'its stop may go on' open_gate
check 'and its start' open_gate
check_eventually 'then another runs' is_another_pid gated "$gated"
check 'a stop that nobody waits for' supctl stop --no-block gated
equal 'is under way' stopping "$(state_of gated)"
check 'it may go on' open_gate
check_state 'and comes to its end' gated stopped
equal 'what does not exist is an error all the same: status 4' 4 "$(status_of supctl start --no-block nobody)"

# Frozen by the policy's own word; one that is gone from it takes what was wanted of it along.
check 'late is frozen' supctl freeze late
policy <<'END'
[workload:still]
ExecStart=/bin/sleep infinity
Frozen=yes
END
check 'another policy' supctl reload
check_eventually 'what is gone from it ends, though it was frozen' not group_exists late
equal 'what is to stand still from the beginning is not started' stopped "$(state_of still)"
check 'until it is thawed' supctl thaw still
check_state 'then it runs' still running

the_end
