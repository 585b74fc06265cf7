#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# NAT= and Publish=: to the world and from it, in one table of our own. In a network of its own, with another as the world.
[ -n "${own_network-}" ] || own_network=1 exec unshare --net -- bash "$0" "$@"
. "$(dirname -- "$0")/lib.sh"
needs_command curl
needs_command busybox
needs_command nft
nft list ruleset >"$work/said" 2>&1 || skip "no nftables here: $(said)"

# The world: it knows this host by its address, and nothing of what is behind it.
unshare --net sleep infinity >/dev/null 2>&1 &
world_pid=$!
disown "$world_pid"
in_other_network() { [ "$(readlink "/proc/$world_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
eventually in_other_network
world() { nsenter --net --target "$world_pid" "$@"; }
host=198.51.100.1 host6=2001:db8::1 there=198.51.100.2 there6=2001:db8::2
ip link set lo up
ip link add uplink type veth peer name uplink netns "$world_pid"
ip address add $host/24 dev uplink
ip address add $host6/64 dev uplink nodad
ip link set uplink up
world ip link set lo up
world ip address add $there/24 dev uplink
world ip address add $there6/64 dev uplink nodad
world ip link set uplink up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding

mkdir "$work/www" "$work/world"
chmod 755 "$work" "$work/www" "$work/world"
echo hello >"$work/www/hello"
echo world >"$work/world/hello"
nsenter --net --target "$world_pid" busybox httpd -f -p [::]:80 -h "$work/world" >/dev/null 2>&1 &
disown $!
world_server=$!
leave() { kill "$world_server" "$world_pid" 2>/dev/null; }

# Others' rules.
nft 'table inet others { chain input { type filter hook input priority 0; tcp dport 9 drop; }; set s { type ipv4_addr; elements = { 192.0.2.7 }; }; }'
others() { nft -s list table inet others; }
before=$(others)

publish='Publish=80:8080 443:8080/tcp'
nat=yes
web() {
    cat <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/25 fd53:1::1/64
NAT=$nat

[network:closed]
Bridge=${bridge}c
Subnet=$subnet.129/25

[workload:web]
ExecStart=$(command -v busybox) httpd -f -p [::]:8080 -h $work/www
Network=bridge:lan
$publish
END
}
web | policy
policy 20-others.ini <<END
[workload:other]
ExecStart=/bin/sleep infinity
Network=bridge:lan

[workload:closed]
ExecStart=/bin/sleep infinity
Network=bridge:closed

[workload:at-address]
ExecStart=$(command -v busybox) httpd -f -p 8080 -h $work/www
Network=bridge:lan
Publish=$host:81:8080
END
must 'the daemon starts' daemon_start
for name in web other closed at-address; do check_state "$name runs" $name running; done

inside() { # NAME COMMAND...
    local name=$1
    shift
    nsenter --net --target "$(pid_of "$name")" "$@"
}
reads() { # WHAT URL [COMMAND...]: what is behind it, perhaps from elsewhere
    local what=$1 url=$2
    shift 2
    [ "$("$@" curl --silent --globoff --max-time 5 "http://$url/hello")" = "$what" ]
}

# From the world, from the host, from neighbours.
check_eventually 'the world reaches a published port' reads hello $host:80 world
check 'and another one of the same workload' reads hello $host:443 world
check 'by IPv6' reads hello "[$host6]:80" world
check 'and one that is published at an address' reads hello $host:81 world
refuted 'not one that is not published' reads hello $host:8080 world
refuted 'nor one at another address' reads hello "[$host6]:81" world
check 'the host reaches it by its own address' reads hello $host:80
check 'by that of the bridge' reads hello "$subnet.1:80"
check 'by IPv6' reads hello "[$host6]:80"
refuted 'not by loopback' reads hello 127.0.0.1:80
check 'a neighbour reaches it by the address of the host' reads hello $host:80 inside other
check 'by IPv6' reads hello "[$host6]:80" inside other

# To the world.
check 'a workload reaches the world' reads world $there:80 inside other
check 'by IPv6' reads world "[$there6]:80" inside other
refuted 'not from a network without NAT=' reads world $there:80 inside closed
check 'nothing is left to plan' plan_is_empty
equal 'the rules of others are as they were' "$before" "$(others)"

# What somebody changed is seen, and written anew.
nft flush chain inet "$instance" publish
refuted 'with the rules flushed nobody reaches it' reads hello $host:80 world
matches 'the plan says so' 'set firewall: masquerade lan; publish .*was changed' "$(supctl plan)"
check 'reload' supctl reload
check 'the world reaches the port' reads hello $host:80 world
nft delete table inet "$instance"
matches 'a table that is gone is seen' 'set firewall' "$(supctl plan)"
check 'reload' supctl reload
check 'the world reaches the port' reads hello $host:80 world

# It holds without the daemon, and one that comes back finds it.
check 'kill the daemon' daemon_kill
check 'the world reaches the port' reads hello $host:80 world
must 'the daemon comes back' daemon_start
check 'nothing is left to plan' plan_is_empty

# Changes in place; a transient workload brings and takes its own.
web=$(pid_of web) publish='Publish=82:8080'
web | policy
check 'reload with another port' supctl reload
check 'the world reaches the new one' reads hello $host:82 world
refuted 'not the old one' reads hello $host:80 world
equal 'in the same process' "$web" "$(pid_of web)"
supctl run --no-wait --name passing -p Network=bridge:lan -p Publish=83:8080 "$(command -v busybox)" httpd -f -p 8080 -h "$work/www" \
    >"$work/said" 2>&1 || not_ok 'a transient workload starts' "$(said)"
check_eventually 'the world reaches its port' reads hello $host:83 world
check 'stop it' supctl stop passing
no_rule() { ! nft list table inet "$instance" | grep -q "$1"; }
check_eventually 'its port goes with it' no_rule '\. 83 :'

# A table of that name that is not ours.
check 'stop the daemon' daemon_stop
nft "delete table inet $instance; table inet $instance { set theirs { type ipv4_addr; }; }"
theirs=$(nft list table inet "$instance")
must 'it starts beside a foreign table of its name' daemon_start
matches 'and says so' 'an nftables table of our name is there that is not ours' "$(cat "$journal")"
equal 'the foreign table is as it was' "$theirs" "$(nft list table inet "$instance")"
check_state 'web runs' web running
nft delete table inet "$instance"
check 'without it, reload' supctl reload
check 'the world reaches the port' reads hello $host:82 world

# A foreign port on our bridge stays, and the bridge with it.
ip link add foreign0 type veth peer name foreign1
ip link set foreign0 master "${bridge}c"

# Nothing needs it any more.
publish='' nat=no
web | policy
rm "$policies/20-others.ini"
check 'reload without NAT= and Publish=' supctl reload
refuted 'the table is gone' nft list table inet "$instance"
equal 'the rules of others are as they were' "$before" "$(others)"
check 'nothing is left to plan' plan_is_empty
rm -f "$policies"/*.ini
check 'reload with nothing' supctl reload
check 'the bridge with a foreign port stays' says "master ${bridge}c" ip link show foreign0
ip link delete foreign0

the_end
