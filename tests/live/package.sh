#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian package (tools/package --peers): installs, starts, is upgraded without a scratch, lives beside Debian's own
# supervisor, and leaves nothing behind. It takes over the machine, hence only in a VM.
. "$(dirname -- "$0")/lib.sh"
needs_systemd
is_vm || skip 'installs packages: only in a VM of its own'
package=$(echo "$top"/build/package/supervisord_*.deb)
[ -f "$package" ] || skip 'needs the package that tools/package makes'
unset SUPERVISORD_SOCKET
PATH=${PATH#*:} # the package's own supctl
tree=$cgroup2/supervisord.slice/supervisord-workloads.service
pins=/sys/fs/bpf/supervisord

clean_up() {
    trap - EXIT
    [ "$failures" = 0 ] || journalctl --quiet --no-pager --lines=40 --unit='supervisor*' | sed 's/^/    # /'
    dpkg --force-depends --purge supervisord supervisor python3-pkg-resources >/dev/null 2>&1
    rm -rf "$work" /etc/supervisord
}
is_active() { [ "$(systemctl show --property=ActiveState --value "$1")" = active ]; }
daemon_pid() { systemctl show --property=MainPID --value supervisord.service; }
answers() { supctl version; }

# --- installing
export DEBIAN_FRONTEND=noninteractive
must 'it installs' dpkg --install "$package"
check_eventually 'the daemon runs' answers
check 'as a service' is_active supervisord.service
check 'and is enabled' systemctl is-enabled supervisord.service
check_eventually 'the exporter answers' says '^supervisord_build_info' curl --silent http://127.0.0.1:9760/metrics
check 'the group that may read is there' getent group supervisord
check 'check finds the tree kept' says '^tree +enforced' supctl check
cat >/etc/supervisord/10-web.ini <<'END'
[workload:web]
ExecStart=/bin/sleep infinity
CPUWeight=300
END
check 'a policy is loaded' supctl reload
check_state 'web runs' web running
web=$(pid_of web)

# --- beside Debian's supervisor
check "Debian's supervisor installs too" dpkg --install "$top"/build/package/python3-pkg-resources_*.deb "$top"/build/package/supervisor_*.deb
check_eventually 'it runs' is_active supervisor.service
check 'and ours' is_active supervisord.service
check_eventually 'its command answers' says 4.2 supervisorctl version
equal 'its name in PATH is its own' /usr/bin/supervisord "$(command -v supervisord)"
check 'it is removed' dpkg --purge supervisor
check 'and ours runs on' answers

# --- an upgrade
old=$(daemon_pid)
check 'the package is installed over itself' dpkg --install "$package"
is_another_daemon() { [ "$(daemon_pid)" != "$old" ] && answers; }
check_eventually 'the daemon is another' is_another_daemon
equal 'web is the same' "$web" "$(pid_of web)"
equal 'and its limit holds' 300 "$(cat "$tree/web/cpu.weight")"
check_eventually 'the exporter answers again' says '^supervisord_build_info' curl --silent http://127.0.0.1:9760/metrics

# --- removing
check 'it is removed' dpkg --remove supervisord
check_eventually 'web has ended' not is_alive "$web"
is_gone() { [ ! -e "$1" ]; }
for path in "$tree" "$pins" /run/supervisord /usr/libexec/supervisord /usr/bin/supctl /lib/systemd/system/supervisord.service; do
    check_eventually "$path is gone" is_gone "$path"
done
check 'what the administrator wrote is not' test -f /etc/supervisord/10-web.ini
equal 'no unit is left' '' "$(systemctl list-units --all --no-legend --plain 'supervisord*' | awk '$3 != "inactive" { print $1, $2, $3, $4 }')"
rm /etc/supervisord/10-web.ini
check 'it is purged' dpkg --purge supervisord
check 'its configuration directory is gone' is_gone /etc/supervisord

exit $((failures > 0))
