#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Filters: what a workload may open, talk to and bind to. Denied means denied, counted, changed without restart, never
# stacked, and there before the first instruction; all without the daemon.
. "$(dirname -- "$0")/lib.sh"
needs_command bpftool
needs_command python3

say() { # the policy, with what stands on stdin for box
    policy <<END
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24

[slice:caged]
DevicePolicy=closed
SocketBindDeny=any
SocketBindAllow=tcp:9000-9999
IPAddressDeny=any

[workload:box]
Slice=caged
ExecStart=/bin/sleep infinity
Network=private
$(cat)

[workload:server]
ExecStart=$(command -v python3) -m http.server --directory $work/www 8080
StandardOutput=null
Network=bridge:lan
Address=$subnet.2
IPAddressDeny=any
IPAddressAllow=$subnet.1

[workload:other]
ExecStart=/bin/sleep infinity
Network=bridge:lan
Address=$subnet.3

[workload:first]
ExecStart=/bin/sh -c 'cat /dev/zero >/dev/null'
DevicePolicy=strict
DeviceAllow=/dev/null rw
END
}
mkdir "$work/www"
chmod 755 "$work" "$work/www"
echo hello >"$work/www/hello"
say <<END
IPAddressAllow=127.0.0.0/16 ::1
DeviceAllow=/dev/zero r
END

must 'the daemon starts' daemon_start
for name in box server other; do check_state "$name runs" "$name" running; done

# inside NAME COMMAND...: as a process of the workload
inside() {
    local name=$1 pid
    shift
    pid=$(pid_of "$name")
    (
        echo $BASHPID >"$cgroup2$(cgroup_of "$pid")/cgroup.procs" || exit 99
        exec nsenter --net --target "$pid" "$@"
    )
}
opens() { inside "$1" sh -c "exec 3$2" ; }               # NAME <FILE or >FILE
sends() { inside "$1" bash -c "echo x >/dev/udp/$2/9"; } # NAME ADDRESS
binds() {                                                # NAME FAMILY TYPE PORT
    inside "$1" python3 -c "
import socket
socket.socket(socket.AF_$2, socket.SOCK_$3).bind(('', $4))"
}
denied() { # NAME devices|addresses|binds
    case $2 in
    devices) supctl show "$1" | awk '$1 == "DeviceFilter" { print $NF }' ;;
    addresses) supctl show "$1" | awk '$1 == "IPAddressFilter" { print $NF }' ;;
    binds) supctl show "$1" | awk '$1 == "SocketBindFilter" { print $NF }' ;;
    esac
}
refused() { # WHAT COMMAND...: with EPERM, not for some other reason
    local what=$1 said
    shift
    said=$("$@" 2>&1) && { not_ok "$what" "$* succeeds"; return; }
    matches "$what" 'ermission|not permitted' "$said"
}
# Programs that are attached to a group itself, by hook and name.
attached() { bpftool cgroup show "$(find "$tree" -type d -name "$1")" | awk '$1 ~ /^[0-9]+$/ { print $2, $NF }' | sort; }
is_attached() { [ "$(attached "$1" | wc -l)" = "$2" ]; }

# Before the first instruction.
check_state 'a workload that needs what is denied fails' first failed
within 'and the first try was denied' 1 1 "$(denied first devices)"

# Devices: the slice's filter and the workload's, and each may deny.
check 'what all have' opens box '</dev/null'
refused 'a device that neither allows' opens box '</dev/kmsg'
policy 20-device.ini <<END
[workload:reader]
ExecStart=/bin/sleep infinity
DevicePolicy=strict
DeviceAllow=/dev/zero r
DeviceAllow=char-mem w
DeviceAllow=/dev/not-there rw
END
check 'reload with another' supctl reload
check_state 'it runs, whether all its devices are there or not' reader running
matches 'and what is not there is named' ', without /dev/not-there' "$(supctl show reader)"
check 'what is allowed to be read can be read' opens reader '</dev/zero'
check 'what a group of devices allows' opens reader '>/dev/null'
refused 'but not read' opens reader '</dev/full'
refused 'and no other is there' opens reader '</dev/tty0'
within 'it is counted' 2 2 "$(denied reader devices)"

# Addresses, IPv4 and IPv6. The workload may allow what its slice denies.
check 'an address that is allowed' sends box 127.0.0.1
check 'and one of IPv6' sends box ::1
refused 'one that is not' sends box 127.1.0.1
within 'it is counted' 1 100 "$(denied box addresses)"
fetch() { curl --silent --max-time "$1" "http://$subnet.2:8080/hello"; }
reaches() { [ "$(fetch 5)" = hello ]; }
check_eventually 'who may come in comes in' reaches
before=$(denied server addresses)
refuted 'who may not does not' inside other curl --silent --max-time 1 --output /dev/null "http://$subnet.2:8080/hello"
check 'that is counted where it was denied' [ "$(denied server addresses)" -gt "$before" ]
refused 'nor does the workload come out' sends server "$subnet.3"

# Binds.
check 'a port that the slice allows' binds box INET STREAM 9777
refused 'one that it does not' binds box INET STREAM 80
refused 'nor with IPv6' binds box INET6 STREAM 80
refused 'another protocol' binds box INET DGRAM 9777
refused 'nor the port of the kernel'\''s choice' binds box INET STREAM 0
within 'four were counted, where they were denied' 4 4 "$(denied caged binds)"
equal 'as a metric too' 4 "$(metric supervisord_slice_filter_denied_total filter=binds)"

# Verified, not believed.
matches 'the slice has devices and binds' 'cgroup_device.*filter_device|device .*filter_device' "$(attached caged)"
equal 'three programs on the slice' 3 "$(attached caged | wc -l)"
equal 'and three on the workload' 3 "$(attached box | wc -l)"
equal 'none where none is asked for' 0 "$(attached other | wc -l)"
matches 'show says what holds' 'IPAddressFilter +allow 127.0.0.0/16 ::1/128 +4 rules' "$(supctl show box)"
check 'what holds is what should' plan_is_empty

# Changed at reload, without restart, twenty times over.
box=$(pid_of box)
counted=$(denied box addresses)
for i in $(seq 10); do
    echo "IPAddressAllow=127.1.$i.0/24" | say
    supctl reload >/dev/null || not_ok "reload $i"
    printf 'IPAddressAllow=127.1.%s.0/24\nDeviceAllow=/dev/zero r\nSocketBindDeny=udp\n' "$i" | say
    supctl reload >/dev/null || not_ok "reload $i"
done
equal 'after twenty reloads there is one program a hook' 5 "$(attached box | wc -l)"
equal 'each once' 5 "$(attached box | sort -u | wc -l)"
equal 'it is the same process' "$box" "$(pid_of box)"
check 'the last rules hold' sends box 127.1.10.1
refused 'no earlier ones' sends box 127.0.0.1
within 'the count went on' $((counted + 1)) 1000 "$(denied box addresses)"
echo 'IPAddressAllow=any' | say
check 'reload without' supctl reload
check_eventually 'what denies nothing is not there' is_attached box 0
check 'and all is allowed' sends box 127.0.0.1

# Without the daemon.
echo 'IPAddressAllow=127.0.0.1' | say
check 'reload with it again' supctl reload
refused 'denied' sends box 127.1.0.1
counted=$(denied box addresses)
programs=$(attached box)
must 'the daemon is killed' daemon_kill
pid_of() { echo "$box"; }
refused 'still denied' sends box 127.1.0.1
check 'and still allowed' sends box 127.0.0.1
unset -f pid_of
pid_of() { property "$1" MainPID; }
must 'the daemon comes back' daemon_start
equal 'it finds what is there' "$programs" "$(attached box)"
within 'what was denied meanwhile has been counted' $((counted + 1)) 1000 "$(denied box addresses)"
check 'nothing is left to do' plan_is_empty

# Somebody took one away: the next plan puts it back.
bpftool cgroup detach "$(find "$tree" -type d -name box)" egress id \
    "$(bpftool cgroup show "$(find "$tree" -type d -name box)" | awk '/egress/ { print $1 }')"
refuted 'a program that was taken away is missed' plan_is_empty
matches 'and named' 'filter addresses of box: .* \(was in part\)' "$(supctl plan)"
check 'reload' supctl reload
refused 'puts it back' sends box 127.1.0.1

# A filter that cannot be had: no start.
policy 30-many.ini < <(
    printf '[workload:many]\nExecStart=/bin/sleep infinity\nDevicePolicy=strict\n'
    for i in $(seq 0 255); do echo "DeviceAllow=/dev/char/200:$i r"; done
    echo 'DeviceAllow=/dev/char/201:0 r'
)
matches 'more than a filter takes is an error' '30-many.ini:260: \[workload:many\] DeviceAllow=: more than 256 devices' \
    "$(supctl reload 2>&1)"
rm "$policies/30-many.ini"

# All goes with its group.
programs_of_groups() { bpftool cgroup tree "$tree" | awk '$NF ~ /^filter_/ { print $1 }'; }
programs=$(programs_of_groups)
check 'there are programs' [ "$(wc -w <<<"$programs")" -gt 5 ]
are_gone() {
    local id
    for id in $programs; do ! bpftool prog show id "$id" >/dev/null 2>&1 || return 1; done
}
rm "$policies"/*.ini
check 'reload with an empty policy' supctl reload
check_eventually 'the groups go' is_there "groups 0, links 0, namespaces 0, pins $pins_at_start"
check_eventually 'and their programs' are_gone

the_end
