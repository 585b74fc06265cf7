#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl top and the JSON of what shows, from a daemon that measures: what a script would read of them.
. "$(dirname -- "$0")/lib.sh"

policy <<END
[slice:all]

[workload:spinner]
Slice=all
ExecStart=/bin/sh -c 'while :; do :; done'

[workload:sleeper]
Slice=all
ExecStart=/bin/sleep infinity

[workload:bounded]
ExecStart=/bin/sleep infinity
CPUQuota=150%
MemoryMax=64M
State=stopped
END
must 'the daemon starts' daemon_start
check_state 'one works' spinner running
check_state 'one sleeps' sleeper running

# member NAME MEMBER JSON: of the object of that name in it
member() {
    awk -v name="\"$1\"," -v member="\"$2\":" '
        $1 == "\"name\":" { found = $2 == name }
        found && $1 == member { gsub(/[",]/, "", $2); print $2; exit }' <<<"$3"
}
top=$(supctl top --interval 2s --json=pretty)
top_of() { member "$1" "$2" "$top"; } # NAME MEMBER
first_of_top() { supctl top "$@" --batch --iterations 1 --interval 2s --no-legend | awk '{ print $1; exit }'; }
count() { grep -o "$1" | wc -l; } # WORD

within 'who works is seen to' 0.05 1.1 "$(top_of spinner cpu_ratio)"
within 'who sleeps too' 0 0.01 "$(top_of sleeper cpu_ratio)"
equal 'limits stand beside usage' '1.5 67108864' "$(top_of bounded cpu_max_ratio) $(top_of bounded memory_max_bytes)"
equal 'what has none has none' null "$(top_of spinner memory_max_bytes)"
equal 'the tree has the slice first' all "$(first_of_top --sort cpu)"
equal 'the list has who works most first' spinner "$(first_of_top --sort cpu --flat)"

list=$(supctl list --json=pretty)
equal 'list' 'workload all running' \
    "$(for key in kind slice state; do member spinner $key "$list"; done | paste -sd ' ')"
equal 'its pid' "$(pid_of spinner)" "$(member spinner main_pid "$list")"
matches 'tree' '"name":"all".*"children":\[\{"name":"spinner".*\},\{"name":"sleeper"' "$(supctl tree --json)"
matches 'show' '"MemoryMax":\{"set":"64.0M",' "$(supctl show --json bounded)"
matches 'what is not set is null' '"TasksMax":\{"set":null,' "$(supctl show --json bounded)"
within 'meters are numbers' 0.01 1e6 "$(member spinner cpu_usage "$(supctl show --json=pretty spinner)")"
matches 'status' '"journal":\[\{"at_usec":[0-9]+,"action":".*spinner' "$(supctl status --json)"
matches 'plan' '^\[.*\]$' "$(supctl plan --json)"
matches 'check' '"state":"(enforced|measured|absent)"' "$(supctl check --json)"
equal 'patterns' 2 "$(supctl list --json 's*' | count '"name":"s[a-z]*er"')"
must 'patterns act too' supctl stop 's*er'
check_state 'one has ended' spinner stopped
check_state 'so has the other' sleeper stopped

the_end
