/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loading: lets the sources be read into drafts and checked, and puts what comes out in order. A policy comes out only
 * when nothing at all was wrong.
 */

#include "model/policy/load.h"

#include <errno.h>
#include <stdio.h>

#include "model/lease.h"
#include "model/policy/check.h"
#include "model/policy/draft.h"
#include "model/policy/weigh.h"

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

static int read_drafts(Drafts *drafts, const Sources *sources) {
    int r = 0;

    for (size_t i = 0; sources && i < sources->n_items && r >= 0; i++)
        r = drafts_read(drafts, &sources->items[i]);
    return r;
}

/* Reads, evaluates and checks. -EBADMSG when something was reported; -ENOMEM. */
static int make_drafts(Drafts *drafts, const Sources *sources, const Sources *transient) {
    int r = drafts_begin(drafts);

    if (r >= 0)
        r = read_drafts(drafts, sources);
    if (r >= 0)
        r = read_drafts(drafts, transient);
    if (r < 0)
        return r;
    drafts_drop_orphans(drafts);
    r = drafts_evaluate_slices(drafts);
    if (r < 0)
        return r;
    policy_check_slices(drafts->policy, &drafts->facts->scale, drafts->items, drafts->n_items, drafts->diagnostics);
    r = drafts_evaluate(drafts);
    if (r < 0)
        return r;
    policy_check(drafts->policy, &drafts->facts->scale, drafts->items, drafts->n_items, drafts->diagnostics);
    diagnostics_sort(drafts->diagnostics);
    return diagnostics_any(drafts->diagnostics) ? -EBADMSG : 0;
}

/* An empty policy for drafts to fill in. */
static Policy *policy_new(void) {
    Policy *policy = calloc(1, sizeof(Policy));

    if (policy)
        policy->n_references = 1;
    return policy;
}

int policy_parse(const Sources *sources, const Sources *transient, const char *leases, const HostFacts *facts,
        Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(cleanup_policy_unref) Policy *policy = policy_new();
    _cleanup_(drafts_done) Drafts drafts = { .policy = policy, .facts = facts, .diagnostics = diagnostics };

    int r = policy ? make_drafts(&drafts, sources, transient) : -ENOMEM;
    if (r >= 0)
        r = leases_assign(policy, leases, diagnostics);
    if (r >= 0 && diagnostics_any(diagnostics))
        r = -EBADMSG;
    if (r >= 0)
        r = order_groups(policy);
    if (r >= 0)
        r = policy_weigh(policy, &facts->scale);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(policy);
    return 0;
}

static int list_drafts(const Drafts *drafts, const char *name, char **ret) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    int n = drafts_list(drafts, name, out);
    bool failed = ferror(out);
    if (fclose(out) < 0 || failed)
        n = -ENOMEM;
    if (n < 0 || (n == 0 && *name)) {
        free(text);
        return n < 0 ? n : -ENOENT;
    }
    *ret = text;
    return 0;
}

int policy_list(const Sources *sources, const Sources *transient, const HostFacts *facts, const char *name,
        Diagnostics *diagnostics, char **ret) {
    _cleanup_(cleanup_policy_unref) Policy *policy = policy_new();
    _cleanup_(drafts_done) Drafts drafts = { .policy = policy, .facts = facts, .diagnostics = diagnostics };

    int r = policy ? make_drafts(&drafts, sources, transient) : -ENOMEM;
    return r < 0 ? r : list_drafts(&drafts, name, ret);
}

static int read_sources(const PolicyPaths *paths, Sources *sources, Diagnostics *diagnostics) {
    int r = 0;

    if (!paths->files)
        return sources_read_directories(sources, paths->directories, diagnostics);
    for (size_t i = 0; paths->files[i] && r >= 0; i++)
        r = sources_read_file(sources, SOURCE_FILE, paths->files[i], diagnostics);
    return r;
}

int policy_load(const PolicyPaths *paths, const HostFacts *facts, Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(sources_done) Sources sources = {}, transient = {};

    int r = read_sources(paths, &sources, diagnostics);
    if (r >= 0 && paths->transient_directory)
        r = sources_read_transient(&transient, paths->transient_directory, diagnostics);
    return r < 0 ? r : policy_parse(&sources, &transient, paths->leases, facts, diagnostics, ret);
}
