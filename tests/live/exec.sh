#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a workload finds when it begins: credentials, limits, environment, standard streams. As systemd would have it.
. "$(dirname -- "$0")/lib.sh"

chmod 755 "$work"
printf '# site\nMOTTO="two words"\nPORT=8080\nLAST=file\n' >"$work/site.env"
echo 'from a file' >"$work/input"

policy <<END
[workload:dressed]
ExecStart=/bin/sh -c 'grep -E "^(Uid|Gid|Groups)" /proc/self/status; umask; nice; cat /proc/self/oom_score_adj; env; cat; echo oops >&2'
User=nobody
Group=daemon
SupplementaryGroups=adm 44
UMask=0027
Nice=5
OOMScoreAdjust=300
Environment=LAST=policy PORT=1
EnvironmentFile=$work/site.env
EnvironmentFile=-$work/not-there.env
StandardInput=file:$work/input
StandardOutput=truncate:$work/dressed.out
StandardError=append:$work/dressed.err

[workload:limited]
ExecStart=/bin/cat /proc/self/limits
LimitNOFILE=100:200
LimitCORE=0
LimitCPU=1min
LimitAS=1G:infinity
LimitSIGPENDING=50
LimitRTTIME=300
StandardOutput=truncate:$work/limited.out

[workload:bad-file]
ExecStart=/bin/true
EnvironmentFile=$work/bad.env
State=stopped

[workload:no-file]
ExecStart=/bin/true
EnvironmentFile=$work/not-there.env
State=stopped

[workload:fifo]
ExecStart=/bin/true
EnvironmentFile=$work/fifo
State=stopped

[workload:nowhere]
ExecStart=/bin/true
Group=no-such-group
State=stopped

[workload:lost]
ExecStart=/bin/true
StandardInput=file:$work/not-there
State=stopped
END
printf 'GOOD=1\n\nnot an assignment\n' >"$work/bad.env"
mkfifo "$work/fifo"
must 'the daemon starts' daemon_start

check_state 'the dressed one has run' dressed exited
dressed() { cat "$work/dressed.out"; }
nobody=$(id -u nobody) group=$(getent group daemon | cut -d: -f3) adm=$(getent group adm | cut -d: -f3)
matches 'User=' "^Uid:	$nobody	$nobody	$nobody	$nobody$" "$(dressed)"
matches 'Group= is its group' "^Gid:	$group	$group	$group	$group$" "$(dressed)"
matches 'SupplementaryGroups= are added' "^Groups:	($adm 44|44 $adm|$group $adm 44|$group 44 $adm|$group.*44.*) ?$" "$(dressed | sed 's/ *$//')"
matches 'UMask=' '^0027$' "$(dressed)"
matches 'Nice=' '^5$' "$(dressed)"
matches 'OOMScoreAdjust=' '^300$' "$(dressed)"
matches 'EnvironmentFile= is read, with its quotes' '^MOTTO=two words$' "$(dressed)"
matches 'and counts before Environment=' '^LAST=file$' "$(dressed)"
matches 'StandardInput= is what it reads' '^from a file$' "$(dressed)"
equal 'StandardError= goes its own way' oops "$(cat "$work/dressed.err")"

check_state 'the limited one has run' limited exited
limit() { awk -v name="$1" 'index($0, name) == 1 { sub(name, ""); print $1, $2 }' "$work/limited.out"; }
equal 'LimitNOFILE=soft:hard' '100 200' "$(limit 'Max open files')"
equal 'LimitCORE=' '0 0' "$(limit 'Max core file size')"
equal 'LimitCPU= in seconds' '60 60' "$(limit 'Max cpu time')"
equal 'LimitAS= with infinity' '1073741824 unlimited' "$(limit 'Max address space')"
equal "LimitSIGPENDING=" "50 50" "$(limit "Max pending signals")"
equal 'LimitRTTIME= in microseconds' '300 300' "$(limit 'Max realtime timeout')"

# fails NAME WHAT PATTERN: a start answers why
fails() {
    refuted "$2" supctl start "$1"
    matches "$2: it says why" "$3" "$(cat "$work/said")"
    check_state "$2: it is failed" "$1" failed
}
fails bad-file 'an environment file with a line that is none' 'bad.env, line 3: expected a line of the form NAME=VALUE'
fails no-file 'an environment file that is not there' 'EnvironmentFile=.*: No such file'
fails fifo 'a FIFO as environment file' 'EnvironmentFile=.*fifo: Illegal seek'
fails nowhere 'a group that is not there' "cannot set group 'no-such-group': no such group"
fails lost 'an input that is not there' "cannot open input file '.*not-there': No such file"
printf 'GOOD=1\n' >"$work/bad.env"
check 'once the file is mended the start succeeds' supctl start bad-file
check_state 'and it has run' bad-file exited
the_end
