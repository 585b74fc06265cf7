/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Upwards: what each can take. Downwards: what each has reserved, as far as the reserve of its parent goes. Downwards again:
 * what each gets. Each step downwards is a pouring over siblings (share-pour.c); nothing else gives anything out.
 */

#include "model/share.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/limit.h"
#include "model/share-pour.h"

enum { WEIGHT_MAX = 10000 };

typedef struct Tree {
    const ShareNode *nodes;
    size_t n;
    size_t *children;    /* all but the first node, siblings side by side */
    size_t *first_child; /* of each: where its children begin; they end where those of the next begin */
    CpuSet *cpus;        /* what each may run on */
    uint64_t *takes;     /* what each can take */
    uint64_t *reserved;
    uint64_t *gets;
    ShareCup *cups; /* of the siblings at hand */
} Tree;

static void tree_done(Tree *tree) {
    free(tree->children);
    free(tree->first_child);
    free(tree->cpus);
    free(tree->takes);
    free(tree->reserved);
    free(tree->gets);
    free(tree->cups);
}

static int tree_make(const ShareNode nodes[], size_t n, Tree *ret) {
    *ret = (Tree){ .nodes = nodes,
        .n = n,
        .children = calloc(n, sizeof *ret->children),
        .first_child = calloc(n + 2, sizeof *ret->first_child),
        .cpus = calloc(n, sizeof *ret->cpus),
        .takes = calloc(n, sizeof *ret->takes),
        .reserved = calloc(n, sizeof *ret->reserved),
        .gets = calloc(n, sizeof *ret->gets),
        .cups = calloc(n, sizeof *ret->cups) };
    bool complete =
            ret->children && ret->first_child && ret->cpus && ret->takes && ret->reserved && ret->gets && ret->cups;
    return complete ? 0 : -ENOMEM;
}

static int check_bounds(const ShareNode nodes[], size_t n, const ShareHost *host) {
    if (n == 0)
        return -EINVAL;
    if (n > SHARE_NODES_MAX || host->window_usec > SHARE_AMOUNT_MAX / CPUS_MAX)
        return -E2BIG;
    for (size_t i = 1; i < n; i++)
        if (nodes[i].parent >= i || nodes[i].weight > WEIGHT_MAX)
            return -EINVAL;
    return 0;
}

/* A counting sort by parent: each count, then the sums, then each in its place, which moves the sums to where they belong. */
static void sort_children(Tree *tree) {
    size_t *begin = tree->first_child + 1;

    for (size_t i = 1; i < tree->n; i++)
        begin[tree->nodes[i].parent + 1]++;
    for (size_t i = 1; i <= tree->n; i++)
        begin[i] += begin[i - 1];
    for (size_t i = 1; i < tree->n; i++)
        tree->children[begin[tree->nodes[i].parent]++] = i;
}

static size_t n_children(const Tree *tree, size_t parent) {
    return tree->first_child[parent + 1] - tree->first_child[parent];
}

static void find_cpus(Tree *tree, const ShareHost *host) {
    for (size_t i = 0; i < tree->n; i++) {
        const CpuSet *around = i == 0 ? host->cpus : tree->cpus + tree->nodes[i].parent, *own = tree->nodes[i].cpus;
        CpuSet both = own ? cpu_set_intersect(own, around) : *around;
        tree->cpus[i] = cpu_set_count(&both) > 0 ? both : *around;
    }
}

static uint64_t lesser(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* From the leaves up: `takes` of a node that is not reached yet is the sum of its children. */
static void find_takes(Tree *tree, const ShareHost *host, bool all) {
    for (size_t i = tree->n; i-- > 0;) {
        const ShareNode *node = tree->nodes + i;
        uint64_t wanted = n_children(tree, i) > 0 ? tree->takes[i] : all ? SHARE_DEMAND_ALL : node->demand;
        uint64_t allowed = lesser(node->quota, cpu_set_count(tree->cpus + i) * host->window_usec);
        tree->takes[i] = lesser(wanted, allowed);
        if (i > 0)
            tree->takes[node->parent] += tree->takes[i];
    }
}

/* What `parent` has reserved, among those in it. */
static void divide_reserve(Tree *tree, size_t parent) {
    const size_t *children = tree->children + tree->first_child[parent];
    size_t n = n_children(tree, parent);

    for (size_t i = 0; i < n; i++) {
        uint64_t wanted = lesser(tree->nodes[children[i]].reserve, tree->takes[children[i]]);
        tree->cups[i] = (ShareCup){ .cap = wanted, .weight = wanted };
    }
    share_pour(tree->cups, n, tree->reserved[parent]);
    for (size_t i = 0; i < n; i++)
        tree->reserved[children[i]] = tree->cups[i].amount;
}

/* What `parent` gets, among those in it. */
static void divide(Tree *tree, size_t parent) {
    const size_t *children = tree->children + tree->first_child[parent];
    size_t n = n_children(tree, parent);
    uint64_t rest = tree->gets[parent];

    for (size_t i = 0; i < n; i++) {
        size_t child = children[i];
        tree->cups[i] = (ShareCup){
            .amount = tree->reserved[child],
            .cap = tree->takes[child],
            .weight = tree->nodes[child].weight,
        };
        rest -= tree->reserved[child];
    }
    rest = share_pour(tree->cups, n, rest);
    for (size_t i = 0; i < n; i++)
        tree->cups[i].weight = tree->nodes[children[i]].weight == CPU_WEIGHT_IDLE;
    share_pour(tree->cups, n, rest);
    for (size_t i = 0; i < n; i++)
        tree->gets[children[i]] = tree->cups[i].amount;
}

static int allocate(const ShareNode nodes[], size_t n, const ShareHost *host, bool all, uint64_t ret[]) {
    _cleanup_(tree_done) Tree tree = { 0 };

    int r = check_bounds(nodes, n, host);
    if (r < 0)
        return r;
    r = tree_make(nodes, n, &tree);
    if (r < 0)
        return r;

    sort_children(&tree);
    find_cpus(&tree, host);
    find_takes(&tree, host, all);
    tree.gets[0] = tree.reserved[0] = tree.takes[0];
    for (size_t i = 0; i < n; i++)
        divide_reserve(&tree, i);
    for (size_t i = 0; i < n; i++)
        divide(&tree, i);
    memcpy(ret, tree.gets, n * sizeof *ret);
    return 0;
}

int share_allocate(const ShareNode nodes[], size_t n, const ShareHost *host, uint64_t ret[]) {
    return allocate(nodes, n, host, false, ret);
}

int share_entitle(const ShareNode nodes[], size_t n, const ShareHost *host, uint64_t ret[]) {
    return allocate(nodes, n, host, true, ret);
}

ShareAccount share_account(uint64_t entitled, uint64_t used, uint64_t demand) {
    uint64_t wanted = lesser(entitled, demand > used ? demand : used), got = lesser(entitled, used);
    return (ShareAccount){
        .entitled = entitled,
        .used = used,
        .lent = entitled - wanted,
        .borrowed = used - got,
        .denied = wanted - got,
    };
}
