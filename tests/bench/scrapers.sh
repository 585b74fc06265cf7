#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How late the daemon's ticks are, with nobody at the exporter and with a hundred bad scrapers.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

seconds=20
port=$((20000 + $$ % 10000))

policy <<END
[supervisord]
SampleIntervalSec=100ms
[workload:exporter]
ExecStart=$build/supervisord/supervisord-exporter --listen 127.0.0.1:$port --socket $SUPERVISORD_SOCKET --group nogroup
END
must 'the daemon starts' daemon_start --control-group nogroup
check_state 'the exporter runs' exporter running

lateness() { supctl metrics | sed -n 's/^supervisord_tick_lateness_seconds_bucket{le="\([^"]*\)"} /\1 /p'; }

# The edge of the first bucket that 99 of 100 ticks between two snapshots are in, in ms.
p99() { # BEFORE AFTER
    paste -d ' ' "$1" "$2" | awk '{ edge[NR] = $1; n[NR] = $4 - $2 }
        END { for (i = 1; i <= NR; i++) if (n[i] >= 0.99 * n[NR]) { printf "%.2f", edge[i] * 1000; exit } }'
}

sleep 1
lateness >"$work/before"
sleep $seconds
lateness >"$work/quiet"
"$build/tests/hostile-scrapers" "$port" $seconds 100 50 >"$work/hostile"
lateness >"$work/hurt"
quiet=$(p99 "$work/before" "$work/quiet") hurt=$(p99 "$work/quiet" "$work/hurt")
row '99 % of ticks late by, 100 bad scrapers' "< $hurt ms" "< $quiet ms with none" "$(number "$hurt / $quiet")" ''
part_ends
