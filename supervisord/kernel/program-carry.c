/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Carrying over what an older layout's maps hold. Its programs stay attached and its maps whole until all is done, and
 * ours count beside them from the start: of each event both know, or neither. So a count goes on as
 *
 *     what the older layout has at one instant - what ours has at that instant + what ours has from now on
 *
 * of which the first two are written into what was folded, once. Then ours is said to be whole, in one write: a daemon
 * that dies before it leaves the older layout as it was, and the next one begins anew; after it, the older one is of no
 * more use. (Requests in flight to a disk meanwhile are not counted where only their start tells whose they are.)
 */

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "base/crash-point.h"
#include "kernel/member.h"
#include "kernel/programs-internal.h"

enum {
    INSTANT_ATTEMPTS = 1000, /* to read both while neither counts: what is counted in the last one is lost */
    VALUE_BYTES_MAX = 4096,  /* of one value, in whatever layout */
};

/* A map of the older layout beside ours. */
typedef struct Carried {
    const Programs *programs;
    MapId id;
    int fd;
    struct bpf_map_info info;
    struct btf *btf, *our_btf;
    MemberType key, value, our_key, our_value;
} Carried;

typedef union Value {
    char bytes[VALUE_BYTES_MAX];
    uint64_t words[VALUE_BYTES_MAX / sizeof(uint64_t)];
} Value;

static void cleanup_carried(Carried *map) {
    close_fd(map->fd);
    btf__free(map->btf);
    btf__free(map->our_btf);
}

static int load_types(
        const struct bpf_map_info *info, struct btf **ret_btf, MemberType *ret_key, MemberType *ret_value) {
    if (info->btf_id == 0 || info->key_size > VALUE_BYTES_MAX || info->value_size > VALUE_BYTES_MAX)
        return -EPROTO;
    *ret_btf = btf__load_from_kernel_by_id(info->btf_id);
    if (!*ret_btf)
        return -errno;
    *ret_key = (MemberType){ *ret_btf, info->btf_key_type_id };
    *ret_value = (MemberType){ *ret_btf, info->btf_value_type_id };
    return 0;
}

/* *ret is to be closed whatever comes of it. -ENOENT: the older layout has no such map. */
static int open_carried(const Programs *programs, MapId id, Carried *ret) {
    struct bpf_map_info ours;
    int r;

    *ret = (Carried){ .programs = programs, .id = id, .fd = pin_get(programs->older_dir, "", map_rows[id].name) };
    if (ret->fd < 0)
        return ret->fd;
    r = map_info(ret->fd, &ret->info);
    if (r == 0)
        r = load_types(&ret->info, &ret->btf, &ret->key, &ret->value);
    if (r == 0)
        r = map_info(programs->map_fds[id], &ours);
    return r < 0 ? r : load_types(&ours, &ret->our_btf, &ret->our_key, &ret->our_value);
}

/* --- what is carried over as it is ------------------------------------------------------------------------------- */

/* What ours has noted meanwhile is as good. */
static int copy_entry(const Carried *map, const Value *key) {
    bool is_array = map->info.type == BPF_MAP_TYPE_ARRAY;
    Value value, our_key = {}, our_value = {};

    if (bpf_map_lookup_elem(map->fd, key, &value) < 0)
        return errno == ENOENT ? 0 : -errno;
    members_convert(map->key, key, map->our_key, &our_key);
    members_convert(map->value, &value, map->our_value, &our_value);
    if (bpf_map_update_elem(map->programs->map_fds[map->id], &our_key, &our_value, is_array ? BPF_ANY : BPF_NOEXIST) <
            0)
        return errno == EEXIST ? 0 : -errno;
    return 0;
}

/* Entries that go meanwhile may make it begin again at the first, so `visit` may be called twice for one. */
static int for_each_key(const Carried *map, int (*visit)(const Carried *map, const Value *key)) {
    Value key, next;
    int r = 0;

    for (bool more = bpf_map_get_next_key(map->fd, NULL, &key) == 0; more && r == 0; key = next) {
        r = visit(map, &key);
        more = bpf_map_get_next_key(map->fd, &key, &next) == 0;
    }
    return r;
}

static int copy_map(const Programs *programs, MapId id) {
    _cleanup_(cleanup_carried) Carried map = { .fd = -1 };
    int r = open_carried(programs, id, &map);

    return r < 0 ? (r == -ENOENT ? 0 : r) : for_each_key(&map, copy_entry);
}

/* --- what is counted --------------------------------------------------------------------------------------------- */

/* Adds what the older map has under its key, in our layout. Absent: nothing. */
static int add_older(const Carried *map, const void *key, uint64_t *sum, size_t words) {
    bool per_cpu = map->info.type != BPF_MAP_TYPE_ARRAY;
    size_t size = (map->info.value_size + 7) & ~7UL, n = per_cpu ? map->programs->cpus : 1;
    _cleanup_(cleanup_free) char *copies = malloc(n * size);

    if (!copies)
        return -ENOMEM;
    if (bpf_map_lookup_elem(map->fd, key, copies) < 0)
        return errno == ENOENT ? 0 : -errno;
    for (size_t i = 0; i < n; i++) {
        Value value = {};

        members_convert(map->value, copies + i * size, map->our_value, &value);
        add_words(sum, &value, words);
    }
    return 0;
}

/* Members that the older layout does not have are ours alone. */
static void subtract_shared(const Carried *map, uint64_t *sum, const uint64_t *ours, size_t words) {
    Value ones, shared = {};

    memset(&ones, 0xff, sizeof(ones));
    members_convert(map->value, &ones, map->our_value, &shared);
    for (size_t i = 0; i < words; i++)
        sum[i] -= shared.words[i] ? ours[i] : 0;
}

/* *ret: what the older map has at one instant without what ours has at that instant. */
static int read_lead(const Carried *map, const void *key, const void *our_key, size_t words, uint64_t *ret) {
    Value before, older, after;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < INSTANT_ATTEMPTS; i++) {
        memset(&before, 0, words * sizeof(uint64_t));
        memset(&older, 0, words * sizeof(uint64_t));
        memset(&after, 0, words * sizeof(uint64_t));
        r = add_per_cpu(map->programs, map->id, our_key, &before, words);
        if (r == 0 || r == -ENOENT)
            r = add_older(map, key, older.words, words);
        if (r == 0)
            r = add_per_cpu(map->programs, map->id, our_key, &after, words);
        r = r == -ENOENT ? 0 : r;
        if (memcmp(&before, &after, words * sizeof(uint64_t)) == 0)
            break;
    }
    if (r < 0)
        return r;
    subtract_shared(map, older.words, after.words, words);
    add_words(ret, &older, words);
    return 0;
}

static int carry_slots(Programs *programs) {
    enum { WORDS = sizeof(struct slot) / sizeof(uint64_t) };
    _cleanup_(cleanup_carried) Carried slots = { .fd = -1 }, folded = { .fd = -1 };
    int r = open_carried(programs, MAP_SLOTS, &slots) ?: open_carried(programs, MAP_FOLDED_SLOTS, &folded);

    for (uint32_t slot = 0; r == 0 && slot < programs->slots_max; slot++) {
        struct slot lead = {};

        r = add_older(&folded, &slot, (uint64_t *) &lead, WORDS);
        if (r == 0)
            r = read_lead(&slots, &slot, &slot, WORDS, (uint64_t *) &lead);
        if (r == 0)
            programs->folded_slots[slot] = lead;
    }
    return r;
}

static int carry_block_row(const Carried *map, const Value *key) {
    enum { WORDS = sizeof(struct block_counts) / sizeof(uint64_t) };
    const Programs *programs = map->programs;
    _cleanup_(cleanup_free) struct block_counts *copies = calloc(programs->cpus, sizeof(*copies));
    struct block_key our_key = {}, folded_key;
    Value counted = {}, folded = {};
    int r;

    if (!copies)
        return -ENOMEM;
    members_convert(map->key, key, map->our_key, &our_key);
    our_key.slot &= ~BLOCK_FOLDED;
    folded_key = our_key;
    folded_key.slot |= BLOCK_FOLDED;
    members_convert(map->our_key, &our_key, map->key, &counted);
    members_convert(map->our_key, &folded_key, map->key, &folded);

    r = add_older(map, &folded, (uint64_t *) copies, WORDS);
    if (r == 0)
        r = read_lead(map, &counted, &our_key, WORDS, (uint64_t *) copies);
    if (r == 0 && bpf_map_update_elem(programs->map_fds[map->id], &folded_key, copies, BPF_ANY) < 0)
        r = -errno;
    return r;
}

static int carry_block(const Programs *programs) {
    _cleanup_(cleanup_carried) Carried map = { .fd = -1 };
    int r = open_carried(programs, MAP_BLOCK_ROWS, &map);

    return r < 0 ? r : for_each_key(&map, carry_block_row);
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

/* Filters of the older layout count there until the plan has loaded ours, unless both have the same map. */
static int carry_denials(const Programs *programs) {
    _cleanup_(cleanup_close) int fd = pin_get(programs->older_dir, "", map_rows[MAP_FILTER_DENIALS].name);
    struct bpf_map_info info;

    if (fd < 0 || map_info(fd, &info) < 0 || info.id == programs->map_ids[MAP_FILTER_DENIALS])
        return 0;
    return copy_map(programs, MAP_FILTER_DENIALS);
}

static bool all_is_pinned(const Programs *programs) {
    for (int id = 0; id < PROGRAMS_COUNT; id++) {
        _cleanup_(cleanup_close) int fd = -1;

        if (programs_has(programs, (ProgramId) id) && programs->pin_dir &&
                (fd = pin_get(programs->pin_dir, "link_", program_name((ProgramId) id))) < 0)
            return false;
    }
    return programs->pin_dir;
}

static int say_whole(const Programs *programs) {
    int fd = programs->map_fds[MAP_ABI];
    uint32_t zero = 0;
    struct abi abi;

    if (bpf_map_lookup_elem(fd, &zero, &abi) < 0)
        return -errno;
    abi.version = ABI_VERSION;
    return bpf_map_update_elem(fd, &zero, &abi, BPF_ANY) < 0 ? -errno : 0;
}

/*
 * First whose cgroups are, so that ours count all that the older ones do. Registrations are carried over before records
 * are (the maps' order): who ends in between is in one of them.
 */
static int carry(Programs *programs) {
    int r = 0;

    for (int id = 0; r == 0 && id < MAPS_COUNT; id++)
        if (map_rows[id].carry == CARRY_ENTRIES)
            r = copy_map(programs, (MapId) id);
    for (uint32_t slot = 0; slot < programs->slots_max; slot++)
        programs->slot_heirs[slot] = (uint32_t) programs->slot_heirs[slot]; /* a fold under way begins anew */
    programs_refresh(programs);                                             /* tells our programs where the tree is */
    crash_point("entries carried over");
    if (r == 0)
        r = carry_slots(programs);
    if (r == 0)
        r = carry_block(programs);
    return r < 0 ? r : carry_denials(programs);
}

int programs_carry_over(Programs *programs) {
    int r = carry(programs);

    crash_point("layout carried over");
    if (r == 0 && all_is_pinned(programs))
        r = say_whole(programs);
    crash_point("layout whole");
    if (r < 0)
        set_reason(programs->reason, "cannot carry over what %s holds: %s", programs->older_dir, strerror(-r));
    return r == -ENOMEM ? r : 0;
}
