#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon itself takes: memory with 0 and with 100 workloads, CPU time when nothing happens, and for a scrape.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

workloads=100
scrapes=15
idle_seconds=5
port=$((20000 + $$ % 10000))

# Without what eBPF maps have mapped here: they belong to the kernel, and are counted apart.
private_dirty_kb() {
    awk '/^[0-9a-f]+-[0-9a-f]+ / { is_map = /bpf-map/ } /^Private_Dirty:/ && !is_map { sum += $2 } END { print sum }' \
        "/proc/$daemon/smaps"
}

map_kb() {
    cat /proc/"$daemon"/fdinfo/* 2>/dev/null | awk '
        /^memlock:/ { bytes = $2 }
        /^map_id:/ && !seen[$2]++ { sum += bytes }
        END { printf "%d", sum / 1024 }'
}

running() { [ "$(metric supervisord_workloads state=running)" = "$1" ]; }

# Settles first: what starts up needs memory for a moment.
memory_row() { # WORKLOADS BESIDE-KB
    local kb
    sleep 2
    kb=$(private_dirty_kb)
    row "Private_Dirty, $1 workloads" "$kb kB" "${2:+$2 kB with none}" "${2:+$(number "$kb / $2")}" ''
}

start_exporter() {
    "$build/supervisord/supervisord-exporter" --socket "$SUPERVISORD_SOCKET" --listen "127.0.0.1:$port" --interval 1ms --group nogroup \
        >>"$journal" 2>&1 </dev/null &
    exporter=$!
    disown "$exporter"
    eventually curl -fsS -o /dev/null "http://127.0.0.1:$port/metrics"
}

scrape() { curl -fsS -o /dev/null -w '%{time_total} %{size_download}\n' "http://127.0.0.1:$port/metrics"; }

idle_row() {
    local before
    before=$(daemon_cpu_usec)
    sleep "$idle_seconds"
    idle_usec=$((($(daemon_cpu_usec) - before) / idle_seconds))
    row "daemon's CPU time, $workloads sleep" "$(number "$idle_usec / 1000") ms/s" 'a second' \
        "$(number "$idle_usec / 1000000" %.4f)" ''
}

scrape_rows() {
    local i before used_usec seconds bytes
    before=$(daemon_cpu_usec)
    for ((i = 0; i < scrapes; i++)); do
        scrape
    done >"$work/scrapes"
    used_usec=$((($(daemon_cpu_usec) - before) / scrapes))
    seconds=$(median <"$work/scrapes")
    bytes=$(awk 'END { print $2 }' "$work/scrapes")
    row "scrape, $workloads workloads" "$(number "$seconds * 1000") ms" "$bytes bytes" '' ''
    row "daemon's CPU time for a scrape" "$(number "$used_usec / 1000") ms" "$(number "$seconds * 1000") ms in all" \
        "$(number "$used_usec / ($seconds * 1000000)")" ''
}

sleepers 0 | policy
must 'the daemon starts' daemon_start --control-group nogroup
empty_kb=$(sleep 2; private_dirty_kb)
row 'Private_Dirty, no workloads' "$empty_kb kB" '' '' ''

sleepers $workloads | policy
before=$EPOCHREALTIME
supctl reload >/dev/null || not_ok 'the sleepers do not start'
took=$(number "(${EPOCHREALTIME/,/.} - ${before/,/.}) * 1000 / $workloads")
check_eventually 'all sleepers run' running $workloads
row "reload with $workloads new workloads" "$took ms each" '' '' ''
memory_row $workloads "$empty_kb"
row 'eBPF maps' "$(map_kb) kB" "$(nproc) CPUs" '' ''
idle_row
if command -v curl >/dev/null; then
    must 'the exporter starts' start_exporter
    scrape_rows
    kill "$exporter"
else
    left_out 'scrape' 'curl is missing'
fi
part_ends
