#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each limit stands in its cgroup file, bites, and is seen to have bitten.
. "$(dirname -- "$0")/lib.sh"
needs_controllers cpu cpuset memory io pids
[ -b /dev/disk-scratch ] || skip 'needs a disk to spare as /dev/disk-scratch'
disk=$(stat -L -c '%Hr:%Lr' /dev/disk-scratch)

spin="/bin/sh -c 'while :; do :; done'"
policy <<END
[slice:pinned]
AllowedCPUs=0
IOWeight=300

[workload:gold]
Slice=pinned
CPUWeight=300
ExecStart=$spin

[workload:bronze]
Slice=pinned
ExecStart=$spin

[workload:drowsy]
Slice=pinned
ExecStart=/bin/sleep infinity

[workload:throttled]
AllowedCPUs=1
CPUQuota=20%
ExecStart=$spin

[slice:tight]
MemoryMax=40M
TasksMax=20

[workload:hog]
Slice=tight
MemoryMax=24000000
MemoryHigh=infinity
ExecStart=/usr/bin/tail /dev/zero
StandardOutput=null

[workload:neighbour]
Slice=tight
MemoryMax=100M
ExecStart=/bin/sleep infinity

[workload:forker]
Slice=tight
TasksMax=3
ExecStart=/bin/sh -c 'sleep 1000 & sleep 1000 & sleep 1000 & wait'
StandardOutput=file:$work/forker

[workload:writer]
IOWriteBandwidthMax=/dev/disk-scratch 1M
IOReadBandwidthMax=/dev/disk-scratch 2M
IOWeight=200
ExecStart=/bin/dd if=/dev/zero of=/dev/disk-scratch bs=64k count=1000000 oflag=direct
StandardOutput=null
END
must 'the daemon starts' daemon_start
for name in gold bronze throttled neighbour writer; do check_state "$name runs" "$name" running; done
throttled=$(pid_of throttled) neighbour=$(pid_of neighbour)

# A share and a quota, over the same seconds; a bandwidth, over the life of the writer.
# usage_of GROUP...: the time, and the CPU time of each; by one process, for on a busy machine two read seconds apart
usage_of() { awk 'NR == 1 { printf "%.0f\n", $1 * 1e6 } $1 == "usage_usec" { print $2 }' /proc/uptime "${@/%//cpu.stat}" | paste -sd ' '; }
written() { file_of writer io.stat | sed -n "s/^$disk .*wbytes=\([0-9]*\).*/\1/p"; }
measure() { usage_of "$tree"/{pinned/gold,pinned/bronze,throttled}; }
compare() { # -> gold's share of the two, and the throttled one's of the time
    local before
    before=$(measure)
    sleep 6
    # shellcheck disable=SC2046,SC2086
    set -- $before $(measure)
    gold_share=$(ratio $(($6 - $2)) $(($6 - $2 + $7 - $3)))
    throttled_share=$(ratio $(($8 - $4)) $(($5 - $1)))
}
fair() { is_within 0.73 0.77 "$gold_share" && is_within 0.18 0.22 "$throttled_share"; }
# The account, a line each: name, used by the kernel's word, entitled, lent, borrowed, denied.
account() {
    supctl metrics | awk -F '["{ ]' '/^supervisord_workload_(cpu_usage|share)/ { value[$3, $1] = $NF; names[$3] }
        END { p = "supervisord_workload_"; s = "_seconds_total"
            for (n in names) print n, value[n, p "cpu_usage" s], value[n, p "share_entitled" s], value[n, p "share_lent" s],
                value[n, p "share_borrowed" s], value[n, p "share_denied" s] }'
}
sleep 1
account_before=$(account)
for _ in 1 2 3 4 5; do # the machine below this one may have taken its time out of one of them
    compare
    ! fair || break
done
within 'CPUWeight= 300 : 100 shares 75 : 25 within 2 points' 0.73 0.77 "$gold_share"
within 'CPUQuota=20% holds within 2 points' 0.18 0.22 "$throttled_share"

# Of what their slice is entitled to, gold has 60 % and bronze 20; they borrow what the drowsy one lends, and others beside the
# slice. Nobody is denied anything: to wait for the own quota is not to be denied. What was used is the kernel's figure.
account_after=$(account)
gains() { # EXPRESSION: of what the workloads gained, entitled["gold"] and so on
    awk "NR == FNR { for (i = 2; i <= 6; i++) old[\$1, i] = \$i; next }
        { used[\$1] = \$2; entitled[\$1] = \$3 - old[\$1, 3]; lent[\$1] = \$4 - old[\$1, 4]
          borrowed[\$1] = \$5 - old[\$1, 5]; denied[\$1] = \$6 - old[\$1, 6]; told[\$1] = \$3 + \$5 - \$4 - \$6 }
        END { slice = entitled[\"gold\"] + entitled[\"bronze\"] + entitled[\"drowsy\"]; print $1 }" <(echo "$account_before") <(echo "$account_after")
}
within 'gold is entitled to 60 % of its slice' 0.59 0.61 "$(gains 'entitled["gold"] / slice')"
within 'and denied next to nothing of it' 0 0.1 "$(gains 'denied["gold"] / entitled["gold"]')"
within 'who sleeps lends all it is entitled to' 0.97 1 "$(gains 'lent["drowsy"] / entitled["drowsy"]')"
within 'and is entitled to 20 %' 0.19 0.21 "$(gains 'entitled["drowsy"] / slice')"
within 'the others borrow that and more' 0.8 100 "$(gains '(borrowed["gold"] + borrowed["bronze"]) / lent["drowsy"]')"
within 'a quota denies nothing' 0 0.3 "$(gains 'denied["throttled"] / entitled["throttled"]')"
within 'what gold used is what the kernel says' 0.99 1.01 "$(gains 'told["gold"] / used["gold"]')"
within 'and so it is for the throttled one' 0.99 1.01 "$(gains 'told["throttled"] / used["throttled"]')"
within 'the account adds up' 0 0.01 "$(metric supervisord_share_residual_seconds_total resource=cpu)"

age() { awk -v now="$(date +%s%6N)" -v since="$(property "$1" SinceUSec)" 'BEGIN { print now - since }'; }
within 'IOWriteBandwidthMax= 1M holds within 10 %' 0.5 1.1 "$(ratio "$(written)" "$(age writer)")"

# Each in its file, and as it was set.
stands() { # NAME KEY FILE CONTENT SHOWN
    equal "$2= of $1 stands in $3" "$4" "$(file_of "$1" "$3")"
    equal "$2= of $1 is shown" "$5" "$(property "$1" "$2")"
}
stands gold CPUWeight cpu.weight 300 300
stands bronze CPUWeight cpu.weight 100 100
stands throttled CPUQuota cpu.max '20000 100000' 20%
stands throttled AllowedCPUs cpuset.cpus 1 1
stands neighbour MemoryMax memory.max 104857600 'tight: 40.0M'
stands tight MemoryMax memory.max 41943040 40.0M
stands tight TasksMax pids.max 20 20
stands forker TasksMax pids.max 3 3
stands neighbour TasksMax pids.max max 'tight: 20'
stands writer IOWeight io.weight 'default 200' 200
equal 'bandwidths stand in one line' "$disk rbps=2000000 wbps=1000000 riops=max wiops=max" "$(file_of writer io.max)"
equal 'MemoryMax= is rounded down to pages' 23998464 "$(file_of hog memory.max)"
equal 'AllowedCPUs= of a slice is its workload'\''s' 'pinned: 0' "$(property gold AllowedCPUs)"
equal 'and the task'\''s' 0 "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$(pid_of gold)/status")"

# MemoryMax= kills it alone.
check_state 'the hog is killed' hog failed
equal 'by its own limit, and this is said' 'signal KILL, out of memory' "$(property hog LastExit)"
equal 'its meter has counted one' 1 "$(property hog memory_oom_kills)"
equal 'its neighbour in the same slice has not noticed' "$neighbour" "$(pid_of neighbour)"

# TasksMax= refuses a fork.
check_state 'a shell that cannot fork gives up' forker failed
matches 'because of TasksMax=' '[Cc]annot fork' "$(cat "$work/forker")"

# What the limit bit, it has counted.
bitten() { supctl show "$1" | awk -v key="$2" '$1 == key { print $NF }'; }
within 'CPUQuota= has bitten' 10 1e9 "$(bitten throttled CPUQuota)"
within 'MemoryMax= has bitten' 1 1e9 "$(bitten hog MemoryMax)"
within 'TasksMax= has bitten' 1 1e9 "$(bitten forker TasksMax)"
equal 'what has not bitten has not counted' 0 "$(bitten neighbour MemoryMax)"

# Changed in place: looser, tighter, gone.
sed -i 's/^CPUQuota=.*/CPUQuota=50%/; s/^MemoryMax=100M/MemoryMax=30M/; s/^IOReadBandwidthMax=.*//; s/^CPUWeight=300/CPUWeight=100/' \
    "$policies/10-test.ini"
matches 'plan says so' 'set throttled cpu.max 50000 100000 \(was 20000 100000\)' "$(supctl plan)"
check 'reload' supctl reload
equal 'a quota is changed' '50000 100000' "$(file_of throttled cpu.max)"
equal 'a memory limit is' '31457280' "$(file_of neighbour memory.max)"
equal 'and its own is the tightest now' 30.0M "$(property neighbour MemoryMax)"
equal 'a weight is' 100 "$(file_of gold cpu.weight)"
equal 'one of two bandwidths is taken away' "$disk rbps=max wbps=1000000 riops=max wiops=max" "$(file_of writer io.max)"
equal 'all under the same processes' "$throttled $neighbour" "$(pid_of throttled) $(pid_of neighbour)"
check_eventually 'nothing is left to do' plan_is_empty
echo 100 >"$tree/pinned/gold/cpu.weight" && echo 77 >"$tree/pinned/bronze/cpu.weight"
matches 'what somebody else has changed is found' 'set bronze cpu.weight 100 \(was 77\)' "$(supctl plan)"
check 'and put right' supctl reload
equal 'again' 100 "$(file_of bronze cpu.weight)"

# The other keys: each in its file, shown, and biting.
policy 15-keys.ini <<END
[slice:keys]
MemoryMax=300M

[workload:idler]
Slice=pinned
CPUWeight=400
ExecStart=$spin

[workload:burster]
CPUQuota=40%
CPUQuotaPeriodSec=50ms
CPUQuotaBurstSec=20ms
AllowedMemoryNodes=0
TasksMax=10%
ExecStart=/bin/sh -c 'while :; do i=0; while [ \$i -lt 2000 ]; do i=\$((i+1)); done; sleep 0.1; done'

[workload:reader]
IOReadIOPSMax=/dev/disk-scratch 20
ExecStart=/bin/dd if=/dev/disk-scratch of=/dev/null bs=4k count=100000 iflag=direct
StandardOutput=null

[workload:keeper]
Slice=keys
MemoryMin=8M
MemoryLow=16M
ExecStart=/bin/sleep infinity

[workload:group]
OOMPolicy=kill
MemoryMax=24M
MemorySwapMax=0
ExecStart=/bin/sh -c 'tail /dev/zero; exec sleep infinity'
StandardOutput=null

[workload:stopped]
OOMPolicy=stop
MemoryMax=24M
ExecStart=/bin/sh -c 'tail /dev/zero; exec sleep infinity'
StandardOutput=null

[workload:goes-on]
MemoryMax=24M
ExecStart=/bin/sh -c 'tail /dev/zero; exec sleep infinity'
StandardOutput=null
END
check 'more keys' supctl reload
for name in idler burster reader keeper; do check_state "$name runs" "$name" running; done
sed -i 's/^CPUWeight=400/CPUWeight=idle/' "$policies/15-keys.ini"
check 'one is to be idle' supctl reload
stands idler CPUWeight cpu.idle 1 idle
stands burster CPUQuota cpu.max '20000 50000' 40%
stands burster CPUQuotaPeriodSec cpu.max '20000 50000' 50ms
stands burster CPUQuotaBurstSec cpu.max.burst 20000 20ms
stands burster AllowedMemoryNodes cpuset.mems 0 0
pids=$(cat /proc/sys/kernel/pid_max) threads=$(cat /proc/sys/kernel/threads-max)
stands burster TasksMax pids.max $(((pids < threads ? pids : threads) / 10)) $(((pids < threads ? pids : threads) / 10))
stands keeper MemoryMin memory.min 8388608 8.0M
stands keeper MemoryLow memory.low 16777216 16.0M
equal 'its slice grants what is reserved in it' 8388608 "$(file_of keys memory.min)"
equal 'and the tree, which is our own here' 8388608 "$(cat "$tree/memory.min")"
equal 'operations stand in io.max' "$disk rbps=max wbps=max riops=20 wiops=max" "$(file_of reader io.max)"
idle_and_reads() { # the time, the CPU time of the idle one and of gold, and how often the reader has read
    usage_of "$tree"/pinned/{idler,gold}
    sed -n "s/^$disk .*rios=\([0-9]*\).*/\1/p" "$tree/reader/io.stat"
}
watch_idle_and_reads() {
    local before
    before=$(idle_and_reads)
    sleep 4
    # shellcheck disable=SC2046,SC2086
    set -- $before $(idle_and_reads)
    idle_share=$(ratio $(($6 - $2)) $(($7 - $3)))
    read_rate=$(ratio $((($8 - $4) * 1000000)) $(($5 - $1)))
}
for _ in 1 2 3 4 5; do
    watch_idle_and_reads
    ! is_within 0 0.03 "$idle_share" || ! is_within 1 24 "$read_rate" || break
done
within 'CPUWeight=idle leaves nearly all to the others' 0 0.03 "$idle_share"
within 'IOReadIOPSMax= 20 holds within 20 %' 1 24 "$read_rate"
check_state 'OOMPolicy=kill ends all at once' group failed
equal 'by the kernel' 1 "$(file_of group memory.oom.group)"
check_state 'OOMPolicy=stop ends the rest' stopped failed
equal 'by the daemon' 0 "$(file_of stopped memory.oom.group)"
matches 'which says why' 'out of memory' "$(property stopped LastExit)"
oom_happened() { [ "$(stat_of goes-on memory.events oom_kill)" -ge 1 ]; }
check_eventually 'without it, one process is killed' oom_happened
equal 'and the rest goes on' running "$(state_of goes-on)"
within 'OOMPolicy= has counted' 1 10 "$(bitten group OOMPolicy)"
bites() { [ "$(bitten "$1" "$2")" -ge 1 ]; }
check_eventually 'CPUQuotaBurstSec= has been used' bites burster CPUQuotaBurstSec
sed -i 's/^CPUWeight=idle/CPUWeight=50/; s/^MemoryMin=8M/MemoryMin=4M/; s/^CPUQuotaBurstSec=20ms//' "$policies/15-keys.ini"
check 'changed' supctl reload
equal 'idle no more' '0 50' "$(file_of idler cpu.idle) $(file_of idler cpu.weight)"
equal 'a reserve, up to the tree' '4194304 4194304 4194304' \
    "$(file_of keeper memory.min) $(file_of keys memory.min) $(cat "$tree/memory.min")"
equal 'no burst' 0 "$(file_of burster cpu.max.burst)"
check_eventually 'nothing is left to do' plan_is_empty
rm "$policies/15-keys.ini"
check 'all of it gone' supctl reload
equal 'the tree grants nothing' '0 0' "$(cat "$tree/memory.min") $(cat "$tree/memory.low")"

# MemoryHigh= slows and reclaims; what the kernel refuses is degraded, and the rest goes on.
policy 20-more.ini <<END
[workload:cacher]
MemoryHigh=8M
ExecStart=/bin/dd if=/dev/zero of=$work/cache bs=256k count=96
StandardOutput=null

[workload:nowhere]
AllowedCPUs=63
ExecStart=/bin/sleep infinity

[workload:diskless]
IOWriteBandwidthMax=/no/such/disk 1M
ExecStart=/bin/sleep infinity
END
supctl reload >/dev/null
check_state 'a workload that fills the page cache comes to its end' cacher exited
within 'MemoryHigh= has bitten' 1 1e9 "$(bitten cacher MemoryHigh)"
check_state 'one that asks for a CPU that is not there is not started' nowhere failed
matches 'and says why' "AllowedCPUs|cpuset" "$(property nowhere Degraded)"
check_state 'one that asks for a disk that is not there neither' diskless failed
matches 'and says why' '/no/such/disk' "$(property diskless Degraded)"
equal 'the others have not noticed' "$throttled $neighbour" "$(pid_of throttled) $(pid_of neighbour)"

# What a kernel or a machine may lack: while it does, check names it with its cure, and who asks for it is not started.
rare_ends() {
    swapoff /dev/disk-scratch 2>/dev/null
    echo 0 >/proc/sys/vm/nr_hugepages
    echo none >"/sys/dev/block/$disk/queue/scheduler"
    [ ! -d /sys/module/zswap ] || echo N >/sys/module/zswap/parameters/enabled
}
rare() { # WHAT SHARE STATE PATTERN: a line of what check has said
    matches "$1" "^ *$2 +$3 .*($4)" "$checked"
}
is_refused() { # NAME PATTERN
    check_state "$1 is not started" "$1" failed
    matches 'and says why' "$2" "$(property "$1" Degraded)"
}
if is_vm; then # only there are the machine's own settings ours to change
    echo -hugetlb >"$cgroup2/cgroup.subtree_control"
    rm "$policies"/*.ini
    policy 30-rare.ini <<END
[workload:pages]
HugeTLBMax=2M 4M
ExecStart=/usr/bin/python3 -c 'import mmap; m = mmap.mmap(-1, 6 << 20, flags=0x40022); m[0] = m[2 << 20] = 1; print("two", flush=True); m[4 << 20] = 1'
StandardOutput=file:$work/pages

[workload:weighed]
IODeviceWeight=/dev/disk-scratch 200
ExecStart=/bin/sleep infinity

[workload:swapper]
MemoryMax=16M
MemoryZSwapMax=1M
ExecStart=/usr/bin/python3 -c 'import os, signal; x = [os.urandom(1024) * 4 for i in range(8192)]; print("full", flush=True); signal.pause()'
StandardOutput=file:$work/swapper
END
    [ ! -d /sys/module/zswap ] || sed -i '/^ExecStart=.*urandom/i State=stopped' "$policies/30-rare.ini"
    supctl reload >/dev/null
    check_eventually 'nobody writes to the disk any more' not group_exists writer
    checked=$(supctl check)
    rare 'hugetlb that is not handed down is named' 'huge pages' absent 'hugetlb controller is not handed down'
    rare 'a disk without a weigher is' 'io weight' absent 'IODeviceWeight= is refused'
    matches 'each with its cure' 'huge pages: echo \+hugetlb .*io weight: echo bfq' "$(tr -s '\n ' ' ' <<<"$checked")"
    is_refused pages 'hugetlb'
    is_refused weighed 'disk-scratch'
    if [ -d /sys/module/zswap ]; then
        rare 'zswap that is off is named' zswap absent 'zswap is off'
    else
        rare 'a kernel without zswap is named' zswap absent 'no memory.zswap.max'
        is_refused swapper 'zswap'
    fi

    # What was said to be the cure is one.
    echo +hugetlb >"$cgroup2/cgroup.subtree_control"
    echo 3 >/proc/sys/vm/nr_hugepages
    echo bfq >"/sys/dev/block/$disk/queue/scheduler"
    if [ -d /sys/module/zswap ]; then
        echo Y >/sys/module/zswap/parameters/enabled
        mkswap -q /dev/disk-scratch && swapon /dev/disk-scratch
        check 'with zswap it is started' supctl start swapper
    fi
    supctl restart pages weighed >/dev/null
    checked=$(supctl check)
    rare 'hugetlb is there' 'huge pages' enforced .
    rare 'a weigher is' 'io weight' enforced '1 of'
    stands pages HugeTLBMax hugetlb.2MB.max 4194304 '2MB 4.0M, 1GB infinity'
    stands weighed IODeviceWeight io.bfq.weight "default 100
$disk 109" 109
    check_state 'a page beyond HugeTLBMax= is refused' pages failed
    equal 'by SIGBUS, after those within' 'two signal BUS' "$(<"$work/pages") $(property pages LastExit)"
    within 'HugeTLBMax= has bitten' 1 10 "$(bitten pages HugeTLBMax)"
    if [ -d /sys/module/zswap ]; then
        rare 'zswap is there' zswap enforced .
        stands swapper MemoryZSwapMax memory.zswap.max 1048576 1.0M
        check_eventually 'what does not fit is swapped out' says full cat "$work/swapper"
        within 'MemoryZSwapMax= holds' 1 1150000 "$(file_of swapper memory.zswap.current)"
        within 'and the rest is on the disk' 8e6 64e6 "$(file_of swapper memory.swap.current)"
    fi
    rm "$policies/30-rare.ini"
    check 'all of it gone' supctl reload
    rare_ends
fi

the_end
