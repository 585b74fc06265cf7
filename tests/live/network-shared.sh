#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Workloads in the network namespace of another: they talk over loopback, and it lives as long as one of them does.
[ -n "${own_network-}" ] || own_network=1 exec unshare --net -- bash "$0" "$@"
. "$(dirname -- "$0")/lib.sh"
needs_command curl
needs_command busybox
ip link set lo up

mkdir "$work/www"
chmod 755 "$work" "$work/www"
echo hello >"$work/www/hello"
policy <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24

[workload:asker]
ExecStart=/bin/sleep infinity
Network=workload:web

[workload:web]
ExecStart=$(command -v busybox) httpd -f -p 8080 -h $work/www
Network=bridge:lan
Address=$subnet.2

[workload:late]
ExecStart=/bin/sleep infinity
Network=workload:web
State=stopped

[workload:patient]
ExecStart=/bin/sleep infinity
Network=workload:away
Restart=always
RestartSec=50ms
StartLimitIntervalSec=0

[workload:away]
ExecStart=/bin/sleep infinity
Network=private
State=stopped
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
check_state 'asker, which is named before it, runs too' asker running

network_of() { readlink "/proc/$(pid_of "$1")/ns/net"; }
inside() { # NAME COMMAND...
    local name=$1
    shift
    nsenter --net --target "$(pid_of "$name")" "$@"
}
hello_at() { [ "$(curl --silent --max-time 5 "http://$1:8080/hello")" = hello ]; }
asker_hears() { [ "$(inside asker curl --silent --max-time 5 http://127.0.0.1:8080/hello)" = hello ]; }
wires() { ip -o link show master "$bridge" "$@" | grep -vc "alias $instance:spare:"; }
ends_on_bridge() { wires up; }

# Together.
equal 'both are in one namespace' "$(network_of web)" "$(network_of asker)"
differs 'which is not the host'"'"'s' "$(readlink /proc/self/ns/net)" "$(network_of asker)"
check_eventually 'they talk over loopback' asker_hears
equal 'there is one wire to the bridge' 1 "$(ends_on_bridge)"
capability_of() { sed -n 's/^CapBnd:\t//p' "/proc/$(pid_of "$1")/status"; }
equal 'asker may not change the wiring either (CAP_NET_ADMIN)' 0 $((0x$(capability_of asker) >> 12 & 1))
equal 'a command in asker is there too' "$(network_of web)" "$(supctl exec asker -- /usr/bin/readlink /proc/self/ns/net)"
check 'one comes later' supctl start late
equal 'and is there too' "$(network_of web)" "$(network_of late)"
check 'it goes again' supctl stop late

# One that is not there: said, and tried again.
check_eventually 'patient waits for away' says 'workload away, whose network it shares, does not run' supctl show patient
check 'away starts' supctl start away
check_state 'then patient does' patient running
equal 'in the same namespace' "$(network_of away)" "$(network_of patient)"
check 'away stops' supctl stop away
check 'patient too' supctl stop patient

# The namespace lives with whoever is in it; what is started again has a new one, and the address.
asker=$(pid_of asker) before=$(network_of web)
check 'web stops' supctl stop web
equal 'asker runs on' "$asker" "$(pid_of asker)"
equal 'in its namespace' "$before" "$(network_of asker)"
check 'which still has the address' says "inet $subnet.2/24" inside asker ip address show eth0
refuted 'late is not started without web' supctl start late
matches 'and it says why' 'workload web, whose network it shares, does not run' "$(said)"
check 'web starts' supctl start web
differs 'in another namespace' "$before" "$(network_of web)"
equal 'asker stays in the earlier one' "$before" "$(network_of asker)"
equal 'of which the wire is down: the address is there once' 1 "$(ends_on_bridge)"
check_eventually 'web answers the host at its address' hello_at "$subnet.2"
check 'asker starts again' supctl restart asker
equal 'and is with web again' "$(network_of web)" "$(network_of asker)"
check_eventually 'they talk over loopback again' asker_hears
check_eventually 'the earlier wire is gone with its namespace' equal_now 1 wires

# Held without the daemon.
asker=$(pid_of asker)
check 'kill the daemon' daemon_kill
must 'it comes back' daemon_start
equal 'asker runs on' "$asker" "$(pid_of asker)"
check 'restart asker' supctl restart asker
equal 'it finds web again' "$(network_of web)" "$(network_of asker)"

# Both again at once: asker waits for web.
check 'restart both' supctl restart web asker
check_state 'web runs' web running
check_state 'asker runs' asker running

# What cannot be.
policy 20-chain.ini <<END
[workload:chain]
ExecStart=/bin/true
Network=workload:asker
END
refuted 'a chain is refused' supctl reload
matches 'with the line' "20-chain.ini:3: \[workload:chain\] Network=: workload 'asker' shares that of another itself" "$(said)"

the_end
