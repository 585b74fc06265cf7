#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What cannot be started says why, in words, and harms nobody else.
. "$(dirname -- "$0")/lib.sh"

policy <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24
WarmPool=0

[workload:good]
ExecStart=/bin/sleep infinity

[workload:user]
ExecStart=/bin/sleep infinity
User=nobody-here

[workload:binary]
ExecStart=/no/such/binary

[workload:script]
ExecStart=$work/script

[workload:directory]
ExecStart=/bin/sleep infinity
WorkingDirectory=$work/later

[workload:output]
ExecStart=/bin/echo hello
StandardOutput=file:/no/such/directory/out

[workload:networked]
ExecStart=/no/such/binary
Network=bridge:lan
Address=$subnet.2
NetworkEgressMax=10Mbit

[workload:eager]
ExecStart=/bin/sleep infinity
WorkingDirectory=$work/later
Restart=on-failure
RestartSec=20ms
END
printf '#!/bin/sh\nexec sleep infinity\n' >"$work/script"

must 'the daemon starts' daemon_start
check_state 'a good workload runs beside them' good running
good=$(pid_of good)

fails_with() { # NAME MESSAGE
    check_state "$1 fails" "$1" failed
    equal "$1 says why" "$2" "$(property "$1" Degraded)"
}
fails_with user "cannot set user 'nobody-here': no such user"
fails_with binary "cannot execute '/no/such/binary': No such file or directory"
fails_with script "cannot execute '$work/script': Permission denied"
fails_with directory "cannot change to directory '$work/later': No such file or directory"
fails_with output "cannot open output file '/no/such/directory/out': No such file or directory"
fails_with networked "cannot execute '/no/such/binary': No such file or directory"

matches 'status counts them' '[67] degraded' "$(supctl status)"
matches 'and names the reason' "user .*cannot set user 'nobody-here': no such user" "$(supctl status)"
matches 'the log does too' "user: cannot set user 'nobody-here': no such user" "$(cat "$journal")"
equal 'the metrics as well' 1 "$(metric supervisord_workload_degraded workload=user)"
equal 'what is healthy is not degraded' 0 "$(metric supervisord_workload_degraded workload=good)"
said=$(supctl start binary 2>&1)
equal 'starting it by hand fails' 1 $?
matches 'and says why' "cannot execute '/no/such/binary'" "$said"
equal 'a failed start leaves nothing that runs' 'populated 0' "$(grep populated "$tree/networked/cgroup.events")"
equal 'and no interface' "$bridge" "$(our_links)"
equal 'and no namespace' '' "$(our_namespaces)"
equal 'the good one has not noticed' "$good" "$(pid_of good)"

# What is repaired outside of the policy: Restart= finds it, or the next reload.
check_eventually 'Restart=on-failure waits between attempts' is_state eager backoff
mkdir "$work/later"
check_state 'and starts it when it can be' eager running
equal 'then nothing is wrong with it' '' "$(property eager Degraded)"
chmod +x "$work/script"

# What is repaired in the policy.
sed -i 's/^User=.*/User=nobody/; s|/no/such/binary|/bin/sleep infinity|; s|/no/such/directory|'"$work"'|' "$policies/10-test.ini"
check 'reload' supctl reload
for name in user binary script directory networked; do
    check_state "$name runs" "$name" running
    equal "$name is healthy" '' "$(property "$name" Degraded)"
done
check_state 'output has done its work' output exited
equal 'into its file' hello "$(cat "$work/out")"
equal 'the user is the one asked for' "$(id -u nobody)" "$(stat -c %u "/proc/$(pid_of user)")"
equal 'the good one has not noticed' "$good" "$(pid_of good)"
matches 'nobody is degraded' '^0 slices, 8 workloads: 7 running, 1 exited$' "$(supctl status | sed -n 2p)"

# file: begins anew, append: goes on.
sed -i 's|file:|append:|' "$policies/10-test.ini"
check 'reload' supctl reload
check 'start it again' supctl start output
check_state 'it has ended' output exited
equal 'append: has added a line' 'hello hello' "$(tr '\n' ' ' <"$work/out" | sed 's/ $//')"

# A limit that cannot be set is said once, and not with each plan.
policy 30-lame.ini <<END
[workload:lame]
ExecStart=/bin/sleep infinity
IOReadBandwidthMax=$work/no-such-disk 1M
State=stopped
END
said() { grep -c 'lame: ' "$journal"; }
matches 'a reload with a limit that cannot be set says so' 'lame: .*no-such-disk' "$(supctl reload 2>&1 >/dev/null)"
differs 'it is degraded' '' "$(property lame Degraded)"
check_eventually 'the log says so' grep -q 'lame: ' "$journal"
times=$(said)
refuted 'so does another' supctl reload
equal 'the log does not say it again' "$times" "$(said)"

the_end
