#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl top on a terminal as people see it: tmux is the terminal, and says what is on its screen. The server has canned
# answers. Needs neither root nor a daemon.
# Usage: supctl-top-test.sh SUPCTL FAKE_SERVER
set -u

command -v tmux >/dev/null || { echo 'skipped: tmux is not installed (tools/setup check)'; exit 77; }
supctl=$(realpath "$1")
work=$(mktemp -d)
server=
failures=0
export SUPERVISORD_SOCKET=$work/control LC_ALL=C.UTF-8 TZ=UTC TMUX_TMPDIR=$work
unset NO_COLOR TMUX
terminal() { tmux -u -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null; [ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
mkfifo "$work/ready"
"$2" "$SUPERVISORD_SOCKET" >"$work/ready" &
server=$!
read -r _ <"$work/ready"

screen() { terminal capture-pane -p -t top; }
colors() { terminal capture-pane -e -p -t top; }
press() { terminal send-keys -t top "$@"; }
names() { screen | sed 1,2d | awk 'NF > 3 && $1 !~ /^q$/ { print $1 }' | paste -sd ' '; }
width() { screen | wc -L; }
state() { terminal list-panes -t top -F '#{pane_dead} #{pane_dead_status} #{alternate_on}' 2>&1; }

# becomes DESCRIPTION EXPECTED COMMAND...: what the command prints is, within ten seconds, what is expected (a pattern)
becomes() {
    local description=$1 expected=$2 found='' i
    shift 2
    for ((i = 0; i < 200; i++)); do
        found=$("$@")
        # shellcheck disable=SC2053
        [[ $found != $expected ]] || { echo "ok - $description"; return; }
        sleep 0.05
    done
    printf 'not ok - %s\n  expected: %s\n  found:    %s\n' "$description" "$expected" "$found"
    failures=$((failures + 1))
}

terminal new-session -d -s top -x 80 -y 24 "$supctl top --interval 200ms; sleep 1000"
terminal set-option -t top status off
terminal resize-window -t top -x 80 -y 24

becomes 'a title' 'supctl top  20[0-9-]* [0-9:]* UTC  every 200ms  by policy  1-6 of 6*' screen
becomes 'the keys in the last line' 'q quit  t tree *' eval 'screen | sed -n 24p'
becomes 'headings' 'NAME *STATE *CPU% *MAX% *HISTORY *WAIT *MEM *MAX *IO B/s *NET b/s' eval 'screen | sed -n 2p'
becomes 'a tree, in the order of the policy' 'front web inner hog sleeper evil' names
becomes 'usage beside its limits' '  web *running *150 *200 *12.3 *64M *128M *1.4M *50M' eval 'screen | sed -n 4p'
becomes 'what is degraded has a mark' '*inner *active! *' eval 'screen | sed -n 5p'
becomes 'history as strips' '*███████*' eval 'screen | sed -n 4p'
becomes 'nothing beyond 80 columns' '7[0-9]' width
becomes 'states are in color' '*'$'\e[32m'*running* colors

press c
becomes 'c: by CPU, slices before what is in them' 'front web inner sleeper hog evil' names
becomes 'which the title says' '*by cpu*' eval 'screen | head -n 1'
press t
becomes 't: workloads alone' 'web sleeper hog evil' names
press a
becomes 'a: by name' 'evil hog sleeper web' names
press m
becomes 'm: by memory' 'web hog sleeper evil' names
press p t
becomes 'p, t: as at the start' 'front web inner hog sleeper evil' names

terminal resize-window -t top -x 130 -y 6
becomes 'a wide screen has all columns' '*SHARE*READ/s *WRIT/s *RX b/s *TX b/s' eval 'screen | sed -n 2p'
becomes 'a low one shows what fits' 'front web inner' names
press j
becomes 'j: one down' 'web inner hog' names
press Down Down Down Down
becomes 'the end is the end' 'hog sleeper evil' names
press PageUp
becomes 'page up' 'front web inner' names
press k
becomes 'the start is the start' '*1-3 of 6' eval 'screen | head -n 1'
terminal resize-window -t top -x 40 -y 10
becomes 'a narrow screen is cut' 39 width
terminal resize-window -t top -x 80 -y 24

press x y z Escape
becomes 'other keys do nothing' 'front web inner hog sleeper evil' names
press q
becomes 'q: the screen is given back' '0  0' state

terminal respawn-pane -k -t top "LC_ALL=C NO_COLOR=1 $supctl top --interval 200ms --sort wait; sleep 1000"
becomes 'ASCII where the locale says so' '*#######*' eval 'screen | grep web'
becomes '--sort' '*by wait*' eval 'screen | head -n 1'
becomes 'NO_COLOR' '0' eval 'colors | grep -c $'"'"'\e\[3'"'"

press q
becomes 'q: it has gone before its terminal goes' '0  0' state

[ "$failures" -eq 0 ]
