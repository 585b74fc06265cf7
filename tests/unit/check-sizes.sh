#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Which files and functions are long: something to think about, not a failure.
#
#     check-sizes.sh SOURCE_ROOT
set -eu

file_lines=400
function_lines=60
cd "$1"

sources() {
    find bpf supervisord tools tests -name '*.[ch]'
}

echo "Files of more than $file_lines lines:"
sources | xargs wc -l | awk -v max=$file_lines '$1 > max && $2 != "total"' | sort -rn

# In clang-format's layout a function begins with its name at the margin and ends with a lone brace there.
echo "Functions of more than $function_lines lines:"
sources | xargs awk -v max=$function_lines '
    /^[a-z].*\(/ { begin = FNR; name = $0 }
    /^\};$/ { begin = 0 }
    /^\}$/ && begin {
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        if (FNR - begin >= max)
            printf "%7d %s:%d %s()\n", FNR - begin + 1, FILENAME, begin, name
        begin = 0
    }' | sort -rn
