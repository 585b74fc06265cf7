#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The control socket: whom it answers, whom it lets change something, and what nobody can do to it.
. "$(dirname -- "$0")/lib.sh"
needs_command busctl
needs_command setpriv

group=nogroup
policy <<END
[supervisord]
SampleIntervalSec=100ms

[workload:web]
ExecStart=/bin/sleep infinity
END
must 'the daemon starts' daemon_start --control-group "$group"
check_state 'web runs' web running
web=$(pid_of web)
object=/org/supervisord1 interface=org.supervisord1
# Stock busctl; a bus of one needs no destination, but busctl wants to name one.
call() { # METHOD [SIGNATURE ARGUMENT...]
    busctl --address="unix:path=$SUPERVISORD_SOCKET" call "$interface" "$object" "$interface" "$@"
}

# With systemd's own client.
introspected=$(busctl --address="unix:path=$SUPERVISORD_SOCKET" introspect "$interface" "$object" 2>&1)
for method in Version List Samples Show Plan Reload Start Stop Restart Freeze Thaw Set Exec Kill Wait Run Check Journal Snapshot; do
    matches "busctl introspects $method" "^\.$method +method" "$introspected"
done
matches 'busctl reads the list' '"web" "workload" "" "running"' "$(call List)"
matches 'busctl stops' '' "$(call Stop s web)"
equal 'and web is stopped' stopped "$(state_of web)"
check 'busctl starts' call Start s web
check_state 'and web runs' web running
matches 'an unknown name is an error of its own' 'no such slice or workload' "$(call Start s nobody 2>&1)"
refuted 'a wrong signature is refused' call Start u 1
refuted 'an unknown method is refused' call Explode
refuted 'a name with a line end is refused' call Run 'sasa(ss)asshhhb' $'x\n[slice:y]' 1 /bin/true 0 0 / 0 1 2 true

# Who may.
chmod 755 "$work"
cp "$build/tools/supctl/supctl" "$work/" # others need not be able to look into the build
equal 'the socket is root'\''s, and the group'\''s' "660 0 $(getent group "$group" | cut -d: -f3)" "$(stat -c '%a %u %g' "$SUPERVISORD_SOCKET")"
as() { setpriv --reuid=1234 --regid=1234 "$@"; }
refuted 'a stranger cannot connect' as --clear-groups "$work/supctl" version
member() { as --groups="$group" "$work/supctl" "$@"; }
check 'a member of the group reads the list' member list
check 'the metrics' member metrics
check 'the plan' member plan
check 'and all of web' member show web
web=$(pid_of web)
for verb in 'stop web' 'start web' 'restart web' 'kill web' 'freeze web' 'set web State=stopped' 'exec web true' 'thaw web' reload 'run -- true'; do
    # shellcheck disable=SC2086
    refuted "but may not $verb" member $verb
done
refuted 'nor pass a descriptor' as --groups="$group" busctl --address="unix:path=$SUPERVISORD_SOCKET" call "$interface" "$object" "$interface" \
    Run 'sasa(ss)asshhhb' x 1 /bin/true 0 0 / 0 1 2 true
matches 'and is told why' 'only root' "$(member stop web 2>&1)"
equal 'web has not noticed' "$web" "$(pid_of web)"

# Root within the tree is root no more.
inside() { supctl run -- "$work/supctl" --socket "$SUPERVISORD_SOCKET" "$@"; }
check 'a root process within a workload reads' inside list
for verb in 'stop web' reload 'run -- true'; do
    # shellcheck disable=SC2086
    refuted "but may not $verb" inside $verb
done
matches 'and is told why' 'outside the supervised tree' "$(inside stop web 2>&1)"
equal 'web has not noticed' "$web" "$(pid_of web)"

# Crowds and slow ones. A peer that says nothing, one that asks and never listens, a hundred connections.
cat >"$work/crowd.py" <<'END'
import grp, os, socket, struct, sys, time
path, n, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if len(sys.argv) > 5:
    os.setgroups([grp.getgrnam(sys.argv[5]).gr_gid])
    os.setuid(1234)

def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(path)
    return peer

def call(serial, member=b'List', name=None):
    fields = b''
    for code, signature, text in (1, b'o', b'/org/supervisord1'), (2, b's', b'org.supervisord1'), (3, b's', member):
        fields += bytes(-len(fields) % 8) + bytes([code, 1]) + signature + b'\0' + struct.pack('<I', len(text)) + text + b'\0'
    body = b''
    if name:
        fields += bytes(-len(fields) % 8) + b'\x08\x01g\0\x01s\0'
        body = struct.pack('<I', len(name)) + name + b'\0'
    header = struct.pack('<BBBBIII', ord('l'), 1, 0, 1, len(body), serial, len(fields)) + fields
    return header + bytes(-len(header) % 8) + body

peers = []
for i in range(n):
    try:
        peer = connect()
        if what == 'garbage':
            peer.send(os.urandom(500))
        if what == 'deaf':
            peer.send(b'\0AUTH EXTERNAL ' + b'0'.hex().encode() + b'\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n')
            peer.settimeout(2)
            for serial in range(1, 1500):
                peer.send(call(serial))
        if what == 'waiting': # for what does not come, and leaves; the answer behind it says that it was heard
            peer.send(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\nBEGIN\r\n')
            heard = peer.recv(1 << 16)
            peer.send(call(1, b'Wait', b'web') + call(2))
            while b'workload' not in heard:
                heard += peer.recv(1 << 16) or sys.exit('turned away')
            peer.close()
        peers.append(peer)
    except OSError as error:
        pass
print(len(peers), flush=True)
if what == 'flood': # asks and listens, as fast as it gets answers
    for peer in peers:
        peer.send(b'\0AUTH EXTERNAL ' + b'0'.hex().encode() + b'\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n')
    end, serial = time.time() + float(sys.argv[4]), 0
    while time.time() < end:
        for peer in peers:
            peer.send(b''.join(call(serial + i) for i in range(1, 21)))
        for peer in peers:
            peer.recv(1 << 20)
        serial += 20
time.sleep(float(sys.argv[4]))
END
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status"; }
fds() { find "/proc/$daemon/fd" -mindepth 1 | wc -l; }
before_rss=$(rss) before_fds=$(fds)
python=$(command -v python3) || skip 'needs python3'
crowd() { # N WHAT SECONDS [GROUP]
    rm -f "$work/crowd"
    "$python" "$work/crowd.py" "$SUPERVISORD_SOCKET" "$@" >"$work/crowd" &
    crowd=$!
    check_eventually "$1 peers, $2" test -s "$work/crowd"
}
disperse() { kill "$crowd" && wait "$crowd"; } 2>/dev/null

crowd 1 silent 60
check 'a silent peer is in nobody'\''s way' supctl list
disperse
crowd 100 silent 60
within_cap() { [ "$(fds)" -lt $((before_fds + 100)) ]; }
check 'of a hundred connections not all are held' within_cap
disperse
check_eventually 'when they are gone, the daemon answers' supctl list
crowd 100 silent 60 "$group"
check 'a hundred of the group do not keep root out' supctl list
disperse
crowd 20 garbage 60
check_eventually 'garbage is in nobody'\''s way' supctl list
disperse
tick() { supctl metrics | awk -v name="supervisord_tick_lateness_seconds_$1" '$1 == name { print $2 }'; }
flood() { # -> how late the ticks of the daemon came meanwhile, in the mean, in seconds
    sum=$(tick sum) count=$(tick count)
    crowd 8 flood 3
    wait "$crowd"
    equal 'a flood is answered to its end' 0 $?
    lateness=$(awk -v s="$(tick sum)" -v s0="$sum" -v c="$(tick count)" -v c0="$count" 'BEGIN { if (c > c0) printf "%.6f", (s - s0) / (c - c0) }')
}
for _ in 1 2 3; do # who else wants the CPUs makes them late too
    flood
    ! is_within 0 0.05 "$lateness" || break
done
within 'and the ticks of the daemon come in time (mean lateness, s)' 0 0.05 "$lateness"
crowd 2 deaf 60
check_eventually 'peers that ask and never listen are in nobody'\''s way' supctl list
# A sanitizer keeps what was freed.
grep -q libasan "/proc/$daemon/maps" || within 'and cost little memory (KiB)' 0 20000 $(($(rss) - before_rss))
disperse
crowd 200 waiting 60
check 'who waits and leaves takes nobody'\''s place' supctl list
disperse
crowd 200 waiting 60 "$group"
check 'nor in the group' member list
disperse
few_fds() { [ "$(fds)" -le $((before_fds + 2)) ]; }
check_eventually 'then all descriptors are free again' few_fds
equal 'web has not noticed' "$web" "$(pid_of web)"

# A socket that the service manager holds is taken by what it is, not by its place, and goes on to the next daemon.
daemon_stop
cat >"$work/activated" <<END
#!/bin/sh
exec systemd-socket-activate -l $work/other -l $SUPERVISORD_SOCKET "$build/supervisord/supervisord" "\$@"
END
chmod +x "$work/activated"
daemon_binary=$work/activated
: >"$journal"
must 'the daemon starts with a socket of the service manager' daemon_start
differs 'which is not one of its own' 660 "$(stat -c %a "$SUPERVISORD_SOCKET")"
matches 'what else it was given is closed, and named' "closed what the service manager has passed as .*does not listen at $SUPERVISORD_SOCKET" "$(cat "$journal")"
daemon_binary=

the_end
