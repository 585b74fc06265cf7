#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How often the daemon and its keeper wake up in a minute in which nothing happens, with a thousand workloads that sleep.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

workloads=1000
seconds=60
rest_seconds=12 # ten sampling intervals after a question nobody looks any more
! is_vm || workloads=200
keeper_group=$cgroup2/$instance-keeper

# wake_ups PID: of all its threads, asked for or not
wake_ups() { awk '/ctxt_switches:/ { sum += $2 } END { print sum }' /proc/"$1"/task/*/status; }

# The keeper wants a cgroup of its own, which it goes below.
keeper_start() {
    mkdir "$keeper_group"
    bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2"' keeper "$keeper_group" "$build/supervisord/supervisord-keeper" &
    keeper=$!
    eventually [ -d "$keeper_group/.keeper" ]
}
keeper_stop() {
    kill "$keeper"
    wait "$keeper"
    rmdir "$keeper_group/.keeper" "$keeper_group"
}

with_contract() { if has_controller cpu; then sed 1aCPUWeight=200; else cat; fi; } # the account of CPU time must not tick for it
sleepers $workloads | with_contract | policy
must 'the daemon starts' daemon_start
running() { [ "$(metric supervisord_workloads state=running)" = $workloads ]; }
check_eventually 'all sleepers run' running
must 'the keeper starts' keeper_start
sleep $rest_seconds
daemon_before=$(wake_ups "$daemon") keeper_before=$(wake_ups "$keeper")
sleep $seconds
row "daemon's wake-ups in $seconds s, $workloads sleep" $(($(wake_ups "$daemon") - daemon_before)) '' '' 0
row "keeper's wake-ups in $seconds s" $(($(wake_ups "$keeper") - keeper_before)) '' '' 0
keeper_stop
part_ends
