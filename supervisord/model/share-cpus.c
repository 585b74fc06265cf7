/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Hall's condition as a flow: from the source to groups, what they must get; from a slice to those in it, what they may get
 * out of it; from groups to the CPUs that they may run on; from CPUs to the sink, the window. CPUs that are in the same sets
 * are one vertex. Groups that have all of the CPUs of the slice they are in, to the last in it, are nothing of their own.
 */

#include "model/share-cpus.h"

#include <errno.h>
#include <stdlib.h>

/* CPUs by the sets that they are in. */
typedef struct Classes {
    uint16_t of_cpu[CPUS_MAX];
    uint16_t sizes[CPUS_MAX];
    uint16_t n;
} Classes;

/* Takes those of a set out of each class of which it has only a part. */
static void split_classes(Classes *classes, const CpuSet *set) {
    uint16_t inside[CPUS_MAX] = { 0 }, moves_to[CPUS_MAX] = { 0 };

    FOREACH_CPU (cpu, set)
        inside[classes->of_cpu[cpu]]++;
    for (size_t i = 0, n = classes->n; i < n; i++)
        if (inside[i] > 0 && inside[i] < classes->sizes[i]) {
            classes->sizes[i] -= inside[i];
            classes->sizes[classes->n] = inside[i];
            moves_to[i] = classes->n++;
        }
    FOREACH_CPU (cpu, set)
        if (moves_to[classes->of_cpu[cpu]] > 0)
            classes->of_cpu[cpu] = moves_to[classes->of_cpu[cpu]];
}

static void find_classes(const size_t parents[], const CpuSet cpus[], size_t n, Classes *classes) {
    *classes = (Classes){ .n = 1, .sizes = { cpu_set_count(cpus) } };
    for (size_t i = 1; i < n; i++)
        if (!cpu_set_equal(cpus + i, cpus + parents[i]))
            split_classes(classes, cpus + i);
}

static void find_apart(const size_t parents[], const CpuSet cpus[], size_t n, bool apart[]) {
    for (size_t i = n; i-- > 1;)
        apart[parents[i]] |= apart[i] || !cpu_set_equal(cpus + i, cpus + parents[i]);
}

static size_t class_vertex(size_t class) {
    return SHARE_FLOW_VERTICES + class;
}

/* To each class, by any CPU of it. */
static int add_runs_on(ShareCpus *c, size_t vertex, const CpuSet *set, const Classes *classes) {
    bool seen[CPUS_MAX] = { 0 };
    int r = 0;

    FOREACH_CPU (cpu, set) {
        if (r < 0 || seen[classes->of_cpu[cpu]])
            continue;
        seen[classes->of_cpu[cpu]] = true;
        r = share_flow_add(&c->flow, vertex, class_vertex(classes->of_cpu[cpu]), UINT64_MAX / 2, NULL);
    }
    return r;
}

static int add_group(ShareCpus *c, size_t i, size_t parent, const CpuSet *set, const Classes *classes) {
    size_t vertex = c->vertices[i];
    int r = share_flow_add(&c->flow, SHARE_FLOW_SOURCE, vertex, 0, c->must_edges + i);

    if (r == 0 && i > 0)
        r = share_flow_add(&c->flow, c->vertices[parent], vertex, 0, c->may_edges + i);
    if (r == 0 && !c->apart[i])
        r = add_runs_on(c, vertex, set, classes);
    return r;
}

static int build(ShareCpus *c, const size_t parents[], const CpuSet cpus[], uint64_t window_usec) {
    Classes classes;
    int r = 0;

    find_classes(parents, cpus, c->n, &classes);
    size_t n_vertices = class_vertex(classes.n);
    for (size_t i = 0; i < classes.n && r == 0; i++)
        r = share_flow_add(&c->flow, class_vertex(i), SHARE_FLOW_SINK, classes.sizes[i] * window_usec, NULL);
    for (size_t i = 0; i < c->n && r == 0; i++) {
        if (i > 0 && !c->apart[parents[i]])
            continue;
        c->vertices[i] = n_vertices++;
        r = add_group(c, i, parents[i], cpus + i, &classes);
    }
    return r < 0 ? r : share_flow_seal(&c->flow, n_vertices);
}

int share_cpus_make(const size_t parents[], const CpuSet cpus[], size_t n, uint64_t window_usec, ShareCpus *ret) {
    ShareCpus made = { .n = n,
        .must = calloc(n, sizeof *made.must),
        .may = calloc(n, sizeof *made.may),
        .apart = calloc(n, sizeof *made.apart),
        .must_edges = calloc(n, sizeof *made.must_edges),
        .may_edges = calloc(n, sizeof *made.may_edges),
        .vertices = calloc(n, sizeof *made.vertices) };
    bool complete = made.must && made.may && made.apart && made.must_edges && made.may_edges && made.vertices;
    int r = complete ? 0 : -ENOMEM;

    if (r == 0) {
        find_apart(parents, cpus, n, made.apart);
        r = build(&made, parents, cpus, window_usec);
    }
    if (r < 0)
        share_cpus_done(&made);
    else
        *ret = made;
    return r;
}

void share_cpus_done(ShareCpus *cpus) {
    free(cpus->must);
    free(cpus->may);
    free(cpus->apart);
    free(cpus->must_edges);
    free(cpus->may_edges);
    free(cpus->vertices);
    share_flow_done(&cpus->flow);
    *cpus = (ShareCpus){ 0 };
}

uint64_t share_cpus_lack(ShareCpus *cpus) {
    uint64_t sum = 0;

    for (size_t i = 0; i < cpus->n; i++) {
        if (cpus->vertices[i] == 0)
            continue;
        cpus->flow.edges[cpus->must_edges[i]].capacity = cpus->must[i];
        if (i > 0)
            cpus->flow.edges[cpus->may_edges[i]].capacity = cpus->may[i];
        sum += cpus->must[i];
    }
    return sum - share_flow_run(&cpus->flow);
}

bool share_cpus_is_short(const ShareCpus *cpus, size_t group) {
    return share_flow_reaches(&cpus->flow, cpus->vertices[group]);
}
