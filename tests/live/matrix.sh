#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of supervisord(8), "What survives": whatever becomes of the daemon or the machine, what becomes of a workload
# that was running, starting, stopping, ended meanwhile, run by hand, stopped by the user. Each cell is a check.
. "$(dirname -- "$0")/lib.sh"

mkfifo "$work"/{prepared,trapped,finished,go}
workloads() { # one of each, all on the same terms
    policy <<END
[workload:running]
ExecStart=/bin/sleep infinity

[workload:starting]
ExecStartPre=/bin/cat $work/prepared
ExecStart=/bin/sleep infinity

[workload:stopping]
ExecStart=/bin/sh -c 'trap : TERM; echo >$work/trapped; until read -r x <$work/finished; do :; done'
TimeoutStopSec=infinity

[workload:ended]
ExecStart=/bin/sh -c 'read -r x <$work/go; exit 7'

[workload:again]
ExecStart=/bin/sleep infinity
Restart=always
RestartSec=20ms

[workload:stopped]
ExecStart=/bin/sleep infinity
END
}

# A daemon that has everything before it, and then each workload in the state of its name.
from_each_state() {
    local name
    workloads
    must "$event: the daemon starts" daemon_start
    remembers_exits=$(metric supervisord_bpf_loaded program=exits)
    supctl run --no-wait --name transient -- sleep infinity >/dev/null 2>&1
    for name in running ended again transient; do eventually is_state $name running; done
    read -r _ <"$work/trapped"
    supctl stop stopping >/dev/null 2>&1 &
    supctl stop stopped
    eventually is_state stopping stopping
    declare -gA old=()
    for name in running starting stopping ended again transient; do old[$name]=$(pid_of $name); done
    equal "$event: before, each is in its state" 'running starting stopping running running running stopped' \
        "$(for name in running starting stopping ended again transient stopped; do state_of $name; done | paste -sd ' ')"
}

# One ends with an error, another is killed that is to be started again.
meanwhile() {
    echo >"$work/go"
    kill -KILL "${old[again]}"
    eventually not is_alive "${old[ended]}"
    eventually not is_alive "${old[again]}"
}

is_as_before() { [ "$(pid_of "$1")" = "${old[$1]}" ] && is_alive "${old[$1]}"; }

all_goes_on() {
    check "$event: what ran runs on" is_as_before running
    check "$event: what was starting still is" is_state starting starting
    check "$event: as the same process" is_as_before starting
    echo >"$work/prepared"
    check_state "$event: its start comes to its end" starting running
    check "$event: as the same process" is_as_before starting
    check "$event: what was stopping still is" is_state stopping stopping
    echo >"$work/finished"
    check_state "$event: its stop comes to its end" stopping stopped
    check_state "$event: what ended with an error has failed" ended failed
    if [ "$remembers_exits" = 1 ]; then
        equal "$event: with its exit code" 'exit code 7' "$(property ended LastExit)"
    else
        equal "$event: in a way that nobody knows" unknown "$(property ended LastExit)"
    fi
    check_eventually "$event: what is to be started again runs, as another process" is_another_pid again "${old[again]}"
    check "$event: what was run by hand runs on" is_as_before transient
    check "$event: what the user stopped stays so" is_state stopped stopped
    check_eventually "$event: nothing is left to do" plan_is_empty
}

all_begins_anew() {
    local name
    check_state "$event: what ran is started" running running
    check_eventually "$event: what was starting starts from its beginning" is_another_pid starting "${old[starting]}"
    echo >"$work/prepared"
    check_state "$event: and runs" starting running
    for name in stopping ended again stopped; do
        check_state "$event: $name is started by the policy" $name running
    done
    refuted "$event: what was run by hand is not known" is_known transient
    check_eventually "$event: nothing is left to do" plan_is_empty
}

# The daemon ends, and with it the last of what this row was about.
row_ends() {
    rm -rf "$policies"/*.ini "/run/$instance/transient"/*.ini
    supctl reload >/dev/null
    check_eventually "$event: nothing is left behind" is_there "groups 0, links 0, namespaces 0, pins $pins_at_start"
    daemon_stop
}

event=stopped
from_each_state
daemon_stop
meanwhile
must "$event: the daemon starts again" daemon_start
all_goes_on
row_ends

event=crashed
from_each_state
daemon_kill
meanwhile
must "$event: the daemon starts again" daemon_start
all_goes_on
row_ends

event=upgraded
from_each_state
daemon_stop
meanwhile
cp "$build/supervisord/supervisord" "$work/supervisord"
daemon_binary=$work/supervisord
must "$event: another daemon starts" daemon_start
all_goes_on
daemon_binary=''
row_ends

# Story `systemd` has the daemon as a service of the PID 1 that is executed anew.
if [ -d /run/systemd/system ] && is_vm; then
    event=re-executed
    from_each_state
    check "$event: PID 1 is" systemctl daemon-reexec
    meanwhile
    all_goes_on
    row_ends
fi

# A machine that comes up has no processes of ours, no cgroups, an empty /run and no pins.
event=rebooted
from_each_state
daemon_kill
for group in "$tree"/*/; do echo 1 >"$group/cgroup.kill"; done
no_group() { find "$tree" -depth -mindepth 1 -type d -exec rmdir {} + && [ -z "$(our_groups)" ]; }
must "$event: nothing is left" eventually no_group
rm -rf "/run/$instance" "$pins"
must "$event: the daemon starts" daemon_start
all_begins_anew
read -r _ <"$work/trapped"
echo >"$work/finished"
the_end
