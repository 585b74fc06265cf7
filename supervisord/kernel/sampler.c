/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pass over all followed groups, children before parents. For each: what its slot counted (a slice's with what its
 * children handed up), the iterator's copy of the kernel's counters, and then, for meters that are still absent, the
 * cgroup's own files, each read once however many meters come from it. A file's number is the kernel's own sum over all
 * that is below, so it is never handed up.
 */

#include "kernel/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/strv.h"
#include "model/policy.h"

enum {
    FILE_TEXT_MAX = 16384,  /* io.stat has about 100 bytes for each device */
    FILE_RETRY_PASSES = 64, /* a file that is not there is looked for again: controllers can be enabled late */
};

typedef struct Followed Followed;

struct Followed {
    char *name;
    char *parent_name; /* NULL: top level */
    Followed *parent;  /* as of the last link_parents(); NULL: top level, or not followed */
    unsigned depth;
    int dir_fd;
    uint64_t cgroup_id;
    uint32_t slot;
    int file_fds[METERS_COUNT]; /* by index in Sampler.files; -1: not open */
    uint64_t missing_files;     /* bit per index: was not there when looked for */
    uint64_t n_reads;
    Sample sample; /* being made; before its turn: what the children handed up */
    SampleDetail detail;
};

typedef struct MeterFile {
    const char *name;
    uint64_t meters; /* bit per MeterId that comes from it */
} MeterFile;

struct Sampler {
    Programs *programs; /* borrowed */
    MeterFile files[METERS_COUNT];
    size_t n_files;
    Followed **groups; /* sorted by name */
    size_t n_groups, n_allocated;
    Followed **order; /* the same, deepest first; NULL: to be made anew */
    int error;        /* of the pass under way: what kept files from being opened */
    char text[FILE_TEXT_MAX];
};

static Followed *followed_free(Followed *group) {
    if (!group)
        return NULL;

    for (size_t i = 0; i < METERS_COUNT; i++)
        close_fd(group->file_fds[i]);
    close_fd(group->dir_fd);
    free(group->name);
    free(group->parent_name);
    free(group);
    return NULL;
}
DEFINE_CLEANUP(Followed *, followed_free);

static int followed_new(const char *name, const char *parent, int dir_fd, Followed **ret) {
    _cleanup_(cleanup_followed_free) Followed *group = calloc(1, sizeof *group);
    if (!group)
        return -ENOMEM;
    group->dir_fd = -1;
    memset(group->file_fds, -1, sizeof group->file_fds);

    group->name = strdup(name);
    group->parent_name = parent ? strdup(parent) : NULL;
    if (!group->name || (parent && !group->parent_name))
        return -ENOMEM;
    group->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (group->dir_fd < 0)
        return -errno;

    *ret = TAKE_PTR(group);
    return 0;
}

static void add_file(Sampler *sampler, const Meter *meter) {
    size_t i = 0;

    while (i < sampler->n_files && strcmp(sampler->files[i].name, meter->file) != 0)
        i++;
    if (i == sampler->n_files)
        sampler->files[sampler->n_files++].name = meter->file;
    sampler->files[i].meters |= UINT64_C(1) << meter->id;
}

int sampler_new(Programs *programs, Sampler **ret) {
    Sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler)
        return -ENOMEM;

    sampler->programs = programs;
    FOREACH_METER (meter) {
        if (meter->file)
            add_file(sampler, meter);
    }
    *ret = sampler;
    return 0;
}

static void forget_order(Sampler *sampler) {
    free(sampler->order);
    sampler->order = NULL;
}

Sampler *sampler_free(Sampler *sampler) {
    if (!sampler)
        return NULL;

    for (size_t i = 0; i < sampler->n_groups; i++)
        followed_free(sampler->groups[i]);
    free(sampler->groups);
    free(sampler->order);
    free(sampler);
    return NULL;
}

/* The position of name, or the one where it belongs. */
static size_t position_of(const Sampler *sampler, const char *name, bool *ret_found) {
    size_t low = 0, high = sampler->n_groups;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sampler->groups[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < sampler->n_groups && strcmp(sampler->groups[low]->name, name) == 0;
    return low;
}

int sampler_add(Sampler *sampler, const char *name, const char *parent, int dir_fd, uint64_t cgroup_id, uint32_t slot) {
    bool known;
    size_t position = position_of(sampler, name, &known);
    if (known && sampler->groups[position]->cgroup_id == cgroup_id)
        return -EEXIST;

    Followed *group = NULL;
    int r = grow(&sampler->groups, sizeof *sampler->groups, sampler->n_groups, &sampler->n_allocated);
    if (r < 0)
        return r;
    r = followed_new(name, parent, dir_fd, &group);
    if (r < 0)
        return r;
    group->cgroup_id = cgroup_id;
    group->slot = slot;

    Followed **at = sampler->groups + position;
    if (known)
        followed_free(*at);
    else
        memmove(at + 1, at, (sampler->n_groups++ - position) * sizeof *at);
    *at = group;
    forget_order(sampler);
    return 0;
}

void sampler_remove(Sampler *sampler, const char *name) {
    bool known;
    size_t position = position_of(sampler, name, &known);
    if (!known)
        return;

    Followed **at = sampler->groups + position;
    followed_free(*at);
    memmove(at, at + 1, (--sampler->n_groups - position) * sizeof *at);
    forget_order(sampler);
}

static void link_parents(Sampler *sampler) {
    for (size_t i = 0; i < sampler->n_groups; i++) {
        Followed *group = sampler->groups[i];
        bool known = false;
        size_t position = group->parent_name ? position_of(sampler, group->parent_name, &known) : 0;
        group->parent = known ? sampler->groups[position] : NULL;
    }
    for (size_t i = 0; i < sampler->n_groups; i++) {
        Followed *group = sampler->groups[i];
        group->depth = 0;
        for (const Followed *up = group->parent; up && group->depth <= SLICE_DEPTH_MAX; up = up->parent)
            group->depth++;
    }
}

static int deepest_first(const void *left, const void *right) {
    const Followed *a = *(Followed *const *) left, *b = *(Followed *const *) right;

    if (a->depth != b->depth)
        return a->depth > b->depth ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int make_order(Sampler *sampler) {
    if (sampler->order || sampler->n_groups == 0)
        return 0;
    sampler->order = calloc(sampler->n_groups, sizeof *sampler->order);
    if (!sampler->order)
        return -ENOMEM;

    link_parents(sampler);
    memcpy(sampler->order, sampler->groups, sampler->n_groups * sizeof *sampler->order);
    qsort(sampler->order, sampler->n_groups, sizeof *sampler->order, deepest_first);
    return 0;
}

static void sample_add(Sample *sample, MeterId id, uint64_t value) {
    sample_set(sample, id, sample_has(sample, id) ? sample->values[id] + value : value);
}

static void add_counters(Sample *sample, MeterSource source, const void *counters) {
    FOREACH_METER (meter) {
        if (meter->source != source)
            continue;
        uint64_t value = *(const uint64_t *) ((const char *) counters + meter->offset);
        if (value != COUNTER_ABSENT)
            sample_add(sample, meter->id, value);
    }
}

static int read_block(Programs *programs, uint32_t slot, SampleDetail *detail) {
    BlockRow rows[BLOCK_DEVICES_MAX];
    size_t n;
    int r = programs_read_block(programs, slot, rows, ELEMENTSOF(rows), &n);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n && i < ELEMENTSOF(rows); i++)
        sample_detail_add_device(detail, &rows[i]);
    return 0;
}

/* What the children handed up is in the detail already: of the meters, only what the slot itself counted is added. */
static void read_slot(Programs *programs, Followed *group) {
    SampleDetail own = { 0 };
    struct slot slot;

    if (programs_read_slot(programs, group->slot, &slot) >= 0) {
        add_counters(&group->sample, METER_SOURCE_SLOT, &slot);
        sample_detail_add_slot(&own, &slot);
    }
    if (read_block(programs, group->slot, &own) >= 0) {
        struct block_counts block = sample_detail_block(&own);
        add_counters(&group->sample, METER_SOURCE_BLOCK, &block);
    }
    sample_detail_add(&group->detail, &own);
}

/* Called while there is nothing in the sample but what slots counted. */
static void hand_up(const Followed *group, Followed *parent) {
    FOREACH_METER (meter) {
        if (sample_has(&group->sample, meter->id))
            sample_add(&parent->sample, meter->id, group->sample.values[meter->id]);
    }
    sample_detail_add(&parent->detail, &group->detail);
}

static void read_cgroup(Programs *programs, Followed *group) {
    struct cgroup_counters counters;

    if (programs_read_cgroup(programs, group->slot, &counters) >= 0)
        add_counters(&group->sample, METER_SOURCE_CGROUP, &counters);
}

static int open_file(Sampler *sampler, Followed *group, size_t i) {
    uint64_t bit = UINT64_C(1) << i;
    int *fd = &group->file_fds[i];

    if (*fd >= 0 || (group->missing_files & bit && group->n_reads % FILE_RETRY_PASSES != 0))
        return *fd;
    *fd = openat(group->dir_fd, sampler->files[i].name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        group->missing_files |= bit;
    if (*fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        sampler->error = -errno;
    return *fd;
}

static void read_files(Sampler *sampler, Followed *group) {
    Sample *sample = &group->sample;

    for (size_t i = 0; i < sampler->n_files; i++) {
        uint64_t wanted = sampler->files[i].meters & ~sample->present, value;
        int fd = wanted ? open_file(sampler, group, i) : -1;
        if (fd < 0 || file_pread(fd, sampler->text, sizeof sampler->text) < 0)
            continue;

        FOREACH_METER (meter) {
            if (wanted & (UINT64_C(1) << meter->id) && meter_parse(meter, sampler->text, &value) >= 0)
                sample_set(sample, meter->id, value);
        }
    }
    group->n_reads++;
}

static void forget_details(Sampler *sampler) {
    for (size_t i = 0; i < sampler->n_groups; i++)
        sampler->groups[i]->detail = (SampleDetail){ 0 };
}

int sampler_read(Sampler *sampler, uint64_t now_usec,
        void (*report)(const char *name, const Sample *sample, void *userdata), void *userdata) {
    int r = make_order(sampler);
    if (r < 0)
        return r;

    bool refreshed = sampler->programs && programs_refresh(sampler->programs) >= 0;
    sampler->error = 0;
    forget_details(sampler);
    for (size_t i = 0; i < sampler->n_groups; i++) {
        Followed *group = sampler->order[i];
        bool has_slot = sampler->programs && group->slot != SLOT_NONE;
        if (has_slot)
            read_slot(sampler->programs, group);
        if (group->parent)
            hand_up(group, group->parent);
        if (has_slot && refreshed)
            read_cgroup(sampler->programs, group);
        read_files(sampler, group);

        group->sample.at_usec = now_usec;
        report(group->name, &group->sample, userdata);
        group->sample = (Sample){ 0 };
    }
    return sampler->error;
}

const SampleDetail *sampler_detail(const Sampler *sampler, const char *name) {
    bool known;
    size_t position = position_of(sampler, name, &known);

    return known ? &sampler->groups[position]->detail : NULL;
}

/* NULL: not followed, or nothing is counted by slot. */
static const Followed *counted(const Sampler *sampler, const char *name) {
    bool known;
    size_t position = position_of(sampler, name, &known);
    const Followed *group = known ? sampler->groups[position] : NULL;

    return group && sampler->programs && group->slot != SLOT_NONE ? group : NULL;
}

int sampler_denials(const Sampler *sampler, const char *name, struct filter_denials *ret) {
    const Followed *group = counted(sampler, name);

    return group ? programs_read_denials(sampler->programs, group->slot, ret) : -ENODATA;
}

struct account *sampler_account(const Sampler *sampler, const char *name) {
    const Followed *group = counted(sampler, name);

    return group ? programs_account(sampler->programs, group->slot) : NULL;
}
