#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What ended while the daemon was away is told as it was, and acted on; what nobody knows is told as unknown.
. "$(dirname -- "$0")/lib.sh"

ends() { # NAME CASE: a workload that ends in that way once there is a gate
    printf '[workload:%s]\nExecStart=%s %s %s\n' "$1" "$build/tests/exit-cases" "$2" "$work/gate"
}
policy < <(
    for case in code overrun leader exec race; do ends $case $case; done
    ends lost code | sed 's/gate$/second-gate/'
    ends waiting code && printf 'Restart=on-failure\nRestartSec=1h\n'
    cat <<'END'
[workload:eager]
ExecStart=/bin/false
Restart=always
RestartSec=10ms
StartLimitIntervalSec=1h
StartLimitBurst=3
END
)
if has_controller memory; then
    policy 20-memory.ini < <(
        ends hog hog && printf 'MemoryMax=16M\nMemorySwapMax=0\n'
        ends parent parent && printf 'MemoryMax=16M\nMemorySwapMax=0\nOOMPolicy=stop\n'
    )
fi
must 'the daemon starts' daemon_start
needs_meters exits
state_and_exit() { supctl show "$1" -p State -p LastExit --value | paste -sd, | sed 's/,/, /'; } # NAME
check_state 'one comes to its start limit' eager failed
restarts=$(property eager NRestarts)
supctl run -d --name detached -- /bin/sh -c 'exit 5' >/dev/null
check_state 'one that was run has failed' detached failed
for name in code overrun leader exec race lost waiting; do check_state "$name runs" "$name" running; done
parent=$(pid_of parent)

daemon_kill
touch "$work/gate"
all_ended() { ! pgrep -f "exit-cases [a-z]* $work/gate" | grep -vx "${parent:-0}" | grep -q .; }
check_eventually 'while nobody looks, all end' all_ended
must 'the daemon comes back' daemon_start

equal 'an exit code is told' 'failed, exit code 7' "$(state_and_exit code)"
equal 'a signal' 'failed, signal XCPU' "$(state_and_exit overrun)"
equal 'what ended the process after its main thread' 'failed, exit code 9' "$(state_and_exit leader)"
equal 'what another thread has executed' 'failed, exit code 7' "$(state_and_exit exec)"
matches 'the first of an exit and a signal' '^failed, (exit code 9|signal KILL)$' "$(state_and_exit race)"
equal 'a back-off goes on' 'backoff, exit code 7' "$(state_and_exit waiting)"
equal 'a start limit that was hit stays hit' 'failed, exit code 1' "$(state_and_exit eager)"
equal 'without another start' "$restarts" "$(property eager NRestarts)"
matches 'and is the reason' 'start limit hit' "$(property eager Degraded)"
equal 'what was run and has failed' 'failed, exit code 5' "$(state_and_exit detached)"
matches 'the journal has the ends' 'code ended: exit code 7' "$(supctl events)"
if [ -n "$parent" ] && [ "$parent" != 0 ]; then
    equal 'the OOM killer' 'failed, signal KILL, out of memory' "$(state_and_exit hog)"
    check_state 'OOMPolicy=stop ends the rest, late' parent failed
fi

# Nothing is left to be told, and once more nothing is started that should not be.
started=$(grep -c ' started, pid' "$journal")
daemon_kill
"$build/tests/exit-cases" fill "$pins"/v*/exit_records
lost=$(pid_of lost)
touch "$work/second-gate"
check_eventually 'with all records taken, one ends' not pgrep -f "exit-cases [a-z]* $work/second-gate"
must 'the daemon comes back' daemon_start
equal 'how that ended is not known' 'failed, unknown' "$(state_and_exit lost)"
matches 'check says why' '1 ends since boot found all' "$(supctl check)"
equal 'metrics count it' 1 "$(supctl metrics | sed -n 's/^supervisord_exit_records_lost_total //p')"
equal 'the others are told as before' 'failed, exit code 7 failed, exit code 5 backoff, exit code 7' \
    "$(state_and_exit code) $(state_and_exit detached) $(state_and_exit waiting)"
check 'what has failed can be started again' supctl start eager
check_state 'and fails again' eager failed
equal 'nobody else was started' 3 "$(($(grep -c ' started, pid' "$journal") - started))"
check 'what was run can be forgotten' supctl rm detached
the_end
