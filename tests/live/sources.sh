#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where the policy comes from: directories, drop-ins and masks; what is wanted at run time is laid over what was loaded,
# whatever becomes of the files; a daemon that finds errors goes on with what held.
. "$(dirname -- "$0")/lib.sh"

runtime=/run/$instance
unmount_and_exit() {
    local status=$?
    ! mountpoint -q "$runtime" || umount -l "$runtime"
    (exit $status)
    on_exit
}
trap unmount_and_exit EXIT
mkdir -p "$runtime"
must 'the runtime directory is small' mount -t tmpfs -o size=256k,mode=755 svtest "$runtime"

packaged=$work/packaged
daemon_options=(--policy "$packaged:$work/nowhere")
sleeper() { printf '[workload:%s]\nExecStart=/bin/sleep infinity\n' "$1"; } # NAME
vendor() { mkdir -p "$(dirname "$packaged/$1")" && cat >"$packaged/$1"; } # FILE
says_error() { matches "$1" "$2" "$(supctl "${@:3}" 2>&1)"; }              # WHAT PATTERN VERB...

# --- a policy that is wrong from the beginning -------------------------------------------------------------------------

{ sleeper web; echo 'Restrat=always'; } | policy web.ini
printf 'nonsense\n' | vendor other.ini
"$build/supervisord/supervisord" --instance "$instance" --policy "$policies" "${daemon_options[@]}" --tree "/$instance" \
    >"$work/first" 2>&1
equal 'a daemon without a policy does not start' 1 $?
check 'and says what is wrong' grep -q 'web.ini:3: \[workload:web\] Restrat=: unknown key (did you mean Restart=?)' "$work/first"
check 'in all files' grep -q 'other.ini:1: expected \[section\]' "$work/first"
check 'and that there is none before' grep -q 'there is no earlier one' "$work/first"

# --- directories -------------------------------------------------------------------------------------------------------

sleeper web | policy web.ini
printf '[workload:web]\nExecStart=/bin/false\n' | vendor web.ini
sleeper db | vendor db.ini
sleeper other | vendor other.ini
printf '[workload:db]\nEnvironment=FROM=drop-in\n' | vendor db.ini.d/20-environment.conf
must 'the daemon starts' daemon_start
check_state 'the file of the first directory stands' web running
check_state 'a packaged one is read' db running
check_state 'and another' other running
equal 'with its drop-in' drop-in "$(environment_of "$(pid_of db)" FROM)"
web=$(pid_of web) db=$(pid_of db)

# cat says where each line comes from, and runs in what it says.
origins=$(supctl cat db)
matches 'cat says where a section stands' "^# $packaged/db.ini:1\$" "$origins"
matches 'and which drop-in gives a line' "^# $packaged/db.ini.d/20-environment.conf:2\$" "$origins"
refuted 'cat knows no file that does not count' says "$packaged/web.ini" supctl cat
says_error 'nor what is not there' 'wbe: no such slice or workload \(did you mean web\?\)' cat wbe

ln -s /dev/null "$policies/other.ini"
matches 'a masked file has no workloads' '^stop start 1 of other$' "$(supctl plan)"
check 'reload' supctl reload
check_eventually 'and they go' not is_known other

# --- defaults of slices ------------------------------------------------------------------------------------------------

policy slices.ini <<END
[slice:outer]
Environment=FROM=outer "SELF=%n, %i of %p on %H as %u, 100%%"
StandardOutput=append:$work/%p-%i.log
LimitNOFILE=1234
[slice:inner]
Slice=outer
Environment=FROM=inner
[workload:site@1]
Slice=inner
ExecStart=/bin/sh -c 'echo %i; ulimit -n; exec sleep infinity'
[workload:site@2]
Slice=inner
LimitNOFILE=
Environment=FROM=site
ExecStart=/bin/sleep infinity
END
check 'reload' supctl reload
check_state 'a workload with an instance runs' site@1 running
site=$(pid_of site@1)
equal 'with what its slice says' inner "$(environment_of "$site" FROM)"
equal 'and the slice around that, for itself' "site@1, 1 of site on $(uname -n) as root, 100%" "$(environment_of "$site" SELF)"
check_eventually 'to where it says' says '^1234$' cat "$work/site-1.log"
equal 'unless it says otherwise' site "$(environment_of "$(pid_of site@2)" FROM)"
differs 'or takes it back' 1234 "$(awk '/^Max open files/ { print $4 }' "/proc/$(pid_of site@2)/limits")"
matches 'cat says from whom' "^# $policies/slices.ini:4 \\[slice:outer\\]\$" "$(supctl cat site@1)"
rm "$policies/slices.ini"
check 'reload' supctl reload

# --- what is wanted at run time ----------------------------------------------------------------------------------------

{ sleeper web; sleeper new; echo 'Nonsense=1'; } | policy web.ini
refuted 'a policy with an error is refused' supctl reload
check 'stop works all the same' supctl stop web
check_state 'it is stopped' web stopped
check 'and start' supctl start web
check_state 'it runs' web running
equal 'run works, from its start to its end' out "$(supctl run -- /bin/echo out)"
check_eventually 'and it goes' not says run- supctl list
{ sleeper web; sleeper new; } | policy web.ini
check 'stop' supctl stop web
refuted 'a file that was edited takes no effect by that' is_known new
check 'start' supctl start web
refuted 'nor by this' is_known new
check 'but by a reload' supctl reload
check_state 'it does' new running
refuted 'a bad key of a run is refused' supctl run -p Nonsense=1 -- /bin/true
check 'and leaves nothing behind' supctl reload
equal 'while db was never touched' "$db" "$(pid_of db)"

# --- a daemon that finds errors ----------------------------------------------------------------------------------------

web=$(pid_of web)
check 'db is stopped' supctl stop db
echo 'Nonsense=1' >>"$policies/web.ini"
rm -r "$packaged"
check 'a daemon that comes back to a policy with errors' daemon_restart
equal 'goes on with what held' "$web" "$(pid_of web)"
check_state 'with all that ran' new running
check_state 'and with what was wanted' db stopped
says_error 'status says so' '^the policy has errors; the one before goes on$' status
says_error 'and what is wrong' '^  .*/web.ini:5: \[workload:new\] Nonsense=: unknown key' status
equal 'so do the metrics' 0 "$(supctl metrics | sed -n 's/^supervisord_config_last_reload_successful //p')"
check 'and the log' grep -q 'the one that was loaded last goes on' "$journal"
check 'stop works all the same' supctl stop new
check 'and start' supctl start db
check 'killed, it comes back to that again' daemon_kill
must 'the daemon starts' daemon_start
equal 'goes on' "$web" "$(pid_of web)"
check_state 'and knows what was wanted' new stopped
sleeper web | policy web.ini
check 'once the errors are gone, a reload' supctl reload
refuted 'takes them all' is_known db
equal 'the metrics tell' 1 "$(supctl metrics | sed -n 's/^supervisord_config_last_reload_successful //p')"
refuted 'and status has nothing to say' says 'has errors' supctl status

# --- no room in the runtime directory ----------------------------------------------------------------------------------

dd if=/dev/zero of="$runtime/filler" bs=4k status=none 2>/dev/null
says_error 'stop says that there is no room' 'cannot write down that web is to be stopped: No space left' stop web
equal 'and stops nothing' "$web" "$(pid_of web)"
{ sleeper web; sleeper more; } | policy web.ini
says_error 'reload says that there is no room' 'cannot keep a copy of the policy, which is not replaced: No space left' reload
refuted 'and changes nothing' is_known more
equal 'what ran runs on' "$web" "$(pid_of web)"
rm "$runtime/filler"
check 'with room there, reload' supctl reload
check_state 'applies it' more running

# --- what differs ------------------------------------------------------------------------------------------------------

differs_by() { diff=$(supctl diff "${@:2}"); equal "$1" 1 $?; } # WHAT [NAME...]: leaves what it prints in $diff
check 'nothing differs' supctl diff
equal 'which says nothing' '' "$(supctl diff)"
{ sleeper web; echo 'Nice=5'; sleeper newcomer; } | policy web.ini
differs_by 'an edited file differs from what runs'
matches 'by what was added' "^\\+Nice=5  # $policies/web.ini:[0-9]+\$" "$diff"
matches 'and by what is gone' '^-\[workload:more\]  # ' "$diff"
matches 'and the node from what it asks for' '^\+spawn newcomer ' "$diff"
differs_by 'of one alone' web
refuted 'nothing is said of others' grep -Eq 'newcomer|more' <<<"$diff"
differs_by 'of one that is only in the files' newcomer
supctl diff nobody 2>"$work/error"
equal 'of one that is in neither it cannot tell' 4 $?
echo 'Nise=5' | policy bad.ini
supctl diff 2>"$work/error"
equal 'nor when the files have errors' 2 $?
matches 'which it says' 'bad.ini:1' "$(cat "$work/error")"
rm "$policies/bad.ini"
check 'reload' supctl reload
check_state 'applies it' newcomer running
equal 'then only what web runs with differs' 'web' "$(supctl diff | sed -n 's/^+\([a-z]*\) runs with what the policy said at its start.*/\1/p')"
check 'restart' supctl restart web
check_eventually 'and nothing differs any more' supctl diff

# --- all stopped -------------------------------------------------------------------------------------------------------

check 'all is stopped' supctl shutdown
check_state 'web is' web stopped
check 'the daemon starts again' daemon_restart
check_state 'and web with it' web running
check_state 'and newcomer' newcomer running
check 'all is stopped' supctl shutdown
check 'reload' supctl reload
check_state 'starts web' web running

daemon_stop
umount -l "$runtime"
daemon_options=()
must 'the daemon starts' daemon_start
the_end
