# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for supctl(1)

_supctl() {
    local verbs="status tree top show list plan reload start stop restart shutdown run check verify metrics version help"
    local options="--socket --no-legend --plain --quiet --json --help --version"
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb= i

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket) i=$((i + 1)) ;;
        -*) ;;
        *) verb=${COMP_WORDS[i]} && break ;;
        esac
    done
    case $previous in
    --socket) COMPREPLY=($(compgen -f -- "$word")) && return ;;
    --interval | --iterations | --name | -p | --property) COMPREPLY=() && return ;;
    esac
    case $verb in
    top) options+=" --interval --iterations --batch" ;;
    show) options+=" --property --value" ;;
    run) options+=" --name --property --no-wait" ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
        return
    fi
    case $verb in
    "" | help) COMPREPLY=($(compgen -W "$verbs" -- "$word")) ;;
    status | show) COMPREPLY=($(compgen -W "$(supctl list --no-legend 2>/dev/null | awk '{ print $1 }')" -- "$word")) ;;
    start | stop | restart)
        COMPREPLY=($(compgen -W "$(supctl list --no-legend 2>/dev/null | awk '$2 == "workload" { print $1 }')" -- "$word"))
        ;;
    verify) COMPREPLY=($(compgen -f -- "$word")) ;;
    run) COMPREPLY=($(compgen -c -- "$word")) ;;
    esac
}
complete -o filenames -F _supctl supctl
