#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon may die at any instruction, and here it does: at the first crash point of an operation (base/crash-point.h), then
# at the second, until the operation comes through. After each death another daemon comes and puts things in order. In a
# network of its own, for the sake of the firewall.
[ -n "${own_network-}" ] || own_network=1 exec unshare --net -- bash "$0" "$@"
. "$(dirname -- "$0")/lib.sh"
shopt -s globstar dotglob nullglob

# Every point where that takes a minute. Elsewhere one of so many: on each kernel, and with sanitizers, others.
stride=1
[ -z "${SUPERVISORD_BUILD-}" ] || stride=11
! is_vm || stride=31
stride=${SUPERVISORD_CRASH_STRIDE:-$stride}
read -r release _ < <(echo "$(uname -r) ${SUPERVISORD_BUILD-}" | cksum)
offset=$((release % stride))

ip link set lo up
nat=no
if command -v nft >/dev/null && nft list ruleset >/dev/null 2>&1; then nat=yes; fi
limits=''
! has_controller pids || limits+=$'TasksMax=50\n'
! has_controller memory || limits+=$'MemoryMax=100M\nMemoryHigh=90M\n'
! has_controller cpu || limits+=$'CPUWeight=50\n'

policy 10-base.ini <<END
[slice:s]
$limits
[workload:bystander]
Slice=s
ExecStart=/bin/sleep infinity
END
# What a reload brings, and the next one takes away: all kinds of steps.
come() {
    policy 20-come.ini <<END
[supervisord]
Scheduler=freeze
[network:lan]
Bridge=$bridge
Subnet=$subnet.1/24
NAT=$nat
WarmPool=0
[slice:t]
Slice=s
$limits
[workload:w]
Slice=t
ExecStart=/bin/sleep infinity
$limits
Network=bridge:lan
NetworkEgressMax=10Mbit
DevicePolicy=closed
SocketBindDeny=tcp:99
Restart=always
RestartSec=10ms
END
}

armed=$work/armed
printf '\0\0\0\0' >"$armed"
arm() { # NUMBER: the daemon dies at that point from now on; 0: it lives
    local bytes
    printf -v bytes '\\x%02x\\x%02x\\0\\0' $(($1 % 256)) $(($1 / 256))
    # shellcheck disable=SC2059 # that is what it is for
    printf "$bytes" 1<>"$armed"
}
export SUPERVISORD_CRASH_AT=$armed

# --- what is there ----------------------------------------------------------------------------------------------------

# -> main: NAME -> pid, state: NAME -> state, of all workloads
declare -A main state
look() {
    local name kind what pid _
    main=() state=()
    while read -r name kind _ what pid _; do
        [ "$kind" != workload ] || { main[$name]=$pid state[$name]=$what; }
    done < <(supctl list --no-legend --plain)
    [ ${#state[@]} -gt 0 ]
}

# A line for each thing that is ours, but for the numbers of starts.
inventory() { # -> inventory
    local directories=("$tree"/**/) files=("/run/$instance"/**) pinned=("$pins"/**) link _
    printf -v inventory '%s\n' "${directories[@]}" "${files[@]}" "${pinned[@]}"
    inventory=${inventory//\/[1-9]\/$'\n'/\/N$'\n'}
    while read -r link _; do
        case $link in
        "$bridge:") inventory+=$'bridge\n' ;;
        sv*) inventory+=$'veth\n' ;;
        esac
    done </proc/net/dev
}
difference() { diff <(echo "$1") <(echo "$2") | grep '^[<>]' | tr '\n' ' '; }

# Processes that are no workload's main one: what runs twice, or without its daemon's knowledge.
strays() {
    local file pid pids known=" ${main[*]} "
    for file in "$tree"/**/cgroup.procs; do
        [ "$file" != "$tree/.freezer/cgroup.procs" ] || continue
        mapfile -t pids <"$file"
        for pid in "${pids[@]}"; do
            [[ $known = *" $pid "* ]] || printf '%s has %s; ' "${file%/*}" "$pid"
        done
    done
}

waits() { metric supervisord_slice_cpu_runqueue_waits_total slice=s; }

# --- the operations ---------------------------------------------------------------------------------------------------
# Each is asked for again after a death, and may find that it was done already.

is_now() { look && [ "${state[$1]-gone}" = "$2" ]; } # NAME STATE
do_come() { come && supctl reload; }
after_come() { is_now w running; }
do_stop() { supctl stop w; }
after_stop() { is_now w stopped; }
do_start() { supctl start w; }
after_start() { is_now w running; }
do_restart() { supctl restart w; }
after_restart() { is_now w running; }
do_die() {
    look
    kill -KILL "${main[w]}"
    eventually is_started_again "${main[w]}"
}
is_started_again() { ! is_alive "$daemon" || { is_now w running && [ "${main[w]}" != "$1" ]; }; } # OLD-PID
after_die() { is_now w running; }
do_run() { supctl run --no-wait --name r -- sleep infinity || eventually runs_or_dead; } # found before it has exec'ed
runs_or_dead() { ! is_alive "$daemon" || is_now r running; }
after_run() { is_now r running; }
do_end() { supctl stop r || is_now r gone; }
after_end() { is_now r gone; }
do_go() { rm -f "$policies/20-come.ini" && supctl reload; }
after_go() { is_now w gone; }
operations=(come stop start restart die run end go)
declare -A partner=([come]=go [go]=come [stop]=start [start]=stop [run]=end [end]=run) # who leads back

# --- the walk ---------------------------------------------------------------------------------------------------------

declare -A expected deaths points problems
problem() { # OPERATION TEXT
    local point
    point=$(sed -n "s/.*dies at the crash point '\(.*\)'/\1/p" "$journal" | tail -n 1)
    problems[$1]+="at point $n ($point): $2; "
}

# Everything that was begun is done, or the daemon is dead.
settled() { [ "$(supctl plan 2>&1)" = 'Nothing to do.' ] || ! is_alive "$daemon"; }

# After each death, whatever it was that was being done.
check_back() { # OPERATION
    local now
    eventually plan_is_empty || problem "$1" "there is always something to do: $(supctl plan 2>&1 | tr '\n' ' ')"
    look
    [ "${main[bystander]-}" = "$bystander" ] || problem "$1" 'the bystander is another'
    now=$(waits)
    [ "${now:-0}" -ge "${counted:-0}" ] || problem "$1" "the slice counted $counted, then $now"
}

all_is_there() { # OPERATION: the kernel takes its time with veths
    inventory
    [ "$inventory" = "${expected[$1]}" ]
}

check_done() { # OPERATION
    eventually "after_$1" || problem "$1" "in the end: ${state[*]@K}"
    eventually plan_is_empty || problem "$1" "it leaves something to do: $(supctl plan 2>&1 | tr '\n' ' ')"
    local twice
    look
    twice=$(strays)
    [ -z "$twice" ] || problem "$1" "$twice"
    eventually all_is_there "$1" || problem "$1" "what is there: $(difference "${expected[$1]}" "$inventory")"
}

# walk OPERATION N: false when it came through without a death
walk() {
    counted=$(waits)
    arm "$2"
    "do_$1" >"$work/said" 2>&1
    eventually settled
    if is_alive "$daemon"; then
        arm 0
        points[$1]=$2
        check_done "$1"
        return 1
    fi
    deaths[$1]=$((${deaths[$1]:-0} + 1))
    daemon_start || problem "$1" 'the daemon does not come back'
    check_back "$1"
    "after_$1" || "do_$1" >"$work/said" 2>&1 || problem "$1" "asked for again: $(said)"
    check_done "$1"
}

ended_links_are_gone() { # OPERATION
    inventory
    case $1 in
    come | start | restart | die | run | end) [[ $inventory = *veth* && $inventory != *veth*veth* ]] ;;
    *) [[ $inventory != *veth* ]] ;;
    esac
}

must 'the daemon starts' daemon_start
check_state 'the bystander runs' bystander running
look
bystander=${main[bystander]}
printf '[workload:w]\nState=running\n' >"/run/$instance/transient/50-state-w.ini" # it was stopped and started before
for operation in "${operations[@]}"; do
    must "$operation works when nobody dies" "do_$operation"
    eventually "after_$operation" && eventually plan_is_empty && eventually ended_links_are_gone "$operation"
    inventory
    expected[$operation]=$inventory
done

walking=("${operations[@]}")
for ((n = 1 + offset; ${#walking[@]}; n += stride)); do
    left=()
    for operation in "${operations[@]}"; do
        if [[ " ${walking[*]} " = *" $operation "* ]]; then
            ! walk "$operation" $n || left+=("$operation")
        elif [[ " ${walking[*]} " = *" ${partner[$operation]--} "* ]]; then
            "do_$operation" >"$work/said" 2>&1
            eventually "after_$operation" && eventually plan_is_empty
        fi
    done
    walking=("${left[@]}")
done
for operation in "${operations[@]}"; do
    equal "$operation: ${deaths[$operation]-0} deaths at the first ${points[$operation]} points (each $stride. from $((1 + offset))), and all is well" \
        '' "${problems[$operation]-}"
done

the_end
