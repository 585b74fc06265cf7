#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A workload's life as the user sees it: started by policy, stopped and started by hand, restarted by itself.
. "$(dirname -- "$0")/lib.sh"

policy <<END
[supervisord]
SampleIntervalSec=100ms

[workload:web]
ExecStart=/bin/sleep infinity

[workload:once]
ExecStart=/bin/true

[workload:failing]
ExecStart=/bin/sh -c 'date +%%s%%N >>$work/starts; exit 3'
Restart=on-failure
RestartSec=50ms

[workload:resting]
ExecStart=/bin/sleep infinity
State=stopped
END

must 'the daemon starts' daemon_start

# From the policy alone.
check_state 'a workload of the policy runs' web running
web=$(pid_of web)
check 'its process is in its own group in the tree' [ "$(cgroup_of "$web")" = "/$instance/web/1" ]
matches 'status names pid and state' "Main PID: *$web" "$(supctl status web)"
equal 'status of what runs exits with 0' 0 "$(supctl status web >/dev/null; echo $?)"
check_state 'a oneshot workload has exited' once exited
equal 'status of what has ended exits with 3' 3 "$(supctl status once >/dev/null; echo $?)"
equal 'its exit code is kept' 'exit code 0' "$(property once LastExit)"
equal 'State=stopped is not started' stopped "$(state_of resting)"
refuted 'what is not in the policy is not known' supctl status nobody

# By hand.
check 'a stopped workload can be started' supctl start resting
check_state 'and runs then' resting running
check 'a running one can be stopped' supctl stop web
equal 'and is stopped when stop returns' stopped "$(state_of web)"
refuted 'its process is gone' is_alive "$web"
check 'the daemon is restarted' daemon_restart
check_state 'what was started by hand still runs' resting running
equal 'what was stopped by hand stays stopped' stopped "$(state_of web)"
check 'a reload does not start it either' supctl reload
equal 'it is still stopped' stopped "$(state_of web)"
check 'it can be started again' supctl start web
check_state 'and runs again' web running

# Restart: another process, another invocation.
web=$(pid_of web) invocation=$(invocation_of web)
matches 'a start has an invocation id' '^[0-9a-f]{32}$' "$invocation"
check 'restart' supctl restart web
check_state 'it runs after restart' web running
differs 'with another pid' "$web" "$(pid_of web)"
differs 'and another invocation id' "$invocation" "$(invocation_of web)"
refuted 'the old process is gone' is_alive "$web"
web=$(pid_of web)
check 'a start of what runs changes nothing' supctl start web
equal 'same process' "$web" "$(pid_of web)"

# Restart=on-failure: waits 50, 100, 200, 400, 800 ms ...
has_restarted() { [ "$(property failing Restarts)" -ge "$1" ]; }
check_eventually 'a failing workload is started again and again' has_restarted 2
supctl stop failing
rm "$work/starts"
supctl start failing
has_started() { [ "$(wc -l <"$work/starts")" -ge "$1" ]; }
eventually has_started 5
check_eventually 'and is found waiting between starts' is_state failing backoff
equal 'its exit is told' 'exit code 3' "$(property failing LastExit)"
doubling() { awk 'NR > 1 && $1 - last < pause { exit 1 } { pause = NR == 1 ? 50e6 : 2 * pause; last = $1 }' "$1"; }
check 'each pause is twice the one before, at least' doubling "$work/starts"
check 'stop ends the waiting' supctl stop failing
equal 'it is stopped' stopped "$(state_of failing)"
restarts=$(property failing Restarts)
# Nothing ends or is asked for now, so no thread of the daemon wakes up, once it has seen that nobody looks any more.
wake_ups() { awk '$1 == "voluntary_ctxt_switches:" { sum += $2 } END { print sum }' /proc/"$daemon"/task/*/status; }
rests() {
    local before
    before=$(wake_ups)
    sleep 1 # ten ticks
    [ "$(wake_ups)" = "$before" ]
}
check_eventually 'the daemon rests when there is nothing to do' rests
equal 'and has not started it again' "$restarts" "$(property failing Restarts)"

# An end that was not asked for, without Restart=.
kill -KILL "$(pid_of web)"
check_state 'a killed workload has failed' web failed
equal 'by which signal is told' 'signal KILL' "$(property web LastExit)"

# A workload that does not listen to SIGTERM, and one that leaves a child behind.
policy 20-stubborn.ini <<'END'
[workload:deaf]
ExecStart=/bin/sh -c 'trap "" TERM; while :; do sleep 0.1; done'
TimeoutStopSec=300ms

[workload:parent]
ExecStart=/bin/sh -c 'sleep 1000 & exec sleep infinity'
END
check 'more workloads by reload' supctl reload
check_state 'a workload that ignores SIGTERM runs' deaf running
check_state 'a workload with a child runs' parent running
check 'the deaf one is stopped' supctl stop deaf
equal 'by SIGKILL after TimeoutStopSec=' 'signal KILL' "$(property deaf LastExit)"
check 'the parent is stopped' supctl stop parent
no_processes_of() { [ -z "$(find "$tree/$1" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]; }
check_eventually 'and its child is gone with it' no_processes_of parent

the_end
