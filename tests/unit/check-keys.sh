#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# supervisord.policy(5) has every key of the policy language, supervisord(8) every option of the daemon, and no other; the
# golden policy all-keys gives every key.
#
#     check-keys.sh SOURCE_ROOT
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$1"
sed -n 's/^ *\.\(name\|key\) = "\(.*\)",$/\2/p; s/^ *RESOURCE(\([A-Z]*\), .*/Limit\1/p' supervisord/model/policy/keys-*.c supervisord/model/limit.c | sort -u >"$work/tables"
[ -s "$work/tables" ]
grep '^\.It Cm ' man/supervisord.policy.5 | grep -o '[A-Za-z]*=' | tr -d = | sort -u >"$work/man"
diff -u --label 'key tables' --label man/supervisord.policy.5 "$work/tables" "$work/man"

sed -n 's/^\([A-Za-z]*\)=.*/\1/p' tests/golden/policy/all-keys/a.ini | sort -u >"$work/golden"
diff -u --label 'key tables' --label tests/golden/policy/all-keys "$work/tables" "$work/golden"

sed -n 's/^ *{ "\([a-z-]*\)", [a-z]*_argument,.*/\1/p' supervisord/main.c | sort >"$work/options"
[ -s "$work/options" ]
sed -n '/^\.Ss Options/,/^\.El/p' man/supervisord.8 | grep '^\.It Fl' | grep -o 'Fl -[a-z-]*' | sed 's/Fl -//' | sort >"$work/man"
diff -u --label supervisord/main.c --label man/supervisord.8 "$work/options" "$work/man"
