#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Under systemd, as installed: the daemon may be stopped, restarted and killed, systemd reloaded and executed anew, and
# even the keeper killed, and no workload notices. It takes over the machine, hence only in a VM.
. "$(dirname -- "$0")/lib.sh"
needs_systemd
is_vm || skip 'installs units: only in a VM of its own'
needs_controllers cpu cpuset memory io pids

instance=supervisord policies=/etc/supervisord pins=/sys/fs/bpf/supervisord
tree=$cgroup2/supervisord.slice/supervisord-workloads.service
unset SUPERVISORD_SOCKET

command_of() { sed -n 's/^Exec'"$2"'=\([^ ]*\).*/\1/p' "$build/systemd/$1"; } # UNIT Start|Stop
install_all() {
    install -D "$build/supervisord/supervisord" "$(command_of supervisord.service Start)"
    install -D "$build/supervisord/supervisord-keeper" "$(command_of supervisord-workloads.service Start)"
    install -D -t "$(dirname -- "$(command_of supervisord.service Start)")" "$build/supervisord/supervisord-relay"
    install -D "$build/supervisord/supervisord-exporter" "$(command_of supervisord-exporter.service Start)"
    install -D "$build/tools/supctl/supctl" "$(command_of supervisord-shutdown.service Stop)"
    install -D -m 644 -t /usr/local/lib/systemd/system "$build"/systemd/*.service "$top"/systemd/*.{slice,socket}
    systemd-sysusers "$top/systemd/supervisord.sysusers"
    systemd-tmpfiles --create "$top/systemd/supervisord.tmpfiles"
    systemctl daemon-reload
}
# The machine is thrown away; only what would be in the way of other stories goes.
clean_up() {
    trap - EXIT
    [ "$failures" = 0 ] || journalctl --quiet --no-pager --lines=60 --unit='supervisord*' | sed 's/^/    # /'
    systemctl stop supervisord-exporter.socket supervisord-exporter.service supervisord-shutdown.service supervisord.service
    systemctl kill --signal=KILL supervisord-workloads.service 2>/dev/null
    rm -rf "$work" /etc/supervisord
}

of_unit() { systemctl show --property="$2" --value "$1"; } # UNIT PROPERTY
is_active() { [ "$(of_unit "$1" ActiveState)" = active ]; }
unit_pid() { of_unit "$1" MainPID; }
is_answering() { supctl version; }
journal_has() { journalctl --quiet --output=cat "$@" | grep -q .; }
web_is_unharmed() { # WHAT
    check_eventually "$1: the daemon answers" is_answering
    equal "$1: web is the same process" "$web" "$(pid_of web)"
    check "$1: and alive, in the tree" says "^0::/supervisord.slice/supervisord-workloads.service/web/1$" cat "/proc/$web/cgroup"
    equal "$1: and its limits hold" '300 64' "$(cat "$tree/web/cpu.weight" "$tree/web/pids.max" | tr '\n' ' ' | sed 's/ $//')"
}

must 'it is installed' install_all
check 'systemd finds nothing wrong with the units' systemd-analyze --man=no verify /usr/local/lib/systemd/system/supervisord*.service \
    /usr/local/lib/systemd/system/supervisord*.socket
policy <<'END'
[supervisord]
CPUWeight=250
IOWeight=150

[workload:web]
ExecStart=/bin/sh -c 'echo words of web; exec sleep infinity'
CPUWeight=300
MemoryLow=4M
TasksMax=64

[workload:careful]
ExecStart=/bin/sh -c 'trap "echo careful is done; exit 0" TERM; while :; do sleep 0.1; done'
END
must 'supervisord.service starts, and is ready when systemctl returns' systemctl start supervisord.service
check 'it has brought the keeper' is_active supervisord-workloads.service
keeper=$(unit_pid supervisord-workloads.service)
equal 'which sits in a leaf of its own' /supervisord.slice/supervisord-workloads.service/.keeper "$(cgroup_of "$keeper")"
matches 'systemd shows what it is doing' '2 slices and workloads' "$(of_unit supervisord.service StatusText)"
check_state 'web runs' web running
check_state 'careful runs' careful running
web=$(pid_of web)
web_is_unharmed 'from the start'

# The tree's own share is asked of systemd.
# Its slice is what stands beside the other units.
slice=${tree%/*}
equal 'CPUWeight= of the tree is its slice'\''s' 250 "$(of_unit supervisord.slice CPUWeight)"
equal 'and the kernel'\''s' 250 "$(cat "$slice/cpu.weight")"
equal 'IOWeight= too' 150 "$(of_unit supervisord.slice IOWeight)"
equal 'what is reserved in the tree is granted by it' 4194304 "$(cat "$tree/memory.low")"
equal 'and by its slice' 4194304 "$(cat "$slice/memory.low")"
equal 'so that it is effective' 4.0M "$(property web MemoryLow)"
equal 'no workload can silence the others in the journal' 0 "$(of_unit supervisord-workloads.service LogRateLimitIntervalUSec)"
sed -i 's/^CPUWeight=250/CPUWeight=40/' /etc/supervisord/10-test.ini
check 'changed by systemctl reload' systemctl reload supervisord.service
has_share() { [ "$(cat "$slice/cpu.weight")" = "$1" ]; }
equal 'it has changed when systemctl returns' 40 "$(cat "$slice/cpu.weight")"
echo 'CPUWieght=1' >/etc/supervisord/20-wrong.ini
refuted 'systemctl reload fails with a policy that has errors' systemctl reload supervisord.service
check_eventually 'which the journal has' journal_has --unit=supervisord.service --grep='20-wrong.ini:1'
rm /etc/supervisord/20-wrong.ini
check 'and the daemon goes on' systemctl reload supervisord.service
web_is_unharmed 'systemctl reload'

# The journal.
check_eventually 'what the daemon says of web carries its name' journal_has SUPERVISOR_WORKLOAD=web _SYSTEMD_UNIT=supervisord.service
check_eventually 'what web says is in the journal' says 'words of web' journalctl --quiet --output=cat SYSLOG_IDENTIFIER=web

# The daemon and systemd come and go.
daemon_pid() { unit_pid supervisord.service; }
old=$(daemon_pid)
check 'systemctl restart' systemctl restart supervisord.service
differs 'the daemon is another' "$old" "$(daemon_pid)"
web_is_unharmed 'systemctl restart'
check 'systemctl stop' systemctl stop supervisord.service
check 'web lives without' is_alive "$web"
check 'and the keeper' is_alive "$keeper"
check 'systemctl start' systemctl start supervisord.service
web_is_unharmed 'systemctl stop and start'
check 'daemon-reload' systemctl daemon-reload
web_is_unharmed 'daemon-reload'
check 'daemon-reexec' systemctl daemon-reexec
web_is_unharmed 'daemon-reexec'
check 'set-property on the tree' systemctl set-property --runtime supervisord.slice CPUWeight=60
web_is_unharmed 'set-property'
equal 'the plan would put the share right' 1 "$(supctl plan | grep -c 'set the tree cpu.weight\|CPUWeight')"
check 'and does' supctl reload
check_eventually 'it is right' has_share 40
check 'a reserve that the slice does not grant any more' systemctl set-property --runtime supervisord.slice MemoryLow=1M
equal 'is shown with who voids it' 'supervisord.slice: 1.0M' "$(property web MemoryLow)"
check_eventually 'and noticed' says 'supervisord.slice grants MemoryLow=1.0M' property web Degraded
check 'a reload puts it right' supctl reload
equal 'it is effective again' 4.0M "$(property web MemoryLow)"
sed -i '/^CPUWeight=40/d; /^MemoryLow=/d' /etc/supervisord/10-test.ini
check 'what is asked for no more' supctl reload
equal 'is taken back: a weight' 100 "$(cat "$slice/cpu.weight")"
equal 'a reserve' '0 0' "$(echo $(cat "$slice/memory.low" "$tree/memory.low"))"
equal 'and what is still asked for is left' 150 "$(of_unit supervisord.slice IOWeight)"

is_another_daemon() { local pid; pid=$(daemon_pid) && [ "$pid" != 0 ] && [ "$pid" != "$old" ] && supctl version; }
old=$(daemon_pid)
kill -KILL "$old"
check_eventually 'a killed daemon is started again' is_another_daemon
web_is_unharmed 'kill -9'
mkdir -p /run/systemd/system/supervisord.service.d
printf '[Service]\nWatchdogSec=6s\n' >/run/systemd/system/supervisord.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart supervisord.service
old=$(daemon_pid) fed=$(of_unit supervisord.service WatchdogTimestampMonotonic)
is_fed() { [ "$(of_unit supervisord.service WatchdogTimestampMonotonic)" != "$fed" ]; }
check_eventually 'the watchdog is fed' is_fed
equal 'by the same daemon' "$old" "$(daemon_pid)"
kill -STOP "$old"
check_eventually 'a daemon that hangs is replaced by the watchdog' is_another_daemon
web_is_unharmed 'watchdog'
rm -r /run/systemd/system/supervisord.service.d
systemctl daemon-reload

# Where eBPF is refused, PID 1 keeps what tells how workloads ended that did while no daemon was there.
printf '#!/bin/sh\npid=$(cat %s) || exit 0\ntouch %s\nwhile kill -0 $pid; do sleep 0.05; done\n' \
    "$work/pid" "$work/gate" >"$work/meanwhile"
chmod +x "$work/meanwhile"
cp "$build/tests/refuse" "$build/tests/exit-cases" "$work"
mkdir -p /run/systemd/system/supervisord.service.d
printf '[Service]\nExecStartPre=%s\nExecStart=\nExecStart=%s bpf %s\n' "$work/meanwhile" "$work/refuse" \
    "$(command_of supervisord.service Start)" >/run/systemd/system/supervisord.service.d/refused.conf
systemctl daemon-reload
check 'a daemon without eBPF' systemctl restart supervisord.service
policy 30-brief.ini <<<"[workload:brief]
ExecStart=$work/exit-cases code $work/gate"
check 'that starts a workload' supctl reload
pid_of brief >"$work/pid"
IFS=.- read -r major minor _ <<<"$(uname -r)"
kept=0 told=unknown
[ $((major * 1000 + minor)) -lt 6015 ] || kept=3 told='exit code 7'
equal 'PID 1 has the pidfds of all, where they are of use' $kept "$(of_unit supervisord.service NFileDescriptorStore)"
check 'it is restarted, and the workload ends meanwhile' systemctl restart supervisord.service
equal 'how it ended is told, or not known' "$told" "$(property brief LastExit)"
rm "$work/pid" /etc/supervisord/30-brief.ini
check 'it is taken out of the policy' supctl reload
is_kept_of() { [ "$(of_unit supervisord.service NFileDescriptorStore)" = "$1" ]; }
check_eventually 'and out of the store' is_kept_of $((kept > 0 ? kept - 1 : 0))
rm -r /run/systemd/system/supervisord.service.d
systemctl daemon-reload
systemctl restart supervisord.service
web_is_unharmed 'without eBPF and with'

# An empty tree is kept by the keeper.
check 'all is stopped' supctl stop web careful
tree_is_empty() { [ -z "$(find "$tree" -mindepth 2 -name cgroup.procs -not -path '*/.keeper/*' -exec cat {} +)" ]; }
check_eventually 'the tree is empty' tree_is_empty
sleep 2
check 'the keeper keeps it' is_alive "$keeper"
check 'and all starts again' supctl start web careful
web=$(pid_of web)
is_in_leaf() { [ "$(cgroup_of "$web")" = /supervisord.slice/supervisord-workloads.service/web/1 ]; }
check 'in the same tree' is_in_leaf

# Faces.
check 'the exporter'\''s socket' systemctl start supervisord-exporter.socket
scrape() { curl --silent --max-time 30 http://127.0.0.1:9760/metrics; }
check_eventually 'a scrape has the workloads' says '^supervisord_workload_cpu_usage_seconds_total.workload="web"' scrape
exporter=$(unit_pid supervisord-exporter.service)
differs 'the exporter is not root' 0 "$(stat -c %u "/proc/$exporter")"
equal 'it has no capabilities' 0000000000000000 "$(sed -n 's/^CapEff:\t//p' "/proc/$exporter/status")"
equal 'and no new privileges' 1 "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$exporter/status")"
systemd-analyze --no-pager security supervisord-exporter.service | tail -n 1
exposure=$(systemd-analyze --no-pager security supervisord-exporter.service | sed -n 's/.*supervisord-exporter.service: \([0-9.]*\) .*/\1/p')
within 'systemd calls it safe' 0 1.5 "$exposure"
check 'the exporter is stopped' systemctl stop supervisord-exporter.service
check 'and comes back with the next scrape' says '^supervisord_build_info' scrape
systemd-analyze --no-pager security supervisord.service | tail -n 1

# Shutdown: workloads are asked to end while the daemon lives.
matches 'it goes before the daemon' supervisord.service "$(of_unit supervisord-shutdown.service After)"
matches 'and the daemon before the tree' supervisord-workloads.service "$(of_unit supervisord.service After)"
equal 'and waits for them as long as their policy says' infinity "$(of_unit supervisord-shutdown.service TimeoutStopUSec)"
policy 20-stubborn.ini <<'END'
[workload:stubborn]
ExecStart=/bin/sh -c 'trap "" TERM; echo stubborn stays; while :; do sleep 1; done'
TimeoutStopSec=1s
END
check 'a workload that does not end when it is asked to' systemctl reload supervisord.service
check_eventually 'and says so' says 'stubborn stays' journalctl --quiet --output=cat SYSLOG_IDENTIFIER=stubborn
stubborn=$(pid_of stubborn)
check 'what shutdown does first' systemctl stop supervisord-shutdown.service
equal 'the workloads have ended' 'stopped stopped stopped' "$(state_of web) $(state_of careful) $(state_of stubborn)"
refuted 'all of them' is_alive "$stubborn"
equal 'who does not is killed' 'signal KILL' "$(property stubborn LastExit)"
check_eventually 'in order, with their last words' says 'careful is done' journalctl --quiet --output=cat SYSLOG_IDENTIFIER=careful
check 'the daemon lives' is_active supervisord.service
sleep 1
equal 'and starts nothing meanwhile' 'stopped stopped' "$(state_of web) $(state_of careful)"
check 'should the machine stay up after all' systemctl start supervisord-shutdown.service
rm "$policies/20-stubborn.ini"
check 'a reload' supctl reload
check_state 'starts web' web running
web=$(pid_of web)

# The keeper is killed. systemd cannot start it again while controllers are enabled in the tree.
kill -KILL "$keeper"
not_active() { ! is_active supervisord-workloads.service; }
check_eventually 'the keeper is killed' not_active
web_now=$(cgroup_of "$web")
matches 'web lives on in the tree' '/supervisord-workloads.service/web/[0-9]+$' "$web_now"
check 'the daemon goes on with it' supctl restart careful
check_state 'and starts what is to be started' careful running
matches 'check says what is wrong' 'keeper' "$(supctl check)"
check 'the daemon can be restarted' systemctl restart supervisord.service
check_eventually 'it answers' is_answering
equal 'and finds web' "$web" "$(pid_of web)"
check 'and controls it' supctl restart web
check_state 'web runs' web running
check_eventually 'the log says what is wrong' journal_has --unit=supervisord.service --grep='keeper of .* is gone'

# It is cured when the tree is empty.
check 'all is stopped' supctl shutdown
is_kept() { is_active supervisord-workloads.service && supctl version; }
systemctl restart supervisord.service
check_eventually 'the keeper is back with an empty tree' is_kept
check_eventually 'check finds nothing wrong' says '^tree +enforced' supctl check

exit $((failures > 0))
