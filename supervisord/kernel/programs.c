/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The life of our eBPF programs and what can be said about them. libbpf's objects are only needed to load
 * (programs-load.c); what stays is file descriptors, so that the daemon is small.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/crash-point.h"
#include "kernel/programs-internal.h"

enum {
    MAP_IDS_MAX = MAPS_COUNT + 4, /* of one program: the shared ones, knobs, and its own */
};

void set_reason(char *reason, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(reason, REASON_SIZE, format, args);
    va_end(args);
    reason[strcspn(reason, "\n")] = '\0';
}

static uint64_t now_nsec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static void *map_memory(int map_fd, size_t value_size, uint32_t entries, size_t *ret_bytes) {
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t bytes = (value_size * entries + page - 1) & ~(page - 1);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_DONTFORK); /* no child's business, and its pages would be copied one by one */
    *ret_bytes = bytes;
    return memory;
}

static int map_arrays(Programs *programs) {
    const struct {
        MapId id;
        void *at; /* the pointer to the mapped values */
        size_t value_size, *ret_bytes;
    } arrays[] = {
        { MAP_CGROUP_COUNTERS, &programs->cgroup_counters, sizeof(struct cgroup_counters),
                &programs->cgroup_counters_bytes },
        { MAP_FOLDED_SLOTS, &programs->folded_slots, sizeof(struct slot), &programs->folded_slots_bytes },
        { MAP_SLOT_HEIRS, &programs->slot_heirs, sizeof(uint64_t), &programs->slot_heirs_bytes },
        { MAP_ACCOUNTS, &programs->accounts, sizeof(struct account), &programs->accounts_bytes },
        { MAP_FILTER_DENIALS, &programs->filter_denials, sizeof(struct filter_denials),
                &programs->filter_denials_bytes },
    };

    for (size_t i = 0; i < ELEMENTSOF(arrays); i++) {
        void *memory = map_memory(
                programs->map_fds[arrays[i].id], arrays[i].value_size, programs->slots_max, arrays[i].ret_bytes);

        if (!memory)
            return -errno;
        memcpy(arrays[i].at, &memory, sizeof(memory));
    }
    return 0;
}

static int new_programs(const ProgramsConfig *config, Programs **ret) {
    _cleanup_(cleanup_programs_close) Programs *programs = calloc(1, sizeof(Programs));
    struct stat st;

    if (!programs)
        return -ENOMEM;
    pthread_mutex_init(&programs->mutex, NULL);
    programs->tree_fd = programs->stats_fd = -1;
    for (int i = 0; i < MAPS_COUNT; i++)
        programs->map_fds[i] = -1;
    for (int i = 0; i < PROGRAMS_COUNT; i++)
        programs->programs[i].prog_fd = programs->programs[i].link_fd = -1;

    programs->slots_max = config->slots_max;
    programs->cpus = (size_t) libbpf_num_possible_cpus();
    if (config->pin_dir && !(programs->pin_dir = layout_dir(config->pin_dir, ABI_VERSION)))
        return -ENOMEM;
    if (config->tree_fd >= 0) {
        programs->tree_fd = fcntl(config->tree_fd, F_DUPFD_CLOEXEC, 3);
        if (programs->tree_fd < 0 || fstat(programs->tree_fd, &st) < 0)
            return -errno;
        programs->tree_id = st.st_ino;
    }
    *ret = TAKE_PTR(programs);
    return 0;
}

/* io on cgroup v2, and given to the tree: then bios carry cgroups that may be ours. */
static bool tree_has_io(int tree_fd) {
    _cleanup_(cleanup_close) int fd = openat(tree_fd, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
    char text[256] = " ";
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, text + 1, sizeof(text) - 3);
    if (n <= 0)
        return false;
    text[n] = ' '; /* instead of the line's end */
    return strstr(text, " io ");
}

static void choose_knobs(Programs *programs, const ProgramsConfig *config) {
    programs->knobs = (struct knobs){
        .cgroup_storage =
                !config->no_storage && libbpf_probe_bpf_map_type((enum bpf_map_type) MAP_TYPE_CGRP_STORAGE, NULL) > 0,
        .block_by_bio = tree_has_io(programs->tree_fd),
        .page_bytes = (uint32_t) sysconf(_SC_PAGESIZE),
    };
}

/* Without a whole layout of ours, the one before it is to be carried over, into a new one. */
static int find_older(Programs *programs, const char *root) {
    unsigned older;

    if (!root)
        return 0;
    layouts_sweep(root);
    older = layout_is_whole(root) ? 0 : layout_before(root);
    if (older == 0)
        return 0;
    programs->older_dir = layout_dir(root, older);
    return programs->older_dir ? pins_remove(programs->pin_dir) : -ENOMEM;
}

static int finish_older(Programs *programs, const char *root) {
    int r;

    if (!programs->older_dir || !programs_has_maps(programs))
        return 0;
    r = programs_carry_over(programs);
    if (r == 0)
        layouts_sweep(root);
    return r;
}

int programs_open(const ProgramsConfig *config, Programs **ret) {
    _cleanup_(cleanup_programs_close) Programs *programs = NULL;
    int r;

    if (config->slots_max < 2 || config->slots_max > SLOTS_LIMIT)
        return -EINVAL;
    r = new_programs(config, &programs);
    if (r < 0)
        return r;
    choose_knobs(programs, config);
    r = find_older(programs, config->pin_dir);
    if (r < 0)
        return r;

    r = programs_load_maps(programs);
    if (r < 0)
        return r;
    crash_point("maps pinned");
    programs->used = calloc(programs->slots_max / 64 + 1, sizeof(uint64_t));
    if (!programs->used)
        return -ENOMEM;
    programs->used[0] = UINT64_C(1) << SLOT_OTHER;
    if (programs_has_maps(programs)) {
        r = map_arrays(programs);
        if (r < 0)
            return r;
    }
    r = programs_load_programs(programs);
    if (r < 0)
        return r;
    crash_point("programs attached");
    r = finish_older(programs, config->pin_dir);
    if (r < 0)
        return r;
    programs_refresh(programs); /* tells the other programs where the tree is */
    *ret = TAKE_PTR(programs);
    return 0;
}

Programs *programs_close(Programs *programs) {
    if (!programs)
        return NULL;
    if (programs->cgroup_counters)
        munmap(programs->cgroup_counters, programs->cgroup_counters_bytes);
    if (programs->folded_slots)
        munmap(programs->folded_slots, programs->folded_slots_bytes);
    if (programs->slot_heirs)
        munmap(programs->slot_heirs, programs->slot_heirs_bytes);
    if (programs->accounts)
        munmap(programs->accounts, programs->accounts_bytes);
    if (programs->filter_denials)
        munmap(programs->filter_denials, programs->filter_denials_bytes);
    for (int i = 0; i < PROGRAMS_COUNT; i++) {
        close_fd(programs->programs[i].link_fd);
        close_fd(programs->programs[i].prog_fd);
    }
    for (int i = 0; i < MAPS_COUNT; i++)
        close_fd(programs->map_fds[i]);
    close_fd(programs->stats_fd);
    close_fd(programs->tree_fd);
    pthread_mutex_destroy(&programs->mutex);
    free(programs->used);
    free(programs->pin_dir);
    free(programs->older_dir);
    free(programs);
    return NULL;
}

static void fill_state(const Programs *programs, ProgramId id, ProgramState *ret) {
    const Program *program = &programs->programs[id];
    struct bpf_prog_info info = {};
    uint32_t size = sizeof(info);

    *ret = (ProgramState){
        .name = program_name(id),
        .hook = program_hook(id),
        .loaded = programs_has(programs, id),
    };
    set_reason(ret->reason, "%s", program->reason);
    ret->needed = strncmp(program->reason, NOT_NEEDED, strlen(NOT_NEEDED)) != 0;
    if (program->prog_fd >= 0 && bpf_obj_get_info_by_fd(program->prog_fd, &info, &size) == 0) {
        ret->run_nsec = info.run_time_ns;
        ret->runs = info.run_cnt;
    }
}

size_t programs_states(Programs *programs, ProgramState *ret, size_t max) {
    if (max > 0) {
        ret[0] = (ProgramState){ .name = "maps", .hook = "", .loaded = programs_has_maps(programs), .needed = true };
        set_reason(ret[0].reason, "%s", programs->reason);
    }
    for (size_t i = 0; i < PROGRAMS_COUNT && i + 1 < max; i++)
        fill_state(programs, (ProgramId) i, ret + i + 1);
    return PROGRAMS_COUNT + 1;
}

int programs_measure(Programs *programs, bool on) {
    int fd;

    pthread_mutex_lock(&programs->mutex);
    fd = on && programs->stats_fd < 0 ? bpf_enable_stats(BPF_STATS_RUN_TIME) : -1;
    int error = on && programs->stats_fd < 0 && fd < 0 ? -errno : 0;
    if (fd >= 0)
        programs->stats_fd = fd;
    if (!on)
        programs->stats_fd = close_fd(programs->stats_fd);
    pthread_mutex_unlock(&programs->mutex);
    return error;
}

/* The kernel's own account is only in fdinfo. */
static uint64_t map_bytes(int map_fd) {
    char path[64], line[128];
    uint64_t bytes = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map_fd);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "memlock: %" SCNu64, &bytes) == 1)
            break;
    fclose(file);
    return bytes;
}

static bool is_shared(const Programs *programs, uint32_t map_id) {
    for (int i = 0; i < MAPS_COUNT; i++)
        if (programs->map_ids[i] == map_id)
            return true;
    return false;
}

/* Two programs of one object share their own maps: count each once, with the first that has it. */
static uint64_t own_map_bytes(const Programs *programs, int prog_fd, uint32_t *seen, size_t *n_seen) {
    uint32_t ids[MAP_IDS_MAX], size = sizeof(struct bpf_prog_info);
    struct bpf_prog_info info = { .map_ids = (uintptr_t) ids, .nr_map_ids = ELEMENTSOF(ids) };
    uint64_t bytes = 0;

    if (bpf_obj_get_info_by_fd(prog_fd, &info, &size) < 0)
        return 0;
    for (uint32_t i = 0; i < info.nr_map_ids && i < ELEMENTSOF(ids); i++) {
        _cleanup_(cleanup_close) int fd = -1;
        bool known = is_shared(programs, ids[i]);

        for (size_t j = 0; j < *n_seen; j++)
            known = known || seen[j] == ids[i];
        if (known)
            continue;
        seen[(*n_seen)++] = ids[i];
        fd = bpf_map_get_fd_by_id(ids[i]);
        bytes += fd >= 0 ? map_bytes(fd) : 0;
    }
    return bytes;
}

uint64_t programs_map_bytes(Programs *programs) {
    uint32_t seen[PROGRAMS_COUNT * MAP_IDS_MAX];
    size_t n_seen = 0;
    uint64_t bytes = 0;

    for (int i = 0; i < MAPS_COUNT; i++)
        bytes += programs->map_fds[i] >= 0 ? map_bytes(programs->map_fds[i]) : 0;
    for (int i = 0; i < PROGRAMS_COUNT; i++)
        if (programs->programs[i].prog_fd >= 0)
            bytes += own_map_bytes(programs, programs->programs[i].prog_fd, seen, &n_seen);
    return bytes;
}

int programs_refresh(Programs *programs) {
    _cleanup_(cleanup_close) int fd = -1;
    uint64_t started_nsec = now_nsec();
    char nothing[64];
    ssize_t n;

    if (!programs_has(programs, PROGRAM_CGROUPS))
        return -ENODATA;
    fd = bpf_iter_create(programs->programs[PROGRAM_CGROUPS].link_fd);
    if (fd < 0)
        return -errno;
    do
        n = read(fd, nothing, sizeof(nothing)); /* the program writes nothing; reading is what runs it */
    while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
    if (n < 0)
        return -errno;
    programs->refreshed_nsec = started_nsec;
    return 0;
}

int programs_read_cgroup(Programs *programs, uint32_t slot, struct cgroup_counters *ret) {
    if (!programs->cgroup_counters || slot >= programs->slots_max || programs->refreshed_nsec == 0)
        return -ENODATA;
    if (programs->cgroup_counters[slot].read_nsec < programs->refreshed_nsec)
        return -ENODATA;
    *ret = programs->cgroup_counters[slot];
    return 0;
}
