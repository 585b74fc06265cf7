/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Upwards: what each can take. Downwards: what each has reserved, as far as the reserve of its parent goes. Downwards again:
 * what each gets. Each step downwards is a pouring over siblings (share-pour.c); nothing else gives anything out. Where
 * groups may not run on all CPUs of the slice they are in, no step gives more than the CPUs of all together allow
 * (share-cpus.c): those that share a bottleneck get what it allows, and are done; the others go on.
 */

#include "model/share.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/limit.h"
#include "model/share-cpus.h"
#include "model/share-pour.h"

enum { WEIGHT_MAX = 10000 };

typedef struct Siblings {
    const size_t *nodes;
    size_t n;
} Siblings;

typedef struct Tree {
    const ShareNode *nodes;
    size_t n;
    size_t *parents;
    size_t *order;       /* all nodes, siblings side by side */
    size_t *first_child; /* of each: where in order its children begin; they end where those of the next begin */
    CpuSet *cpus;        /* what each may run on */
    uint64_t *takes;     /* what each can take, for all that is known of it alone */
    uint64_t *reserved;
    uint64_t *gets;
    ShareCup *cups, *trial; /* of the siblings at hand */
    ShareCpus bounds;       /* where some group has not all CPUs of its parent */
} Tree;

static void tree_done(Tree *tree) {
    free(tree->parents);
    free(tree->order);
    free(tree->first_child);
    free(tree->cpus);
    free(tree->takes);
    free(tree->reserved);
    free(tree->gets);
    free(tree->cups);
    free(tree->trial);
    share_cpus_done(&tree->bounds);
}

static int tree_make(const ShareNode nodes[], size_t n, Tree *ret) {
    *ret = (Tree){ .nodes = nodes,
        .n = n,
        .parents = calloc(n, sizeof *ret->parents),
        .order = calloc(n, sizeof *ret->order),
        .first_child = calloc(n + 2, sizeof *ret->first_child),
        .cpus = calloc(n, sizeof *ret->cpus),
        .takes = calloc(n, sizeof *ret->takes),
        .reserved = calloc(n, sizeof *ret->reserved),
        .gets = calloc(n, sizeof *ret->gets),
        .cups = calloc(n, sizeof *ret->cups),
        .trial = calloc(n, sizeof *ret->trial) };
    bool complete = ret->parents && ret->order && ret->first_child && ret->cpus && ret->takes && ret->reserved &&
                    ret->gets && ret->cups && ret->trial;
    return complete ? 0 : -ENOMEM;
}

static int check_bounds(const ShareNode nodes[], size_t n, const ShareHost *host) {
    if (n == 0)
        return -EINVAL;
    if (n > SHARE_NODES_MAX || host->window_usec > SHARE_AMOUNT_MAX / CPUS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < n; i++)
        if ((i > 0 && nodes[i].parent >= i) || nodes[i].weight > WEIGHT_MAX)
            return -EINVAL;
    return 0;
}

/* --- the tree ---------------------------------------------------------------------------------------------------- */

/* A counting sort by parent: each count, then the sums, then each in its place, which moves the sums to where they belong. */
static void sort_siblings(Tree *tree) {
    size_t *begin = tree->first_child + 1;

    tree->first_child[0] = 1; /* after the first node, which has no siblings */
    begin[0] = 1;
    for (size_t i = 1; i < tree->n; i++) {
        tree->parents[i] = tree->nodes[i].parent;
        begin[tree->parents[i] + 1]++;
    }
    for (size_t i = 1; i <= tree->n; i++)
        begin[i] += begin[i - 1];
    for (size_t i = 1; i < tree->n; i++)
        tree->order[begin[tree->parents[i]]++] = i;
}

static Siblings children_of(const Tree *tree, size_t parent) {
    return (Siblings){ tree->order + tree->first_child[parent],
        tree->first_child[parent + 1] - tree->first_child[parent] };
}

static void find_cpus(Tree *tree, const ShareHost *host) {
    for (size_t i = 0; i < tree->n; i++) {
        const CpuSet *around = i == 0 ? host->cpus : tree->cpus + tree->parents[i], *own = tree->nodes[i].cpus;
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
        uint64_t wanted = children_of(tree, i).n > 0 ? tree->takes[i] : all ? SHARE_DEMAND_ALL : node->demand;
        uint64_t allowed = lesser(node->quota, cpu_set_count(tree->cpus + i) * host->window_usec);
        tree->takes[i] = lesser(wanted, allowed);
        if (i > 0)
            tree->takes[tree->parents[i]] += tree->takes[i];
    }
}

/* --- what CPUs allow --------------------------------------------------------------------------------------------- */

static int find_bounds(Tree *tree, const ShareHost *host) {
    bool apart = false;

    for (size_t i = 1; i < tree->n && !apart; i++)
        apart = !cpu_set_equal(tree->cpus + i, tree->cpus + tree->parents[i]);
    if (!apart)
        return 0;
    int r = share_cpus_make(tree->parents, tree->cpus, tree->n, host->window_usec, &tree->bounds);
    for (size_t i = 0; i < tree->n && r == 0; i++)
        tree->bounds.may[i] = tree->takes[i];
    return r;
}

static bool is_bounded(const Tree *tree, size_t parent) {
    return tree->bounds.n > 0 && tree->bounds.apart[parent];
}

/* What those in it have reserved is theirs, whatever becomes of the rest. */
static void bind(Tree *tree, size_t node, uint64_t amount) {
    Siblings children = children_of(tree, node);

    tree->bounds.must[node] = amount;
    tree->bounds.may[node] = tree->takes[node] - amount;
    for (size_t i = 0; i < children.n && tree->bounds.apart[node]; i++)
        tree->bounds.must[node] -= tree->reserved[children.nodes[i]];
}

static uint64_t lack_of_trial(Tree *tree, Siblings siblings) {
    for (size_t i = 0; i < siblings.n; i++)
        bind(tree, siblings.nodes[i], tree->trial[i].amount);
    return share_cpus_lack(&tree->bounds);
}

/* Those that cannot all have what was tried remain, and the supply is what they can have. */
static uint64_t narrow_trial(Tree *tree, Siblings siblings, uint64_t lack) {
    uint64_t sum = 0;

    for (size_t i = 0; i < siblings.n; i++)
        if (!share_cpus_is_short(&tree->bounds, siblings.nodes[i]))
            tree->trial[i].weight = 0;
        else if (tree->trial[i].weight > 0)
            sum += tree->trial[i].amount - tree->cups[i].amount;
    assert(sum >= lack);
    return sum - lack;
}

/* Pours over those that share the tightest bottleneck, or all if there is none. They are done then. */
static uint64_t pour_once(Tree *tree, Siblings siblings, uint64_t supply) {
    uint64_t left = supply, lack;

    memcpy(tree->trial, tree->cups, siblings.n * sizeof *tree->trial);
    for (;;) {
        for (size_t i = 0; i < siblings.n; i++)
            tree->trial[i].amount = tree->cups[i].amount;
        share_pour(tree->trial, siblings.n, supply);
        lack = lack_of_trial(tree, siblings);
        if (lack == 0)
            break;
        supply = narrow_trial(tree, siblings, lack);
    }
    for (size_t i = 0; i < siblings.n; i++)
        if (tree->trial[i].weight > 0) {
            left -= tree->trial[i].amount - tree->cups[i].amount;
            tree->cups[i] = (ShareCup){ .amount = tree->trial[i].amount, .cap = tree->cups[i].cap };
        }
    return left;
}

static bool any_weight(const ShareCup cups[], size_t n) {
    for (size_t i = 0; i < n; i++)
        if (cups[i].weight > 0)
            return true;
    return false;
}

static uint64_t pour(Tree *tree, Siblings siblings, bool bounded, uint64_t supply) {
    if (!bounded)
        return share_pour(tree->cups, siblings.n, supply);
    while (any_weight(tree->cups, siblings.n))
        supply = pour_once(tree, siblings, supply);
    return supply;
}

/* --- downwards --------------------------------------------------------------------------------------------------- */

/* What `parent` has reserved, among those in it; returns how much of it they have. */
static uint64_t divide_reserve(Tree *tree, size_t parent) {
    Siblings children = children_of(tree, parent);
    bool bounded = is_bounded(tree, parent);
    uint64_t sum = 0;

    for (size_t i = 0; i < children.n; i++) {
        uint64_t reserve = tree->nodes[children.nodes[i]].reserve;
        tree->cups[i] = (ShareCup){
            .cap = lesser(reserve, tree->takes[children.nodes[i]]),
            .weight = lesser(reserve, SHARE_AMOUNT_MAX),
        };
    }
    if (bounded)
        tree->bounds.must[parent] = 0;
    pour(tree, children, bounded, tree->reserved[parent]);
    for (size_t i = 0; i < children.n; i++)
        sum += tree->reserved[children.nodes[i]] = tree->cups[i].amount;
    return sum;
}

/* What there is beyond their reserves, among siblings. */
static void divide(Tree *tree, Siblings siblings, bool bounded, uint64_t supply) {
    for (size_t i = 0; i < siblings.n; i++) {
        size_t node = siblings.nodes[i];
        tree->cups[i] = (ShareCup){
            .amount = tree->reserved[node],
            .cap = tree->takes[node],
            .weight = tree->nodes[node].weight,
        };
        supply -= tree->reserved[node];
    }
    supply = pour(tree, siblings, bounded, supply);
    for (size_t i = 0; i < siblings.n; i++)
        tree->cups[i].weight = tree->nodes[siblings.nodes[i]].weight == CPU_WEIGHT_IDLE;
    pour(tree, siblings, bounded, supply);
    for (size_t i = 0; i < siblings.n; i++)
        tree->gets[siblings.nodes[i]] = tree->cups[i].amount;
}

/* The first node has reserved what those in it have. */
static void divide_reserves(Tree *tree) {
    tree->reserved[0] = tree->takes[0];
    for (size_t i = 0; i < tree->n; i++) {
        uint64_t sum = divide_reserve(tree, i);
        if (i == 0)
            tree->reserved[0] = sum;
        if (is_bounded(tree, i))
            bind(tree, i, tree->reserved[i]);
    }
}

static void divide_all(Tree *tree) {
    divide(tree, (Siblings){ tree->order, 1 }, tree->bounds.n > 0, tree->takes[0]);
    for (size_t i = 0; i < tree->n; i++) {
        bool bounded = is_bounded(tree, i);
        if (bounded)
            tree->bounds.must[i] = 0;
        divide(tree, children_of(tree, i), bounded, tree->gets[i]);
    }
}

static int allocate(const ShareNode nodes[], size_t n, const ShareHost *host, bool all, uint64_t ret[]) {
    _cleanup_(tree_done) Tree tree = { 0 };

    int r = check_bounds(nodes, n, host);
    if (r < 0)
        return r;
    r = tree_make(nodes, n, &tree);
    if (r < 0)
        return r;
    sort_siblings(&tree);
    find_cpus(&tree, host);
    find_takes(&tree, host, all);
    r = find_bounds(&tree, host);
    if (r < 0)
        return r;

    divide_reserves(&tree);
    divide_all(&tree);
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
