#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl set: what is set holds at once, until the next boot or for good, and nothing half.
. "$(dirname -- "$0")/lib.sh"

policy 20-shop.ini <<'END'
[slice:front]

[workload:web]
Slice=front
ExecStart=/bin/sleep infinity
Environment=COLOR=red
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
drop_in=$policies/20-shop.ini.d/99-set-web.conf
overlay=/run/$instance/transient/60-set-web.ini
color() { environment_of "$(pid_of web)" COLOR; }
is_color() { [ "$(color)" = "$1" ]; }

# Until the next boot.
check 'a key is set at run time' supctl set --runtime web Environment=COLOR=blue
check 'a restart' supctl restart web
equal 'the new start has it' blue "$(color)"
refuted 'no file of the policy has it' test -e "$drop_in"
check 'another key does not undo it' supctl set --runtime web TimeoutStopSec=3s
check 'both are written down' grep -q '^Environment=COLOR=blue$' "$overlay"
daemon_kill
must 'a daemon comes back' daemon_start
supctl restart web
equal 'and knows it' blue "$(color)"
check 'without a value it is taken back' supctl set --runtime web Environment=
supctl restart web
equal 'and what the file says holds again' red "$(color)"
check 'the other key stays' grep -q '^TimeoutStopSec=3s$' "$overlay"

# For good.
supctl set --runtime web Environment=COLOR=blue >/dev/null
check 'a key is set for good' supctl set web Environment=COLOR=green RestartSec=2s
equal 'as a drop-in' "[workload:web]
Environment=COLOR=green
RestartSec=2s" "$(cat "$drop_in")"
refuted 'what was set at run time gives way' grep -q Environment "$overlay"
supctl restart web
equal 'it holds' green "$(color)"
check 'a reload' supctl reload
check 'finds nothing to do' plan_is_empty
supctl restart web
equal 'it holds still' green "$(color)"
sed -i 's/green/pink/' "$drop_in"
matches 'what somebody has edited since is not lost' '99-set-web.conf: changed since it was loaded .*reload' "$(supctl set web RestartSec=3s 2>&1)"
check 'but loaded' supctl reload
check 'taken back' supctl set web Environment=
supctl restart web
equal 'it holds no more' red "$(color)"
printf '[workload:web]\nNice=7\n' >"${drop_in%/*}/60-local.conf"
check 'a drop-in of the administrator' supctl reload
check 'does not hide' supctl set web Nice=9
supctl restart web
equal 'what is set after it' 9 "$(ps -o ni= -p "$(pid_of web)" | tr -d ' ')"

# At once.
check 'what a running workload is to be' supctl set --runtime web Frozen=yes
equal 'it is at once' frozen "$(state_of web)"
matches 'the steps are said' '^thaw web$' "$(supctl set --runtime web Frozen=no)"
if has_controller memory; then
    matches 'a limit' '^set web memory.max 67108864 \(was max\)$' "$(supctl set web MemoryMax=64M)"
    equal 'is the kernel'\''s' 67108864 "$(file_of web memory.max)"
    check 'of a slice, too' supctl set --runtime front MemoryMax=128M
    equal 'is the kernel'\''s' 134217728 "$(file_of front memory.max)"
    check 'taken back' supctl set --runtime front MemoryMax=
    equal 'it is gone' max "$(file_of front memory.max)"
fi

# Nothing half.
cp "$drop_in" "$work/before"
for bad in 'MemoryMax=much' 'MemoryMx=1G' 'Slice=nowhere' $'Environment=A=1\nExecStart=/bin/false' 'Environment=A=1\' '[x]=1'; do
    refuted "refused: ${bad//$'\n'/ }" supctl set web RestartSec=5s "$bad"
done
check 'the drop-in is as it was' cmp "$work/before" "$drop_in"
equal 'web, too' running "$(state_of web)"
matches 'what is wrong is said, not where' '^MemoryMx=: unknown key \(did you mean MemoryMax=\?\)' "$(supctl set web MemoryMx=1G 2>&1)"
matches 'a name that is not there' 'did you mean web\?' "$(supctl set wbe MemoryMax=1G 2>&1)"
refuted 'no settings' supctl set web
supctl run --no-wait --name job -- sleep infinity
matches 'of a transient workload only at run time' 'set --runtime' "$(supctl set job RestartSec=1s 2>&1)"
check 'there it can be' supctl set --runtime job TimeoutStopSec=1s
supctl stop job
refuted 'and goes with it' test -e "/run/$instance/transient/60-set-job.ini"

# What would be, if: front and idler are alike until web may use a tenth of a CPU, and what it leaves is idler's.
supctl run --no-wait --name idler -- sleep infinity
before=$(supctl cat web)
changes=$(supctl --plain plan --what-if web.CPUQuota=10%)
matches 'what if web had a quota' '^web +front +[0-9.]+ +0\.10 +-' "$changes"
matches 'its slice would have no more' '^front +- +[0-9.]+ +0\.10 +-' "$changes"
matches 'another would have the rest' '^idler +- +[0-9.]+ +[0-9.]+ +\+' "$changes"
matches 'several at once' '"name":"web","slice":"front","entitled_cpus":[0-9.]+,"then_cpus":0.05\}' \
    "$(supctl plan --json --what-if web.CPUQuota=10% --what-if front.CPUQuota=5%)"
matches 'what if it was stopped' '^web +front +[0-9.]+ +- +-' "$(supctl --plain plan --what-if web.State=stopped)"
matches 'what is wrong is said' '^CPUWeight=: expected' "$(supctl plan --what-if web.CPUWeight=0 2>&1)"
asked=$(printf -- '--what-if web.CPUWeight=%d ' {1..256})
# shellcheck disable=SC2086
check 'many at once' supctl plan $asked
# shellcheck disable=SC2086
matches 'but not any number' 'more than 256 changes' "$(supctl plan $asked --what-if web.CPUWeight=1 2>&1)"
matches 'of whom, too' 'wbe: no such slice or workload' "$(supctl plan --what-if wbe.CPUWeight=1 2>&1)"
equal 'nothing was changed by it' "$before" "$(supctl cat web)"

the_end
