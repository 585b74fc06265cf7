/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loading: lets the sources be read into drafts and checked, and puts what comes out in order. A policy comes out only
 * when nothing at all was wrong.
 */

#include "model/policy-load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "model/lease.h"
#include "model/policy-check.h"
#include "model/policy-draft.h"

/* After its parents; policy_check() has seen to it that they are few and end. */
static void place_group(Group *group, Group **placed, size_t *n_placed) {
    if (group->parent)
        place_group(group->parent, placed, n_placed);
    if (group->index < *n_placed && placed[group->index] == group)
        return;
    group->index = *n_placed;
    placed[(*n_placed)++] = group;
}

static int order_groups(Policy *policy) {
    Group **placed = calloc(policy->n_groups + 1, sizeof(Group *));
    size_t n_placed = 0;

    if (!placed)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_groups; i++)
        place_group(policy->groups[i], placed, &n_placed);
    free(policy->groups);
    policy->groups = placed;
    return 0;
}

/* A text is changed as it is read; the sources stay. */
static int parse_source(Drafts *drafts, const Source *source) {
    _cleanup_(cleanup_free) char *text = malloc(source->length + 1);

    if (!text)
        return -ENOMEM;
    memcpy(text, source->text, source->length + 1);
    drafts_begin_file(drafts, source->path, source->kind);
    return policy_read(source->path, text, source->length, drafts->diagnostics, &drafts_calls, drafts);
}

static int parse_sources(Drafts *drafts, const Sources *sources) {
    int r = 0;

    for (size_t i = 0; sources && i < sources->n_items && r >= 0; i++)
        r = parse_source(drafts, &sources->items[i]);
    return r;
}

int policy_parse(const Sources *sources, const Sources *transient, const char *leases, const LimitScale *scale,
        Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(drafts_done) Drafts drafts = { .scale = scale, .diagnostics = diagnostics };
    _cleanup_(cleanup_policy_unref) Policy *policy = calloc(1, sizeof(Policy));

    if (!policy)
        return -ENOMEM;
    policy->n_references = 1;
    drafts.policy = policy;
    int r = drafts_begin(&drafts);
    if (r >= 0)
        r = parse_sources(&drafts, sources);
    if (r >= 0)
        r = parse_sources(&drafts, transient);
    if (r < 0)
        return r;
    drafts_drop_orphans(&drafts);
    policy_check(policy, scale, drafts.items, drafts.n_items, diagnostics);
    if (!diagnostics_any(diagnostics))
        r = leases_assign(policy, leases, diagnostics);
    if (r < 0)
        return r;
    if (diagnostics_any(diagnostics))
        return -EBADMSG;
    r = order_groups(policy);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(policy);
    return 0;
}

static int read_sources(const PolicyPaths *paths, Sources *sources, Diagnostics *diagnostics) {
    int r = 0;

    if (!paths->files)
        return sources_read_directories(sources, paths->directories, diagnostics);
    for (size_t i = 0; paths->files[i] && r >= 0; i++)
        r = sources_read_file(sources, SOURCE_FILE, paths->files[i], diagnostics);
    return r;
}

int policy_load(const PolicyPaths *paths, const LimitScale *scale, Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(sources_done) Sources sources = {}, transient = {};

    int r = read_sources(paths, &sources, diagnostics);
    if (r >= 0 && paths->transient_directory)
        r = sources_read_transient(&transient, paths->transient_directory, diagnostics);
    return r < 0 ? r : policy_parse(&sources, &transient, paths->leases, scale, diagnostics, ret);
}

static uint64_t kernel_number(const char *path) {
    char text[32];
    uint64_t number;

    if (file_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
        return UINT64_MAX;
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, &number) < 0 ? UINT64_MAX : number;
}

LimitScale limit_scale_of_host(void) {
    uint64_t page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t pids = kernel_number("/proc/sys/kernel/pid_max"), threads = kernel_number("/proc/sys/kernel/threads-max");

    return (LimitScale){
        .memory_total_bytes = sysconf(_SC_PHYS_PAGES) * page_bytes,
        .page_bytes = page_bytes,
        .cpus = sysconf(_SC_NPROCESSORS_CONF),
        .tasks_total = pids < threads ? pids : threads,
    };
}
