#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl run: a command under supervision that behaves as if it had been typed without.
. "$(dirname -- "$0")/lib.sh"

policy </dev/null
must 'the daemon starts' daemon_start

# Its stdio, its words, its exit.
equal 'stdin and stdout are the caller'\''s' 'HELLO' "$(echo hello | supctl run -- tr a-z A-Z)"
equal 'stderr too' 'oops' "$(supctl run -- sh -c 'echo oops >&2' 2>&1 >/dev/null)"
for code in 0 1 77 255; do
    supctl run -- sh -c "exit $code"
    equal "exit code $code is passed on" $code $?
done
supctl run -- sh -c 'kill -SEGV $$'
equal 'a signal becomes 128 + its number' 139 $?
equal 'words are passed as they are' 'a  b|%n "c"|\|$HOME|' "$(supctl run -- printf '%s|' 'a  b' '%n "c"' '\' '$HOME')"
equal 'a command is found in PATH' "$(command -v tr)" "$(supctl run -- sh -c 'command -v tr')"
equal 'a line of a megabyte goes through' 1000001 "$(head -c 1000000 /dev/zero | tr '\0' x | supctl run -- sh -c 'cat; echo' | wc -c)"
supctl run -- /no/such/binary 2>"$work/error"
differs 'a command that is not there fails' 0 $?
matches 'and says so' '/no/such/binary' "$(cat "$work/error")"
refuted 'one that would be started again fails at once too' supctl run --name again -p Restart=always -p RestartSec=1ms -- /no/such/binary
check_eventually 'and is not tried again behind the back of who was told' not supctl status again
equal 'there was one attempt' 1 "$(grep -c 'again: cannot execute' "$journal")"

# Its surroundings.
equal 'the environment is the caller'\''s' 'some "thing" %n $x' "$(THING='some "thing" %n $x' supctl run -- printenv THING)"
mkdir "$work/a %b"
equal 'the directory is too' "$work/a %b" "$(cd "$work/a %b" && supctl run -- pwd)"
matches 'it runs in the tree' "^0::/$instance/job/1$" "$(supctl run --name job -- grep ^0:: /proc/self/cgroup)"
equal '-p User= is obeyed' nobody "$(supctl run -p User=nobody -- whoami)"
equal '-p Network=private is too' 1 "$(supctl run -p Network=private -- ip -o link | wc -l)"
supctl run -p MemoryMx=1M -- true 2>"$work/error"
differs 'an unknown setting is refused' 0 $?
matches 'with a suggestion' '^MemoryMx=.*did you mean MemoryMax=' "$(cat "$work/error")"
printf '[slice:jobs]\n' | policy
supctl reload >/dev/null
matches '-p Slice= puts it there' "^0::/$instance/jobs/job/1$" "$(supctl run --name job -p Slice=jobs -- grep ^0:: /proc/self/cgroup)"
if has_controller pids; then
    equal '-p TasksMax= holds' 3 "$(supctl run --name job -p TasksMax=3 -- cat "$tree/job/pids.max")"
    supctl run -p TasksMax=2 -- sh -c 'sleep 1 & sleep 1 & sleep 1' 2>/dev/null
    differs 'and bites' 0 $?
fi

# Signals and its name.
supctl run --name long -- sleep infinity &
runner=$!
check_state 'it is a workload like others while it runs' long running
refuted 'its name is taken' supctl run --name long -- true
long=$(pid_of long)
kill -TERM $runner
wait $runner
equal 'SIGTERM to supctl ends the command' 143 $?
refuted 'the command is gone' is_alive "$long"
check_eventually 'and nobody knows it any more' not is_known long
supctl run --name long -- sleep infinity &
runner=$!
check_state 'another' long running
check 'is stopped by its name' supctl stop long
wait $runner
equal 'which its caller is told' 143 $?
supctl run --no-wait --name detached -- sleep infinity 2>/dev/null
equal '--no-wait returns at once' 0 $?
check_state 'and the command goes on' detached running
detached=$(pid_of detached)
check 'also over a restart of the daemon' daemon_restart
equal 'as the same process' "$detached" "$(pid_of detached)"
check 'until it is stopped' supctl stop detached
check_eventually 'then it is gone' not is_known detached

# One that nobody waits for: what went well is gone, what failed stays to be seen.
check 'one that nobody waits for' supctl run -q -d --name fine -- sh -c 'exit 0'
check_eventually 'is gone when it ended well' not is_known fine
check 'another' supctl run -q -d --name broken -- sh -c 'exit 7'
check_state 'stays when it failed' broken failed
matches 'with what it ended by' 'exit code 7' "$(supctl status broken)"
equal 'and is not run again by a reload' 'failed' "$(supctl reload >/dev/null; supctl show broken -p State --value)"
check 'nor by a daemon that comes back' daemon_restart
refuted 'which does not run it' supctl is-active broken
check 'start runs it once more' supctl start broken
check_state 'and it fails once more' broken failed
equal 'a new run takes its name' 5 "$(supctl run --name broken -- sh -c 'exit 5'; echo $?)"
check_eventually 'and is gone, for its caller knows' not is_known broken
check 'one that failed' supctl run -q -d --name broken -- sh -c 'exit 7'
check_state 'is there' broken failed
check 'until rm' supctl rm broken
refuted 'forgets it' is_known broken
check 'with --rm' supctl run -q -d --rm --name broken -- sh -c 'exit 7'
check_eventually 'nothing stays' not is_known broken
check 'one that runs' supctl run -q -d --name busy -- sleep infinity
refuted 'is not forgotten by rm' supctl rm busy
check 'a stop is no failure' supctl stop busy
check_eventually 'nothing stays of it' not is_known busy

# A caller that is killed leaves a command that runs on: it was asked for.
supctl run --name orphan -- sleep infinity &
runner=$!
check_state 'a command' orphan running
disown $runner
kill -KILL $runner
check_eventually 'that loses its caller' not is_alive $runner
check 'runs on' is_state orphan running
check 'and can be stopped' supctl stop orphan

# Many at once.
runners=()
for i in 1 2 3 4 5 6 7 8 9 10; do
    supctl run -- sh -c "sleep 0.2; exit $i" &
    runners+=($!)
done
sum=0
for runner in "${runners[@]}"; do
    wait "$runner"
    sum=$((sum + $?))
done
equal 'ten at once, each with its own exit code' 55 $sum
nothing_runs() { [ -z "$(our_groups | grep -v '/jobs$')" ]; }
check_eventually 'none leaves anything in the tree' nothing_runs
equal 'or among the drop-ins' '' "$(ls "/run/$instance/transient")"

the_end
