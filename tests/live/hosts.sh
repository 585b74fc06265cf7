#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Broken and unusual hosts, one after another: each is named right, with what it takes away and what cures it, and what can
# work on it works. A host is made for the daemon alone, by a private mount namespace or a filter of system calls.
. "$(dirname -- "$0")/lib.sh"

work_without_limits() {
    policy <<'END'
[workload:web]
ExecStart=/bin/sleep infinity
END
}

# host COMMANDS: what the daemon's next start finds; COMMANDS run before it, in its own mount namespace
host() {
    daemon_binary=$work/host
    printf '#!/bin/sh\nset -e\n%s\nexec "$@"\n' "$1" >"$work/host-inside"
    printf '#!/bin/sh\nexec unshare --mount --propagation private sh "%s" "%s" "$@"\n' \
        "$work/host-inside" "$build/supervisord/supervisord" >"$daemon_binary"
    chmod +x "$daemon_binary"
    : >"$journal"
}

refuses() { # WHAT PATTERN: the daemon does not come up, and says why
    daemon_start
    refuted "$1: it does not run" is_alive "$daemon"
    ! is_alive "$daemon" || daemon_stop
    matches "$1: it says why" "$2" "$(cat "$journal")"
    daemon=''
}

finds() { # WHAT SHARE STATE PATTERN: a line of `supctl check`
    matches "$1" "^$2 +$3 .*($4)" "$(supctl check | tr -s ' ')"
}

cures() { # WHAT SHARE PATTERN: a line of what `supctl check` says can be done
    matches "$1" "^$2: .*($3)" "$(supctl check | sed 's/^ *//')"
}

runs_web() { # WHAT
    check_state "$1: web runs" web running
}

ends() {
    check 'web can be stopped' supctl stop web
    check 'the daemon goes' daemon_stop
    rm -f "/run/$instance/transient"/*
}

work_without_limits
daemon_options=(--no-bpf) # where eBPF is not the question, it would only take its time

# --- two daemons at once
must 'the daemon starts' daemon_start
first=$daemon
matches 'a second daemon says who is in its way' "another supervisord holds /run/$instance/lock" \
    "$("$build/supervisord/supervisord" --instance "$instance" --policy "$policies" --tree "/$instance" 2>&1)"
check 'the first has not noticed' is_alive "$first"
runs_web 'two daemons'

# --- another manager's directories in the tree
mkdir -p "$tree/theirs" "$tree/taken/below"
sleep infinity &
stranger=$!
disown $stranger
echo $stranger >"$tree/taken/below/cgroup.procs"
policy 20-taken.ini <<'END'
[workload:taken]
ExecStart=/bin/sleep infinity
END
refuted 'a reload says that one place is taken' supctl reload
check_eventually 'what is in use is not taken' says 'cgroup taken is there and in use, without a mark of ours' supctl show taken
check 'nobody there is harmed' is_alive "$stranger"
check 'nor what is empty and of another name' test -d "$tree/theirs"
kill "$stranger"
rm "$policies/20-taken.ini"
eventually rmdir "$tree/taken/below"
rmdir "$tree/taken" "$tree/theirs"

# --- cgroup.max.descendants reached
echo "$(awk '$1 == "nr_descendants" { print $2 }' "$tree/cgroup.stat")" >"$tree/cgroup.max.descendants"
policy 20-late.ini <<'END'
[workload:late]
ExecStart=/bin/sleep infinity
END
supctl reload >/dev/null 2>&1
check_eventually 'no more cgroups: said by its name' says 'cgroup.max.descendants' supctl show late
equal 'and once, in the events' 1 "$(supctl events -n 1 late | grep -o 'cgroup\.max\.descendants' | wc -l)"
refuted 'nor for what is run' supctl run -d --name brief -- /bin/true
matches 'which can be read later, too' 'failed: create workload brief .*cgroup\.max\.descendants' "$(supctl events brief)"
echo max >"$tree/cgroup.max.descendants"
check 'with room again' supctl start late
check_state 'it starts' late running
rm "$policies/20-late.ini"
supctl reload >/dev/null

# --- a full /run
mount -t tmpfs -o size=64k,mode=700 none "/run/$instance/transient"
head -c 64K /dev/zero >"/run/$instance/transient/filler" 2>/dev/null
said=$(supctl stop web 2>&1)
equal 'a full /run: stop fails' 1 $?
matches 'and says why' 'No space left on device' "$said"
runs_web 'a full /run: nothing is half done'
check 'a reload needs no room' supctl reload
umount "/run/$instance/transient"
web=$(pid_of web)
check 'the daemon is killed' daemon_kill
mount -t tmpfs -o size=64k,mode=755 none "/run/$instance"
head -c 64K /dev/zero >"/run/$instance/filler" 2>/dev/null
host 'mount -t tmpfs -o ro,size=4k none /var'
check 'with a full /run and no room in /var it starts' daemon_start
equal 'it finds what runs' "running $web" "$(state_of web) $(pid_of web)"
matches 'and says what it cannot keep' 'cannot keep a copy of the policy.*No space left' "$(cat "$journal")"
check 'the daemon goes' daemon_stop
umount "/run/$instance"
daemon_binary=
must 'with room again it starts' daemon_start
ends

# --- no BTF
daemon_options=()
host 'mount -t tmpfs none /sys/kernel/btf'
check 'without BTF it starts' daemon_start
runs_web 'no BTF'
finds 'no BTF is named' 'kernel types' absent 'no eBPF meters'
cures 'and its cure' 'kernel types' 'CONFIG_DEBUG_INFO_BTF=y'
ends

# --- bpf(2) refused
host "set -- '$build/tests/refuse' bpf \"\$@\""
check 'where bpf(2) is refused it starts' daemon_start
runs_web 'no bpf(2)'
finds 'that is named' 'meter slots' absent 'Operation not permitted'
finds 'and what it takes away' 'network addresses' absent 'no workload with IPAddressDeny= starts'
cures 'and its cure' 'network addresses' 'nothing that refuses bpf'
policy 20-filtered.ini <<'END'
[workload:filtered]
ExecStart=/bin/sleep infinity
IPAddressDeny=any
END
refuted 'a reload that asks for a filter fails' supctl reload
check_state 'the workload is not started without it' filtered failed
matches 'and says so' 'cannot load the filter of addresses: Operation not permitted' "$(property filtered Degraded)"
rm "$policies/20-filtered.ini"
check 'a reload that does not' supctl reload
ends

# --- a read-only cgroupfs
daemon_options=(--no-bpf)
host "mount --bind $cgroup2 $cgroup2; mount -o remount,bind,ro $cgroup2"
refuses 'read-only cgroupfs' 'read-only.*remount'
matches 'supervisord --check says so too' '^absent +tree .*read-only' "$("$daemon_binary" --check 2>&1)"

# --- no cgroup v2
host "umount -l $cgroup2; while umount -l $cgroup2; do :; done 2>/dev/null || true"
refuses 'no cgroup v2' 'cgroup v2 is not mounted'

# --- nothing delegated: a container whose cgroup has no controllers
mkdir -p "$cgroup2/$instance.outer/container/init"
host "echo \$\$ >$cgroup2/$instance.outer/container/cgroup.procs
exec unshare --cgroup sh -c 'umount -l $cgroup2 && mount -t cgroup2 none $cgroup2 && exec \"\$@\"' sh \"\$@\""
check 'in a container it starts' daemon_start
runs_web 'a container'
for share in 'cpu weight' 'memory max' tasks 'io bandwidth'; do
    finds "a container: no $share" "$share" absent 'handed down|hybrid'
done
policy <<'END'
[workload:web]
ExecStart=/bin/sleep infinity

[workload:limited]
ExecStart=/bin/sleep infinity
CPUWeight=300
END
supctl reload >/dev/null 2>&1
check_eventually 'what cannot be limited does not start' says 'needs the cpu controller' supctl show limited
runs_web 'a container'
work_without_limits
supctl reload >/dev/null
tree=$cgroup2/$instance.outer/container/$instance
ends
is_removed() { [ ! -d "$1" ] || rmdir "$1" 2>/dev/null; }
for group in "$tree/web" "$tree" "$cgroup2/$instance.outer"/container/{init,} "$cgroup2/$instance.outer"; do
    check_eventually "a container: ${group##*/} can go" is_removed "$group"
done
tree=$cgroup2/$instance

# --- no swap
if has_controller memory; then
    grep -m 1 . /proc/swaps >"$work/swaps"
    host "mount --bind $work/swaps /proc/swaps"
    check 'without swap it starts' daemon_start
    runs_web 'no swap'
    finds 'no swap: named' swap absent 'MemorySwapMax= limits nothing'
    cures 'and its cure' swap swapon
    ends
fi

# --- a foreign sched_ext scheduler
if [ -d /sys/kernel/sched_ext ] && is_vm; then
    host :
    coproc scheduler { exec "$build/tests/foreign-scheduler"; }
    read -r word <&"${scheduler[0]}"
    equal 'a foreign scheduler is loaded' loaded "$word"
    check 'the daemon starts beside it' daemon_start
    finds 'it voids weights' 'cpu weight' absent "'foreign' is loaded"
    cures 'and how to be rid of it' 'cpu weight' 'stop that scheduler'
    finds 'and quotas' 'cpu quota' absent "'foreign'"
    exec {scheduler[1]}>&-
    gone() { [ ! -e /sys/kernel/sched_ext/root/ops ]; }
    check_eventually 'it goes' gone
    ends
fi

# --- disks that weigh nothing
if is_vm && has_controller io; then
    host :
    for disk in /sys/block/[!lrz]*/queue/scheduler; do echo none >"$disk"; done
    check 'the daemon starts' daemon_start
    finds 'no weigher is named' 'io weight' absent 'only a number'
    cures 'and its cure' 'io weight' 'echo bfq >'
    ends
fi

# --- a hybrid host
if ! has_controller cpu; then
    host :
    check 'on a hybrid host it starts' daemon_start
    runs_web 'a hybrid host'
    for share in 'cpu weight' tasks 'io bandwidth'; do # memory may have stayed on v2
        finds "a hybrid host: no $share" "$share" absent 'hybrid layout'
        cures 'and its cure' "$share" 'systemd.unified_cgroup_hierarchy=1'
    done
    ends
fi

host :
must 'the daemon starts' daemon_start
pins_at_start=$(our_pins | wc -l) # those of the daemon that had eBPF live on
the_end
