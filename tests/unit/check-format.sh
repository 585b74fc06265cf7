#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All C is as clang-format leaves it.
#
#     check-format.sh SOURCE_ROOT
set -eu

if ! command -v clang-format >/dev/null; then
    echo 'skipped: clang-format is not installed'
    exit 77
fi
cd "$1"

sources() {
    if [ -e .git ]; then
        git ls-files -z -- '*.c' '*.h'
    else
        find bpf supervisord tools tests -name '*.[ch]' -print0
    fi
}

if ! report=$(sources | xargs -0 clang-format --dry-run -Werror 2>&1); then
    files=$(echo "$report" | sed -n 's/:[0-9]*:[0-9]*: error:.*//p' | sort -u | tr '\n' ' ')
    echo "${files:+To be done: clang-format -i }${files:-$report}" >&2
    exit 1
fi
