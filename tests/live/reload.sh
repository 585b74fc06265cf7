#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A policy changes under running workloads: only the difference is applied, and a bad policy changes nothing.
. "$(dirname -- "$0")/lib.sh"

rate=20Mbit
network_and_slices() {
    cat <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24

[slice:outer]
[slice:inner]
Slice=outer

[workload:a]
Slice=inner
ExecStart=/bin/sleep infinity
Network=bridge:lan
Address=$subnet.2
NetworkEgressMax=$rate

END
}
b_in() { printf '[workload:b]\nSlice=%s\nExecStart=/bin/sleep infinity\n' "$1"; }

{ network_and_slices; b_in inner; } | policy
must 'the daemon starts' daemon_start
check_state 'a runs' a running
check_state 'b runs' b running
check_eventually 'nothing is left to do' plan_is_empty
a=$(pid_of a) b=$(pid_of b)
equal 'slices nest' "/$instance/outer/inner/a/1" "$(cgroup_of "$a")"

# What a workload is started with counts from its next start on, which is said until then, also by another daemon.
{ network_and_slices; b_in inner; echo 'Environment=COLOR=red'; } | policy
outdated='^b runs with what the policy said at its start: `supctl restart b` takes what it says now$'
matches 'plan says who would have to be restarted' "$outdated" "$(supctl plan)"
matches 'so does reload' "$outdated" "$(supctl reload)"
equal 'which restarts nothing' "$b" "$(pid_of b)"
daemon_kill
must 'a daemon comes back' daemon_start
check_state 'b runs' b running
equal 'as it was' "$b" "$(pid_of b)"
matches 'and it is still said' "$outdated" "$(supctl plan)"
check 'a restart' supctl restart b
check 'and all is as the policy says' plan_is_empty
b=$(pid_of b)

# What the service manager is told of a reload by signal: its begin, and its end when all of it has been applied.
notified=$work/notified
told_of_reload() { # into $notified: each message, and whether the slice is there that the policy now has
    rm -f "$notified" "$work/notify"
    python3 -c '
import os, signal, socket, sys, time
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind(sys.argv[1])
if len(sys.argv) > 3: # there is no room for a message until the daemon waits to send one: what has it done before?
    others = []
    try:
        while True:
            others.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            others[-1].setblocking(False)
            others[-1].sendto(b"other", sys.argv[1])
    except BlockingIOError:
        os.kill(int(sys.argv[3]), signal.SIGHUP)
    sendmsg = {"x86_64": "46", "aarch64": "211"}[os.uname().machine]
    while open("/proc/%s/syscall" % sys.argv[3]).read().split()[0] != sendmsg:
        time.sleep(0.01)
there = os.path.isdir(sys.argv[2])
text = ""
while "READY=1" not in text:
    text = told.recv(4096).decode()
    if text != "other":
        print(" ".join(text.split("\n")), there if "RELOADING=1" in text else os.path.isdir(sys.argv[2]), flush=True)
' "$work/notify" "$tree/late" "$@" >"$notified" 2>&1 &
    eventually [ -S "$work/notify" ]
}
is_told() { grep -q 'READY=1' "$notified"; }
daemon_stop
told_of_reload
export NOTIFY_SOCKET=$work/notify
must 'a daemon starts that has somebody to notify' daemon_start
unset NOTIFY_SOCKET
check_eventually 'it says that it is ready' is_told
echo '[slice:late]' | policy 20-late.ini
told_of_reload "$daemon" # by a signal of its own
check_eventually 'a reload by signal is told' is_told
matches 'its begin, with the time, before anything is done' '^RELOADING=1 MONOTONIC_USEC=[0-9]+ False$' "$(head -n 1 "$notified")"
matches 'and its end, when it holds' '^READY=1 STATUS=5 slices and workloads, .* True$' "$(tail -n 1 "$notified")"
told_of_reload
echo '[slice:wrong' | policy 20-late.ini
kill -HUP "$daemon"
check_eventually 'so is one that fails' is_told
rm "$policies/20-late.ini"
check 'and the daemon goes on' supctl reload

# A limit is changed in place.
rate=40Mbit
{ network_and_slices; b_in inner; echo 'Environment=COLOR=red'; } | policy
plan=$(supctl plan)
matches 'plan says what would be set, and what is' '^set a network.egress 5000000 \(was 2500000\)$' "$plan"
equal 'and nothing else' 1 "$(wc -l <<<"$plan")"
equal 'plan changes nothing' 20Mbit/s "$(property a NetworkEgressMax)"
matches 'reload says what it did' '^set a network.egress' "$(supctl reload)"
equal 'the new limit holds' 40Mbit/s "$(property a NetworkEgressMax)"
equal 'the process is the same' "$a" "$(pid_of a)"
check 'nothing is left to do' plan_is_empty

# A workload moves to another slice: it ends there and starts here.
{ network_and_slices; b_in outer; } | policy
matches 'plan says that b ends where it is' '^stop start 2 of b$' "$(supctl plan)"
check 'reload' supctl reload
is_in() { [ "$(cgroup_of "$(pid_of "$1")")" = "/$instance/$2" ]; }
check_eventually 'b runs in its new slice' is_in b outer/b/1
differs 'as another process' "$b" "$(pid_of b)"
equal 'while a went on' "$a" "$(pid_of a)"
equal 'and there is one b' 1 "$(find "$tree" -type d -name b | wc -l)"
check_eventually 'nothing is left to do' plan_is_empty

# A workload goes, and its slice with it; a slice that is not empty stays until it is.
{ printf '[slice:outer]\n'; b_in outer; } | policy
check 'reload without a, its slice and its network' supctl reload
check_eventually 'the group of a goes' not group_exists a
check_eventually 'the empty slice goes' not group_exists inner
check_eventually 'the bridge goes' not ip link show "$bridge"
refuted 'the process of a is gone' is_alive "$a"
refuted 'a is not known any more' is_known a
check_state 'b still runs' b running
check_eventually 'nothing is left to do' plan_is_empty
b=$(pid_of b)

# A bad policy is refused as a whole, with all its errors.
printf '[workload:c]\nExecStart=/bin/sleep infinity\n' | policy 20-good.ini
printf '[workload:e]\nExecStrat=/bin/true\n' | policy 30-bad.ini
printf '[workload:d]\nExecStart=/bin/true\nSlice=nowhere\n' | policy 40-bad.ini
refuted 'a bad policy is refused' supctl reload
said=$(supctl reload 2>&1)
matches 'with file and line' '30-bad.ini:2: \[workload:e\] ExecStrat=: ' "$said"
matches 'and what may have been meant' 'did you mean ExecStart=' "$said"
matches 'and the errors of the other file' '40-bad.ini:3: \[workload:d\] Slice=: ' "$said"
refuted 'nothing of it is applied' is_known c
equal 'what ran runs on' "$b" "$(pid_of b)"
matches 'the metrics tell' '^supervisord_config_last_reload_successful 0$' "$(supctl metrics | grep reload)"
kill -HUP "$daemon"
check_eventually 'SIGHUP refuses it too, and says so in the log' says '30-bad.ini:2: ' cat "$journal"
rm "$policies"/[34]0-bad.ini
kill -HUP "$daemon"
check_eventually 'SIGHUP loads the good one' is_known c
check_state 'and c runs' c running
matches 'the metrics tell' '^supervisord_config_last_reload_successful 1$' "$(supctl metrics | grep reload)"
equal 'what ran runs on' "$b" "$(pid_of b)"

# A workload and a slice may change places under one name.
printf '[slice:c]\n' | policy 20-good.ini
check 'reload with a slice of the name of a workload' supctl reload
is_kind() { [ "$(property "$1" Kind)" = "$2" ]; }
check 'it is a slice now' is_kind c slice
check_eventually 'the workload of that name ends, and nothing is left to do' plan_is_empty
equal 'the slice is there and empty' 0 "$(find "$tree/c" -mindepth 1 -type d | wc -l)"

the_end
