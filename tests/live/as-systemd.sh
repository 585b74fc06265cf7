#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A workload finds what a service of systemd with the same settings finds: credentials, capabilities, signals, limits,
# environment.
. "$(dirname -- "$0")/lib.sh"

needs_systemd

chmod 755 "$work"
install -m 755 /dev/stdin "$work/report" <<'END'
#!/bin/sh
# What it is, apart from what must differ: pids, ids of the invocation and of the journal's stream, memory, CPU time.
exec >"$1"
grep -E '^(Umask|Uid|Gid|Groups|Sig(Pnd|Blk|Ign)|ShdPnd|Cap|NoNewPrivs|Seccomp:|CoreDumping|THP_enabled|Cpus_allowed_list)' /proc/self/status
cat /proc/self/limits
nice
cat /proc/self/oom_score_adj
pwd
env | sed '/^PATH=/s,:/sbin:/bin$,,' | grep -Ev '^(INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|LANG|PWD|OLDPWD|_|SHLVL|MEMORY_PRESSURE_.*)=' | sort
for fd in /proc/self/fd/*; do [ "${fd##*/}" -gt 2 ] || readlink "$fd" | sed 's/:.*//'; done
awk '{ print "session leader:", $6 == $5 }' /proc/$$/stat
END

# compare NAME SETTING...: runs the report under both with these settings
compare() {
    local name=$1 setting
    shift
    mkdir -m 777 "$work/$name"
    { printf '[workload:%s]\nExecStart=%s/report %s/%s/ours\n' "$name" "$work" "$work" "$name"; printf '%s\n' "$@"; } | policy "20-$name.ini"
    must "$name: the policy is taken" supctl reload
    check_state "$name: it has run" "$name" exited
    local properties=()
    for setting; do properties+=(-p "$setting"); done
    must "$name: systemd runs it" systemd-run --quiet --wait "${properties[@]}" "$work/report" "$work/$name/theirs"
    if diff -u "$work/$name/theirs" "$work/$name/ours" >"$work/$name/diff"; then
        ok "$name: nothing differs in $(wc -l <"$work/$name/ours") lines"
    else
        not_ok "$name: something differs" "$(cat "$work/$name/diff")"
    fi
}

# The daemon as a service would be given it: what is not said is inherited from there.
limit_of() { echo "$(systemctl show --value -p "DefaultLimit$1Soft"):$(systemctl show --value -p "DefaultLimit$1")"; }
printf '#!/bin/sh\nexec prlimit --nproc=%s --memlock=%s %s "$@"\n' "$(limit_of NPROC)" "$(limit_of MEMLOCK)" \
    "$build/supervisord/supervisord" >"$work/daemon"
chmod +x "$work/daemon"
daemon_binary=$work/daemon
policy </dev/null
must 'the daemon starts' daemon_start
compare plain
compare user User=daemon
compare groups User=daemon Group=games 'SupplementaryGroups=adm video'
compare group Group=games
compare process UMask=0077 Nice=7 OOMScoreAdjust=-500 WorkingDirectory=/usr
compare limits LimitCPU=1h:2h LimitFSIZE=1G LimitDATA=2G:infinity LimitSTACK=4M LimitCORE=0:1M LimitRSS=1G LimitNPROC=500 \
    LimitNOFILE=512:1024 LimitMEMLOCK=64K LimitAS=8G LimitLOCKS=64 LimitSIGPENDING=100 LimitMSGQUEUE=100K LimitNICE=+5 \
    LimitRTPRIO=3 LimitRTTIME=1s
compare nice LimitNICE=-3:30 LimitCPU=infinity LimitRTTIME=500ms:infinity
compare signals IgnoreSIGPIPE=no
compare environment 'Environment=A=1 "B=two words"'
the_end
