#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How far our meters are from what others count of the same, and shares from what the policy says.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

cpu_seconds=2
network_bytes=$((16 << 20))
disk_blocks=256
share_windows=10
link_header_bytes=14
port=$((20000 + $$ % 10000))

ended() { is_state "$1" exited; }

deviation_row() { # FIGURE OURS THEIRS WHOSE UNIT GOAL
    if [ -n "$2" ] && [ -n "$3" ]; then
        row "$1" "$2 $5" "$3 $5 $4" "$(number "($2 / $3 - 1) * 100" %+.3f) %" "$6"
    else
        not_ok "$1" "'$2' beside '$3'"
    fi
}

# --- CPU time: the rusage of the reaped tree is in the daemon's line about the end ----------------------------------------

cpu_row() {
    local ours theirs
    policy <<END
[workload:burner]
ExecStart=$build/tests/bench-load cpu $cpu_seconds
StandardOutput=null
END
    supctl reload >/dev/null
    eventually ended burner || { not_ok 'the burner does not end'; return; }
    ours=$(metric supervisord_workload_cpu_usage_seconds_total workload=burner)
    theirs=$(sed -n 's/.*burner ended: .*CPU time \([0-9.]*\)s$/\1/p' "$journal")
    deviation_row 'CPU time' "$ours" "$theirs" 'rusage' s '0.5 %'
}

# --- network: what the host's end of the veth got ---------------------------------------------------------------------

host_end() { ip -o link show master "$bridge" | sed -n '1s/^[0-9]*: \([^:@]*\).*/\1/p'; }

network_policy() {
    cat <<END
[network:bench]
Bridge=$bridge
Subnet=$subnet.1/24

[workload:sender]
ExecStart=$build/tests/bench-load send $subnet.1 $port $network_bytes
StandardOutput=null
Network=bridge:bench
Address=$subnet.2
END
}

# An interface counts a segment that is cut up later (GSO) as one packet, so here it gets none.
send_all() {
    nsenter --target "$(pid_of sender)" --net ip link set eth0 gso_max_segs 1 &&
        "$build/tests/bench-load" receive $port $network_bytes && sleep 0.5
}

network_row() {
    local bytes packets link
    network_policy | policy
    supctl reload >/dev/null
    eventually is_state sender running && send_all || { not_ok 'nothing was sent'; return; }
    link=$(host_end)
    bytes=$(metric supervisord_workload_network_transmit_bytes_total workload=sender)
    packets=$(metric supervisord_workload_network_transmit_packets_total workload=sender)
    deviation_row 'network bytes sent' "$(number "${bytes:-0} + ${packets:-0} * $link_header_bytes" %d)" \
        "$(cat "/sys/class/net/$link/statistics/rx_bytes")" 'interface' B '1 %'
}

# --- disk -------------------------------------------------------------------------------------------------------------

disk_row() {
    if ! has_controller io || [ ! -b /dev/disk-scratch ]; then
        left_out 'disk bytes written' 'needs the io controller on cgroup v2 and a disk to spare'
        return
    fi
    policy <<END
[workload:writer]
ExecStart=/bin/dd if=/dev/zero of=/dev/disk-scratch bs=64K count=$disk_blocks oflag=direct
StandardOutput=null
END
    supctl reload >/dev/null
    eventually ended writer || { not_ok 'the writer does not end'; return; }
    deviation_row 'disk bytes written' "$(metric supervisord_workload_fs_writes_bytes_total workload=writer)" \
        "$(file_of writer io.stat | sed -n 's/.*wbytes=\([0-9]*\).*/\1/p' | awk '{ sum += $1 } END { print sum }')" \
        'io.stat' B '1 %'
}

# --- shares -----------------------------------------------------------------------------------------------------------

spinner() { # NAME WEIGHT
    printf '[workload:%s]\nSlice=pair\nCPUWeight=%s\nExecStart=%s cpu 3600\nStandardOutput=null\n\n' "$1" "$2" \
        "$build/tests/bench-load"
}

usage_usec() { # NAME: without starting a process, which would take its time from somebody
    local key value
    while read -r key value; do
        [ "$key" != usage_usec ] || { usage=$value; return; }
    done <"$tree/pair/$1/cpu.stat"
}

# One line for each second: how many percent of what both got the heavier one got
share_windows() {
    local i heavy light
    usage_usec heavy; heavy=$usage; usage_usec light; light=$usage
    for ((i = 0; i < share_windows; i++)); do
        sleep 1
        local heavy_before=$heavy light_before=$light
        usage_usec heavy; heavy=$usage; usage_usec light; light=$usage
        echo $((heavy - heavy_before)) $((light - light_before))
    done | awk '{ printf "%.3f\n", 100 * $1 / ($1 + $2) }'
}

share_row() {
    if ! has_controller cpu || ! has_controller cpuset; then
        left_out 'share error, 300:100, 1 s windows' 'needs the cpu and cpuset controllers on cgroup v2'
        return
    fi
    { printf '[slice:pair]\nAllowedCPUs=0\n\n'; spinner heavy 300; spinner light 100; } | policy
    supctl reload >/dev/null
    eventually is_state heavy running && eventually is_state light running || { not_ok 'the spinners do not run'; return; }
    sleep 1
    share_windows >"$work/shares"
    row 'share, 300:100, 1 s windows' "$(median <"$work/shares") %" '75 % due' '' ''
    awk '{ print ($1 > 75 ? $1 - 75 : 75 - $1) }' "$work/shares" | sort -g >"$work/errors"
    row 'share error' "$(median <"$work/errors") points" "$(tail -n 1 "$work/errors") points at worst" '' ''
}

policy </dev/null
must 'the daemon starts' daemon_start
for part in cpu_row network_row disk_row share_row; do
    $part
done
part_ends
