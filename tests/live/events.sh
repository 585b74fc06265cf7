#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl events: what was done, what is done, to whom it is told, and what a slow or a leaving listener costs.
. "$(dirname -- "$0")/lib.sh"

policy <<END
[workload:web]
ExecStart=/bin/sleep infinity

[workload:job]
ExecStart=/bin/sh -c 'exit 3'
Restart=on-failure
RestartSec=1h

$(printf '[workload:many%s]\nExecStart=/bin/sleep infinity\nState=stopped\n' 1 2 3 4 5)
END
must 'the daemon starts' daemon_start
check_state 'web runs' web running
check_state 'job waits for another start' job backoff
matches 'which plan foresees' '^job is in back-off and is started again in [0-9].*$' "$(supctl plan)"

all=$(supctl events)
matches 'a start' 'spawn web as start 1' "$all"
matches 'an end, and how' 'job ended: exit code 3' "$all"
matches 'what is waited for' 'job is started again in 1h' "$all"
equal 'oldest first' "$(sort -s -k1,2 <<<"$all")" "$all"
equal 'the last one alone' "$(tail -n 1 <<<"$all")" "$(supctl events -n 1)"
refuted 'of one, not of another' grep -q web <<<"$(supctl events job)"
matches 'as JSON' '"object":"job","action":"job ended: exit code 3' "$(supctl events job --json)"

# As it happens.
supctl events -f -n 1 >"$work/follow" &
follower=$!
supctl events -f -n 1 job >"$work/follow-job" &
other=$!
supctl events -f -n 1 --json web >"$work/follow-json" &
third=$!
for file in follow follow-job follow-json; do check_eventually "who listens has the last of before ($file)" test -s "$work/$file"; done
before=$(<"$work/follow-job")
supctl restart web
check_eventually 'an end is told' grep -q 'web ended: signal TERM' "$work/follow"
check_eventually 'and a start' grep -q 'spawn web as start 2' "$work/follow"
check_eventually 'a line each as JSON' grep -q '"object":"web","action":"web ended' "$work/follow-json"
echo nonsense >"$policies/20-bad.ini"
supctl reload 2>/dev/null
check_eventually 'a reload with errors' grep -q 'the policy has errors' "$work/follow"
rm "$policies/20-bad.ini"
supctl kill -s KILL web
check_eventually 'a signal' grep -q 'signal 9 to all of web' "$work/follow"
equal 'who listens to job hears nothing of it' "$before" "$(<"$work/follow-job")"
kill $other $third

# More than are kept, while one does not listen.
kill -STOP $follower
for ((i = 0; i < 14; i++)); do
    supctl start 'many*' && supctl stop 'many*'
done
kill -CONT $follower
sleep_ended() { grep -q 'stopping many5' "$work/follow" && [ "$(tail -n 1 "$work/follow")" = "$(supctl events -n 1)" ]; }
check_eventually 'a slow listener comes to the end' sleep_ended
within 'with no more than are kept' 1 320 "$(wc -l <"$work/follow")"
kill $follower
wait $follower 2>/dev/null
check 'the daemon has not noticed' supctl list
equal 'the last 256 are kept' 256 "$(supctl events | wc -l)"
daemon_kill
must 'a daemon comes back' daemon_start
check 'it does something' supctl start web
supctl events -f -n 1 >"$work/last" 2>"$work/gone" &
listener=$!
check_eventually 'somebody listens again' test -s "$work/last"
daemon_stop
refuted 'who listens is told when it goes' wait $listener
matches 'in words' 'supervisord' "$(cat "$work/gone")"
must 'once more' daemon_start

the_end
