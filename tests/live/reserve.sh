#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# CPUReserve= is there when all want everything: neighbours with a hundred times the weight, and others beside the tree; also
# when nobody lives who could see to it.
. "$(dirname -- "$0")/lib.sh"
needs_controllers cpu
[ "$(nproc)" = 2 ] || skip 'counts on two CPUs'

spin='while :; do :; done'
policy <<END
[workload:web]
CPUReserve=0.8
CPUWeight=10
ExecStart=/bin/sh -c '$spin & $spin'

[workload:hog]
CPUWeight=1000
ExecStart=/bin/sh -c '$spin & $spin'

[slice:shop]

[workload:quiet]
Slice=shop
ExecStart=/bin/sleep infinity
END

# A service of the node that will go wild.
outside=$cgroup2/svtest-outside-$$
mkdir "$outside"
leave() {
    [ -d "$outside" ] || return 0
    echo 1 >"$outside/cgroup.kill"
    eventually rmdir "$outside"
}

must 'the daemon starts' daemon_start
for name in web hog quiet; do check_state "$name runs" "$name" running; done

usage() { # sets $usage, without a process
    local key
    read -r key usage <"$1/cpu.stat"
}
measure() { # sets $web, $hog and $rest
    usage "$tree/web" && web=$usage
    usage "$tree/hog" && hog=$usage
    usage "$outside" && rest=$usage
}
part_of_web() { # over two seconds, of what the three got
    local web hog rest web_before hog_before rest_before
    measure
    web_before=$web hog_before=$hog rest_before=$rest
    sleep 2
    measure
    web=$((web - web_before))
    ratio "$web" $((web + hog - hog_before + rest - rest_before))
}
shown=$(supctl show web | awk '$1 == "CPUReserve" { print $2, $3, $5 }')
equal 'the reserve is shown with its weight, and is worth all of it' '0.8 cpu.weight 0.8' "$shown"
daemon_kill
for _ in 1 2; do
    sh -c "echo \$\$ >$outside/cgroup.procs; $spin" 2>/dev/null &
    disown
done
within 'with the daemon dead and all hungry, 0.8 CPUs are 40 % of the node, not less' 0.38 1 "$(part_of_web)"
leave # what follows takes time of its own
echo 1 >"$tree/hog/1/cgroup.kill"
echo 1 >"$tree/web/1/cgroup.kill"
must 'it comes back' daemon_start
check 'and finds nothing to do' plan_is_empty

hog_weight=$(<"$tree/hog/cpu.weight") tree_weight=$(<"$tree/cpu.weight")

# What comes later is weighed against all that is there.
check 'one more is run' supctl run -d --name vm -p VCPUs=1 -p Slice=shop -- sleep infinity
weighs_less() { [ "$(<"$tree/hog/cpu.weight")" -lt "$hog_weight" ] && [ "$(<"$tree/cpu.weight")" -gt "$tree_weight" ]; }
check_eventually 'the others have less weight now, the tree has more' weighs_less
equal 'VCPUs= is a quota, too' '100000 100000' "$(<"$tree/shop/vm/cpu.max")"
refuted 'what is more than the node has is refused' supctl run -d --name more -p CPUReserve=0.3 -- sleep infinity
matches 'with the sum' '2.1 CPUs are reserved together, and the node has 2' "$(said)"
check 'it goes' supctl stop vm
weighs_as_before() { [ "$(<"$tree/hog/cpu.weight") $(<"$tree/cpu.weight")" = "$hog_weight $tree_weight" ]; }
check_eventually 'and all is as it was' weighs_as_before

the_end
