#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A workload finds a clean state: nothing of the daemon's, whatever the daemon itself was started with.
. "$(dirname -- "$0")/lib.sh"

# What the workload sees. A shell would change some of it: so cat, one file each.
report() { echo "/bin/sh -c 'cat /proc/self/status; ulimit -a; umask; env; ls -l /proc/self/fd; cat /proc/self/oom_score_adj'"; }
policy <<END
[workload:plain]
ExecStart=/bin/sleep infinity
StandardOutput=null

[workload:shell]
ExecStart=$(report)
StandardOutput=file:$work/shell

[workload:user]
ExecStart=/bin/sleep infinity
User=nobody
WorkingDirectory=/tmp
Environment=COLOR=green "SIZE=very big"
END

# A daemon with a bad past: signals ignored and blocked, a umask, a limit, descriptors, variables, another directory.
cat >"$work/messy" <<END
#!/bin/bash
umask 077
ulimit -S -c 0
ulimit -S -n 4096
cd "$work"
export SECRET=1
exec 7</etc/passwd 8>"$work/leak"
trap '' HUP PIPE USR1 CHLD
echo 300 >/proc/self/oom_score_adj
exec "$build/supervisord/supervisord" "\$@"
END
chmod +x "$work/messy"
daemon_binary=$work/messy
must 'the daemon starts' daemon_start
check_state 'a workload runs' plain running
check_state 'one of another user does' user running
check_state 'one that reports has done so' shell exited
pid=$(pid_of plain) user=$(pid_of user)

status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
equal 'of the signals only SIGPIPE is ignored, as under systemd' 0000000000001000 "$(status_of "$pid" SigIgn)"
equal 'none is blocked' 0000000000000000 "$(status_of "$pid" SigBlk)"
equal 'none is pending' 0000000000000000 "$(status_of "$pid" SigPnd)"
equal 'the umask is 0022' 0022 "$(status_of "$pid" Umask)"
equal 'three descriptors, no more' '0 1 2 ' "$(find "/proc/$pid/fd" -mindepth 1 -printf '%f\n' | sort -n | tr '\n' ' ')"
equal 'stdin is empty' /dev/null "$(readlink "/proc/$pid/fd/0")"
equal 'the directory is /' / "$(readlink "/proc/$pid/cwd")"
equal 'the environment is small' 'INVOCATION_ID PATH ' "$(tr '\0' '\n' <"/proc/$pid/environ" | cut -d= -f1 | sort | tr '\n' ' ')"
equal 'it leads a session of its own' "$pid" "$(ps -o sid= -p "$pid" | tr -d ' ')"
equal 'it can gain privileges as anybody can' 0 "$(status_of "$pid" NoNewPrivs)"
equal 'no system call filter' 0 "$(status_of "$pid" Seccomp)"
equal 'no ambient capabilities' 0000000000000000 "$(status_of "$pid" CapAmb)"
equal 'no inheritable ones' 0000000000000000 "$(status_of "$pid" CapInh)"
equal 'but root'\''s otherwise' "$(status_of $$ CapBnd)" "$(status_of "$pid" CapBnd)"
if is_vm; then
    equal 'the OOM score is not the daemon'\''s' 0 "$(cat "/proc/$pid/oom_score_adj")"
fi
equal 'the file of a workload has the right mode' 644 "$(stat -c %a "$work/shell")"

equal 'User= is the user' "$(id -u nobody) $(id -g nobody)" "$(stat -c '%u %g' "/proc/$user")"
equal 'with its own groups' "$(id -G nobody)" "$(status_of "$user" Groups | sed 's/ *$//')"
equal 'and no capability' 0000000000000000 "$(status_of "$user" CapEff)"
equal 'User= sets HOME' "$(getent passwd nobody | cut -d: -f6)" "$(environment_of "$user" HOME)"
equal 'and USER' nobody "$(environment_of "$user" USER)"
equal 'Environment= is there' 'green very big' "$(environment_of "$user" COLOR) $(environment_of "$user" SIZE)"
equal 'WorkingDirectory= too' /tmp "$(readlink "/proc/$user/cwd")"

# systemd is the measure, where there is one. What differs by design is left out.
if [ -d /run/systemd/system ]; then
    facts='^(Umask|State|NoNewPrivs|Seccomp|SigBlk|SigIgn|SigCgt|SigPnd|ShdPnd|CapInh|CapPrm|CapEff|CapBnd|CapAmb|Uid|Gid|Groups|Cpus_allowed_list|Mems_allowed_list|Speculation.*|THP_enabled|NStgid|TracerPid):'
    facts_of() { # PID
        grep -E "$facts" "/proc/$1/status" | grep -v NStgid
        cat "/proc/$1/oom_score_adj" "/proc/$1/limits" "/proc/$1/personality" "/proc/$1/coredump_filter"
        readlink "/proc/$1/cwd" "/proc/$1/root" "/proc/$1/ns/"{mnt,pid,ipc,uts,user,net,time}
        ps -o policy=,nice=,rtprio= -p "$1"
    }
    systemd-run --quiet --unit="$instance-measure" --property=StandardOutput=null /bin/sleep infinity
    main_pid_of_unit() { systemctl show "$instance-measure" -P MainPID; }
    sleeps() { [ "$(cat "/proc/$(main_pid_of_unit)/comm")" = sleep ]; }
    eventually sleeps
    facts_of "$(main_pid_of_unit)" >"$work/theirs"
    daemon_stop
    daemon_binary=
    systemd-run --quiet --unit="$instance-daemon" --property=KillMode=process "$build/supervisord/supervisord" --instance "$instance" \
        --policy "$policies" --tree "/$instance"
    daemon=$(systemctl show "$instance-daemon" -P MainPID)
    check_eventually 'the daemon as a unit' answers
    check 'restart' supctl restart plain
    facts_of "$(pid_of plain)" >"$work/ours"
    check 'all is as under systemd-run' diff "$work/theirs" "$work/ours"
    systemctl stop "$instance-measure"
fi

the_end
