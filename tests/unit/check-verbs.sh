#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The verbs and options of supctl are the same in its tables (as --help prints them), the man page and the completions.
# Usage: check-verbs.sh SUPCTL SOURCE_ROOT
set -eu

supctl=$1
root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$supctl" --help | sed -n 's/^  \([a-z][a-z]*\)  *[A-Z].*/\1/p' | sort >"$work/verbs"
[ -s "$work/verbs" ] || { echo "supctl --help lists no verbs" >&2; exit 1; }

sed -n 's/^\.It Ic \([a-z]*\).*/\1/p' "$root/man/supctl.1" | sort >"$work/man"
sed -n 's/^    local verbs="\(.*\)"$/\1/p' "$root/tools/supctl/supctl.bash" | tr ' ' '\n' | sort >"$work/bash"
sed -n "s/^    '\([a-z]*\):.*/\1/p" "$root/tools/supctl/_supctl" | sort >"$work/zsh"
for place in man bash zsh; do
    diff -u --label supctl --label "$place" "$work/verbs" "$work/$place"
done

for verb in $(cat "$work/verbs"); do
    "$supctl" "$verb" --help >"$work/help"
    grep -q "^Example: supctl $verb" "$work/help" || { echo "$verb --help has no example" >&2; exit 1; }
    for option in $(grep -o -- '^  .* --[a-z-]*' "$work/help" | sed 's/.*--//'); do
        escaped=$(printf '%s' "$option" | sed 's/-/[-\\\\]*-/g')
        grep -q -- "Fl -$escaped" "$root/man/supctl.1" || { echo "man/supctl.1 lacks --$option" >&2; exit 1; }
        for completion in supctl.bash _supctl; do
            grep -q -- "--$option" "$root/tools/supctl/$completion" || { echo "$completion lacks --$option" >&2; exit 1; }
        done
    done
done
