#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Scheduler=freeze: weights and quotas of CPU time hold without the cpu controller, with or without a daemon, and nobody is
# left standing by whoever dies.
. "$(dirname -- "$0")/lib.sh"

spin='' cpu=0
while [ $((cpu++)) -lt "$(nproc)" ]; do spin+='while :; do :; done & '; done
spin="/bin/sh -c '${spin}wait'"
policy <<END
[supervisord]
Scheduler=freeze
[slice:metals]
[workload:gold]
Slice=metals
CPUWeight=300
ExecStart=$spin
[workload:bronze]
Slice=metals
CPUWeight=100
ExecStart=$spin
END
must 'the daemon starts' daemon_start
check_state 'gold runs' gold running
check_state 'bronze runs' bronze running

used() { # NAME -> used: microseconds of CPU time
    local word
    while read -r word used; do
        [ "$word" != usage_usec ] || return 0
    done <"$tree/$1/cpu.stat"
}
have_used() { # MILLISECONDS: together, since the last call of begin
    used metals/gold && gold=$used && used metals/bronze && bronze=$used || return
    gold=$((gold - gold_before)) bronze=$((bronze - bronze_before))
    [ $((gold + bronze)) -ge $(($1 * 1000)) ]
}
begin() { used metals/gold && gold_before=$used && used metals/bronze && bronze_before=$used; }
# A machine that had no time for the loop in one window has some in another; a share that is not held is missed in each.
share_holds() { # WHAT: 75 : 25 of a few seconds of CPU time
    local part
    for _ in 1 2 3; do
        begin
        eventually have_used 4000
        part=$((gold * 100 / (gold + bronze)))
        [ $part -lt 68 ] || [ $part -gt 82 ] || break
    done
    within "$1: gold has three quarters of both" 68 82 $part
}
freezer() { read -r pid <"$tree/.freezer/cgroup.procs" && echo "$pid"; }
stands() { read -r now <"$1/cgroup.freeze" && [ "$now" = 1 ]; } # DIRECTORY
nobody_stands() {
    local leaf
    for leaf in "$tree"/*/*/[1-9]*; do [ -e "$leaf" ] && ! stands "$leaf" || return; done
}

must 'a freezer runs' freezer
eventually stands "$tree/metals/bronze/1" # the account has begun
share_holds 'weights'
equal 'what is written is told' '300 300' "$(supctl show gold | awk '$1 == "CPUWeight" { print $2, $3 }')"
check 'nobody who stands is drift' plan_is_empty
matches 'who holds it is told' '^cpu weight +enforced +freezer' "$(supctl check)"

# A quota, also while CPUs are idle.
supctl stop gold
supctl set --runtime bronze CPUQuota=10% >/dev/null
eventually stands "$tree/metals/bronze/1"
for _ in 1 2 3; do
    begin
    from=${EPOCHREALTIME/./}
    eventually have_used 300
    part=$((bronze * 100 / (${EPOCHREALTIME/./} - from)))
    [ $part -gt 20 ] || break
done
within 'a quota of a tenth of a CPU' 3 20 $part # on an emulated machine it is late; without it two CPUs would be used
supctl set --runtime bronze CPUQuota= >/dev/null
supctl start gold

# Nobody has to be there.
old=$(freezer)
daemon_kill
share_holds 'without a daemon'
must 'a daemon comes back' daemon_start
equal 'the freezer is the same' "$old" "$(freezer)"

# Whoever kills the freezer: the daemon lets go on who stood, and starts another.
eventually stands "$tree/metals/bronze/1"
kill -KILL "$old"
comes_another() { local new; new=$(freezer) && [ "$new" != "$old" ]; }
check_eventually 'another freezer comes' comes_another
check 'and that is told' grep -q 'the freezer has ended' "$journal"
old=$(freezer)
kill -KILL "$old"
check_eventually 'and one more, however soon that ends' comes_another
share_holds 'with another freezer'

# What a user has frozen is the user's.
check 'bronze is frozen by its user' supctl freeze bronze
begin
eventually have_used 1000
within 'and stands' 0 5 $((bronze * 100 / (gold + bronze)))
check 'thawed' supctl thaw bronze
check 'what stands ends when it is stopped' supctl stop bronze
refuted 'by what it was asked with' grep -q 'bronze did not end in time' "$journal"
check 'it starts again' supctl start bronze

# Another way to share.
policy <<END
[slice:metals]
[workload:gold]
Slice=metals
ExecStart=$spin
[workload:bronze]
Slice=metals
ExecStart=$spin
END
check 'a policy without it' supctl reload
refuted 'there is no freezer any more' test -e "$tree/.freezer"
check 'and nobody stands' nobody_stands
check 'there is nothing left to do' plan_is_empty

the_end
