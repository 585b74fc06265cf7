/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The account of a workload is what would have been fair less what it used, where fair is what all of them got, shared out
 * by weights among those who want it. What somebody wants shows only while it runs: what it used and what it waited for.
 */

#include "model/duty.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "model/share.h"

enum {
    ACCOUNT_USEC = 2000 * 1000, /* after which two thirds of what somebody is ahead or behind are forgotten */
    AHEAD_TURNS = 1,            /* of fair share: as far ahead as this is noise */
    AHEAD_MIN_USEC = 2 * 1000,  /* a scheduler's slice is noise in any case */
    SLACK_PART = 8,             /* of all CPU time: less than this is not called idle */
    TURN_EACH_USEC = 300,       /* by which turns are longer for each workload that wants to run */
    WIDTH_SHRINKS = 8,          /* by this part in a turn in which it had all that it wanted */
    WIDTH_GROWS = 256,          /* in one in which it had not */
    WASTE = 2, /* idle CPU time for each that comes to whom it is due: who has few threads gets its share at a price */
};

typedef struct Turn {
    Duty *duties;
    size_t n;
    unsigned cpus;
    uint64_t elapsed_usec, capacity_usec;
    uint64_t *wants, *fair; /* by duty */
    ShareNode *nodes;       /* by duty */
    bool *spent;            /* by duty: its quota or one above it is used up */
    size_t *order;          /* workloads, the most ahead first */
    size_t n_order;
    uint64_t wanted_usec;    /* by all who do not stand */
    uint64_t shortfall_usec; /* of those who are behind, and could have run */
} Turn;

static void turn_done(Turn *t) {
    free(t->wants);
    free(t->fair);
    free(t->nodes);
    free(t->spent);
    free(t->order);
}

static int turn_new(Duty duties[], size_t n, unsigned cpus, uint64_t elapsed_usec, Turn *ret) {
    *ret = (Turn){ .duties = duties,
        .n = n,
        .cpus = cpus,
        .elapsed_usec = elapsed_usec,
        .capacity_usec = cpus * elapsed_usec,
        .wants = calloc(n, sizeof *ret->wants),
        .fair = calloc(n, sizeof *ret->fair),
        .nodes = calloc(n, sizeof *ret->nodes),
        .spent = calloc(n, sizeof *ret->spent),
        .order = calloc(n, sizeof *ret->order) };
    return ret->wants && ret->fair && ret->nodes && ret->spent && ret->order ? 0 : -ENOMEM;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t lacks(uint64_t have, uint64_t want) {
    return want > have ? want - have : 0;
}

/* --- quotas ------------------------------------------------------------------------------------------------------ */

static bool has_quota(const Duty *duty) {
    return duty->quota_usec != UINT64_MAX;
}

/* A whole period's quota is there at once, as with cpu.max. */
static uint64_t budget_max(const Duty *duty) {
    return duty->quota_usec + duty->burst_usec;
}

/* Who owes comes to run again when there is enough for the shortest turn on all CPUs, or half of all, and not for a blink. */
static void pay(const Turn *t, Duty *duty, uint64_t used_usec) {
    int64_t most = (int64_t) budget_max(duty), floor = most + (int64_t) t->capacity_usec;
    int64_t granted = (int64_t) ((unsigned __int128) duty->quota_usec * t->elapsed_usec / duty->period_usec);
    duty->budget_usec += granted - (int64_t) used_usec;
    if (duty->budget_usec > most)
        duty->budget_usec = most;
    if (duty->budget_usec < -floor)
        duty->budget_usec = -floor;
    duty->owes = duty->budget_usec < (duty->owes ? (int64_t) least(most / 2, t->cpus * DUTY_TURN_MIN_USEC) : 0);
}

static void pay_quotas(Turn *t) {
    uint64_t *used = t->wants; /* which are found later */
    for (size_t i = t->n; i-- > 0;) {
        Duty *duty = t->duties + i;
        if (duty->is_workload)
            used[i] = duty->used_usec;
        if (has_quota(duty))
            pay(t, duty, used[i]);
        else
            duty->budget_usec = duty->owes = 0;
        if (i > 0)
            used[duty->parent] += used[i];
    }
    for (size_t i = 0; i < t->n; i++) {
        const Duty *duty = t->duties + i;
        t->spent[i] = (has_quota(duty) && duty->owes) || (i > 0 && t->spent[duty->parent]);
    }
}

/* --- what is fair ------------------------------------------------------------------------------------------------ */

/*
 * The kernel tells for how long some of it waited, not how much. Who waits most of the time is taken to want as much as it
 * has shown that it can use; what it can shows when it has all that it wants.
 */
static void find_demand(const Turn *t, Duty *duty) {
    uint64_t most = t->cpus * UINT64_C(1000), seen = (duty->used_usec + duty->waited_usec) * 1000 / t->elapsed_usec;
    uint64_t width = duty->width_milli ?: most;
    if (duty->waited_usec >= t->elapsed_usec / 2)
        width += width / WIDTH_GROWS;
    else if (duty->waited_usec < t->elapsed_usec / SLACK_PART && duty->used_usec > t->elapsed_usec / 2)
        width -= width / WIDTH_SHRINKS;
    width = least(width < seen ? seen : width, most);
    duty->width_milli = width;
    duty->demand_milli = duty->waited_usec >= t->elapsed_usec / 2 ? width : least(seen, most);
}

static uint64_t demand_usec(const Turn *t, const Duty *duty) {
    return duty->demand_milli * t->elapsed_usec / 1000;
}

/* Who stands for its weight is taken to want all that it is entitled to; for its quota nothing, so that others have it. */
static void find_wants(Turn *t) {
    for (size_t i = 0; i < t->n; i++) {
        Duty *duty = t->duties + i;
        if (duty->is_workload && !duty->stands)
            find_demand(t, duty);
        t->wants[i] = !duty->stands ? demand_usec(t, duty) : t->spent[i] ? 0 : t->capacity_usec;
    }
}

/* What all of them got is what there is to share out: how much of the CPUs others use does not matter then. */
static int find_fair(Turn *t) {
    ShareHost host = {};
    CpuSet cpu = {};
    cpu_set_add(&cpu, 0);
    host.cpus = &cpu;
    for (size_t i = 0; i < t->n; i++) {
        const Duty *duty = t->duties + i;
        t->nodes[i] = (ShareNode){ .parent = duty->parent, .weight = duty->weight, .quota = SHARE_QUOTA_NONE };
        t->nodes[i].demand = t->wants[i];
        host.window_usec += duty->is_workload ? duty->used_usec : 0;
    }
    return share_allocate(t->nodes, t->n, &host, t->fair);
}

/* --- accounts ---------------------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t most) {
    return value > most ? most : value < -most ? -most : value;
}

static void keep_account(Turn *t, size_t i) {
    Duty *duty = t->duties + i;
    int64_t elapsed_usec = (int64_t) least(t->elapsed_usec, ACCOUNT_USEC);
    duty->behind_usec -= duty->behind_usec * elapsed_usec / ACCOUNT_USEC;
    duty->behind_usec += (int64_t) t->fair[i] - (int64_t) duty->used_usec;
    duty->behind_usec = clamp(duty->behind_usec, (int64_t) t->cpus * ACCOUNT_USEC);
    duty->stood_usec = duty->stands ? duty->stood_usec + t->elapsed_usec : 0;
    if (!duty->stands && duty->behind_usec > 0)
        t->shortfall_usec += least((uint64_t) duty->behind_usec, lacks(duty->used_usec, t->wants[i]));
    t->wanted_usec += demand_usec(t, duty);
    t->order[t->n_order++] = i;
}

static void keep_accounts(Turn *t) {
    for (size_t i = 0; i < t->n; i++)
        if (t->duties[i].is_workload)
            keep_account(t, i);
}

/* --- who stands -------------------------------------------------------------------------------------------------- */

static int compare_accounts(const void *a, const void *b, void *userdata) {
    const Duty *duties = userdata, *one = duties + *(const size_t *) a, *other = duties + *(const size_t *) b;
    return one->behind_usec < other->behind_usec ? -1 : one->behind_usec > other->behind_usec;
}

static bool is_ahead(const Turn *t, size_t i) {
    const Duty *duty = t->duties + i;
    uint64_t noise = least(AHEAD_TURNS * t->fair[i], t->capacity_usec / 2);
    if (noise < AHEAD_MIN_USEC)
        noise = AHEAD_MIN_USEC;
    return duty->stands ? duty->behind_usec < 0 : duty->used_usec > t->fair[i] && duty->behind_usec < -(int64_t) noise;
}

/* Those who go on must want what it leaves; or they get by it at least a part of what it costs. */
static bool is_worth_it(const Turn *t, size_t i) {
    uint64_t idle =
            lacks(t->wanted_usec - demand_usec(t, t->duties + i) + t->capacity_usec / SLACK_PART, t->capacity_usec);
    return idle <= WASTE * t->shortfall_usec;
}

static void decide(Turn *t, size_t i, bool stands) {
    Duty *duty = t->duties + i;
    duty->stands = stands && duty->stood_usec < DUTY_STAND_MAX_USEC;
    if (duty->stands)
        t->wanted_usec -= demand_usec(t, duty);
}

static void decide_all(Turn *t) {
    qsort_r(t->order, t->n_order, sizeof *t->order, compare_accounts, t->duties);
    for (size_t k = 0; k < t->n_order; k++)
        if (t->spent[t->order[k]])
            decide(t, t->order[k], true);
    for (size_t k = 0; k < t->n_order; k++)
        if (!t->spent[t->order[k]])
            decide(t, t->order[k], is_ahead(t, t->order[k]) && is_worth_it(t, t->order[k]));
}

static uint64_t busy_turn(const Turn *t) {
    uint64_t usec = DUTY_TURN_USEC;
    for (size_t i = 0; i < t->n; i++)
        if (t->duties[i].demand_milli > 0)
            usec += TURN_EACH_USEC;
    return least(usec, DUTY_TURN_MANY_USEC);
}

/* A quota ends within a turn: then it is a shorter one. */
static uint64_t next_turn(const Turn *t) {
    bool busy = t->wanted_usec + t->capacity_usec / SLACK_PART >= t->capacity_usec;
    uint64_t turn = busy_turn(t), next = busy ? turn : DUTY_TURN_QUIET_USEC;
    for (size_t i = 0; i < t->n; i++) {
        const Duty *duty = t->duties + i;
        if (duty->stands)
            next = least(next, turn);
        if (has_quota(duty) && !t->spent[i])
            next = least(next, (uint64_t) duty->budget_usec / t->cpus);
    }
    uint64_t shortest = turn * DUTY_TURN_MIN_USEC / DUTY_TURN_USEC;
    return next < shortest ? shortest : next;
}

int duty_turn(Duty duties[], size_t n, unsigned cpus, uint64_t elapsed_usec, uint64_t *ret_next_usec) {
    _cleanup_(turn_done) Turn t;
    int r = turn_new(duties, n, cpus, elapsed_usec, &t);
    if (r == 0) {
        pay_quotas(&t);
        find_wants(&t);
        r = find_fair(&t);
    }
    for (size_t i = 0; r < 0 && i < n; i++)
        duties[i].stands = false;
    if (r < 0)
        return r;
    keep_accounts(&t);
    decide_all(&t);
    *ret_next_usec = next_turn(&t);
    return 0;
}
