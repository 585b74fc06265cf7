# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for supctl(1): `supctl complete` knows what may follow; here is only what bash wants of it.

_supctl() {
    local words=() places=() word i line prefix candidates=()

    # bash splits words at "=", supctl does not.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]} > 0)) && [[ $word == =* || ${COMP_WORDS[i - 1]} == *= ]] && [[ ${words[-1]} != = ]]; then
            words[-1]+=$word
        else
            words+=("$word")
            places+=("$i")
        fi
    done
    word=${words[-1]-}
    prefix=
    [[ $word != *=* ]] || prefix=${word%%=*}=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :files) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        :command\ *)
            i=${places[${line#* }]-$COMP_CWORD}
            if declare -F _command_offset >/dev/null; then
                _command_offset "$i"
            elif ((i == COMP_CWORD)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi
            ;;
        *)
            line=${line%%$'\t'*}
            candidates+=("${line#"$prefix"}")
            ;;
        esac
    done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
    ((${#candidates[@]} == 0)) || COMPREPLY=("${candidates[@]}")
    # After KEY= comes the value, not a blank.
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -o filenames -F _supctl supctl
