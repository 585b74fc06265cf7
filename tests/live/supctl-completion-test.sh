#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The completions as the shells call them, against a server with canned answers: bash by the function that `complete` names,
# zsh by its line editor on a pseudo-terminal. Needs neither root nor a daemon.
# Usage: supctl-completion-test.sh SUPCTL FAKE_SERVER SUPCTL_SOURCES
set -u

sources=$(realpath "$3")
work=$(mktemp -d)
server=
failures=0
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$(realpath "$1")" "$work/bin/supctl"
export PATH=$work/bin:$PATH SUPERVISORD_SOCKET=$work/control LC_ALL=C TERM=xterm
export SUPERVISORD_COMPLETION_TIMEOUT=30s
mkfifo "$work/ready"
"$2" "$SUPERVISORD_SOCKET" >"$work/ready" &
server=$!
read -r _ <"$work/ready"

# is DESCRIPTION EXPECTED GOT
is() {
    if [ "$2" = "$3" ]; then
        echo "ok - $1"
    else
        printf 'not ok - %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
        failures=$((failures + 1))
    fi
}

# settles_on EXPECTED COMMAND...: what it says, asked again as long as that is something else. A daemon has a fifth of a second to
# name its workloads, and on a busy machine does not always make it.
settles_on() {
    local expected=$1 got tries=10
    shift
    while got=$("$@"); [ "$got" != "$expected" ] && ((--tries > 0)); do :; done
    printf '%s\n' "$got"
}

# bash_completes WORD...: the candidates for the last word, in one line; words are split at "=", as bash does
bash_completes() {
    bash --norc -c '
        . "$1/supctl.bash"
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        [[ $(complete -p supctl) == *" -F _supctl supctl" ]] && _supctl 2>/dev/null
        echo "${COMPREPLY[*]}"' bash "$sources" "$@"
}

is 'bash: verbs' 'status start stop' "$(bash_completes supctl st)"
is 'bash: a verb after an option with an argument' 'reload' "$(bash_completes supctl --socket "$SUPERVISORD_SOCKET" rel)"
is 'bash: options of a verb' '--property --plain' \
    "$(bash_completes supctl show --p | tr ' ' '\n' | sort -r | paste -sd ' ')"
is 'bash: options of another verb are not offered' '' "$(bash_completes supctl status --prop)"
is 'bash: attached values' 'short' "$(bash_completes supctl list --json = s)"
is 'bash: names of the daemon' 'web hog sleeper evil front inner' "$(
    for name in web hog sleeper evil front inner; do
        settles_on "$name" bash_completes supctl status "${name:0:1}"
    done | paste -sd ' ')"
is 'bash: workloads alone' '' "$(bash_completes supctl kill f)"
is 'bash: no more names than the verb takes' '' "$(bash_completes supctl help run s)"
is 'bash: keys of the policy' 'RestartSec=' "$(bash_completes supctl run -p RestartS)"
is 'bash: words of a key' 'on-failure' "$(bash_completes supctl run -p Restart = on-f)"
is 'bash: properties' 'MainPID' "$(bash_completes supctl show -p MainP)"
is 'bash: the command of exec' 'supctl' "$(bash_completes supctl exec web -- supct)"
is 'bash: also behind options that follow the name' 'supctl' "$(bash_completes supctl exec web -t --user root supct)"
is 'bash: the options that follow the name' '--user' "$(bash_completes supctl exec web --us)"
is 'its options are no option of ours' ':command 3' "$(supctl complete -- exec -t web supctl --us)"
is 'bash: commands' 'supctl' "$(bash_completes supctl run -p MemoryMax = 64M -- supct)"
is 'bash: files' "$sources/supctl.bash" "$(bash_completes supctl verify "$sources/supctl.b")"
is 'bash: the hidden verb stays hidden' '' "$(bash_completes supctl comp)"

# A daemon that does not answer costs a fifth of a second.
kill -STOP "$server"
unset SUPERVISORD_COMPLETION_TIMEOUT
before=$(date +%s%N)
is 'bash: a daemon that hangs offers no names' '' "$(bash_completes supctl status w)"
took_msec=$((($(date +%s%N) - before) / 1000000))
export SUPERVISORD_COMPLETION_TIMEOUT=30s
kill -CONT "$server"
is 'bash: and is not waited for' 'yes' "$([ "$took_msec" -ge 200 ] && [ "$took_msec" -lt 30000 ] && echo yes || echo "no: $took_msec ms")"

if ! command -v zsh >/dev/null; then
    echo 'skipped: zsh is not installed (tools/setup check)'
    exit $((failures > 0 ? 1 : 77))
fi

# zsh_line TYPED: what the line is after a tab, as a key of our own prints it
zsh_line() {
    timeout 30 zsh -f -c '
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PS1= RPS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
        zpty -w shell "tell() { print -r -- \"line<\$BUFFER>\" }; zle -N tell; bindkey ^T tell; echo loa\ded"
        zpty -r shell seen "*loaded*" || exit 1
        zpty -w -n shell "$2"$'"'\\t\\x14'"'
        zpty -r shell seen "*line<*>*" || exit 1
        seen=${seen##*line<}
        print -r -- "${seen%%>*}"
        zpty -d shell' zsh "$sources" "$1"
}

zsh_completes() { # TYPED EXPECTED
    is "zsh: $1" "$2" "$(settles_on "$2" zsh_line "$1")"
}

zsh_completes 'supctl relo' 'supctl reload '
zsh_completes 'supctl status sle' 'supctl status sleeper '
zsh_completes 'supctl list --no-l' 'supctl list --no-legend '
zsh_completes 'supctl run -p RestartS' 'supctl run -p RestartSec='
zsh_completes "supctl verify $sources/supctl.b" "supctl verify $sources/supctl.bash "
zsh_completes 'supctl run -- supc' 'supctl run -- supctl '

[ "$failures" -eq 0 ]
