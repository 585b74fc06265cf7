#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long a daemon takes that was killed, from its start until it is ready and has found all that runs, and what PID 1 takes
# to execute itself anew with as many units.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

rounds=5
read -ra counts <<<"${SUPERVISORD_BENCH_COUNTS:-10 100 1000}" # in a virtual machine the last may take minutes
unit=$instance-sleeper

# ready_again COUNT: kills the daemon and starts it; writes down the milliseconds until it is ready
ready_again() {
    daemon_kill || return 1
    : >"$journal"
    "$build/tests/bench-ready" "$build/supervisord/supervisord" --instance "$instance" --policy "$policies" \
        --tree "/$instance" 2>"$journal" </dev/null >"$work/ready" || return 1
    read -r daemon msec cpu_msec <"$work/ready"
    grep -q "found $1 workloads running, and 0 " "$journal" || { not_ok "not all $1 workloads were found"; return 1; }
    echo "$msec" >>"$work/times"
    echo "$cpu_msec" >>"$work/cpu-times"
}

# The call that follows is answered when PID 1 is itself again; what it takes by itself is no part of it.
reexec_msec() {
    local before after
    before=$EPOCHREALTIME
    systemctl daemon-reexec
    until systemctl show --property=Version >/dev/null 2>&1; do :; done
    after=$EPOCHREALTIME
    number "(${after/,/.} - ${before/,/.}) * 1000" '%.2f\n'
}

units() { # VERB COUNT
    eval "systemctl $1 --quiet $unit@{1..$2}.service"
}

beside() { # COUNT: the milliseconds of daemon-reexec; nothing where systemd does not run or is not to be disturbed
    is_vm && [ -d /run/systemd/system ] || return
    printf '[Service]\nExecStart=/bin/sleep infinity\n' >"/run/systemd/system/$unit@.service"
    systemctl daemon-reload
    units start "$1"
    for ((i = 0; i < rounds; i++)); do reexec_msec; done | median
    units stop "$1"
}

must 'the daemon starts' daemon_start
for count in "${counts[@]}"; do
    sleepers "$count" | policy
    supctl reload >/dev/null || not_ok "$count sleepers do not start"
    rm -f "$work/times" "$work/cpu-times"
    for ((i = 0; i < rounds; i++)); do
        ready_again "$count"
        eventually answers
    done
    ours=$(median <"$work/times")
    theirs=$(beside "$count")
    goal=
    [ "$count" != 1000 ] || is_vm || goal='100 ms'
    row "killed to ready, $count workloads" "$ours ms" "${theirs:+$theirs ms: daemon-reexec, as many units}" \
        "${theirs:+$(number "$ours / $theirs")}" "$goal"
    row 'CPU time of that' "$(median <"$work/cpu-times") ms" '' '' ''
done
part_ends
