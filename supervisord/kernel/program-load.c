/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loads and attaches the programs, object by object, with the shared maps. What is pinned by a daemon with the same
 * programs just goes on, and nothing is loaded. Else ours takes its place: cgroup links are updated; a tracepoint's
 * cannot be, so the new one is attached before the old one goes, and both count for some microseconds.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/programs-internal.h"

typedef enum AttachTo {
    ATTACH_TRACEPOINT,
    ATTACH_CGROUP,
    ATTACH_ITERATOR,
} AttachTo;

typedef struct ProgramRow {
    const char *name; /* of the function too */
    ObjectId object;
    const char *hook;
    AttachTo attach_to;
} ProgramRow;

static const ProgramRow program_rows[PROGRAMS_COUNT] = {
    [PROGRAM_WAIT] = { "wait", OBJECT_WAIT, "sched_switch", ATTACH_TRACEPOINT },
    [PROGRAM_BLOCK_START] = { "block_start", OBJECT_BLOCK, "block_io_start", ATTACH_TRACEPOINT },
    [PROGRAM_BLOCK_ISSUE] = { "block_issue", OBJECT_BLOCK, "block_rq_issue", ATTACH_TRACEPOINT },
    [PROGRAM_BLOCK_COMPLETE] = { "block_complete", OBJECT_BLOCK, "block_rq_complete", ATTACH_TRACEPOINT },
    [PROGRAM_NET_RECEIVE] = { "net_receive", OBJECT_NET, "cgroup_skb/ingress", ATTACH_CGROUP },
    [PROGRAM_NET_TRANSMIT] = { "net_transmit", OBJECT_NET, "cgroup_skb/egress", ATTACH_CGROUP },
    [PROGRAM_EXITS] = { "exits", OBJECT_EXITS, "sched_process_exit", ATTACH_TRACEPOINT },
    [PROGRAM_CGROUPS] = { "cgroups", OBJECT_CGROUPS, "iter/cgroup", ATTACH_ITERATOR },
};

enum {
    MAP_IDS_MAX = MAPS_COUNT + 4,
};

const char *program_name(ProgramId id) {
    return program_rows[id].name;
}

const char *program_hook(ProgramId id) {
    return program_rows[id].hook;
}

/* Links on a cgroup other than our tree are of no use. */
static bool is_on_tree(const Programs *programs, AttachTo attach_to, const struct bpf_link_info *info) {
    return attach_to == ATTACH_CGROUP     ? info->cgroup.cgroup_id == programs->tree_id
           : attach_to == ATTACH_ITERATOR ? info->iter.cgroup.cgroup_id == programs->tree_id
                                          : true;
}

/* The link of an earlier daemon. */
static int pinned_link(const Programs *programs, ProgramId id, uint32_t *ret_prog_id) {
    _cleanup_(cleanup_close) int fd = -1;
    struct bpf_link_info info = {};
    uint32_t size = sizeof(info);

    if (!programs->pin_dir)
        return -ENOENT;
    fd = pin_get(programs->pin_dir, "link_", program_rows[id].name);
    if (fd < 0)
        return fd;
    if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
        return -errno;
    if (!is_on_tree(programs, program_rows[id].attach_to, &info))
        return -ENOLINK;
    *ret_prog_id = info.prog_id;
    return TAKE_FD(fd);
}

/* What the kernel has costs reading all of its BTF. A daemon of the same build has found out before us. */
static bool has_hook(const Programs *programs, ProgramId id) {
    uint32_t unused;
    _cleanup_(cleanup_close) int fd = programs->same_build ? pinned_link(programs, id, &unused) : -ENOENT;

    return fd >= 0 || libbpf_find_vmlinux_btf_id(program_rows[id].hook, BPF_TRACE_RAW_TP) > 0;
}

/* Why a program is not even tried; NULL: it is. In the order of ids: of block's first two, one stands in for the other. */
static const char *reason_not_to_load(const Programs *programs, ProgramId id) {
    const Program *block_start = &programs->programs[PROGRAM_BLOCK_START];

    if (program_rows[id].attach_to != ATTACH_TRACEPOINT)
        return programs->tree_fd < 0 ? "no cgroup tree is given" : NULL;
    if (id != PROGRAM_BLOCK_START && id != PROGRAM_BLOCK_ISSUE)
        return NULL;
    if (programs->knobs.block_by_bio)
        return NOT_NEEDED "io is on cgroup v2, requests know their cgroup";
    if (id == PROGRAM_BLOCK_ISSUE)
        return block_start->reason[0] ? NULL : NOT_NEEDED "block_start does it";
    return has_hook(programs, id) ? NULL : "this kernel has no such hook";
}

static int give_maps(const Programs *programs, struct bpf_object *object) {
    struct bpf_map *map;
    int r;

    for (int id = 0; id < MAPS_COUNT; id++) {
        map = bpf_object__find_map_by_name(object, map_rows[id].name);
        if (!map)
            return -ENOENT;
        r = programs->map_fds[id] >= 0 ? bpf_map__reuse_fd(map, programs->map_fds[id])
                                       : bpf_map__set_autocreate(map, false);
        if (r < 0)
            return r;
    }
    map = bpf_object__find_map_by_name(object, "block_started");
    if (map && programs->knobs.block_by_bio)
        return bpf_map__set_autocreate(map, false);
    return 0;
}

/* Before 6.4, a program cannot ask itself. Each costs reading all of the kernel's BTF. */
static bool kernel_has(const char *function) {
    return libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FENTRY) > 0;
}

static uint8_t find_flush(void) {
    return kernel_has("css_rstat_flush") ? FLUSH_CSS : kernel_has("cgroup_rstat_flush") ? FLUSH_CGROUP : FLUSH_NONE;
}

static int set_knobs(const Programs *programs, ObjectId object_id, struct bpf_object *object) {
    struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata.knobs");
    struct knobs knobs = programs->knobs;

    if (object_id == OBJECT_CGROUPS) {
        knobs.flush = find_flush();
        knobs.memory_kfuncs = kernel_has("bpf_mem_cgroup_page_state");
    }
    return map ? bpf_map__set_initial_value(map, &knobs, sizeof(knobs)) : -ENOENT;
}

/* Leaves out what need not or cannot run here. */
static void choose_programs(const Programs *programs, ObjectId object_id, struct bpf_object *object) {
    for (int id = 0; id < PROGRAMS_COUNT; id++)
        if (program_rows[id].object == object_id && programs->programs[id].reason[0])
            bpf_program__set_autoload(bpf_object__find_program_by_name(object, program_rows[id].name), false);
}

static bool has_id(const uint32_t *ids, size_t n, uint32_t id) {
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Whether a program counts into our maps, not into some whose pins were lost: all but its knobs, and one of block's. */
static bool uses_our_maps(const Programs *programs, ProgramId id, int prog_fd) {
    bool has_own = program_rows[id].object == OBJECT_BLOCK && !programs->knobs.block_by_bio;
    uint32_t ids[MAP_IDS_MAX], size = sizeof(struct bpf_prog_info);
    struct bpf_prog_info info = { .map_ids = (uintptr_t) ids, .nr_map_ids = MAP_IDS_MAX };
    size_t ours = 0;

    if (bpf_obj_get_info_by_fd(prog_fd, &info, &size) < 0 || info.nr_map_ids > MAP_IDS_MAX)
        return false;
    for (size_t i = 0; i < info.nr_map_ids; i++)
        ours += has_id(programs->map_ids, MAPS_COUNT, ids[i]);
    return info.nr_map_ids - ours <= (has_own ? 2 : 1);
}

static bool adopt_program(Programs *programs, ProgramId id) {
    _cleanup_(cleanup_close) int link_fd = -1, prog_fd = -1;
    uint32_t prog_id = 0;

    link_fd = pinned_link(programs, id, &prog_id);
    if (link_fd < 0)
        return false;
    prog_fd = bpf_prog_get_fd_by_id(prog_id);
    if (prog_fd < 0 || !uses_our_maps(programs, id, prog_fd))
        return false;
    programs->programs[id].link_fd = TAKE_FD(link_fd);
    programs->programs[id].prog_fd = TAKE_FD(prog_fd);
    return true;
}

static void drop_program(Program *program) {
    program->link_fd = close_fd(program->link_fd);
    program->prog_fd = close_fd(program->prog_fd);
}

/* Goes on with an object's pinned programs, if all are there and are what we would load. */
static bool adopt_object(Programs *programs, ObjectId object_id) {
    bool all = programs->same_build;

    for (int id = 0; id < PROGRAMS_COUNT && all; id++)
        if (program_rows[id].object == object_id && !programs->programs[id].reason[0])
            all = adopt_program(programs, (ProgramId) id);
    for (int id = 0; id < PROGRAMS_COUNT && !all; id++)
        if (program_rows[id].object == object_id)
            drop_program(&programs->programs[id]);
    return all;
}

static struct bpf_link *attach(const Programs *programs, ProgramId id, struct bpf_program *program) {
    union bpf_iter_link_info info = {};
    LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

    switch (program_rows[id].attach_to) {
    case ATTACH_CGROUP:
        return bpf_program__attach_cgroup(program, programs->tree_fd);
    case ATTACH_ITERATOR:
        info.cgroup.cgroup_fd = (uint32_t) programs->tree_fd;
        info.cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
        return bpf_program__attach_iter(program, &opts);
    default:
        return bpf_program__attach(program);
    }
}

static int attach_new(const Programs *programs, ProgramId id, struct bpf_program *program) {
    struct bpf_link *link = attach(programs, id, program);
    int fd;

    if (!link)
        return -errno;
    fd = duplicate_fd(bpf_link__fd(link));
    bpf_link__destroy(link); /* our descriptor keeps it */
    return fd;
}

/* Puts the program into the pinned link, in one step. Only cgroup links can do that. */
static int update_pinned(const Programs *programs, ProgramId id, int prog_fd) {
    _cleanup_(cleanup_close) int fd = -1;
    uint32_t unused;

    if (program_rows[id].attach_to != ATTACH_CGROUP)
        return -EOPNOTSUPP;
    fd = pinned_link(programs, id, &unused);
    if (fd < 0)
        return fd;
    return bpf_link_update(fd, prog_fd, NULL) < 0 ? -errno : TAKE_FD(fd);
}

static int attach_program(Programs *programs, ProgramId id, struct bpf_program *bpf_program) {
    Program *program = &programs->programs[id];
    int r;

    program->prog_fd = duplicate_fd(bpf_program__fd(bpf_program));
    if (program->prog_fd < 0)
        return program->prog_fd;
    program->link_fd = update_pinned(programs, id, program->prog_fd);
    if (program->link_fd >= 0)
        return 0;
    program->link_fd = attach_new(programs, id, bpf_program);
    if (program->link_fd < 0 || !programs->pin_dir)
        return program->link_fd;
    r = pin_replace(programs->pin_dir, "link_", program_rows[id].name, program->link_fd);
    if (r < 0)
        set_reason(program->reason, "not pinned: %s", strerror(-r));
    return 0;
}

static void attach_programs(Programs *programs, ObjectId object_id, struct bpf_object *object, char *warning) {
    for (int id = 0; id < PROGRAMS_COUNT; id++) {
        int r;

        if (program_rows[id].object != object_id || programs->programs[id].reason[0])
            continue;
        r = attach_program(programs, (ProgramId) id, bpf_object__find_program_by_name(object, program_rows[id].name));
        if (r >= 0)
            continue;
        drop_program(&programs->programs[id]);
        explain(programs->programs[id].reason, warning, NULL, r);
    }
}

/* Returns how many programs of the object are to be loaded; the others get a reason. */
static int decide(Programs *programs, ObjectId object_id) {
    int wanted = 0;

    for (int id = 0; id < PROGRAMS_COUNT; id++) {
        const char *reason;

        if (program_rows[id].object != object_id)
            continue;
        reason = reason_not_to_load(programs, (ProgramId) id);
        if (reason)
            set_reason(programs->programs[id].reason, "%s", reason);
        else
            wanted++;
    }
    return wanted;
}

static void give_up(Programs *programs, ObjectId object_id, const char *reason) {
    for (int id = 0; id < PROGRAMS_COUNT; id++)
        if (program_rows[id].object == object_id && !programs->programs[id].reason[0])
            set_reason(programs->programs[id].reason, "%s", reason);
}

static int load_object(Programs *programs, ObjectId object_id, char *warning, char *log) {
    _cleanup_(unload_object) struct bpf_object *object = NULL;
    int r;

    r = open_object(object_id, log, &object);
    if (r < 0)
        return r;
    choose_programs(programs, object_id, object);
    r = give_maps(programs, object);
    if (r == 0)
        r = set_knobs(programs, object_id, object);
    if (r == 0)
        r = bpf_object__load(object);
    if (r < 0)
        return r;
    attach_programs(programs, object_id, object, warning);
    return 0;
}

/* Without maps there is nothing to try. */
static void load_or_explain(Programs *programs, ObjectId object_id, char *log) {
    char warning[REASON_SIZE], reason[REASON_SIZE];
    int r = 0;

    if (!programs_has_maps(programs)) {
        give_up(programs, object_id, programs->reason);
        return;
    }
    log[0] = '\0';
    listen_to_libbpf(warning);
    if (decide(programs, object_id) > 0 && !adopt_object(programs, object_id)) {
        warning[0] = '\0';
        r = load_object(programs, object_id, warning, log);
    }
    leave_libbpf();
    if (r < 0) {
        explain(reason, warning, log, r);
        give_up(programs, object_id, reason);
    }
}

int programs_load_programs(Programs *programs) {
    _cleanup_(cleanup_free) char *log = malloc(VERIFIER_LOG_BYTES);

    if (!log)
        return -ENOMEM;
    for (int id = OBJECT_MAPS + 1; id < OBJECTS_COUNT; id++)
        load_or_explain(programs, (ObjectId) id, log);
    return 0;
}
