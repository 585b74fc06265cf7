# SPDX-License-Identifier: GPL-2.0-or-later
# The vocabulary of the stories: a daemon of one's own with its own policy, tree, pins and links, and words to say what is
# expected of it. A story says `. lib.sh`, then its checks, then `the_end`. Whatever happens, all that it made goes away.
# shellcheck shell=bash

set -u
export LC_ALL=C

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd -- "$here/../.." && pwd)
build=${SUPERVISORD_BUILD:-$top/build}
story=$(basename -- "$0" .sh)
instance=svtest-$$
work=$(mktemp -d)
policies=$work/policy
journal=$work/daemon.log
pins=/sys/fs/bpf/$instance
export SUPERVISORD_SOCKET=/run/$instance/control
daemon=''
failures=0
# An emulated machine is some 15 times slower: what is waited for may take long, but is waited for only as long as needed.
patience=${SUPERVISORD_PATIENCE:-90}

PATH=$build/tools/supctl:$PATH

# --- saying ----------------------------------------------------------------------------------------------------------

ok() { printf 'ok - %s: %s\n' "$story" "$1"; }

not_ok() { # WHAT [DETAIL]
    printf 'not ok - %s: %s%s\n' "$story" "$1" "${2:+: ${2:0:1000}}"
    failures=$((failures + 1))
}

skip() { # WHY
    printf 'skip - %s: %s\n' "$story" "$1"
    exit 77
}

said() { tr '\n' ' ' <"$work/said"; }

# check WHAT COMMAND...: the command succeeds; what it says is the detail when it does not
check() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then ok "$what"; else not_ok "$what" "$* fails: $(said)"; fi
}

# refuted WHAT COMMAND...: the command fails
refuted() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then not_ok "$what" "$* succeeds: $(said)"; else ok "$what"; fi
}

equal() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected '$2', found '$3'"; fi
}

differs() { # WHAT OLD FOUND
    if [ -n "$3" ] && [ "$2" != "$3" ]; then ok "$1"; else not_ok "$1" "still '$3'"; fi
}

matches() { # WHAT PATTERN TEXT: extended regular expression
    if grep -Eq -- "$2" <<<"$3"; then ok "$1"; else not_ok "$1" "no /$2/ in '$3'"; fi
}

is_within() { awk -v low="$1" -v high="$2" -v found="$3" 'BEGIN { exit !(found != "" && found >= low && found <= high) }'; }
within() { # WHAT LOW HIGH FOUND
    if is_within "$2" "$3" "$4"; then ok "$1 ($4)"; else not_ok "$1" "'$4' is not from $2 to $3"; fi
}

# measured WHAT LOW HIGH COMMAND...: what the command prints. It is asked again when the machine had no time for us: a rate
# or a share that does not hold is missed each time.
measured() {
    local what=$1 low=$2 high=$3 try found
    shift 3
    for try in 1 2 3 4 5; do
        found=$("$@")
        ! is_within "$low" "$high" "$found" || break
        echo "# $story: $what: $found at try $try"
    done
    within "$what" "$low" "$high" "$found"
}

ratio() { # A B: A / B
    awk -v a="$1" -v b="$2" 'BEGIN { if (b == 0) print "inf"; else printf "%.4f\n", a / b }'
}

# What all that follows rests on.
must() { # WHAT COMMAND...
    local before=$failures
    check "$@"
    [ "$failures" = "$before" ] || exit 1
}

# --- waiting ---------------------------------------------------------------------------------------------------------

mkfifo "$work/clock" # nobody writes to it: a pause without a process

# eventually COMMAND...: succeeds as soon as the command does, fails when patience is over
eventually() {
    local deadline=$((SECONDS + patience))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        read -rt 0.05 _ <>"$work/clock" || :
    done
}

check_eventually() { # WHAT COMMAND...
    local what=$1
    shift
    if eventually "$@"; then ok "$what"; else not_ok "$what" "not within $patience s: $*"; fi
}

not() { ! "$@"; }
equal_now() { # EXPECTED COMMAND...
    local expected=$1
    shift
    [ "$("$@")" = "$expected" ]
}
is_empty_file() { [ ! -s "$1" ]; }
# A zombie whose parent takes its time is dead all the same.
is_alive() { # without a process of its own, for it is asked often
    local stat
    { read -rd '' stat <"/proc/$1/stat"; } 2>/dev/null
    [[ ${stat-} =~ \)\ [^ZX]\  ]]
}
says() { # PATTERN COMMAND...
    local pattern=$1
    shift
    "$@" 2>&1 | grep -Eq -- "$pattern"
}

# --- the daemon ------------------------------------------------------------------------------------------------------

# policy [FILE]: replaces the file (10-test.ini) by what comes on stdin. Takes effect at the next reload.
policy() {
    mkdir -p "$policies"
    cat >"$policies/${1:-10-test.ini}"
}

# daemon_start [OPTION...]: returns when it answers
daemon_start() {
    mkdir -p "$policies"
    "${daemon_binary:-$build/supervisord/supervisord}" --instance "$instance" --policy "$policies" --tree "/$instance" \
        "${daemon_options[@]}" "$@" >>"$journal" 2>&1 </dev/null &
    daemon=$!
    disown "$daemon"
    eventually answers_or_gone
    answers && : "${pins_at_start:=$(our_pins | wc -l)}"
}
daemon_options=()

answers() { supctl version --no-legend >/dev/null 2>&1 && [ -S "$SUPERVISORD_SOCKET" ]; }
answers_or_gone() { ! is_alive "$daemon" || answers; }

daemon_signal() { # SIGNAL: returns when it has ended
    kill -"$1" "$daemon" 2>/dev/null || return 1
    eventually not is_alive "$daemon"
}
daemon_stop() { daemon_signal TERM; }
daemon_kill() { daemon_signal KILL; }
daemon_restart() { daemon_stop && daemon_start; }

property() { supctl show "$1" -p "$2" --value 2>/dev/null; } # NAME KEY
state_of() { property "$1" State; }
pid_of() { property "$1" MainPID; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }     # NAME STATE
is_another_pid() {                                 # NAME OLD: runs, and not as OLD
    local pid
    pid=$(pid_of "$1") && [ -n "$pid" ] && [ "$pid" != 0 ] && [ "$pid" != "$2" ]
}
is_known() { supctl show "$1" -p Name >/dev/null 2>&1; }

check_state() { check_eventually "$1" is_state "$2" "$3"; } # WHAT NAME STATE

environment_of() { # PID NAME
    tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | sed -n "s/^$2=//p"
}
invocation_of() { environment_of "$(pid_of "$1")" INVOCATION_ID; }

# plan_is_empty: what should hold holds
plan_is_empty() { [ "$(supctl plan)" = 'Nothing to do.' ]; }

# metric NAME LABEL=VALUE: its value in the exposition
metric() {
    supctl metrics | awk -v name="$1" -v label="${2%%=*}=\"${2#*=}\"" 'index($0, name "{") == 1 && index($0, label) { print $NF }'
}

# A bridge and a subnet (three octets) of this story's own.
bridge=svt$$
subnet=10.$((64 + $$ % 64)).$(($$ / 64 % 256))

# --- the node --------------------------------------------------------------------------------------------------------

cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
tree=$cgroup2/$instance

cgroup_of() { # PID
    sed -n 's/^0:://p' "/proc/$1/cgroup"
}

# file_of NAME FILE: of the group, wherever in the tree it is
file_of() {
    local found
    found=$(find "$tree" -type d -name "$1" -print -quit) && cat "$found/$2"
}

stat_of() { file_of "$1" "$2" | awk -v key="$3" '$1 == key { print $2 }'; } # NAME FILE KEY

group_exists() { [ -n "$(find "$tree" -type d -name "$1" -print -quit 2>/dev/null)" ]; }

our_processes() {
    find "$tree" -name cgroup.procs -exec cat {} + 2>/dev/null
    [ -z "$daemon" ] || ! is_alive "$daemon" || echo "$daemon"
}
our_groups() { find "$tree" -mindepth 1 -type d ! -name .relay 2>/dev/null; } # .relay is the tree's own, and stays
our_links() { ip -o link | sed -n "s/^[0-9]*: \([^:@]*\).*alias $instance:.*/\1/p"; }
our_pins() { find "$pins" -type f 2>/dev/null; }
# Namespaces that processes of ours are in or hold, but the host's.
our_namespaces() {
    local pid
    for pid in $(our_processes); do
        find -L "/proc/$pid/ns/net" "/proc/$pid/fd" -maxdepth 1 -printf '%p\n' 2>/dev/null | xargs -r readlink 2>/dev/null
    done | grep '^net:' | sort -u | grep -vFx "$(readlink /proc/self/ns/net)"
}

# what_is_there: a line a kind, to be compared before and after
what_is_there() {
    printf 'groups %s, links %s, namespaces %s, pins %s\n' "$(our_groups | wc -l)" "$(our_links | wc -l)" \
        "$(our_namespaces | wc -l)" "$(our_pins | wc -l)"
}
is_there() { [ "$(what_is_there)" = "$1" ]; }

has_controller() { [[ " $(cat "$cgroup2/cgroup.controllers") " = *" $1 "* ]]; }

needs_controllers() { # CONTROLLER...
    local controller
    for controller; do
        has_controller "$controller" || skip "needs the $controller controller on cgroup v2"
    done
}
needs_systemd() { [ -d /run/systemd/system ] || skip 'needs systemd as PID 1'; }
needs_command() {
    command -v "$1" >/dev/null || skip "needs $1"
}
# needs_meters PROGRAM: the daemon of this story has loaded it
needs_meters() {
    [ "$(metric supervisord_bpf_loaded "program=$1")" = 1 ] || skip "the eBPF program $1 is not loaded here"
}
is_vm() { [ -d /job/out ]; }

# --- the end ---------------------------------------------------------------------------------------------------------

clean_up() {
    local group link
    trap - EXIT
    [ -z "$daemon" ] || daemon_stop || kill -KILL "$daemon" 2>/dev/null
    while read -r group; do
        { echo 1 >"$group/cgroup.kill"; } 2>/dev/null
    done < <(find "$tree" -depth -mindepth 1 -type d 2>/dev/null)
    while read -r group; do
        eventually rmdir "$group"
    done < <(find "$tree" -depth -type d 2>/dev/null)
    for link in $(our_links); do
        ip link delete "$link" 2>/dev/null
    done
    rm -rf "$pins" "/run/$instance" "$work"
}

# the_end: takes everything out of the policy, and says whether anything stayed
the_end() {
    if [ -n "$daemon" ] && is_alive "$daemon"; then
        rm -rf "$policies" "/run/$instance/transient"/*.ini
        mkdir -p "$policies"
        supctl reload >/dev/null
        nothing="groups 0, links 0, namespaces 0, pins $pins_at_start"
        eventually is_there "$nothing"
        equal 'nothing is left when the policy is empty' "$nothing" "$(what_is_there)"
        check 'the daemon goes when it is told to' daemon_stop
        refuted 'no sanitizer has found anything' grep -E 'Sanitizer|runtime error' "$journal"
    fi
    exit $((failures > 0))
}

# leave: for the story to say; ends what it has begun beside the daemon
leave() { :; }

# A story that failed shows what its daemon had to say.
on_exit() {
    local status=$?
    [ $BASHPID = $$ ] || exit $status # a job that was killed before its exec
    if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -s "$journal" ]; then
        sed 's/^/    # /' "$journal" | tail -n 40
    fi
    leave
    clean_up
    exit $status
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
