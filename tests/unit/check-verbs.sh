#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The verbs and options of supctl are the same in its tables (as --help prints them) and in the man page. The completions ask
# supctl itself.
# Usage: check-verbs.sh SUPCTL SOURCE_ROOT
set -eu

supctl=$1
root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$supctl" --help | sed -n 's/^  \([a-z][a-z-]*\)  *[A-Z].*/\1/p' | sort >"$work/verbs"
[ -s "$work/verbs" ] || { echo "supctl --help lists no verbs" >&2; exit 1; }

sed -n 's/^\.It Ic \([a-z-]*\).*/\1/p' "$root/man/supctl.1" | sort >"$work/man"
diff -u --label supctl --label man "$work/verbs" "$work/man"

for verb in $(cat "$work/verbs"); do
    "$supctl" "$verb" --help >"$work/help"
    grep -q "^Example: supctl $verb" "$work/help" || { echo "$verb --help has no example" >&2; exit 1; }
    for option in $(grep -o -- '^  .* --[a-z-]*' "$work/help" | sed 's/.*--//'); do
        escaped=$(printf '%s' "$option" | sed 's/-/[-\\\\]*-/g')
        grep -q -- "Fl -$escaped" "$root/man/supctl.1" || { echo "man/supctl.1 lacks --$option" >&2; exit 1; }
    done
done
