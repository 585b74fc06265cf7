#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a policy of 1,000 workloads costs to be read, and to be planned when nothing of it holds; beside one of 100.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

bench=$build/tests/bench-policy
[ -x "$bench" ] || { left_out 'policy of 1000 workloads' 'bench-policy is not built'; exit 0; }

read -r small_parse small_plan < <("$bench" 100)
read -r parse plan < <("$bench" 1000)
row 'policy of 1000 workloads read' "$(number "$parse / 1000") ms" "$(number "$small_parse / 1000") ms for 100" \
    "$(number "$parse / $small_parse")" 10
row 'and planned from nothing' "$(number "$plan / 1000") ms" "$(number "$small_plan / 1000") ms for 100" \
    "$(number "$plan / $small_plan")" 10
if command -v valgrind >/dev/null; then
    instructions() { # WORKLOADS
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" 1 2>&1 | sed -n 's/.*refs: *//p' | tr -d ,
    }
    many=$(instructions 1000) few=$(instructions 100)
    row 'instructions for both' "$(number "$many / 1000000") M" "$(number "$few / 1000000") M for 100" \
        "$(number "$many / $few")" 10
else
    left_out 'instructions for both' 'needs valgrind'
fi
