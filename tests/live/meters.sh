#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is measured is true: our figures beside those of others, for the same work.
. "$(dirname -- "$0")/lib.sh"
needs_command curl
needs_command busybox

mkdir "$work/www"
chmod 755 "$work" "$work/www"
head -c 3000000 /dev/zero >"$work/www/big"
policy <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24

[slice:all]

[workload:worker]
Slice=all
ExecStart=/bin/sh -c 'i=0; while [ \$\$i -lt 30000 ]; do i=\$\$((i+1)); done; for i in 1 2 3 4 5 6 7 8; do /bin/true; done; exec sleep infinity'

[workload:ender]
ExecStart=/bin/sh -c 'i=0; while [ \$\$i -lt 200000 ]; do i=\$\$((i+1)); done'
State=stopped

[workload:web]
Slice=all
ExecStart=$(command -v busybox) httpd -f -p 8080 -h $work/www
Network=bridge:lan
Address=$subnet.2

[workload:sink]
Slice=all
ExecStart=/bin/sh -c 'busybox nc -l -p 9000 | wc -c >$work/sunk; exec sleep infinity'
Network=bridge:lan
Address=$subnet.3

[workload:one]
Slice=all
ExecStart=/usr/bin/taskset -c 0 /bin/sh -c 'while :; do :; done'
State=stopped

[workload:other]
Slice=all
ExecStart=/usr/bin/taskset -c 0 /bin/sh -c 'while :; do :; done'
State=stopped
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running

# CPU time: what getrusage said of the reaped tree, which the log has, beside the cgroup's.
check 'a workload works and ends' supctl start ender
check_state 'it has ended' ender exited
log_line=$(grep 'ender ended' "$journal" | tail -n 1)
rusage=$(sed -n 's/.*CPU time \([0-9.]*\)s.*/\1/p' <<<"$log_line")
ours=$(property ender cpu_usage)
within "CPU time is getrusage's ($rusage s) within 0.5 %" 0.995 1.005 "$(ratio "$ours" "$rusage")"
equal 'and the kernel'\''s' 1 "$(awk -v ours="$ours" -v theirs="$(stat_of ender cpu.stat usage_usec)" \
    'BEGIN { d = ours * 1e6 - theirs; print (d < 1000 && d > -1000) }')"
sleeps() { [ "$(cat "/proc/$(pid_of worker)/comm")" = sleep ]; }
check_eventually 'a worker has done its work' sleeps
sum=$(awk -v a="$(property worker cpu_usage)" -v b="$(property web cpu_usage)" 'BEGIN { print a + b }')
within 'a slice has what is in it' 0.98 1.2 "$(ratio "$(property all cpu_usage)" "$sum")"

# Network: at the cgroup, from the IP header on, beside the interface's count with its 14 bytes a packet more. (An
# interface counts a segment that is cut up later (GSO) as one packet: here nobody sends such.)
if [ "$(metric supervisord_bpf_loaded program=net_transmit)" = 1 ]; then
    link=14
    inside() { nsenter --net --target "$(pid_of "$1")" "${@:2}"; }
    listens() { inside "$1" busybox netstat -ltn | grep -q ":$2 "; }
    counted() { # NAME receive|transmit: by us, by the interface
        local bytes packets theirs
        bytes=$(property "$1" "network_$2_bytes") packets=$(property "$1" "network_$2_packets")
        theirs=$(inside "$1" cat /proc/net/dev | awk -v direction="$2" '$1 == "eth0:" { print direction == "receive" ? $2 : $10 }')
        echo "$((bytes + link * packets)) $theirs"
    }
    eventually listens web 8080
    inside web ip link set eth0 gso_max_segs 1
    equal 'curl has all that web sends' 3000000 \
        "$(curl --silent --max-time 30 --output "$work/got" --write-out '%{size_download}' "http://$subnet.2:8080/big")"
    sleep 0.5
    # shellcheck disable=SC2046
    set -- $(counted web transmit)
    within 'bytes sent, with link headers, are the interface'\''s within 1 %' 0.99 1.01 "$(ratio "$1" "$2")"
    within 'and no less than what curl got' 1 1.1 "$(ratio "$1" 3000000)"

    eventually listens sink 9000
    ip link set "$bridge" gso_max_segs 1
    cat "$work/www/big" >"/dev/tcp/$subnet.3/9000"
    check_eventually 'the sink has all that we send' says 3000000 cat "$work/sunk"
    # shellcheck disable=SC2046
    set -- $(counted sink receive)
    within 'bytes received, with link headers, are the interface'\''s within 1 %' 0.99 1.01 "$(ratio "$1" "$2")"
else
    echo "# $story: the network programs are not loaded here"
fi

# Run-queue wait: one that always wants to run runs or waits; beside another one on its CPU it waits for half of the time at
# least, whatever else this machine does.
if [ "$(metric supervisord_bpf_loaded program=wait)" = 1 ]; then
    count_of() { metric supervisord_slice_cpu_runqueue_wait_seconds_count slice=all; }
    first=$(count_of)
    supctl start one other
    sleep 3
    asked=$EPOCHREALTIME # it is read between these two, which may lie apart
    { read -r usage && read -r wait; } < <(supctl show one -p cpu_usage -p cpu_wait --value)
    answered=$EPOCHREALTIME start=$(metric supervisord_workload_start_time_seconds workload=one)
    supctl stop one other
    share() { awk -v part="$1" -v start="$start" -v now="$2" 'BEGIN { print part / (now - start) }'; } # SECONDS UNTIL
    busy=$(awk -v a="$usage" -v b="$wait" 'BEGIN { print a + b }')
    within 'one that always wants to run runs or waits' 0.85 99 "$(share "$busy" "$asked")"
    within 'and no more than that' 0 1.05 "$(share "$busy" "$answered")"
    within 'and waits half of the time beside another one' 0.4 1 "$(share "$wait" "$answered")"
    within 'the wait histogram of the slice counts' $((first + 10)) 1e9 "$(count_of)"
    equal 'and ends in +Inf with all of them' same "$(supctl metrics | awk '
        /^supervisord_slice_cpu_runqueue_wait_seconds_bucket.slice="all".*Inf/ { last = $NF }
        /^supervisord_slice_cpu_runqueue_wait_seconds_count.slice="all"/ { print $NF == last ? "same" : "not the same" }')"
else
    echo "# $story: the wait program is not loaded here"
fi

# Disk: beside io.stat, where the io controller is.
if [ -b /dev/disk-scratch ] && has_controller io; then
    disk=$(stat -L -c '%Hr:%Lr' /dev/disk-scratch)
    policy 20-disk.ini <<END
[workload:disk]
ExecStart=/bin/dd if=/dev/zero of=/dev/disk-scratch bs=64k count=300 oflag=direct
StandardOutput=null
[workload:reader]
Metrics=devices
ExecStart=/bin/dd if=/dev/disk-scratch of=/dev/null bs=64k count=200 iflag=direct
StandardOutput=null
END
    check 'reload with disk users' supctl reload
    check_state 'the writer is done' disk exited
    check_state 'the reader too' reader exited
    io_stat() { file_of "$1" io.stat | sed -n "s/^$disk .*$2=\([0-9]*\).*/\1/p"; }
    within 'bytes written are io.stat'\''s within 1 %' 0.99 1.01 "$(ratio "$(property disk io_write_bytes)" "$(io_stat disk wbytes)")"
    within 'and dd'\''s' 1 1.01 "$(ratio "$(property disk io_write_bytes)" $((300 * 65536)))"
    within 'bytes read are io.stat'\''s within 1 %' 0.99 1.01 "$(ratio "$(property reader io_read_bytes)" "$(io_stat reader rbytes)")"
    within 'operations are io.stat'\''s' 0.99 1.01 "$(ratio "$(property disk io_writes)" "$(io_stat disk wios)")"
    name=$(basename "$(readlink -f /dev/disk-scratch)")
    equal 'and on request device by device' "$(property reader io_read_bytes)" \
        "$(supctl metrics | sed -n "s/^supervisord_workload_fs_device_reads_bytes_total{workload=\"reader\",slice=\"\",device=\"$name\"} //p")"
    equal 'then without the rest' 0 "$(supctl metrics | grep -c 'cpu_usage.*workload="reader"')"
    within 'they took time' 0.000001 600 "$(property disk io_write_latency)"
fi
if has_controller memory; then
    within 'memory is the kernel'\''s figure' 0.8 1.25 "$(ratio "$(property worker memory_usage)" "$(file_of worker memory.current)")"
fi
has_controller pids && equal 'tasks are counted' 1 "$(property worker tasks)"

# The exposition has them, and stays within the format.
metrics=$(supctl metrics)
matches 'the exposition has what it cost itself' '^supervisord_process_cpu_seconds_total [0-9.]+$' "$metrics"
within 'the daemon'\''s memory is that of /proc' 0.8 1.25 \
    "$(ratio "$(sed -n 's/^supervisord_process_resident_memory_bytes //p' <<<"$metrics")" \
        "$(awk '$1 == "VmRSS:" { print $2 * 1024 }' "/proc/$daemon/status")")"
matches 'and how late its ticks were' '^supervisord_tick_lateness_seconds_bucket\{le="\+Inf"\} [1-9]' "$metrics"
within 'a workload has no more than 40 series' 10 40 "$(grep -c '{workload="web",' <<<"$metrics")"
for name in cpu_usage_seconds_total restarts_total start_time_seconds degraded; do
    matches "metrics have workload_$name" "^supervisord_workload_$name\{workload=\"web\",slice=\"all\"\} [0-9.]+$" "$metrics"
done
equal 'every line of it is a comment or a number' 0 "$(grep -cvE '^#|^[a-z_]+(\{[^}]*\})? [0-9.e+-]+$' <<<"$metrics")"
equal 'no series is there twice' '' "$(grep -v '^#' <<<"$metrics" | sed 's/ [^ ]*$//' | sort | uniq -d)"
command -v promtool >/dev/null && check 'promtool has nothing to say' promtool check metrics <<<"$metrics"
less_than() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }
first=$(metric supervisord_workload_cpu_usage_seconds_total workload=worker)
check 'counters only grow' not less_than "$(metric supervisord_workload_cpu_usage_seconds_total workload=worker)" "$first"

the_end
