#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Workloads in network namespaces of their own, each made for its start: reachable by address, held to a rate, and nothing stays
# behind.
. "$(dirname -- "$0")/lib.sh"
needs_command curl
needs_command busybox

mkdir "$work/www"
chmod 755 "$work" "$work/www"
echo hello >"$work/www/hello"
head -c 4000000 /dev/zero >"$work/www/big"
rate=10Mbit
web() {
    cat <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24
WarmPool=0

[workload:web]
ExecStart=$(command -v busybox) httpd -f -p 8080 -h $work/www
User=nobody
Network=bridge:lan
Address=$subnet.2
NetworkEgressMax=$rate
END
}
web | policy
policy 20-others.ini <<END
[workload:other]
ExecStart=/bin/sleep infinity
Network=bridge:lan
Address=$subnet.3

[workload:alone]
ExecStart=/bin/sleep infinity
Network=private
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
check_state 'other runs' other running
check_state 'alone runs' alone running

inside() { # NAME COMMAND...
    local name=$1
    shift
    nsenter --net --target "$(pid_of "$name")" "$@"
}
answers_at() { [ "$(curl --silent --max-time 5 "http://$1:8080/hello")" = hello ]; }
mac_of() { inside "$1" ip -o link show eth0 | sed 's/.*ether \([^ ]*\).*/\1/'; }

# Wired.
check_eventually 'web answers the host at its address' answers_at "$subnet.2"
check 'the bridge has the gateway address' says "inet $subnet.1/24" ip address show "$bridge"
check 'web has its address inside' says "inet $subnet.2/24" inside web ip address show eth0
check 'and a default route by the bridge' says "^default via $subnet.1 dev eth0" inside web ip route
check 'its neighbour reaches it too' inside other curl --silent --max-time 10 --output /dev/null "http://$subnet.2:8080/hello"
equal 'a private workload has a loopback only' 1 "$(inside alone ip -o link | wc -l)"
refuted 'and reaches nobody' inside alone curl --silent --max-time 5 "http://$subnet.2:8080/hello"
capability_of() { sed -n 's/^CapBnd:\t//p' "/proc/$(pid_of other)/status"; }
equal 'nobody inside may change the wiring (CAP_NET_ADMIN)' 0 $((0x$(capability_of) >> 12 & 1))
equal 'three namespaces, two interfaces and a bridge' '3 3' "$(our_namespaces | wc -l) $(our_links | wc -l)"

# Held to a rate, on what curl counts. Bytes a second; a packet has 1448 of its 1514 bytes for the payload.
fetch() { curl --silent --max-time 60 --output /dev/null --write-out '%{speed_download}' "http://$subnet.2:8080/big"; }
measured 'sends 10 Mbit/s, within 10 %' 1.125e6 1.375e6 fetch
within 'the limit has bitten' 1 1e9 "$(supctl show web | awk '$1 == "NetworkEgressMax" { print $NF }')"
web=$(pid_of web) rate=20Mbit
web | policy
check 'reload with 20 Mbit/s' supctl reload
measured 'sends 20 Mbit/s, within 10 %' 2.25e6 2.75e6 fetch
rate=infinity
web | policy
check 'reload without limit' supctl reload
measured 'sends more than that' 2.75e6 1e12 fetch
equal 'all in the same process' "$web" "$(pid_of web)"

# Restart: the neighbours need not learn a new address.
mac=$(mac_of web)
check 'restart' supctl restart web
equal 'the hardware address is the same after a restart' "$mac" "$(mac_of web)"
listens() { inside web busybox netstat -ltn | grep -q ':8080 '; }
check_eventually 'the server listens' listens
check 'it is reachable at once' answers_at "$subnet.2"
equal 'the old namespace and interface are gone' '3 3' "$(our_namespaces | wc -l) $(our_links | wc -l)"

# Crash, and a start that fails.
wired_are() { [ "$(our_namespaces | wc -l) $(our_links | wc -l)" = "$1" ]; }
kill -KILL "$(pid_of web)"
check_state 'web crashes' web failed
check_eventually 'its namespace and interface go' wired_are '2 2'
sed -i 's|^ExecStart=.*|ExecStart=/no/such/binary|' "$policies/10-test.ini"
supctl reload >/dev/null
refuted 'a start fails' supctl start web
check_eventually 'and leaves neither namespace nor interface' wired_are '2 2'
equal 'nor anything that runs' 'populated 0' "$(grep populated "$tree/web/cgroup.events")"
rate=20Mbit
web | policy
check 'reload with the right command' supctl reload
check_state 'web runs' web running
check_eventually 'and answers' answers_at "$subnet.2"

# A bridge of that name that is not ours is left alone.
foreign=${bridge}f
ip link add "$foreign" type bridge
policy 30-foreign.ini <<END
[network:foreign]
Bridge=$foreign
Subnet=10.251.$(($$ % 256)).1/24

[workload:abroad]
ExecStart=/bin/sleep infinity
Network=bridge:foreign
Address=10.251.$(($$ % 256)).2
END
supctl reload >/dev/null
check_state 'a workload on a foreign link is not started' abroad failed
matches 'and says so' "$foreign.* not ours" "$(supctl status)"
check 'the foreign link is as it was' says '^[0-9]+: .* state DOWN ' ip -o link show "$foreign"
refuted 'without an address of ours' says inet ip -o address show "$foreign"
ip link delete "$foreign"
check 'without the foreign link, reload' supctl reload
check_state 'it runs' abroad running

the_end
