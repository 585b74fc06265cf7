/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policy as an object: its references, its questions, and where its groups stand in the tree. */

#include "model/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

/* Kernel files stand beside the directories of groups: these prefixes and names are theirs, now and in v1 mounts. */
static const char *const kernel_prefixes[] = {
    "cgroup.",
    "cpu.",
    "cpuacct.",
    "cpuset.",
    "debug.",
    "dmem.",
    "hugetlb.",
    "io.",
    "irq.",
    "memory.",
    "misc.",
    "net_cls.",
    "net_prio.",
    "perf_event.",
    "pids.",
    "rdma.",
};
static const char *const kernel_names[] = { "notify_on_release", "release_agent", "tasks" };

static const char *const group_kind_names[GROUP_KINDS_COUNT] = {
    [GROUP_SLICE] = "slice",
    [GROUP_WORKLOAD] = "workload",
};
static const char *const restart_policy_names[RESTART_POLICIES_COUNT] = {
    [RESTART_NO] = "no",
    [RESTART_ON_SUCCESS] = "on-success",
    [RESTART_ON_FAILURE] = "on-failure",
    [RESTART_ON_ABNORMAL] = "on-abnormal",
    [RESTART_ON_ABORT] = "on-abort",
    [RESTART_ALWAYS] = "always",
};
static const char *const kill_mode_names[KILL_MODES_COUNT] = {
    [KILL_CONTROL_GROUP] = "control-group",
    [KILL_MIXED] = "mixed",
};
static const char *const collect_mode_names[COLLECT_MODES_COUNT] = {
    [COLLECT_INACTIVE] = "inactive",
    [COLLECT_INACTIVE_OR_FAILED] = "inactive-or-failed",
};
static const char *const output_kind_names[OUTPUT_KINDS_COUNT] = {
    [OUTPUT_JOURNAL] = "journal",
    [OUTPUT_NULL] = "null",
    [OUTPUT_FILE] = "file",
    [OUTPUT_APPEND] = "append",
    [OUTPUT_TRUNCATE] = "truncate",
    [OUTPUT_INHERIT] = "inherit",
};
static const char *const network_mode_names[NETWORK_MODES_COUNT] = {
    [NETWORK_HOST] = "host",
    [NETWORK_PRIVATE] = "private",
    [NETWORK_BRIDGE] = "bridge",
    [NETWORK_WORKLOAD] = "workload",
};

bool exit_set_has(const ExitSet *set, bool signaled, int code) {
    if (signaled)
        return code > 0 && code <= 64 && set->signals & UINT64_C(1) << (code - 1);
    return code >= 0 && code < 256 && set->codes[code / 64] & UINT64_C(1) << code % 64;
}

bool log_rate_limited(const LogRate *rate, LogRate *ret) {
    static const LogRate journal = { .interval_usec = 30 * USEC_PER_SEC, .burst = 10000 };
    LogRate whole = *rate;

    if (rate->interval_usec == AMOUNT_INFINITY && rate->burst == AMOUNT_INFINITY)
        return false;
    if (whole.interval_usec == AMOUNT_INFINITY)
        whole.interval_usec = journal.interval_usec;
    if (whole.burst == AMOUNT_INFINITY)
        whole.burst = journal.burst;
    if (whole.interval_usec == 0 || whole.burst == 0)
        return false;
    *ret = whole;
    return true;
}

void commands_done(Commands *commands) {
    for (size_t i = 0; i < commands->n; i++)
        strv_free(commands->items[i].arguments);
    free(commands->items);
    *commands = (Commands){};
}

void workload_free(Workload *workload) {
    if (!workload)
        return;
    strv_free(workload->exec.arguments);
    commands_done(&workload->exec.start_pre);
    commands_done(&workload->exec.start_post);
    commands_done(&workload->exec.stop);
    strv_free(workload->exec.environment);
    free(workload->exec.user);
    free(workload->exec.working_directory);
    strv_free(workload->exec.environment_files);
    free(workload->exec.group);
    strv_free(workload->exec.supplementary_groups);
    free(workload->exec.input_path);
    free(workload->exec.output.path);
    free(workload->exec.error.path);
    free(workload->wiring.attachments);
    free(workload->wiring.publications);
    free(workload);
}

static void group_empty(Group *group) {
    FOREACH_LIMIT (limit)
        limit_value_done(&group->limits[limit->id]);
    filters_done(&group->filters);
    workload_free(group->workload);
    free(group->origin.file);
    free(group->name);
}

Group *group_ref(Group *group) {
    __atomic_add_fetch(&group->n_references, 1, __ATOMIC_RELAXED);
    return group;
}

void group_unref(Group *group) {
    if (!group || __atomic_sub_fetch(&group->n_references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (group->lender)
        group_unref(group->lender);
    else
        group_empty(group);
    free(group);
}

static void network_free(Network *network) {
    if (!network)
        return;
    free(network->bridge);
    free(network->origin.file);
    free(network->name);
    free(network);
}

Policy *policy_ref(Policy *policy) {
    __atomic_add_fetch(&policy->n_references, 1, __ATOMIC_RELAXED);
    return policy;
}

/* What its amendments share with it. */
static void free_common(Policy *policy) {
    for (size_t i = 0; i < policy->n_networks; i++)
        network_free(policy->networks[i]);
    FOREACH_LIMIT (limit)
        limit_value_done(&policy->settings.tree[limit->id]);
    free(policy->networks);
}

Policy *policy_unref(Policy *policy) {
    /* The last one must see all that the others did to it. */
    if (!policy || __atomic_sub_fetch(&policy->n_references, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    for (size_t i = 0; i < policy->n_groups; i++)
        group_unref(policy->groups[i]);
    if (policy->base)
        policy_unref(policy->base);
    else
        free_common(policy);
    free(policy->groups);
    free(policy->by_name);
    free(policy);
    return NULL;
}

/* How many of the first n come before this name. */
static size_t rank_by_name(const Policy *policy, size_t n, const char *name) {
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (strcmp(policy->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

void policy_index_group(Policy *policy, Group *group) {
    size_t n = policy->n_groups - 1, rank = rank_by_name(policy, n, group->name);

    while (rank < n && strcmp(policy->by_name[rank]->name, group->name) == 0)
        rank++; /* while files are read a name may come twice: the first one counts */
    memmove(policy->by_name + rank + 1, policy->by_name + rank, (n - rank) * sizeof(Group *));
    policy->by_name[rank] = group;
}

Group *policy_group(const Policy *policy, const char *name) {
    size_t rank = rank_by_name(policy, policy->n_groups, name);
    bool known = rank < policy->n_groups && strcmp(policy->by_name[rank]->name, name) == 0;

    return known ? policy->by_name[rank] : NULL;
}

/* Histograms have many series, so those of workloads come on request only. */
static unsigned default_metrics(GroupKind kind) {
    unsigned meters_only = (1u << METER_SET_HISTOGRAMS) - 1;

    return kind == GROUP_SLICE ? meters_only | 1u << METER_SET_HISTOGRAMS : meters_only;
}

unsigned policy_metrics_of(const Policy *policy, const Group *group) {
    for (const Group *above = group; above; above = above->parent)
        if (above->metrics)
            return above->metrics;
    return policy->settings.metrics ?: default_metrics(group->kind);
}

Network *policy_network(const Policy *policy, const char *name) {
    for (size_t i = 0; i < policy->n_networks; i++)
        if (strcmp(policy->networks[i]->name, name) == 0)
            return policy->networks[i];
    return NULL;
}

const char *group_kind_name(GroupKind kind) {
    return group_kind_names[kind];
}

const char *restart_policy_name(RestartPolicy restart) {
    return restart_policy_names[restart];
}

const char *kill_mode_name(KillMode mode) {
    return kill_mode_names[mode];
}

const char *collect_mode_name(CollectMode mode) {
    return collect_mode_names[mode];
}

const char *network_mode_name(NetworkMode mode) {
    return network_mode_names[mode];
}

const char *output_kind_name(OutputKind kind) {
    return output_kind_names[kind];
}

bool policy_names_devices(const Policy *policy) {
    for (size_t i = 0; i < policy->n_groups; i++)
        FOREACH_LIMIT (limit) {
            if (limit->kind == LIMIT_KIND_DEVICES && policy->groups[i]->limits[limit->id].n_parts > 0)
                return true;
        }
    return false;
}

static bool meets_kernel_file(const char *name) {
    for (size_t i = 0; i < ELEMENTSOF(kernel_prefixes); i++)
        if (strncmp(name, kernel_prefixes[i], strlen(kernel_prefixes[i])) == 0)
            return true;
    for (size_t i = 0; i < ELEMENTSOF(kernel_names); i++)
        if (strcmp(name, kernel_names[i]) == 0)
            return true;
    return false;
}

const char *group_directory(const char *name, char *buffer, size_t size) {
    snprintf(buffer, size, "%s%s", meets_kernel_file(name) ? "_" : "", name);
    return buffer;
}

const Group *group_frozen_by(const Group *group) {
    while (group && !group->frozen)
        group = group->parent;
    return group;
}

int group_path(const Group *group, char *buffer, size_t size) {
    char directory[NAME_LENGTH_MAX + 2];
    char path[SLICE_DEPTH_MAX * (NAME_LENGTH_MAX + 2) + sizeof(directory)];
    size_t at = sizeof(path);

    /* From the last byte to the first, as the way leads upwards. */
    for (const Group *g = group; g; g = g->parent) {
        size_t length = strlen(group_directory(g->name, directory, sizeof(directory)));

        path[--at] = g == group ? '\0' : '/';
        at -= length;
        memcpy(path + at, directory, length);
    }
    if (sizeof(path) - at > size)
        return -ENAMETOOLONG;
    memcpy(buffer, path + at, sizeof(path) - at);
    return 0;
}

bool group_is_filtered(const Group *group, FilterId filter) {
    if (filter != FILTER_ADDRESSES)
        return filters_deny(&group->filters, filter);
    for (const Group *g = group->workload ? group : NULL; g; g = g->parent)
        if (filters_deny(&g->filters, filter))
            return true;
    return false;
}
