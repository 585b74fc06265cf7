/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The rules that shares keep, for every tree of up to so many groups in which each is one of some characters. What can be
 * had at most, and whether something can be had at all, is said here by looking at each set of CPUs, as Hall's condition has it.
 * With the argument `all`, six groups take every character as well: some minutes.
 */

#include "model/share.h"

#include "model/limit.h"
#include "tests/unit/check.h"

enum { CPUS = 2, WINDOW = 6, NODES_MAX = 6, CPU_SETS = 1 << CPUS };

typedef struct Character {
    uint64_t weight, reserve, quota, demand;
    unsigned cpus; /* a bit each; 0: all of its parent's */
} Character;

#define NONE SHARE_QUOTA_NONE
#define ALL SHARE_DEMAND_ALL

static const Character characters[] = {
    { .weight = 1, .quota = NONE, .demand = ALL },
    { .weight = 3, .quota = NONE, .demand = ALL, .cpus = 1 },
    { .weight = 1, .quota = NONE, .demand = ALL, .reserve = 4 },
    { .weight = 2, .quota = 5, .demand = ALL, .reserve = 7, .cpus = 2 },
    { .weight = CPU_WEIGHT_IDLE, .quota = NONE, .demand = ALL },
    { .weight = 3, .quota = NONE, .demand = 4 },
    { .weight = 2, .quota = 3, .demand = ALL, .cpus = 2 },
    { .weight = 1, .quota = NONE, .demand = 7, .reserve = 2, .cpus = 1 },
};

typedef struct Case {
    ShareNode nodes[NODES_MAX];
    size_t n;
    size_t n_children[NODES_MAX];
    unsigned cpus[NODES_MAX]; /* that each may run on */
    bool plain;               /* all may run on all */
    uint64_t gets[NODES_MAX];
} Case;

static CpuSet sets[CPU_SETS];
static uint64_t n_cases;

static void describe(const Case *c) {
    for (size_t i = 1; i < c->n; i++)
        fprintf(stderr, "%zu: in %zu weight %ju reserve %ju quota %jd demand %jd cpus %x gets %ju\n", i,
                c->nodes[i].parent, (uintmax_t) c->nodes[i].weight, (uintmax_t) c->nodes[i].reserve,
                (intmax_t) c->nodes[i].quota, (intmax_t) c->nodes[i].demand, c->cpus[i], (uintmax_t) c->gets[i]);
}

#define HOLDS(case, condition) \
    do {                       \
        if (!(condition)) {    \
            describe(case);    \
            CHECK(condition);  \
        }                      \
    } while (0)

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* What leaves that need some CPU outside of `full` can take below each node; those that run only on these have their CPUs. */
static uint64_t taken_outside(const Case *c, unsigned full, uint64_t ret[]) {
    for (size_t i = 0; i < c->n; i++)
        ret[i] = 0;
    for (size_t i = c->n; i-- > 0;) {
        if (c->n_children[i] == 0)
            ret[i] = (c->cpus[i] & ~full) ? c->nodes[i].demand : 0;
        ret[i] = least(least(ret[i], c->nodes[i].quota), CPUS * WINDOW);
        if (i > 0)
            ret[c->nodes[i].parent] += ret[i];
    }
    return ret[0];
}

/* The most that all can take together: the smallest cut. */
static uint64_t most(const Case *c) {
    uint64_t smallest = UINT64_MAX, taken[NODES_MAX];

    for (unsigned full = 0; full < CPU_SETS; full++)
        smallest = least(smallest, WINDOW * __builtin_popcount(full) + taken_outside(c, full, taken));
    return smallest;
}

static bool can_be_had(const Case *c, const uint64_t amounts[]) {
    for (unsigned set = 0; set < CPU_SETS; set++) {
        uint64_t sum = 0;

        for (size_t i = 0; i < c->n; i++)
            if (c->n_children[i] == 0 && (c->cpus[i] & ~set) == 0)
                sum += amounts[i];
        if (sum > (uint64_t) WINDOW * __builtin_popcount(set))
            return false;
    }
    return true;
}

static void check_sums(const Case *c) {
    uint64_t sums[NODES_MAX] = { 0 };

    HOLDS(c, c->gets[0] == most(c));
    for (size_t i = 1; i < c->n; i++)
        sums[c->nodes[i].parent] += c->gets[i];
    for (size_t i = 0; i < c->n; i++) {
        HOLDS(c, c->n_children[i] == 0 ? c->gets[i] <= c->nodes[i].demand : c->gets[i] == sums[i]);
        HOLDS(c, c->gets[i] <= c->nodes[i].quota);
    }
    HOLDS(c, can_be_had(c, c->gets));
}

/* Where slices reserve what those in them do, and all of it is there, each leaf has its own. */
static void check_reserves(const Case *c) {
    uint64_t reserved[NODES_MAX] = { 0 }, held[NODES_MAX] = { 0 };

    for (size_t i = c->n; i-- > 1;) {
        const ShareNode *node = c->nodes + i;
        uint64_t wanted = least(node->reserve, WINDOW * __builtin_popcount(c->cpus[i]));

        held[i] = c->n_children[i] > 0 ? held[i] : least(wanted, least(node->quota, node->demand));
        reserved[i] = c->n_children[i] > 0 ? node->reserve : held[i];
        if (held[i] > least(reserved[i], node->quota))
            return;
        held[node->parent] += held[i];
    }
    for (size_t i = 1; i < c->n; i++) /* a slice that reserves more for itself is not of concern here */
        if (c->n_children[i] > 0 && reserved[i] > held[i])
            return;
    if (!can_be_had(c, held))
        return;
    for (size_t i = 1; i < c->n; i++)
        HOLDS(c, c->gets[i] >= held[i]);
}

/* Where only siblings bound each other: nobody has more for its weight than one that could take more. */
static void check_weights(const Case *c) {
    uint64_t takes[NODES_MAX];

    taken_outside(c, 0, takes);
    for (size_t i = 1; i < c->n; i++)
        for (size_t j = 1; j < c->n; j++) {
            const ShareNode *a = c->nodes + i, *b = c->nodes + j;
            if (a->parent != b->parent || c->gets[i] >= least(takes[i], WINDOW * CPUS) || a->weight == 0)
                continue;
            if (b->weight == 0)
                HOLDS(c, c->gets[j] <= b->reserve);
            else if (a->reserve == 0 && b->reserve == 0)
                HOLDS(c, c->gets[j] * a->weight <= (c->gets[i] + 1) * b->weight);
        }
}

static void allocate(Case *c) {
    CHECK_EQ(share_allocate(c->nodes, c->n, &(ShareHost){ &sets[CPU_SETS - 1], WINDOW }, c->gets), 0);
    n_cases++;
}

static void check_monotone(const Case *c) {
    for (size_t i = 1; i < c->n; i++) {
        Case more = *c;

        more.nodes[i].weight++;
        allocate(&more);
        if (more.gets[i] < c->gets[i]) {
            describe(c);
            describe(&more);
        }
        CHECK(more.gets[i] >= c->gets[i]);
    }
}

static void check_case(Case *c) {
    allocate(c);
    check_sums(c);
    check_reserves(c);
    if (c->plain)
        check_weights(c);
    check_monotone(c);
}

static void add_node(const Case *before, size_t n, size_t n_characters) {
    if (before->n == n) {
        Case c = *before;
        check_case(&c);
        return;
    }
    for (size_t parent = 0; parent < before->n; parent++)
        for (size_t i = 0; i < n_characters; i++) {
            const Character *character = characters + i;
            Case c = *before;
            unsigned both = character->cpus & c.cpus[parent];

            c.cpus[c.n] = both ?: c.cpus[parent];
            c.plain = c.plain && c.cpus[c.n] == c.cpus[parent];
            c.n_children[parent]++;
            c.nodes[c.n++] = (ShareNode){ .parent = parent,
                .weight = character->weight,
                .reserve = character->reserve,
                .quota = character->quota,
                .demand = character->demand,
                .cpus = character->cpus ? &sets[character->cpus] : NULL };
            add_node(&c, n, n_characters);
        }
}

int main(int argc, char *argv[]) {
    const Case empty = { .nodes = { { .quota = NONE } }, .n = 1, .cpus = { CPU_SETS - 1 }, .plain = true };
    size_t of_six = argc > 1 && strcmp(argv[1], "all") == 0 ? sizeof characters / sizeof *characters : 3;

    for (unsigned set = 0; set < CPU_SETS; set++)
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            if (set >> cpu & 1)
                cpu_set_add(&sets[set], cpu);
    for (size_t n = 2; n < NODES_MAX; n++)
        add_node(&empty, n, sizeof characters / sizeof *characters);
    add_node(&empty, NODES_MAX, of_six);
    printf("%ju allocations\n", (uintmax_t) n_cases);
    return 0;
}
