#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the papers show works: each literal block of the man pages and of the README that begins with a section is a policy
# that `supctl verify` takes, and each that begins with `supctl` or `sudo supctl` names a verb that there is.
#
#     check-examples.sh SUPCTL SOURCE_ROOT
set -u

supctl=$1 top=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 policies=0 commands=0

# -> $work/N.example, a block each: of mdoc, what lies between .Bd -literal and .Ed; of markdown, what is indented by four
mdoc_blocks() { # PAGE
    awk -v prefix="$work/$(basename "$1")" '
        /^\.Ed/ { open = 0 }
        open { print >file }
        /^\.Bd -literal/ { open = 1; file = prefix "." ++n ".example" }' "$1"
}
markdown_blocks() { # FILE
    awk -v prefix="$work/$(basename "$1")" '
        /^    / { if (!open) { open = 1; file = prefix "." ++n ".example" } print substr($0, 5) >file; next }
        /^$/ { if (open) print "" >file; next }
        { open = 0 }' "$1"
}

check_policy() { # EXAMPLE
    policies=$((policies + 1))
    mandoc_text "$1" >"$work/example.ini"
    "$supctl" verify "$work/example.ini" >"$work/said" 2>&1 && return
    echo "not ok - ${1##*/}: $(cat "$work/said")"
    failures=$((failures + 1))
}
mandoc_text() { sed "s/\\\\(aq/'/g; s/\\\\(dq/\"/g; s/\\\\e/\\\\/g; s/\\\\-/-/g; s/\\\\&//g" "$1"; }

verbs=$("$supctl" --help | sed -n 's/^  \([a-z-]*\) .*/\1/p')
check_command() { # EXAMPLE VERB
    commands=$((commands + 1))
    grep -qxF -- "$2" <<<"$verbs" && return
    echo "not ok - ${1##*/}: there is no verb '$2'"
    failures=$((failures + 1))
}

for page in "$top"/man/*.[1-8]; do mdoc_blocks "$page"; done
markdown_blocks "$top/README.md"
for example in "$work"/*.example; do
    case $(head -n 1 "$example") in
    '['*) check_policy "$example" ;;
    esac
    while read -r verb; do check_command "$example" "$verb"; done < <(sed -E 's/ --socket[= ][^ ]+//' "$example" | sed -n 's/^\(\$ \|# \|sudo \)*supctl \([a-z-]*\).*/\2/p')
done
echo "$policies policies and $commands commands of the papers, $failures wrong"
[ "$policies" -ge 4 ] && [ "$commands" -ge 4 ] && [ "$failures" = 0 ]
