#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How long files and functions are: the table in HACKING.md, and what is longer than the goals. Something to think about,
# not a failure.
#
#     check-sizes.sh SOURCE_ROOT
set -eu

file_lines=400
function_lines=60
cd "$1"

sources() { # DIRECTORY...
    find "$@" -name '*.[ch]'
}

# DIRECTORY... -> "LINES FILE:LINE NAME" for each function. In clang-format's layout one begins with its name at the margin
# and ends with a lone brace there.
functions() {
    sources "$@" | xargs awk '
        /^[a-z].*\(/ { begin = FNR; name = $0 }
        /^\};$/ { begin = 0 }
        /^\}$/ && begin {
            sub(/\(.*/, "", name)
            sub(/.*[ *]/, "", name)
            printf "%d %s:%d %s()\n", FNR - begin + 1, FILENAME, begin, name
            begin = 0
        }'
}

row() { # DIRECTORY...
    files=$(sources "$@" | wc -l)
    longest=$(sources "$@" | xargs wc -l | awk '$2 != "total" && $1 > max { max = $1 } END { print max + 0 }')
    functions "$@" | sort -n | awk -v where="$*" -v files="$files" -v longest="$longest" '
        { lines[NR] = $1; under += $1 < 40 }
        END {
            printf "| %s | %d | %d | %d | %d | %d %% | %d |\n", where, files, longest, NR,
                   lines[int((NR + 1) / 2)], 100 * under / NR, lines[NR]
        }'
}

echo '| where | files | longest | functions | median | under 40 lines | longest |'
echo '|---|---|---|---|---|---|---|'
for directory in supervisord supervisord/base supervisord/model supervisord/kernel supervisord/serve tools bpf tests; do
    row "$directory"
done

echo
echo "Files of more than $file_lines lines:"
sources bpf supervisord tools tests | xargs wc -l | awk -v max=$file_lines '$1 > max && $2 != "total"' | sort -rn

echo "Functions of more than $function_lines lines:"
functions bpf supervisord tools tests | awk -v max=$function_lines '$1 > max' | sort -rn
