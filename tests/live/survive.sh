#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon may die at any instruction: no workload is harmed, no counter goes back, no limit is lost, nothing starts twice.
. "$(dirname -- "$0")/lib.sh"

policy <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24

[workload:busy]
ExecStart=/bin/sh -c 'while :; do sleep 0.01; done'
StandardOutput=null
Network=bridge:lan
Address=$subnet.2
NetworkEgressMax=10Mbit

[workload:brief]
ExecStart=/bin/sh -c 'until [ -e $work/go ]; do sleep 0.05; done; exit 7'

[workload:again]
ExecStart=/bin/sh -c 'until [ -e $work/go ]; do sleep 0.05; done; echo again >>$work/again; exec sleep infinity'
Restart=always
RestartSec=20ms

[workload:limited]
ExecStart=/bin/sh -c 'until [ -e $work/go ]; do sleep 0.05; done; (: </dev/zero); (for i in 1 2 3 4 5; do sleep 1000 & done); \
    echo tried >&2; exec sleep infinity'
StandardError=file:$work/limited
DevicePolicy=strict
DeviceAllow=/dev/null rw
END
has_controller pids && echo TasksMax=5 >>"$policies/10-test.ini"

must 'the daemon starts' daemon_start
for name in busy brief again limited; do check_state "$name runs" "$name" running; done
busy=$(pid_of busy) brief=$(pid_of brief) again=$(pid_of again) first_daemon=$daemon
invocation=$(invocation_of busy)
counters() { # one line: CPU time, packets sent, waits, CPU time entitled to
    echo "$(metric supervisord_workload_cpu_usage_seconds_total workload=busy)" \
        "$(metric supervisord_workload_network_transmit_packets_total workload=busy)" \
        "$(metric supervisord_workload_cpu_runqueue_waits_total workload=busy)" \
        "$(metric supervisord_workload_share_entitled_seconds_total workload=busy)"
}
ping_bridge() { nsenter --net --target "$busy" bash -c "echo >/dev/udp/$subnet.1/9"; }
for _ in 1 2 3; do ping_bridge; done
remembers_exits=$(metric supervisord_bpf_loaded program=exits)
sleep 1.1
before=$(counters)

# Another daemon for the same instance.
"$build/supervisord/supervisord" --instance "$instance" --policy "$policies" --tree "/$instance" >"$work/second" 2>&1
equal 'a second daemon at once is refused' 1 $?
matches 'and says why' 'another supervisord' "$(cat "$work/second")"
check 'the first one does not mind' answers

# Killed; while it is away, things happen.
check 'the daemon is killed' daemon_kill
touch "$work/go"
check_eventually 'a workload ends while nobody looks' not is_alive "$brief"
kill -KILL "$again"
eventually not is_alive "$again"
check 'the others run on' is_alive "$busy"
check 'and stay limited' says 'rate 10Mbit' nsenter --net --target "$busy" tc qdisc show dev eth0
check_eventually 'a workload tries what it may not' grep -q tried "$work/limited"
matches 'it may not open what is denied' '/dev/zero: .*not permitted' "$(cat "$work/limited")"
! has_controller pids || matches 'nor have more tasks' '[Cc]annot fork' "$(cat "$work/limited")"
must 'the daemon starts again' daemon_start

check_state 'what ran is found running' busy running
equal 'as the same process' "$busy" "$(pid_of busy)"
equal 'of the same invocation' "$invocation" "$(invocation_of busy)"
equal 'there is one process of it' 1 "$(cat "$tree"/busy/*/cgroup.procs | grep -cx "$busy")"
equal 'in one start' 1 "$(find "$tree/busy" -mindepth 1 -type d | wc -l)"
equal 'with its limit' 10Mbit/s "$(property busy NetworkEgressMax)"
limited=$(supctl show limited)
bitten() { awk -v key="$1" '$1 == key { print $NF }' <<<"$limited"; }
! has_controller pids || equal 'what TasksMax= refused has been counted' "$(stat_of limited pids.events max)" "$(bitten TasksMax)"
[ "$(our_pins | wc -l)" = 0 ] || equal 'and what was denied' 1 "$(bitten DeviceFilter)"
kernel=$(stat_of brief cpu.stat usage_usec)
within 'CPU time of one that ended meanwhile is what the kernel says, but for rounding' $((kernel - 1)) $((kernel + 1)) \
    "$(awk -v s="$(metric supervisord_workload_cpu_usage_seconds_total workload=brief)" 'BEGIN { printf "%.0f", s * 1e6 }')"
check_state 'what ended with an error has failed' brief failed
if [ "$remembers_exits" = 1 ] && [ "$(our_pins | wc -l)" -gt 0 ]; then
    equal 'and its exit code is told' 'exit code 7' "$(property brief LastExit)"
else
    equal 'how it ended is not guessed' unknown "$(property brief LastExit)"
fi
check_state 'what is to be started again is' again running
is_another_pid again "$again" && ok 'as a new process' || not_ok 'as a new process'
eventually says again cat "$work/again"
after=$(counters)
if [ "$(our_pins | wc -l)" -gt 0 ] || [ -z "$(awk '{ print $2 }' <<<"$before")" ]; then
    check "no counter went back ($before -> $after)" awk -v a="$before" -v b="$after" \
        'BEGIN { n = split(a, x); split(b, y); for (i = 1; i <= n; i++) if (y[i] < x[i]) exit 1 }'
fi
differs 'the daemon is another' "$first_daemon" "$daemon"
check_eventually 'nothing is left to do' plan_is_empty

# Stopping works on what was taken up.
check 'a workload that was taken up can be stopped' supctl stop busy
refuted 'it is gone' is_alive "$busy"

# Killed at any moment of a start. The word of the user was written down before anything was done.
policy 30-many.ini < <(for i in 1 2 3 4 5 6; do printf '[workload:m%d]\nExecStart=/bin/sleep infinity\n' $i; done)
for pause in 0 0.005 0.02; do
    supctl restart m1 m2 m3 m4 m5 m6 >/dev/null 2>&1 &
    kill -HUP "$daemon"
    sleep $pause
    daemon_kill
    daemon_start || not_ok 'the daemon comes back'
done
wait
all_run() { for i in 1 2 3 4 5 6; do is_state m$i running || return 1; done; }
check_eventually 'after three kills in mid-start all run' all_run
once_each() { for i in 1 2 3 4 5 6; do [ "$(cat "$tree"/m$i/*/cgroup.procs | wc -l)" = 1 ] || return 1; done; }
check_eventually 'and once each' once_each
check_eventually 'nothing is left to do' plan_is_empty

# Killed between making a cgroup and marking it: what is there and empty is taken, what somebody is in is not.
mkdir "$tree/halfmade" "$tree/foreign"
sleep 1000 &
stranger=$!
echo $stranger >"$tree/foreign/cgroup.procs"
policy 40-made.ini < <(for i in halfmade foreign; do printf '[workload:%s]\nExecStart=/bin/sleep infinity\n' $i; done)
supctl reload >/dev/null
check_state 'a workload runs whose cgroup was made but not marked' halfmade running
check_state 'one in whose place somebody else is does not' foreign failed
matches 'and says so' 'foreign is there and in use' "$(property foreign Degraded)"
check 'the stranger has not noticed' is_alive $stranger
kill $stranger
wait $stranger 2>/dev/null
check 'when it has gone' supctl reload
check_state 'the place is free' foreign running

# A daemon that is told to go does not take its workloads with it either.
m1=$(pid_of m1)
check 'the daemon goes' daemon_stop
check 'a workload does not' is_alive "$m1"
must 'the daemon comes back' daemon_start
equal 'and finds it' "$m1" "$(pid_of m1)"

# Many that were taken up end at once, as their groups go: of each it is known how.
rm "$policies"/*.ini
check 'reload with an empty policy' supctl reload
check_eventually 'all go' is_there "groups 0, links 0, namespaces 0, pins $pins_at_start"
if [ "$remembers_exits" = 1 ] && [ "$pins_at_start" -gt 0 ]; then
    refuted 'and none ended in an unknown way' grep 'ended: unknown' "$journal"
fi

# What an init script does.
policy <<END
[workload:stubborn]
ExecStart=/bin/sh -c 'trap "" TERM; echo >$work/stays; while :; do sleep 1; done'
TimeoutStopSec=200ms
END
check 'a workload that does not end when it is asked to' supctl reload
check_eventually 'is there' [ -s "$work/stays" ]
check 'shut down' supctl shutdown
equal 'nothing runs' '' "$(find "$tree" -name cgroup.procs ! -path '*/.relay/*' -exec cat {} +)"
check 'the daemon goes' daemon_stop
must 'at the next boot' daemon_start
check_state 'it starts again' stubborn running

the_end
