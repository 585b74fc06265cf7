#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What limits hold with the daemon and without it, while processes come and go in the workloads; and whether the accounts are
# right of a time that no daemon saw. Two windows with the daemon say how much two windows differ anyway.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

seconds=${BENCH_SECONDS:-10}
churn=$build/tests/bench-churn
workloads=(heavy light throttled hog forker kept spared eater writer sender tried)

controllers() { # those that are missing
    local controller
    for controller in cpu cpuset memory io pids; do
        has_controller $controller || echo $controller
    done
}

# What is measured against the clock has a CPU to itself but for small change.
daemonless_policy() {
    cat <<END
[network:bench]
Bridge=$bridge
Subnet=$subnet.1/24

[slice:pair]
AllowedCPUs=0

[workload:heavy]
Slice=pair
CPUWeight=300
ExecStart=$churn burn

[workload:light]
Slice=pair
CPUWeight=100
ExecStart=$churn burn

[slice:rest]
AllowedCPUs=1

[workload:throttled]
Slice=rest
CPUWeight=2000
CPUQuota=15%
CPUQuotaPeriodSec=1s
ExecStart=$churn burn

[workload:hog]
Slice=rest
MemoryMax=24M
ExecStart=$churn grow

[workload:forker]
Slice=rest
TasksMax=8
ExecStart=$churn fork

[slice:shared]
Slice=rest
MemoryMax=20M

[workload:kept]
Slice=shared
MemoryMin=5M
ExecStart=/bin/sh -c 'head -c 4M /dev/zero >$work/kept; while :; do sleep 0.2; done'

[workload:spared]
Slice=shared
MemoryLow=5M
ExecStart=/bin/sh -c 'head -c 4M /dev/zero >$work/spared; while :; do sleep 0.2; done'

[workload:eater]
Slice=shared
ExecStart=/bin/sh -c 'head -c 16M /dev/zero >$work/eaten; while :; do cat $work/eaten; sleep 1; done'
StandardOutput=null

[workload:writer]
Slice=rest
CPUWeight=1000
IOWriteBandwidthMax=/dev/disk-scratch 500K
ExecStart=$churn write /dev/disk-scratch

[workload:sender]
Slice=rest
CPUWeight=2000
Network=bridge:bench
Address=$subnet.2
NetworkEgressMax=2Mbit
ExecStart=$churn flood $subnet.1

[workload:tried]
Slice=rest
DevicePolicy=strict
DeviceAllow=/dev/null rw
IPAddressDeny=any
SocketBindDeny=any
ExecStart=$churn try $work/tries
END
}

# --- readings, without starting a process, which would take its time from somebody -------------------------------------

value() { # FILE KEY: into value
    local key
    while read -r key value; do
        [ "$key" != "$2" ] || return 0
    done <"$1"
    value=''
}

written_bytes() { # into value
    local line
    value=0
    while read -r line; do
        [[ $line =~ ^"$disk ".*wbytes=([0-9]+) ]] && value=${BASH_REMATCH[1]}
    done <"$tree/rest/writer/io.stat"
    return 0
}

# Into the array named: amounts that only grow, and when.
take_reading() { # ARRAY
    local -n at=$1
    local name
    at[now]=${EPOCHREALTIME/./}
    for name in pair/heavy pair/light rest/throttled; do
        value "$tree/$name/cpu.stat" usage_usec
        at[${name#*/}]=$value
    done
    written_bytes && at[written]=$value
    at[sent]=$(<"/sys/class/net/$link/statistics/rx_bytes")
    value "$tree/rest/hog/memory.events" oom_kill && at[killed]=$value
    value "$tree/rest/forker/pids.events" max && at[forks]=$value
}

tries() { od -An -v -t u8 -w40 "$work/tries"; } # rounds, allowed, opened, sent, bound

# A pause that starts no process.
mkfifo "$work/clock"
exec 9<>"$work/clock"
pause() { read -rt "$1" -u 9; }

# The most tasks, the least of what is reserved; into tasks, kept, spared
watch_amounts() { # SECONDS
    local until=$((SECONDS + $1)) now
    tasks=0 kept='' spared=''
    while ((SECONDS < until)); do
        pause 0.5
        now=$(<"$tree/rest/forker/pids.current") && ((now > tasks)) && tasks=$now
        now=$(<"$tree/rest/shared/kept/memory.current") && ((now < ${kept:-now + 1})) && kept=$now
        now=$(<"$tree/rest/shared/spared/memory.current") && ((now < ${spared:-now + 1})) && spared=$now
    done
}

# A line a limit: its amount. In the order of `limits`.
limits=('CPUWeight= 300 : 100, share (%)' 'CPUQuota=15% (%)' 'MemoryMax=24M, most (MB)' 'MemoryMin=5M, least of 4M (MB)'
    'MemoryLow=5M, least of 4M (MB)' 'TasksMax=8, most' 'IOWriteBandwidthMax=500K (kB/s)' 'NetworkEgressMax=2Mbit (kbit/s)'
    'DeviceAllow=, allowed (%)' 'DeviceAllow=, denied (%)' 'IPAddressDeny=, denied (%)' 'SocketBindDeny=, denied (%)')
window() { # FILE
    local -A before after
    local tried
    tried=$(tries)
    take_reading before
    watch_amounts "$seconds"
    take_reading after
    local key amounts=''
    for key in now heavy light throttled written sent killed forks; do
        amounts+="$((after[$key] - before[$key])) "
    done
    # shellcheck disable=SC2086
    awk -v amounts="$amounts $(<"$tree/rest/hog/memory.peak") $kept $spared $tasks" -v old="$tried" -v new="$(tries)" '
        BEGIN {
            split(amounts, a); split(old, x); split(new, y)
            rounds = y[1] - x[1]
            print 100 * a[2] / (a[2] + a[3]); print 100 * a[4] / a[1]; print a[9] / 1048576; print a[10] / 1048576
            print a[11] / 1048576; print a[12]; print a[5] / a[1] * 1000; print a[6] / a[1] * 8000
            print 100 * (y[2] - x[2]) / rounds
            for (i = 3; i <= 5; i++) print 100 * (1 - (y[i] - x[i]) / rounds)
            printf "%d kills for memory, %d forks refused, %d tries in %.1f s\n", a[7], a[8], rounds, a[1] / 1e6 >"/dev/stderr"
            exit !(a[7] > 0 && a[8] > 0 && rounds > 0)
        }' >"$1" || not_ok 'a limit was not pressed against'
}

window_rows() {
    local i=0 one another without
    while read -r one another without; do
        row "${limits[i++]}" "$(number "$without")" "$(number "($one + $another) / 2") with the daemon" \
            "$(number "(2 * $without / ($one + $another) - 1) * 100" %+.2f) % (noise $(number "($another / $one - 1) * 100" %+.2f) %)" \
            '1 %'
    done < <(paste "$work/one" "$work/another" "$work/without")
}

# --- accounts: all workloads are ended while nobody looks, so that both sides stand still ---------------------------------

end_all() {
    local name
    echo 1 >"$tree/rest/sender/cgroup.freeze"
    pause 2 # what is in the sender's queue goes out
    sent=$(<"/sys/class/net/$link/statistics/rx_bytes")
    for name in pair rest; do echo 1 >"$tree/$name/cgroup.kill"; done
    eventually nobody_is_left
}
nobody_is_left() { [ -z "$(find "$tree/pair" "$tree/rest" -name cgroup.procs -exec cat {} +)" ]; }

counted() { # METRIC NAME [FILTER]
    awk -v metric="$1{" -v name="workload=\"$2\"" -v filter="${3:+filter=\"$3\"}" \
        'index($0, metric) == 1 && index($0, name) && index($0, filter) { sum += $NF } END { printf "%.6f", sum }' "$work/metrics"
}

account_row() { # FIGURE OURS THEIRS WHOSE UNIT
    row "$1" "$(number "$2" %.0f) $5" "$(number "$3" %.0f) $5 $4" "$(number "(($2) / ($3) - 1) * 100" %+.3f) %" '1 %'
}

account_rows() {
    local name rounds opened sent_datagrams bound packets
    supctl metrics >"$work/metrics"
    for name in pair/heavy rest/throttled; do
        value "$tree/$name/cpu.stat" usage_usec
        account_row "CPU time of ${name#*/}" "$(counted supervisord_workload_cpu_usage_seconds_total "${name#*/}") * 1e6" \
            "$value" 'cpu.stat' us
    done
    packets=$(counted supervisord_workload_network_transmit_packets_total sender)
    account_row 'network bytes sent' "$(counted supervisord_workload_network_transmit_bytes_total sender) + $packets * 14" \
        "$sent" 'interface' B
    written_bytes
    account_row 'disk bytes written' "$(counted supervisord_workload_fs_writes_bytes_total writer)" "$value" 'io.stat' B
    read -r rounds _ opened sent_datagrams bound < <(tries)
    account_row 'devices denied' "$(counted supervisord_workload_filter_denied_total tried devices)" $((rounds - opened)) tries ''
    account_row 'datagrams denied' "$(counted supervisord_workload_filter_denied_total tried addresses)" \
        $((rounds - sent_datagrams)) tries ''
    account_row 'binds denied' "$(counted supervisord_workload_filter_denied_total tried binds)" $((rounds - bound)) tries ''
    account_row 'ends told' "$(ends_told)" ${#workloads[@]} 'workloads killed' ''
}

ends_told() {
    local name end told=0
    for name in "${workloads[@]}"; do
        end=$(property "$name" LastExit)
        if [[ $end = 'signal KILL'* ]]; then told=$((told + 1)); else echo "bench: the end of $name is told as '$end'" >&2; fi
    done
    echo $told
}

# ---------------------------------------------------------------------------------------------------------------------

missing=$(controllers)
if [ -n "$missing" ] || [ ! -b /dev/disk-scratch ]; then
    left_out 'limits without the daemon' "needs ${missing//$'\n'/, }${missing:+ on cgroup v2 and }a disk to spare as /dev/disk-scratch"
    exit 0
fi
disk=$(stat -L -c '%Hr:%Lr' /dev/disk-scratch)
daemonless_policy | policy
must 'the daemon starts' daemon_start
for name in "${workloads[@]}"; do
    must "$name runs" eventually is_state "$name" running
done
link=$(nsenter --target "$(pid_of sender)" --net ip -o link show eth0 | sed -n 's/.*eth0@if\([0-9]*\):.*/\1/p')
link=$(basename "$(dirname "$(grep -lx "$link" /sys/class/net/*/ifindex)")")
is_eaten() { [ "$(stat -c %s "$work/eaten")" = $((16 << 20)) ] && [ -s "$work/tries" ]; }
patience=120 must 'all is under way' eventually is_eaten
pause 3
window "$work/one"
window "$work/another"
must 'the daemon is killed' daemon_kill
pause 1
window "$work/without"
window_rows
must 'all are ended' end_all
must 'the daemon comes back' daemon_start
account_rows
part_ends
