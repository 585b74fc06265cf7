#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Includes go down only: supervisor -> serve, kernel -> model -> base. What the BPF programs share with the daemon is
# data, bpf/slot.h and bpf/filter.h; the programs themselves are the kernel layer's.
#
#     check-layers.sh SOURCE_ROOT
set -eu

cd "$1"
status=0

# DIRECTORY PATTERN...: the only things that its sources may include by "".
check() {
    directory=$1
    shift
    allowed=$(IFS='|'; echo "$*")
    if grep -En '^[[:blank:]]*#[[:blank:]]*include[[:blank:]]+"' "$directory"/*.[ch] | grep -Ev "include[[:blank:]]+\"($allowed)\""; then
        echo "$directory may include only: $*" >&2
        status=1
    fi
}

check supervisord/base 'base/.*'
check supervisord/model '(base|model)/.*' 'bpf/(filter|slot)\.h'
check supervisord/model/policy '(base|model)/.*'
check supervisord/kernel '(base|model|kernel|bpf)/.*' '[a-z]+\.skel\.h'
check supervisord/serve '(base|model|serve)/.*' 'bpf/slot\.h'
check supervisord/exporter '(base|exporter)/.*' 'serve/(exposition|protocol)\.h'
check supervisord/relay 'relay/.*'
check tools/supctl '(base|model)/.*' 'serve/protocol\.h' 'tools/supctl/.*'
check bpf '[a-z]+\.h'
exit $status
