/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Exit records: how registered main processes ended, seen by bpf/exits.bpf.c whether or not a daemon was there. */

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "kernel/programs-internal.h"

static_assert(sizeof(struct exit_key) == INVOCATION_SIZE, "a record's key is the invocation id");

int programs_exit_register(
        Programs *programs, pid_t pid, uint64_t start_ticks, const uint8_t invocation[static INVOCATION_SIZE]) {
    struct exit_watch watch = { .start_ticks = start_ticks };
    uint32_t key = (uint32_t) pid;

    if (!programs_has(programs, PROGRAM_EXITS))
        return -ENODATA;
    memcpy(watch.invocation, invocation, sizeof(watch.invocation));
    return bpf_map_update_elem(programs->map_fds[MAP_EXIT_WATCHES], &key, &watch, BPF_ANY) < 0 ? -errno : 0;
}

int programs_exit_read(Programs *programs, const uint8_t invocation[static INVOCATION_SIZE], struct exit_record *ret) {
    struct exit_record record;

    if (!programs_has(programs, PROGRAM_EXITS))
        return -ENODATA;
    if (bpf_map_lookup_elem(programs->map_fds[MAP_EXIT_RECORDS], invocation, &record) < 0)
        return -errno;
    *ret = record;
    return 0;
}

static void stop_watching(Programs *programs, pid_t pid, const uint8_t *invocation) {
    uint32_t key = (uint32_t) pid;
    struct exit_watch watch;

    if (bpf_map_lookup_elem(programs->map_fds[MAP_EXIT_WATCHES], &key, &watch) == 0 &&
            memcmp(watch.invocation, invocation, sizeof(watch.invocation)) == 0)
        bpf_map_delete_elem(programs->map_fds[MAP_EXIT_WATCHES], &key);
}

int programs_exit_forget(Programs *programs, pid_t pid, const uint8_t invocation[static INVOCATION_SIZE]) {
    if (!programs_has_maps(programs))
        return -ENODATA;
    if (pid > 0)
        stop_watching(programs, pid, invocation);
    if (bpf_map_delete_elem(programs->map_fds[MAP_EXIT_RECORDS], invocation) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

/* All of a map's entries at once; how many. */
static uint32_t read_entries(const Programs *programs, MapId id, void *keys, void *values) {
    uint64_t position;
    uint32_t n = EXITS_MAX;
    bool all = bpf_map_lookup_batch(programs->map_fds[id], NULL, &position, keys, values, &n, NULL) == 0;

    return all || errno == ENOENT ? n : 0;
}

void programs_exits_sweep(Programs *programs,
        bool (*is_known)(const uint8_t invocation[static INVOCATION_SIZE], const void *userdata),
        const void *userdata) {
    _cleanup_(cleanup_free) struct exit_key *keys = malloc(EXITS_MAX * sizeof(*keys));
    _cleanup_(cleanup_free) struct exit_record *records = malloc(EXITS_MAX * sizeof(*records));
    _cleanup_(cleanup_free) uint32_t *pids = malloc(EXITS_MAX * sizeof(*pids));
    _cleanup_(cleanup_free) struct exit_watch *watches = malloc(EXITS_MAX * sizeof(*watches));
    uint32_t n;

    if (!programs_has_maps(programs) || !keys || !records || !pids || !watches)
        return;
    n = read_entries(programs, MAP_EXIT_RECORDS, keys, records);
    for (uint32_t i = 0; i < n; i++)
        if (!is_known(keys[i].invocation, userdata))
            bpf_map_delete_elem(programs->map_fds[MAP_EXIT_RECORDS], &keys[i]);
    n = read_entries(programs, MAP_EXIT_WATCHES, pids, watches);
    for (uint32_t i = 0; i < n; i++)
        if (!is_known(watches[i].invocation, userdata))
            bpf_map_delete_elem(programs->map_fds[MAP_EXIT_WATCHES], &pids[i]);
}

int programs_exits_lost(Programs *programs, uint64_t *ret) {
    uint64_t lost;
    uint32_t zero = 0;

    if (!programs_has(programs, PROGRAM_EXITS))
        return -ENODATA;
    if (bpf_map_lookup_elem(programs->map_fds[MAP_EXITS_LOST], &zero, &lost) < 0)
        return -errno;
    *ret = lost;
    return 0;
}
