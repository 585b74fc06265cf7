#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Start to exit of /bin/true by the daemon, beside a bare process and crun; the start-up of supctl.

. "$(dirname -- "${BASH_SOURCE[0]}")/rows.sh"

rounds=7 starts=15
! is_vm || rounds=3 starts=5

# make_bundle DIR NAMESPACES: the least that crun takes for the same command in a cgroup of its own
make_bundle() {
    mkdir -p "$1"
    cat >"$1/config.json" <<END
{
    "ociVersion": "1.0.0",
    "process": { "user": { "uid": 0, "gid": 0 }, "args": [ "/bin/true" ], "cwd": "/" },
    "root": { "path": "/" },
    "mounts": [],
    "linux": { "cgroupsPath": "/$instance-crun", "namespaces": [ $2 ] }
}
END
}

# On a hybrid host crun wants to see cgroup v2 where it is elsewhere: in a mount namespace it can.
where_crun_runs() {
    if [ "$cgroup2" = /sys/fs/cgroup ]; then
        "$@"
    else
        # shellcheck disable=SC2016
        unshare --mount sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$@"
    fi
}

bench_start() {
    where_crun_runs "$build/tests/bench-start" --socket "$SUPERVISORD_SOCKET" --rounds "$rounds" --starts "$starts" "$@"
}

policy <<END
[network:bench]
Bridge=$bridge
Subnet=$subnet.1/25
WarmPool=0

[network:warm]
Bridge=${bridge}w
Subnet=$subnet.129/25
WarmPool=2
END
must 'the daemon starts' daemon_start

make_bundle "$work/bundle" ''
make_bundle "$work/network-bundle" '{ "type": "network" }'
crun_options=(--bundle "$work/bundle" --network-bundle "$work/network-bundle")
if ! where_crun_runs crun run --bundle "$work/bundle" "$instance" >/dev/null 2>"$work/said" </dev/null; then
    left_out 'start to exit beside crun' "crun: $(said)"
    crun_options=()
fi

bench_start --bridge bridge:bench --address "$subnet.2" --ports "/sys/class/net/$bridge/brif" \
    --warm-bridge bridge:warm --warm-address "$subnet.130" --warm-ports "/sys/class/net/${bridge}w/brif" --supctl "$build/tools/supctl/supctl" "${crun_options[@]}" ||
    not_ok 'starts cannot be measured'

sleepers 100 | policy 20-sleepers.ini
supctl reload >/dev/null || not_ok 'the sleepers do not start'
bench_start --note ', 100 others' || not_ok 'starts among others cannot be measured'
part_ends
