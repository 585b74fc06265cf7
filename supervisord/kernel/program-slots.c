/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Slots: which are used, which cgroups are bound to them, and what they have counted.
 *
 * A slot's count is the sum of its per-CPU copies, which only programs write, and of what was folded into it, which
 * only the daemon writes: so nothing is ever added to a number that a program may be adding to.
 */

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/crash-point.h"
#include "kernel/programs-internal.h"

enum {
    SLOT_WORDS = sizeof(struct slot) / sizeof(uint64_t),
    BLOCK_WORDS = sizeof(struct block_counts) / sizeof(uint64_t),
};

#define FOLD_COMMITTED \
    (UINT64_C(1) << 32) /* in a slot's heir: what SLOT_OTHER has folded is what the heir is to have */

/* All members of both are 64 bits wide. */
void add_words(void *to, const void *from, size_t words) {
    for (size_t i = 0; i < words; i++)
        ((uint64_t *) to)[i] += ((const uint64_t *) from)[i];
}

/* One lookup in a map of per-CPU values, summed over the CPUs. */
int add_per_cpu(const Programs *programs, MapId id, const void *key, void *sum, size_t words) {
    _cleanup_(cleanup_free) uint64_t *copies = malloc(programs->cpus * words * sizeof(uint64_t));

    if (!copies)
        return -ENOMEM;
    if (bpf_map_lookup_elem(programs->map_fds[id], key, copies) < 0)
        return -errno;
    for (size_t cpu = 0; cpu < programs->cpus; cpu++)
        add_words(sum, copies + cpu * words, words);
    return 0;
}

/* Devices that were ever counted, at most max. */
static size_t read_devices(const Programs *programs, uint32_t *ret, size_t max) {
    uint32_t device, *before = NULL;
    size_t n = 0;

    while (n < max && bpf_map_get_next_key(programs->map_fds[MAP_BLOCK_DEVICES], before, &device) == 0) {
        ret[n] = device;
        before = ret + n++;
    }
    return n;
}

static void delete_block_rows(const Programs *programs, uint32_t slot) {
    uint32_t devices[BLOCK_DEVICES_MAX];
    size_t n = read_devices(programs, devices, ELEMENTSOF(devices));

    for (size_t i = 0; i < n; i++)
        for (int folded = 0; folded < 2; folded++) {
            struct block_key key = { .slot = slot | (folded ? BLOCK_FOLDED : 0), .device = devices[i] };

            bpf_map_delete_elem(programs->map_fds[MAP_BLOCK_ROWS], &key);
        }
}

static int zero_slot(Programs *programs, uint32_t slot) {
    _cleanup_(cleanup_free) struct slot *zeroes = calloc(programs->cpus, sizeof(struct slot));

    if (!zeroes)
        return -ENOMEM;
    if (bpf_map_update_elem(programs->map_fds[MAP_SLOTS], &slot, zeroes, BPF_ANY) < 0)
        return -errno;
    memset(&programs->folded_slots[slot], 0, sizeof(struct slot));
    memset(&programs->cgroup_counters[slot], 0, sizeof(struct cgroup_counters));
    memset(&programs->accounts[slot], 0, sizeof(struct account));
    memset(&programs->filter_denials[slot], 0, sizeof(struct filter_denials));
    delete_block_rows(programs, slot);
    programs->slot_heirs[slot] = SLOT_OTHER;
    return 0;
}

static int check_slot(const Programs *programs, uint32_t slot) {
    if (!programs_has_maps(programs))
        return -ENODATA;
    return slot < programs->slots_max ? 0 : -ERANGE;
}

static bool is_used(const Programs *programs, uint32_t slot) {
    return programs->used[slot / 64] >> (slot % 64) & 1;
}

static void set_used(Programs *programs, uint32_t slot, bool used) {
    uint64_t bit = UINT64_C(1) << (slot % 64);

    programs->used[slot / 64] = (programs->used[slot / 64] & ~bit) | (used ? bit : 0);
}

static int take_free_slot(Programs *programs, uint32_t *ret) {
    for (uint32_t i = 0; i < programs->slots_max; i++) {
        uint32_t slot = (programs->search + i) % programs->slots_max;

        if (is_used(programs, slot))
            continue;
        set_used(programs, slot, true);
        programs->search = slot + 1; /* the longest unused one: late readers of a freed slot see no one else's */
        *ret = slot;
        return 0;
    }
    return -ENOSPC;
}

uint32_t programs_slots_max(const Programs *programs) {
    return programs->slots_max;
}

int programs_slot_alloc(Programs *programs, uint32_t *ret_slot) {
    uint32_t slot = SLOT_NONE;
    int r;

    r = check_slot(programs, 0);
    if (r < 0)
        return r;
    pthread_mutex_lock(&programs->mutex);
    r = take_free_slot(programs, &slot);
    pthread_mutex_unlock(&programs->mutex);
    if (r < 0)
        return r;
    r = zero_slot(programs, slot); /* whoever had it may have died before it freed it */
    if (r < 0) {
        programs_slot_free(programs, slot);
        return r;
    }
    programs->accounts[slot].generation = 1; /* of a new cgroup, so all counts begin now */
    *ret_slot = slot;
    return 0;
}

int programs_slot_claim(Programs *programs, uint32_t slot) {
    int r;

    r = check_slot(programs, slot);
    if (r < 0)
        return r;
    pthread_mutex_lock(&programs->mutex);
    r = slot == SLOT_OTHER ? 0 : is_used(programs, slot) ? -EBUSY : 0;
    set_used(programs, slot, true);
    pthread_mutex_unlock(&programs->mutex);
    return r;
}

int programs_slot_free(Programs *programs, uint32_t slot) {
    int r;

    r = check_slot(programs, slot);
    if (r < 0 || slot == SLOT_OTHER)
        return r;
    r = zero_slot(programs, slot);
    pthread_mutex_lock(&programs->mutex);
    set_used(programs, slot, false);
    pthread_mutex_unlock(&programs->mutex);
    return r;
}

/* By the map that programs look it up in, which is the last to be written. */
static bool is_bound(const Programs *programs, int cgroup_fd, uint64_t cgroup_id, const struct cgroup_slot *value) {
    bool storage = programs->knobs.cgroup_storage;
    const void *key = storage ? (const void *) &cgroup_fd : &cgroup_id;
    struct cgroup_slot found;

    return bpf_map_lookup_elem(programs->map_fds[storage ? MAP_CGROUP_STORAGE : MAP_CGROUP_SLOTS], key, &found) == 0 &&
           found.slot == value->slot && found.role == value->role;
}

int programs_bind(Programs *programs, int cgroup_fd, uint64_t cgroup_id, uint32_t slot, SlotRole role) {
    struct cgroup_slot value = { .slot = slot, .role = role };
    int r;

    r = check_slot(programs, slot);
    if (r < 0 || is_bound(programs, cgroup_fd, cgroup_id, &value))
        return r;
    if (bpf_map_update_elem(programs->map_fds[MAP_CGROUP_SLOTS], &cgroup_id, &value, BPF_ANY) < 0)
        return -errno;
    if (!programs->knobs.cgroup_storage)
        return 0;
    return bpf_map_update_elem(programs->map_fds[MAP_CGROUP_STORAGE], &cgroup_fd, &value, BPF_ANY) < 0 ? -errno : 0;
}

int programs_unbind(Programs *programs, int cgroup_fd, uint64_t cgroup_id) {
    int r;

    r = check_slot(programs, 0);
    if (r < 0)
        return r;
    if (programs->knobs.cgroup_storage && cgroup_fd >= 0 &&
            bpf_map_delete_elem(programs->map_fds[MAP_CGROUP_STORAGE], &cgroup_fd) < 0 && errno != ENOENT)
        r = -errno;
    if (bpf_map_delete_elem(programs->map_fds[MAP_CGROUP_SLOTS], &cgroup_id) < 0 && errno != ENOENT)
        r = r ?: -errno;
    return r;
}

static int sum_slot(const Programs *programs, uint32_t slot, struct slot *ret) {
    *ret = programs->folded_slots[slot];
    return add_per_cpu(programs, MAP_SLOTS, &slot, ret, SLOT_WORDS);
}

static void mark_absent(const Programs *programs, struct slot *slot) {
    if (!programs_has(programs, PROGRAM_WAIT)) {
        slot->wait_nsec = slot->waits = COUNTER_ABSENT;
        memset(slot->wait_histogram, 0xff, sizeof(slot->wait_histogram));
    }
    if (!programs_has(programs, PROGRAM_BLOCK_COMPLETE))
        memset(slot->block_histogram, 0xff, sizeof(slot->block_histogram));
    if (!programs_has(programs, PROGRAM_NET_RECEIVE))
        slot->receive_bytes = slot->receive_packets = COUNTER_ABSENT;
    if (!programs_has(programs, PROGRAM_NET_TRANSMIT))
        slot->transmit_bytes = slot->transmit_packets = COUNTER_ABSENT;
}

int programs_read_slot(Programs *programs, uint32_t slot, struct slot *ret) {
    struct slot sum;
    int r;

    r = check_slot(programs, slot);
    if (r < 0)
        return r;
    r = sum_slot(programs, slot, &sum);
    if (r < 0)
        return r;
    mark_absent(programs, &sum);
    *ret = sum;
    return 0;
}

int programs_read_denials(Programs *programs, uint32_t slot, struct filter_denials *ret) {
    int r = check_slot(programs, slot);

    if (r < 0)
        return r;
    *ret = programs->filter_denials[slot];
    return 0;
}

struct account *programs_account(Programs *programs, uint32_t slot) {
    return check_slot(programs, slot) < 0 || slot == SLOT_OTHER ? NULL : &programs->accounts[slot];
}

/* What was counted and folded of one device. -ENOENT: neither. */
static int sum_block(const Programs *programs, uint32_t slot, uint32_t device, struct block_counts *ret) {
    struct block_key key = { .slot = slot, .device = device };
    int r, q;

    memset(ret, 0, sizeof(*ret));
    r = add_per_cpu(programs, MAP_BLOCK_ROWS, &key, ret, BLOCK_WORDS);
    key.slot |= BLOCK_FOLDED;
    q = add_per_cpu(programs, MAP_BLOCK_ROWS, &key, ret, BLOCK_WORDS);
    return r == -ENOENT ? q : q == -ENOENT ? r : r ?: q;
}

int programs_read_block(Programs *programs, uint32_t slot, BlockRow *ret, size_t max, size_t *ret_n) {
    uint32_t devices[BLOCK_DEVICES_MAX];
    size_t n_devices, n = 0;
    int r;

    r = check_slot(programs, slot);
    if (r < 0)
        return r;
    if (!programs_has(programs, PROGRAM_BLOCK_COMPLETE))
        return -ENODATA;
    n_devices = read_devices(programs, devices, ELEMENTSOF(devices));
    for (size_t i = 0; i < n_devices; i++) {
        struct block_counts counts;

        r = sum_block(programs, slot, devices[i], &counts);
        if (r < 0 && r != -ENOENT)
            return r;
        if (r == 0 && n++ < max) {
            ret[n - 1].device = makedev(devices[i] >> 20, devices[i] & 0xfffff);
            memcpy(ret[n - 1].io, counts.io, sizeof(counts.io));
        }
    }
    *ret_n = n;
    return 0;
}

static int write_folded_block(
        const Programs *programs, uint32_t slot, uint32_t device, const struct block_counts *counts) {
    struct block_key key = { .slot = slot | BLOCK_FOLDED, .device = device };
    _cleanup_(cleanup_free) struct block_counts *copies = calloc(programs->cpus, sizeof(*copies));

    if (!copies)
        return -ENOMEM;
    copies[0] = *counts; /* the first CPU's copy has it all */
    return bpf_map_update_elem(programs->map_fds[MAP_BLOCK_ROWS], &key, copies, BPF_ANY) < 0 ? -errno : 0;
}

static int read_folded_block(const Programs *programs, uint32_t slot, uint32_t device, struct block_counts *sum) {
    struct block_key key = { .slot = slot | BLOCK_FOLDED, .device = device };

    return add_per_cpu(programs, MAP_BLOCK_ROWS, &key, sum, BLOCK_WORDS);
}

/* What the heir is to have of one device. Where that is what it has, nothing is written. */
static int prepare_block(const Programs *programs, uint32_t from, uint32_t to, uint32_t device) {
    struct block_key key = { .slot = SLOT_OTHER | BLOCK_FOLDED, .device = device };
    struct block_counts counts;
    int r;

    if (bpf_map_delete_elem(programs->map_fds[MAP_BLOCK_ROWS], &key) < 0 && errno != ENOENT)
        return -errno;
    r = sum_block(programs, from, device, &counts);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = read_folded_block(programs, to, device, &counts);
    if (r < 0 && r != -ENOENT)
        return r;
    return write_folded_block(programs, SLOT_OTHER, device, &counts);
}

/* The same again makes no difference: so it is done again by a daemon that finds a fold committed. */
static int complete_fold(Programs *programs, uint32_t from) {
    uint32_t to = (uint32_t) programs->slot_heirs[from], devices[BLOCK_DEVICES_MAX];
    size_t n = read_devices(programs, devices, ELEMENTSOF(devices));
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        struct block_counts counts = {};
        int q = read_folded_block(programs, SLOT_OTHER, devices[i], &counts);

        q = q == 0 ? write_folded_block(programs, to, devices[i], &counts) : q == -ENOENT ? 0 : q;
        r = r ?: q;
    }
    crash_point("block rows folded");
    programs->folded_slots[to] = programs->folded_slots[SLOT_OTHER];
    crash_point("slot folded");
    return zero_slot(programs, from) ?: r;
}

/*
 * Nobody is SLOT_OTHER's heir or child, so what the heir is to have is first written as what that one has folded. One
 * write then says that it counts, and from then on the fold is completed, by whoever comes.
 */
static int fold(Programs *programs, uint32_t from, uint32_t to) {
    uint32_t devices[BLOCK_DEVICES_MAX];
    struct slot sum;
    size_t n;
    int r, q = 0;

    r = sum_slot(programs, from, &sum);
    if (r < 0)
        return r;
    n = read_devices(programs, devices, ELEMENTSOF(devices));
    for (size_t i = 0; i < n; i++) {
        r = prepare_block(programs, from, to, devices[i]);
        q = q ?: r;
    }
    add_words(&sum, &programs->folded_slots[to], SLOT_WORDS);
    programs->folded_slots[SLOT_OTHER] = sum;
    crash_point("fold prepared");
    __atomic_store_n(&programs->slot_heirs[from], to | FOLD_COMMITTED, __ATOMIC_SEQ_CST);
    crash_point("fold committed");
    return complete_fold(programs, from) ?: q;
}

int programs_slot_fold(Programs *programs, uint32_t from, uint32_t to) {
    int r = check_slot(programs, from > to ? from : to);

    if (r < 0)
        return r;
    return from == to || to == SLOT_OTHER ? -EINVAL : fold(programs, from, to);
}

int programs_slot_bequeath(Programs *programs, uint32_t slot, uint32_t heir) {
    int r = check_slot(programs, slot > heir ? slot : heir);

    if (r == 0)
        programs->slot_heirs[slot] = heir;
    return r;
}

/* Up to the nearest that is there: groups may have gone with those that they were in. */
static uint32_t surviving_heir(const Programs *programs, uint32_t slot) {
    uint32_t heir = slot;

    for (int i = 0; i < NESTING_MAX; i++) {
        heir = (uint32_t) programs->slot_heirs[heir];
        if (heir == SLOT_OTHER || heir >= programs->slots_max)
            return SLOT_OTHER;
        if (is_used(programs, heir))
            return heir;
    }
    return SLOT_OTHER;
}

int programs_slot_release(Programs *programs, uint32_t slot) {
    int r = check_slot(programs, slot);
    uint32_t heir = r == 0 ? surviving_heir(programs, slot) : SLOT_OTHER;

    if (heir != SLOT_OTHER)
        programs_slot_fold(programs, slot, heir);
    return r < 0 ? r : programs_slot_free(programs, slot);
}

/* What a daemon has left half done is completed; then all heirs are found before the first of them is forgotten. */
int programs_slots_recover(Programs *programs) {
    _cleanup_(cleanup_free) uint32_t *heirs = NULL;
    int r = check_slot(programs, 0);

    if (r < 0)
        return r;
    heirs = calloc(programs->slots_max, sizeof(*heirs));
    if (!heirs)
        return -ENOMEM;
    for (uint32_t slot = 0; slot < programs->slots_max; slot++)
        if (programs->slot_heirs[slot] & FOLD_COMMITTED)
            complete_fold(programs, slot);
    for (uint32_t slot = 0; slot < programs->slots_max; slot++)
        heirs[slot] = is_used(programs, slot) ? SLOT_OTHER : surviving_heir(programs, slot);
    for (uint32_t slot = 0; slot < programs->slots_max; slot++)
        if (heirs[slot] != SLOT_OTHER)
            programs_slot_fold(programs, slot, heirs[slot]);
    return 0;
}
