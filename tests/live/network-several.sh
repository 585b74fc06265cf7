#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv6 beside IPv4, several networks, addresses from a pool that stay who comes and goes, and namespaces that are ready before
# they are wanted. In a network of its own.
[ -n "${own_network-}" ] || own_network=1 exec unshare --net -- bash "$0" "$@"
. "$(dirname -- "$0")/lib.sh"
needs_command curl
needs_command busybox
ip link set lo up

mkdir "$work/www"
chmod 755 "$work" "$work/www"
echo hello >"$work/www/hello"
head -c 4000000 /dev/zero >"$work/www/big"
mtu=1400
networks() {
    cat <<END
[network:front]
Bridge=${bridge}a
Subnet=$subnet.1/25 fd53:1::1/64
MTU=$mtu

[network:back]
Bridge=${bridge}b
Subnet=$subnet.129/25
END
}
networks | policy 05-networks.ini
policy <<END
[workload:web]
ExecStart=$(command -v busybox) httpd -f -p [::]:8080 -h $work/www
Network=bridge:front bridge:back
NetworkEgressMax=10Mbit

[workload:db]
ExecStart=/bin/sleep infinity
Network=bridge:back bridge:front
Address=$subnet.200 fd53:1::200
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
check_state 'db runs' db running

inside() { # NAME COMMAND...
    local name=$1
    shift
    nsenter --net --target "$(pid_of "$name")" "$@"
}
addresses_of() { # NAME: "eth0 10.0.0.2/24", without link-local ones
    inside "$1" ip -o address show scope global | awk '{ print $2, $4 }' | sort
}
address_of() { addresses_of "$1" | awk -v interface="$2" -v kind="$3" '$1 == interface && index($2, kind) { sub("/.*", "", $2); print $2 }'; }
lease_of() { awk -v workload="$1" -v network="$2" -v kind="$3" '$1 == workload && $2 == network && index($3, kind) { print $3 }' "/run/$instance/leases"; }
answers_at() { [ "$(curl --silent --globoff --max-time 5 "http://$1:8080/hello")" = hello ]; }

# Both families, both networks.
equal 'web has an address of each kind in front, and one in the back' \
    "eth0 $(lease_of web front .)/25 eth0 $(lease_of web front :)/64 eth1 $(lease_of web back .)/25" "$(addresses_of web | xargs)"
matches 'db has what the policy gives and a lease where it gives none' \
    "^eth0 $subnet.200/25 eth1 $(lease_of db front .)/25 eth1 fd53:1::200/64$" "$(addresses_of db | xargs)"
matches 'show tells the addresses, set and held' "^Address +$(lease_of web front .)/25 .* $(lease_of web back .)/25" "$(supctl show web)"
front=$(address_of web eth0 .) front6=$(address_of web eth0 :) back=$(address_of web eth1 .)
check_eventually 'web answers the host by IPv4' answers_at "$front"
check 'by IPv6' answers_at "[$front6]"
check 'and by its other network' answers_at "$back"
check 'its neighbour reaches it by IPv6' inside db curl --silent --globoff --max-time 10 --output /dev/null "http://[$front6]:8080/hello"
equal 'one default route, by the first network' "default via $subnet.1 dev eth0" "$(inside web ip route show default | cut -d" " -f1-5)"
equal 'and one of IPv6' 'default via fd53:1::1 dev eth0' "$(inside web ip -6 route show default | cut -d' ' -f1-5)"
equal 'db has its default route by its own first network' "default via $subnet.129 dev eth0" "$(inside db ip route show default | cut -d" " -f1-5)"
check 'the MTU is that of the network' says ' mtu 1400 ' inside web ip link show eth0
check 'on the bridge' says ' mtu 1400 ' ip link show "${bridge}a"
check 'and of each network its own' says ' mtu 1500 ' inside web ip link show eth1
for interface in eth0 eth1; do
    check "$interface is shaped" says 'tbf .* rate 10Mbit' inside web tc qdisc show dev $interface
done
fetch() { curl --silent --globoff --max-time 60 --output /dev/null --write-out '%{speed_download}' "http://$1:8080/big"; }
measured 'IPv6 is held to the rate' 1.125e6 1.375e6 fetch "[$front6]"
check 'nothing is left to plan' plan_is_empty

# Namespaces that are ready: a start takes one, and there is another soon.
spares() { ip -o link | sed -n "s/^[0-9]*: \\([^:@]*\\).* mtu \\([0-9]*\\) .*alias $instance:spare:front.*/\\1 \\2/p"; } # NAME MTU
spare_mtus() { spares | cut -d' ' -f2 | xargs; }
port_of() { ip -o link | sed -n "s/^[0-9]*: \\([^:@]*\\).* master ${bridge}a .*alias $instance:workload:$1\\b.*/\\1/p"; }
check_eventually 'two namespaces are ready' equal_now '1400 1400' spare_mtus
ready=$(spares)
check 'restart web' supctl restart web
matches 'it has one of them' "^$(port_of web) 1400$" "$ready"
check_eventually 'and two are ready again' equal_now '1400 1400' spare_mtus
check_eventually 'web answers' answers_at "$front"
check 'by its other network too' answers_at "$back"
check 'and it is shaped on it' says 'tbf .* rate 10Mbit' inside web tc qdisc show dev eth1
check 'nothing is left to plan' plan_is_empty

# A change in place: the processes stay.
web=$(pid_of web) mtu=1300
networks | policy 05-networks.ini
check 'reload with another MTU' supctl reload
check 'the bridge has it' says ' mtu 1300 ' ip link show "${bridge}a"
check_eventually 'and so have the namespaces that are ready' equal_now '1300 1300' spare_mtus
equal 'web runs on' "$web" "$(pid_of web)"
check 'and nothing is left to plan' plan_is_empty

# Leases stay: others come, the daemon dies, the workload starts again.
before=$(addresses_of web)
for i in $(seq 40); do
    printf '[workload:a%s]\nExecStart=/bin/sleep infinity\nNetwork=bridge:front\nState=stopped\n' "$i"
done | policy 20-others.ini
check 'reload with forty more' supctl reload
leases=$(cat "/run/$instance/leases")
equal 'all have leases' 83 "$(grep -c ' front ' <<<"$leases")"
equal 'no two alike' '' "$(cut -d' ' -f3 <<<"$leases" | sort | uniq -d)"
check 'restart web' supctl restart web
equal 'its addresses are the same' "$before" "$(addresses_of web)"
check 'kill the daemon' daemon_kill
check_eventually 'the namespaces that were ready go with it' equal_now '' spares
must 'it comes back' daemon_start
check 'restart web again' supctl restart web
equal 'its addresses are the same still' "$before" "$(addresses_of web)"
equal 'and so are all leases' "$leases" "$(cat "/run/$instance/leases")"
check_eventually 'it answers there' answers_at "[$front6]"
rm "$policies/20-others.ini"
check 'reload without the others' supctl reload
equal 'their leases are given back' '' "$(grep '^a' "/run/$instance/leases")"

# A pool that is too small is an error before anything happens.
policy 30-small.ini <<END
[network:small]
Bridge=${bridge}s
Subnet=10.250.0.1/30

[workload:first]
ExecStart=/bin/sleep infinity
Network=bridge:small

[workload:second]
ExecStart=/bin/sleep infinity
Network=bridge:small
END
refuted 'two do not fit where there is one address' supctl reload
matches 'and it says so' "second.* Network=: network 'small' has no address left in 10.250.0.1/30" "$(said)"
refuted 'nothing was made' ip link show "${bridge}s"
rm "$policies/30-small.ini"

the_end
