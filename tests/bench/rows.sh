# SPDX-License-Identifier: GPL-2.0-or-later
# A part of tests/bench/run: a daemon of its own, as for the stories in tests/live, and rows of the one table on stdout.
# What goes wrong is said on stderr, and ends the part.
# shellcheck shell=bash

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/live/lib.sh
. "$top/tests/live/lib.sh"

# The lines of checks are no rows. When all is well nobody wants them.
ok() { :; }
not_ok() { printf 'bench: %s%s\n' "$1" "${2:+: $2}" >&2; failures=$((failures + 1)); }

row() { # FIGURE VALUE BESIDE RATIO GOAL
    printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5"
}

left_out() { # FIGURE WHY
    row "$1" 'left out' "$2" '' ''
}

number() { # EXPRESSION [FORMAT]
    awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

# Numbers from stdin -> the one in the middle
median() { sort -g | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

# CPU time of all the daemon's threads, in microseconds
daemon_cpu_usec() { cat /proc/"$daemon"/task/*/schedstat | awk '{ sum += $1 } END { printf "%d", sum / 1000 }'; }

# sleepers N: a policy of N workloads that sleep
sleepers() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf '[workload:sleeper-%d]\nExecStart=/bin/sleep infinity\nStandardOutput=null\n\n' "$i"
    done
}

part_ends() {
    rm -f "$policies"/*.ini
    supctl reload >/dev/null || not_ok 'the empty policy is not applied'
    eventually not our_groups_exist || not_ok 'groups are left over'
    exit $((failures > 0))
}
our_groups_exist() { [ -n "$(our_groups)" ]; }
