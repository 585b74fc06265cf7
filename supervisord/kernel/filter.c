/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs that say no, and how to find out which are there. */

#include "kernel/filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/strv.h"
#include "kernel/programs-internal.h"

enum {
    ATTACHED_MAX = 64, /* programs on one hook of one cgroup: BPF_CGROUP_MAX_PROGS */
    FILTER_MAPS_MAX = 8,
    HOOKS_MAX = 2,
};

typedef struct FilterHook {
    const char *program; /* NULL: no more */
    enum bpf_attach_type attach_type;
} FilterHook;

typedef struct FilterRow {
    ObjectId object;
    FilterHook hooks[HOOKS_MAX];
    const char *map; /* of its rules, in order; NULL: of addresses, in two tries */
    size_t item_size;
} FilterRow;

static const FilterRow filter_rows[FILTERS_COUNT] = {
    [FILTER_DEVICES] = {
        .object = OBJECT_DEVICE,
        .hooks = { { "filter_device", BPF_CGROUP_DEVICE } },
        .map = "device_rules",
        .item_size = sizeof(struct device_rule),
    },
    [FILTER_ADDRESSES] = {
        .object = OBJECT_ADDRESS,
        .hooks = { { "filter_ingress", BPF_CGROUP_INET_INGRESS }, { "filter_egress", BPF_CGROUP_INET_EGRESS } },
    },
    [FILTER_BINDS] = {
        .object = OBJECT_BIND,
        .hooks = { { "filter_bind4", BPF_CGROUP_INET4_BIND }, { "filter_bind6", BPF_CGROUP_INET6_BIND } },
        .map = "bind_rules",
        .item_size = sizeof(struct bind_rule),
    },
};

static const FilterHook *hook_of(FilterId filter, size_t i) {
    const FilterHook *hook = i < HOOKS_MAX ? filter_rows[filter].hooks + i : NULL;

    return hook && hook->program ? hook : NULL;
}

static uint64_t builds[FILTERS_COUNT];

static void find_builds(void) {
    for (int i = 0; i < FILTERS_COUNT; i++)
        builds[i] = hash_object(filter_rows[i].object);
}

static uint64_t build_of(FilterId filter) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find_builds);
    return builds[filter];
}

/* 0: there is no such map. */
static uint32_t denials_map_id(const Programs *programs) {
    return programs ? programs->map_ids[MAP_FILTER_DENIALS] : 0;
}

/* --- what is there ----------------------------------------------------------------------------------------------- */

typedef struct Attached {
    int prog_fd;
    uint32_t map_ids[FILTER_MAPS_MAX];
    uint32_t n_map_ids;
} Attached;

/* -ENOENT: it is not ours. */
static int open_attached(uint32_t prog_id, const FilterHook *hook, Attached *ret) {
    Attached attached = { .n_map_ids = FILTER_MAPS_MAX };
    struct bpf_prog_info info = { .map_ids = (uintptr_t) attached.map_ids, .nr_map_ids = FILTER_MAPS_MAX };
    _cleanup_(cleanup_close) int fd = bpf_prog_get_fd_by_id(prog_id);
    uint32_t size = sizeof info;

    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
        return -errno;
    if (strcmp(info.name, hook->program) != 0 || info.nr_map_ids > FILTER_MAPS_MAX)
        return -ENOENT;
    attached.n_map_ids = info.nr_map_ids;
    attached.prog_fd = TAKE_FD(fd);
    *ret = attached;
    return 0;
}

/* Ours among what is attached to the cgroup itself; returns how many there are. */
static int find_attached(int cgroup_fd, const FilterHook *hook, Attached ret[static ATTACHED_MAX]) {
    uint32_t ids[ATTACHED_MAX], n_ids = ATTACHED_MAX, flags;
    int n = 0;

    if (bpf_prog_query(cgroup_fd, hook->attach_type, 0, &flags, ids, &n_ids) < 0)
        return -errno;
    for (uint32_t i = 0; i < n_ids; i++)
        if (open_attached(ids[i], hook, ret + n) == 0)
            n++;
    return n;
}

static void close_attached(Attached *attached, int n) {
    for (int i = 0; i < n; i++)
        close_fd(attached[i].prog_fd);
}

static int read_identity(const Attached *attached, struct filter_identity *ret) {
    for (uint32_t i = 0; i < attached->n_map_ids; i++) {
        _cleanup_(cleanup_close) int fd = bpf_map_get_fd_by_id(attached->map_ids[i]);
        struct bpf_map_info info = {};
        uint32_t size = sizeof info, zero = 0;

        if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && strcmp(info.name, "identity") == 0 &&
                info.value_size == sizeof *ret && bpf_map_lookup_elem(fd, &zero, ret) == 0)
            return 0;
    }
    return -ENOENT;
}

static bool uses_map(const Attached *attached, uint32_t map_id) {
    for (uint32_t i = 0; i < attached->n_map_ids; i++)
        if (attached->map_ids[i] == map_id)
            return true;
    return false;
}

static const char *text_of(const Programs *programs, const Attached *attached, uint32_t slot, FilterId filter,
        struct filter_identity *id) {
    uint32_t denials = denials_map_id(programs);

    if (read_identity(attached, id) < 0 || id->build != build_of(filter))
        return "of another build";
    if (denials != 0 && (id->slot != slot || !uses_map(attached, denials)))
        return "counted elsewhere";
    id->text[sizeof id->text - 1] = '\0';
    return id->text;
}

static int read_hook(const Programs *programs, int cgroup_fd, uint32_t slot, FilterId filter, const FilterHook *hook,
        char ret_text[static FILTER_TEXT_MAX]) {
    Attached attached[ATTACHED_MAX];
    struct filter_identity identity;
    int n = find_attached(cgroup_fd, hook, attached);

    if (n < 0)
        return n;
    snprintf(ret_text, FILTER_TEXT_MAX, "%s",
            n == 0   ? ""
            : n == 1 ? text_of(programs, attached, slot, filter, &identity)
                     : "more than one");
    close_attached(attached, n);
    return 0;
}

int filter_read(const Programs *programs, int cgroup_fd, uint32_t slot, FilterId filter,
        char ret_text[static FILTER_TEXT_MAX]) {
    char text[FILTER_TEXT_MAX], other[FILTER_TEXT_MAX];

    int r = read_hook(programs, cgroup_fd, slot, filter, hook_of(filter, 0), text);
    for (size_t i = 1; r == 0 && hook_of(filter, i); i++) {
        r = read_hook(programs, cgroup_fd, slot, filter, hook_of(filter, i), other);
        if (r == 0 && strcmp(text, other) != 0)
            strcpy(text, "in part");
    }
    if (r == 0)
        memcpy(ret_text, text, FILTER_TEXT_MAX);
    return r;
}

/* --- loading ----------------------------------------------------------------------------------------------------- */

static int map_fd(const struct bpf_object *object, const char *name) {
    return bpf_object__find_map_fd_by_name(object, name);
}

/* The denials are the daemon's map; without one the program keeps a stub that has no slot. */
static int prepare(const Programs *programs, const FilterRules *rules, struct bpf_object *object) {
    const FilterRow *row = filter_rows + rules->filter;
    int r = 0;

    if (row->map && rules->n > 0)
        r = bpf_map__set_max_entries(bpf_object__find_map_by_name(object, row->map), rules->n);
    if (r == 0 && denials_map_id(programs) != 0)
        r = bpf_map__reuse_fd(
                bpf_object__find_map_by_name(object, "filter_denials"), programs->map_fds[MAP_FILTER_DENIALS]);
    return r;
}

static int put(int fd, const void *key, const void *value) {
    return bpf_map_update_elem(fd, key, value, BPF_ANY) < 0 ? -errno : 0;
}

static int put_address(const struct bpf_object *object, const struct address_rule *rule) {
    struct prefix6 key = { .length = rule->length }; /* struct prefix4 is its beginning */
    uint32_t allow = rule->allow;

    memcpy(key.address, rule->address, sizeof key.address);
    return put(map_fd(object, rule->ipv6 ? "prefixes6" : "prefixes4"), &key, &allow);
}

static int put_rules(const struct bpf_object *object, const FilterRules *rules) {
    const FilterRow *row = filter_rows + rules->filter;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < rules->n; i++)
        r = row->map ? put(map_fd(object, row->map), &i, (const char *) rules->items + i * row->item_size)
                     : put_address(object, rules->addresses + i);
    return r;
}

static int put_identity(const struct bpf_object *object, const FilterRules *rules, uint32_t slot) {
    struct filter_identity identity = { .build = build_of(rules->filter), .slot = slot };
    uint32_t zero = 0;

    memcpy(identity.text, rules->text, sizeof identity.text);
    return put(map_fd(object, "identity"), &zero, &identity);
}

/* From here on nobody can change who it is, nor its rules. */
static int freeze(const struct bpf_object *object) {
    struct bpf_map *map;

    bpf_object__for_each_map(map, object) if (bpf_map__map_flags(map) & BPF_F_RDONLY_PROG &&
                                              bpf_map_freeze(bpf_map__fd(map)) < 0) return -errno;
    return 0;
}

static int load(const Programs *programs, const FilterRules *rules, uint32_t slot, struct bpf_object *object) {
    int r = prepare(programs, rules, object);
    if (r == 0)
        r = bpf_object__load(object);
    if (r == 0)
        r = put_rules(object, rules);
    if (r == 0)
        r = put_identity(object, rules, slot);
    return r < 0 ? r : freeze(object);
}

static int load_or_explain(
        const Programs *programs, const FilterRules *rules, uint32_t slot, char *reason, struct bpf_object **ret) {
    _cleanup_(unload_object) struct bpf_object *object = NULL;
    _cleanup_(cleanup_free) char *log = malloc(VERIFIER_LOG_BYTES);
    char warning[REASON_SIZE];

    if (!log)
        return -ENOMEM;
    log[0] = reason[0] = '\0';
    listen_to_libbpf(warning);
    int r = open_object(filter_rows[rules->filter].object, log, &object);
    if (r == 0)
        r = load(programs, rules, slot, object);
    leave_libbpf();
    if (r < 0) {
        explain(reason, warning, log, r);
        return r;
    }
    *ret = TAKE_PTR(object);
    return 0;
}

/* --- attaching --------------------------------------------------------------------------------------------------- */

static int detach(int cgroup_fd, const FilterHook *hook, const Attached *attached, int n) {
    int r = 0;

    for (int i = 0; i < n; i++)
        if (bpf_prog_detach2(attached[i].prog_fd, cgroup_fd, hook->attach_type) < 0 && errno != ENOENT)
            r = -errno;
    return r;
}

/* In the place of the first of ours that is there. */
static int attach(int cgroup_fd, const FilterHook *hook, int prog_fd, const Attached *attached, int n) {
    LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = BPF_F_ALLOW_MULTI);

    if (n > 0) {
        opts.flags |= BPF_F_REPLACE;
        opts.replace_prog_fd = attached[0].prog_fd;
    }
    if (bpf_prog_attach_opts(prog_fd, cgroup_fd, hook->attach_type, &opts) < 0)
        return -errno;
    return detach(cgroup_fd, hook, attached + 1, n - 1);
}

/* object NULL: takes away. */
static int set_hook(int cgroup_fd, const FilterHook *hook, const struct bpf_object *object) {
    Attached attached[ATTACHED_MAX];
    int n = find_attached(cgroup_fd, hook, attached), r;

    if (n < 0)
        return n;
    if (object)
        r = attach(
                cgroup_fd, hook, bpf_program__fd(bpf_object__find_program_by_name(object, hook->program)), attached, n);
    else
        r = detach(cgroup_fd, hook, attached, n);
    close_attached(attached, n);
    return r;
}

static int read_back(
        const Programs *programs, int cgroup_fd, uint32_t slot, const FilterRules *rules, char **ret_message) {
    char text[FILTER_TEXT_MAX];

    int r = filter_read(programs, cgroup_fd, slot, rules->filter, text);
    if (r < 0 || strcmp(text, rules->text) == 0)
        return r;
    text_printf(ret_message, "attached the filter of %s as %s, the kernel has %s", filter_name(rules->filter),
            rules->text, *text ? text : "none");
    return -EIO;
}

int filter_set(const Programs *programs, int cgroup_fd, uint32_t slot, const FilterRules *rules, char **ret_message) {
    _cleanup_(unload_object) struct bpf_object *object = NULL;
    char reason[REASON_SIZE];
    int r = 0;

    if (*rules->text)
        r = load_or_explain(programs, rules, slot, reason, &object);
    if (r < 0) {
        text_printf(ret_message, "cannot load the filter of %s: %s", filter_name(rules->filter), reason);
        return r;
    }
    for (size_t i = 0; r == 0 && hook_of(rules->filter, i); i++) {
        r = set_hook(cgroup_fd, hook_of(rules->filter, i), object);
        crash_point("filter attached");
    }
    if (r == -EPERM)
        text_printf(ret_message,
                "cannot attach the filter of %s: a program on a cgroup above allows no other, or eBPF is refused here",
                filter_name(rules->filter));
    return r < 0 ? r : read_back(programs, cgroup_fd, slot, rules, ret_message);
}

int filter_try(FilterId filter, char *reason, size_t size) {
    _cleanup_(unload_object) struct bpf_object *object = NULL;
    const FilterRules rules = { .filter = filter };
    char why[REASON_SIZE];

    int r = load_or_explain(NULL, &rules, 0, why, &object);
    if (r < 0)
        snprintf(reason, size, "%s", why);
    return r;
}
