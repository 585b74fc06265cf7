#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Another build takes over: one whose eBPF maps have another layout (supervisord-next), killed at every point of its way
# there; an older one, which is to leave alone what it does not know; and one that does not know what the policy says.
. "$(dirname -- "$0")/lib.sh"

mkfifo "$work"/{send,try,sent}
policy <<END
[workload:busy]
ExecStart=/bin/sh -c 'while :; do sleep 0.01; done'

[workload:sender]
ExecStart=/bin/bash -c 'while :; do read -r x && echo >/dev/udp/127.0.0.1/9; echo >$work/sent; done <>$work/send'
StandardError=null

[workload:denied]
ExecStart=/bin/bash -c 'while :; do read -r x && echo >/dev/udp/127.0.0.1/9; echo >$work/sent; done <>$work/try'
StandardError=null
IPAddressDeny=any

[workload:brief]
ExecStart=/bin/sh -c 'until [ -e $work/go ]; do sleep 0.05; done; exit 7'
END
next=$build/tests/next/supervisord-next
must 'the daemon starts' daemon_start
for program in wait net_transmit exits; do needs_meters "$program"; done
[ -d "$pins/v1" ] || skip 'needs a bpf file system'
for name in busy sender denied brief; do check_state "$name runs" "$name" running; done
busy=$(pid_of busy) brief=$(pid_of brief) sent=0

# A packet of which we know that it is sent, or denied, when this returns. (Read and write: who has answered before may close
# the pipe only now, which would be its end for a reader.)
packet() {
    local x
    echo >"$work/send" && read -r x <>"$work/sent" && sent=$((sent + 1))
    echo >"$work/try" && read -r x <>"$work/sent"
}
counters() { # CPU wait, CPU time entitled to, denials of one try each
    echo "$(metric supervisord_workload_cpu_runqueue_waits_total workload=busy)" \
        "$(metric supervisord_workload_share_entitled_seconds_total workload=busy)" \
        "$(metric supervisord_workload_filter_denied_total workload=denied)"
}
counted() { metric supervisord_workload_network_transmit_packets_total workload=sender; }
goes_on() { # BEFORE AFTER: none is less
    awk -v a="$1" -v b="$2" 'BEGIN { n = split(a, x); if (split(b, y) != n) exit 1; for (i = 1; i <= n; i++) if (y[i] < x[i]) exit 1 }'
}
layouts() { (cd "$pins" && echo *); }

packet
packet
check_eventually 'each packet is counted' equal_now $sent counted
before=$(counters) pins_before=$(our_pins | wc -l)
check 'the daemon is killed' daemon_kill
touch "$work/go"
check_eventually 'a workload ends while nobody looks' not is_alive "$brief"

# --- to a newer layout; a packet after each death, and one that each daemon sees
daemon_binary=$next
export SUPERVISORD_CRASH_AT=$work/crash-at
for ((point = 1, died = 0; point < 100; point++)); do
    printf "\\x$(printf %x $point)\0\0\0" >"$SUPERVISORD_CRASH_AT"
    daemon_start && break
    died=$((died + 1))
    packet
    [ "$(layouts)" != v2 ] || break # from here on it is like any other restart
done
printf '\0\0\0\0' >"$SUPERVISORD_CRASH_AT"
daemon_kill # one that answers may still come to its point
must 'the newer daemon starts' daemon_start
for name in 'maps pinned' 'programs attached' 'entries carried over' 'layout carried over' 'layout whole' \
    'links of a layout removed'; do
    check "it has died at '$name'" grep -q "crash point '$name'" "$journal"
done
equal 'the older layout is gone' v2 "$(layouts)"
equal 'there are as many pins' "$pins_before" "$(our_pins | wc -l)"
equal 'what ran runs on' "$busy" "$(pid_of busy)"
check_eventually "of the packets before and between $died deaths each is counted once" equal_now $sent counted
after=$(counters)
check "no counter went back ($before -> $after)" goes_on "$before" "$after"
check_state 'what ended meanwhile has failed' brief failed
equal 'and its exit code is told' 'exit code 7' "$(property brief LastExit)"
packet
check_eventually 'counting goes on' equal_now $sent counted
one_more_is_denied() { goes_on "${after% *} $((${after##* } + 1))" "$(counters)"; }
check_eventually 'of what is denied too' one_more_is_denied
check_eventually 'nothing is left to do' plan_is_empty

# --- the same again from another place is a restart
check 'it is killed' daemon_kill
packet
daemon_binary=$work/elsewhere
ln -s "$next" "$daemon_binary"
must 'the same build starts from another place' daemon_start
check_eventually 'with the count' equal_now $sent counted
check 'it goes' daemon_stop

# --- back to the older layout
refused() { # WHAT PATTERN...: a daemon does not come up, says why, and nothing has changed
    local what=$1 pattern
    shift
    : >"$journal"
    refuted "$what does not start" daemon_start
    refuted 'it is gone' is_alive "$daemon"
    for pattern; do check "it says /$pattern/" grep -Eq -- "$pattern" "$journal"; done
    equal 'the pins are as they were' "v2 $pins_before" "$(layouts) $(our_pins | wc -l)"
    check 'what runs goes on' is_alive "$busy"
}
daemon_binary=$build/supervisord/supervisord
refused 'an older daemon' "$pins have layout 2 of a newer supervisord" 'what runs goes on: start the newer'
packet
daemon_binary=$next
schema() { python3 -c "import os, sys; os.setxattr(sys.argv[1], 'trusted.supervisord.schema', sys.argv[2].encode())" "$tree" "$1"; }
check 'a newer schema stands on the tree' schema 2
refused 'a daemon that does not know it' 'has schema 2 of a newer supervisord'
check 'its own does' schema 1

# --- a key that only a newer daemon knows, in the files and in what was loaded last
cp "$policies/10-test.ini" "$work/known"
sed -i 's/^ExecStart=/FutureKey=1\n&/' "$policies/10-test.ini" "/run/$instance/loaded"
refused 'a daemon that does not know a key' '10-test.ini:2: .*FutureKey' 'what runs goes on: a newer supervisord'
mv "$work/known" "$policies/10-test.ini"
must 'with keys that it knows it starts' daemon_start
check_eventually 'and all has been counted' equal_now $sent counted
equal 'what ran runs on' "$busy" "$(pid_of busy)"

the_end
