#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# supctl logs: what a workload wrote, and nobody else, from the journal or from its file.
. "$(dirname -- "$0")/lib.sh"

# Names of this run's own: the journal keeps those of other runs.
talker=talker-$$ whisperer=whisperer-$$ filer=filer-$$ mute=mute-$$ flooder=flooder-$$ neighbour=neighbour-$$
sham=$cgroup2/svtest-sham-$$ # where others play us

# speaker NAME WHERE: writes a line to each of its two outputs at each start
speaker() {
    printf '[workload:%s]\nSlice=speakers\nStandardOutput=%s\n' "$1" "$2"
    # shellcheck disable=SC2016
    printf 'ExecStart=/bin/sh -c "echo words of %s; echo more >&2; echo done >%s; exec sleep infinity"\n' \
        "$1" "$work/done-$1"
}
has_spoken() { [ -s "$work/done-$1" ]; }
follow() { # NAME: into a file; its pid is in $follower. Returns when it follows: the last line of before is there.
    supctl logs -f -n 1 "$1" >"$work/followed" &
    follower=$!
    eventually test -s "$work/followed"
}

{
    printf '[slice:speakers]\n\n'
    speaker "$talker" journal
    speaker "$whisperer" journal
    speaker "$filer" "append:$work/filer.log"
    speaker "$mute" null
    # The limit is the slice's; the window is longer than the story.
    printf '[slice:floods]\nLogRateLimitIntervalSec=1h\nLogRateLimitBurst=5\n'
    printf '[workload:%s]\nSlice=floods\nUser=nobody\n' "$flooder"
    printf 'ExecStart=/bin/sh -c "seq -f flood-%%%%g 3; until [ -e %s/go ]; do sleep 0.1; done; seq -f flood-%%%%g 4 100 >&2"\n' "$work"
    printf '[workload:%s]\nSlice=floods\nLogRateLimitBurst=0\nExecStart=/usr/bin/seq -f neighbour-%%%%g 100\n' "$neighbour"
} | policy
chmod 755 "$work" # for the flooder
! is_vm || echo -900 >/proc/$$/oom_score_adj # as its unit has it
must 'the daemon starts' daemon_start
! is_vm || echo 0 >/proc/$$/oom_score_adj
for name in "$talker" "$whisperer" "$filer" "$mute"; do check_eventually "$name has spoken" has_spoken "$name"; done

# The daemon is killed between the flood's beginning and its end: only the relay is left to count and to say it.
heard() { # NAME: what it said; without a journal, what all said
    if [ -S /run/systemd/journal/stdout ]; then
        journalctl --quiet --output=cat --identifier="$1"
    else
        cat "$journal"
    fi
}
check_eventually 'what has a limit is heard while it talks' says flood-3 heard "$flooder"
relay=$(cat "$tree/.relay/cgroup.procs")
equal 'by a relay that has no more rights than who talks' "$(id -u nobody)" "$(stat -c %u "/proc/$relay/task")"
! is_vm || equal 'nor is it spared when memory is out' 0 "$(cat "/proc/$relay/oom_score_adj")"
must 'the daemon is killed' daemon_kill
touch "$work/go"
check_eventually 'a flood is cut, and that is said' says "Suppressed 95 messages from $flooder" heard "$flooder"
check_eventually 'its relay goes' not is_alive "$relay"
passed() { heard "$flooder" | grep -Eo 'flood-([4-9]|[0-9]{2,})' | paste -sd ' '; }
check_eventually 'it could say as much as it may' equal_now 'flood-4 flood-5' passed
check_eventually 'who has no limit is heard to the end' says neighbour-100 heard "$neighbour"
equal 'and whole' 100 "$(heard "$neighbour" | grep -c '^neighbour-[0-9]*$')"
must 'the daemon comes back' daemon_start

equal 'a file is shown' "$filer: words of $filer|$filer: more|" "$(supctl logs "$filer" | tr '\n' '|')"
equal 'its last line' "$filer: more" "$(supctl logs -n 1 "$filer")"
follow "$filer"
must 'it can be followed' supctl restart "$filer"
check_eventually 'what comes is shown' says "words of $filer" cat "$work/followed"
kill "$follower"
equal 'of what goes nowhere that is said' "supctl: $mute: its output goes nowhere (StandardOutput=null)" \
    "$(supctl logs "$mute" 2>&1)"
refuted 'a name that is not there is an error' supctl logs "nobody-$$"

if [ ! -S /run/systemd/journal/stdout ]; then
    matches 'without a journal that is said' 'no journal runs here' "$(supctl logs "$talker" 2>&1)"
    matches 'and such output went where the daemon speaks' "words of $talker" "$(cat "$journal")"
    the_end
fi

messages() { supctl logs --json "$@" | sed 's/.*"message":"\(.*\)"}/\1/' | tr '\n' '|'; }

check_eventually 'the journal has what was said' says "words of $talker" supctl logs "$talker"
check_eventually 'from both outputs' says more supctl logs "$talker"
equal 'of what has a limit it shows what was let pass' \
    "flood-1|flood-2|flood-3|flood-4|flood-5|Suppressed 95 messages from $flooder|" "$(messages "$flooder")"
equal 'and no more than that' "words of $talker|more|" "$(messages "$talker")"
matches 'with time and pid' "^[0-9-]+ [0-9:]+ $talker\[$(pid_of "$talker")\]: words of $talker" "$(supctl logs "$talker")"
equal 'the last line alone' 'more|' "$(messages -n 1 "$talker")"
equal 'nothing is older than now' '' "$(messages --since now "$talker")"
equal 'nothing is newer than yesterday' '' "$(messages --until yesterday "$talker")"
check_eventually 'a slice shows all in it' says "words of $whisperer" supctl logs speakers
matches 'with files' "$filer: words" "$(supctl logs speakers 2>/dev/null)"
check_eventually 'patterns do' says "words of $whisperer" supctl logs "whisp*-$$"

# Somebody outside of the tree takes the name, by stream and by datagram. It lives until the journal has asked for its cgroup;
# who has ended before is believed (supctl(1)).
mkdir -p "$sham/speakers/$talker/1" "$sham/.relay"
forgers=()
for place in "" "/speakers/$talker/1" "/.relay"; do # in a cgroup that is called like the workload's, or the relays', too
    systemd-cat -t "$talker" sh -c "[ -z '$place' ] || echo 0 >'$sham$place/cgroup.procs'; echo 'forged:$place!'; exec sleep 60" &
    forgers+=($!)
done
logger -t "$talker" forged 2>/dev/null
for place in "" "/speakers/$talker/1" "/.relay"; do
    check_eventually "the journal has it${place:+ from a sham $place}" says "forged:$place!" journalctl -q -t "$talker"
done
refuted 'but it is not shown' says forged supctl logs "$talker"
kill "${forgers[@]}"
wait "${forgers[@]}" || true
rmdir "$sham/speakers/$talker/1" "$sham/speakers/$talker" "$sham/speakers" "$sham/.relay" "$sham"

follow "$talker"
must 'the journal can be followed' supctl restart "$talker"
check_eventually 'what comes is shown' says "words of $talker" cat "$work/followed"
equal 'once, from now on' 1 "$(grep -c "words of $talker" "$work/followed")"
kill "$follower"
has_both_starts() { [ "$(messages "$talker")" = "words of $talker|more|words of $talker|more|" ]; }
check_eventually 'starts follow one another' has_both_starts

the_end
