/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The maps that our programs share: made, or found pinned by an earlier daemon and then used as they are, provided that
 * their layout is ours.
 */

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "kernel/programs-internal.h"

const MapRow map_rows[MAPS_COUNT] = {
    [MAP_ABI] = { "abi", 0, CARRY_NOTHING },
    [MAP_SLOTS] = { "slots", 1, CARRY_COUNTS },
    [MAP_FOLDED_SLOTS] = { "folded_slots", 1, CARRY_COUNTS },
    [MAP_SLOT_HEIRS] = { "slot_heirs", 1, CARRY_ENTRIES },
    [MAP_ACCOUNTS] = { "accounts", 1, CARRY_ENTRIES },
    [MAP_CGROUP_SLOTS] = { "cgroup_slots", CGROUPS_PER_SLOT, CARRY_ENTRIES },
    [MAP_CGROUP_STORAGE] = { "cgroup_storage", 0, CARRY_NOTHING },
    [MAP_CGROUP_COUNTERS] = { "cgroup_counters", 1, CARRY_NOTHING },
    [MAP_BLOCK_ROWS] = { "block_rows", BLOCK_ROWS_PER_SLOT, CARRY_COUNTS },
    [MAP_BLOCK_DEVICES] = { "block_devices", 0, CARRY_ENTRIES },
    [MAP_EXIT_WATCHES] = { "exit_watches", 0, CARRY_ENTRIES },
    [MAP_EXIT_RECORDS] = { "exit_records", 0, CARRY_ENTRIES },
    [MAP_EXITS_LOST] = { "exits_lost", 0, CARRY_ENTRIES },
    [MAP_FILTER_DENIALS] = { "filter_denials", 1, CARRY_COUNTS },
};

static uint64_t knobs_word(const Programs *programs) {
    uint64_t word;

    static_assert(sizeof(word) == sizeof(programs->knobs), "the knobs are one word");
    memcpy(&word, &programs->knobs, sizeof(word));
    return word;
}

int map_info(int fd, struct bpf_map_info *ret) {
    uint32_t size = sizeof(*ret);

    memset(ret, 0, sizeof(*ret));
    return bpf_obj_get_info_by_fd(fd, ret, &size) < 0 ? -errno : 0;
}

static bool is_as_ours(const struct bpf_map_info *info, const struct bpf_map *map) {
    return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
           info->value_size == bpf_map__value_size(map) && info->max_entries == bpf_map__max_entries(map);
}

/* A map that is pinned already must be what we would make. */
static int reuse_pinned(Programs *programs, MapId id, struct bpf_map *map) {
    _cleanup_(cleanup_close) int fd = pin_get(programs->pin_dir, "", map_rows[id].name);
    struct bpf_map_info info;

    if (fd == -ENOENT)
        return 0;
    if (fd < 0 || map_info(fd, &info) < 0)
        return fd < 0 ? fd : -EIO;
    if (!is_as_ours(&info, map)) {
        set_reason(programs->reason, "the map %s pinned in %s has another layout than ours", map_rows[id].name,
                programs->pin_dir);
        return -EPROTO;
    }
    return bpf_map__reuse_fd(map, fd);
}

/* Filters on cgroups go on counting in the map that they were loaded with: as long as it is as ours, it is ours. */
static int reuse_older(const Programs *programs, MapId id, struct bpf_map *map) {
    _cleanup_(cleanup_close) int fd = pin_get(programs->older_dir, "", map_rows[id].name);
    struct bpf_map_info info;

    return fd >= 0 && map_info(fd, &info) == 0 && is_as_ours(&info, map) ? bpf_map__reuse_fd(map, fd) : 0;
}

static int prepare_map(Programs *programs, MapId id, struct bpf_map *map) {
    uint32_t per_slot = map_rows[id].entries_per_slot;

    if (id == MAP_CGROUP_STORAGE && !programs->knobs.cgroup_storage)
        return bpf_map__set_autocreate(map, false);
    if (per_slot > 0)
        bpf_map__set_max_entries(map, per_slot * programs->slots_max);
    if (id == MAP_FILTER_DENIALS && programs->older_dir)
        return reuse_older(programs, id, map);
    return programs->pin_dir ? reuse_pinned(programs, id, map) : 0;
}

static int take_map(Programs *programs, MapId id, struct bpf_map *map) {
    struct bpf_map_info info;
    int fd = bpf_map__fd(map);

    if (fd < 0)
        return 0;
    programs->map_fds[id] = duplicate_fd(fd);
    if (programs->map_fds[id] < 0)
        return programs->map_fds[id];
    if (map_info(fd, &info) < 0)
        return -errno;
    programs->map_ids[id] = info.id;
    return 0;
}

static int for_each_map(
        Programs *programs, struct bpf_object *object, int (*call)(Programs *programs, MapId id, struct bpf_map *map)) {
    for (int id = 0; id < MAPS_COUNT; id++) {
        struct bpf_map *map = bpf_object__find_map_by_name(object, map_rows[id].name);
        int r = map ? call(programs, (MapId) id, map) : -ENOENT;

        if (r < 0)
            return r;
    }
    return 0;
}

/* The number of slots is that of the maps that are there. */
static void adopt_slots_max(Programs *programs) {
    _cleanup_(cleanup_close) int fd = pin_get(programs->older_dir ?: programs->pin_dir, "", map_rows[MAP_SLOTS].name);
    struct bpf_map_info info;

    if (fd < 0 || map_info(fd, &info) < 0 || info.max_entries < 2 || info.max_entries > SLOTS_LIMIT ||
            info.max_entries == programs->slots_max)
        return;
    set_reason(programs->reason, "the pinned maps have %u slots, not %u", info.max_entries, programs->slots_max);
    programs->slots_max = info.max_entries;
}

static int check_abi(Programs *programs) {
    struct abi abi = {}, ours = {
        .version = ABI_VERSION,
        .slot_size = sizeof(struct slot),
        .cgroup_counters_size = sizeof(struct cgroup_counters),
        .block_counts_size = sizeof(struct block_counts),
        .exit_record_size = sizeof(struct exit_record),
        .build = hash_objects(knobs_word(programs)),
    };
    uint32_t zero = 0;

    if (bpf_map_lookup_elem(programs->map_fds[MAP_ABI], &zero, &abi) < 0)
        return -errno;
    if (abi.version != 0 && memcmp(&abi, &ours, offsetof(struct abi, tree_level)) != 0) {
        set_reason(programs->reason, "the maps pinned in %s have layout %u, ours is %u", programs->pin_dir, abi.version,
                ours.version);
        return -EPROTO;
    }
    programs->same_build = abi.build == ours.build;
    if (programs->older_dir)
        ours.version = 0; /* until all is carried over */
    ours.tree_id = abi.tree_id;
    ours.tree_level = abi.tree_level;
    return bpf_map_update_elem(programs->map_fds[MAP_ABI], &zero, &ours, BPF_ANY) < 0 ? -errno : 0;
}

/* A map that we do not use must not be found later, with what is not true any more. */
static int pin_map(const Programs *programs, MapId id) {
    _cleanup_(cleanup_close) int there = pin_get(programs->pin_dir, "", map_rows[id].name);

    if (programs->map_fds[id] < 0)
        return pin_remove(programs->pin_dir, "", map_rows[id].name);
    return there >= 0 ? 0 : pin_replace(programs->pin_dir, "", map_rows[id].name, programs->map_fds[id]);
}

static void pin_maps(Programs *programs) {
    for (int id = 0; programs->pin_dir && id < MAPS_COUNT; id++) {
        int r = pin_map(programs, (MapId) id);

        if (r >= 0)
            continue;
        set_reason(programs->reason, "not pinned: %s: %s", programs->pin_dir, strerror(-r));
        free(programs->pin_dir);
        programs->pin_dir = NULL;
    }
}

/* Having the map does not mean that it works: on a CPU without cmpxchg16b, 7.x can make no element. */
static void try_storage(Programs *programs) {
    int *map_fd = &programs->map_fds[MAP_CGROUP_STORAGE];
    struct cgroup_slot value = { .slot = SLOT_NONE };

    if (*map_fd < 0 || programs->tree_fd < 0)
        return;
    if (bpf_map_lookup_elem(*map_fd, &programs->tree_fd, &value) == 0)
        return;
    if (bpf_map_update_elem(*map_fd, &programs->tree_fd, &value, BPF_NOEXIST) == 0) {
        bpf_map_delete_elem(*map_fd, &programs->tree_fd);
        return;
    }
    set_reason(
            programs->reason, "cgroup storage does not work here (%s), slots are found by cgroup id", strerror(errno));
    *map_fd = close_fd(*map_fd);
    programs->map_ids[MAP_CGROUP_STORAGE] = 0;
    programs->knobs.cgroup_storage = 0;
}

static int load_maps(Programs *programs, char *warning) {
    _cleanup_(unload_object) struct bpf_object *object = NULL;
    int r;

    r = open_object(OBJECT_MAPS, NULL, &object);
    if (r < 0)
        return r;
    r = for_each_map(programs, object, prepare_map);
    if (r < 0)
        return r;
    r = bpf_object__load(object);
    if (r < 0) {
        explain(programs->reason, warning, NULL, r);
        return r;
    }
    r = for_each_map(programs, object, take_map);
    if (r < 0)
        return r;
    try_storage(programs);
    return check_abi(programs);
}

static void drop_maps(Programs *programs) {
    for (int id = 0; id < MAPS_COUNT; id++)
        programs->map_fds[id] = close_fd(programs->map_fds[id]);
}

int programs_load_maps(Programs *programs) {
    char warning[REASON_SIZE];
    int r;

    if (programs->pin_dir && pins_open(programs->pin_dir, programs->reason) < 0) {
        free(programs->pin_dir);
        programs->pin_dir = NULL;
    }
    if (programs->pin_dir)
        adopt_slots_max(programs);
    listen_to_libbpf(warning);
    r = load_maps(programs, warning);
    leave_libbpf();
    if (r < 0) {
        drop_maps(programs);
        if (!programs->reason[0])
            explain(programs->reason, warning, NULL, r);
        return r == -ENOMEM ? r : 0;
    }
    pin_maps(programs);
    return 0;
}
