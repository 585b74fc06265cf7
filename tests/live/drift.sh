#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody else writes to a cgroup, a disk comes and goes: it is noticed, shown, counted, and put right if the policy says so.
. "$(dirname -- "$0")/lib.sh"
needs_controllers cpu cpuset io memory pids
[ -b /dev/disk-scratch ] || skip 'needs a disk to spare as /dev/disk-scratch'

policies_say() { # DRIFT
    policy <<END
[supervisord]
Drift=$1

[slice:s]
CPUQuota=80%

[workload:web]
Slice=s
CPUQuota=20%
MemoryMax=100M
IOReadIOPSMax=any 500
ExecStart=/bin/sleep infinity

[workload:other]
Restart=always
RestartSec=10ms
ExecStart=/bin/sleep infinity
END
}
policies_say report
must 'the daemon starts' daemon_start
check_state 'web runs' web running
check_state 'other runs' other running
web=$(pid_of web)
drifted() { metric supervisord_cgroup_drift_total "knob=$1"; }

# What we write ourselves is no drift.
sed -i 's/^MemoryMax=100M/MemoryMax=120M/' "$policies/10-test.ini"
check 'a reload writes' supctl reload
sleep 0.5 # what would be wrong must have had its time
equal 'and nothing has drifted' '' "$(property web Degraded)"
equal 'nor been counted' 0 "$(drifted memory.max)"

# Somebody writes.
echo '50000 100000' >"$tree/s/web/cpu.max"
check_eventually 'a write by somebody else is noticed' \
    says 'cpu.max holds 50000 100000, the policy says 20000 100000' property web Degraded
equal 'it is counted' 1 "$(drifted cpu.max)"
matches 'shown as set and as written' 'CPUQuota +20% +50% +50%' "$(supctl show web)"
matches 'and the plan would put it right' 'set web cpu.max 20000 100000' "$(supctl plan)"
echo '60000 100000' >"$tree/s/web/cpu.max"
check_eventually 'another write is another drift' says 'holds 60000 100000' property web Degraded
equal 'and counted' 2 "$(drifted cpu.max)"
echo '70000 100000' >"$tree/s/cpu.max"
check_eventually 'a slice can drift too' says 'cpu.max holds 70000 100000' property s Degraded

# What is only to be reported stays, whatever else is planned.
other=$(pid_of other)
kill "$other"
check_eventually 'another workload is started anew' is_another_pid other "$other"
check 'one more plan for it' supctl restart other
equal 'what somebody has written stays' '60000 100000' "$(cat "$tree/s/web/cpu.max")"
echo '20000 100000' >"$tree/s/web/cpu.max"
check_eventually 'put back by whoever wrote it, it is over' equal_now '' property web Degraded
check 'a reload puts all right' supctl reload
equal 'the slice too' '80000 100000' "$(cat "$tree/s/cpu.max")"
check_eventually 'and nothing is degraded' equal_now '' property s Degraded
equal 'the same processes all the while' "$web" "$(pid_of web)"

# A start has all that the policy asks for.
echo '50000 100000' >"$tree/s/web/cpu.max"
check_eventually 'drift once more' says 'cpu.max' property web Degraded
check 'a restart' supctl restart web
equal 'puts the workload right' '20000 100000' "$(cat "$tree/s/web/cpu.max")"
check_eventually 'and it is over' equal_now '' property web Degraded

# Repaired, if the policy says so.
policies_say repair
check 'reload' supctl reload
before=$(drifted cpu.max)
echo '50000 100000' >"$tree/s/web/cpu.max"
check_eventually 'what somebody writes is put right' equal_now '20000 100000' cat "$tree/s/web/cpu.max"
check_eventually 'and counted' equal_now $((before + 1)) drifted cpu.max
check_eventually 'and nothing is degraded' equal_now '' property web Degraded

# A disk comes and goes.
disk=$(stat -L -c '%Hr:%Lr' /dev/disk-scratch)
device=$(basename "$(readlink -f "/sys/dev/block/$disk/device")")
iops() { grep -c 'riops=500' "$tree/s/web/io.max"; }
disks=$(iops)
within 'any device is each whole disk' 2 10 "$disks"
echo "$device" >/sys/bus/virtio/drivers/virtio_blk/unbind
check_eventually 'a disk goes' equal_now $((disks - 1)) iops
echo "$device" >/sys/bus/virtio/drivers/virtio_blk/bind
check_eventually 'one that comes gets its limits' equal_now "$disks" iops
check_eventually 'and nothing is left to do' plan_is_empty

# Without anybody writing, nothing is done.
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$daemon/task/$daemon/status"; }
sed -i '/^\[supervisord\]/a SampleIntervalSec=1h' "$policies/10-test.ini"
check 'sampling once an hour' supctl reload
sleeps() {
    local before
    before=$(switches)
    sleep 3
    [ "$(switches)" = "$before" ]
}
check_eventually 'the loop sleeps while nobody writes' sleeps

# Where the kernel cannot tell, it is looked for now and then.
check 'the daemon goes' daemon_stop
printf '#!/bin/sh\nexec "%s" inotify_init1 "%s" "$@"\n' "$build/tests/refuse" "$build/supervisord/supervisord" >"$work/refusing"
chmod +x "$work/refusing"
daemon_binary=$work/refusing
sed -i '/^\[supervisord\]/a DriftIntervalSec=200ms' "$policies/10-test.ini"
policy 20-oom.ini <<END
[workload:hungry]
OOMPolicy=stop
MemoryMax=24M
ExecStart=/bin/sh -c 'tail /dev/zero; exec sleep infinity'
StandardOutput=null
END
check 'one without inotify comes' daemon_start
matches 'and says that it polls' 'cannot tell of all writes to cgroups \(Too many open files\): looking every 200ms' "$(<"$journal")"
echo '50000 100000' >"$tree/s/web/cpu.max"
check_eventually 'it finds what somebody has written' equal_now '20000 100000' cat "$tree/s/web/cpu.max"
check_state 'and OOMPolicy=stop ends who was out of memory' hungry failed
matches 'for that reason' 'out of memory' "$(property hungry LastExit)"

the_end
