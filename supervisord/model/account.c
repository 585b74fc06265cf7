/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From two readings of the counters to one window's account of each group, added to what was before. Who took part in the
 * window makes the tree that the algebra divides the CPUs among; a slice's account is made of what is in it, so that each
 * level adds up by itself.
 */

#include "model/account.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/share-policy.h"

/* A group in the window. */
typedef struct Part {
    struct account_counts before, now; /* of the last window; the same with what the counters say now */
    uint64_t used_usec, waited_usec, demand_usec;
    ShareAccount share;
    bool takes_part;
} Part;

typedef struct Window {
    const Policy *policy;
    AccountMember *members;
    Part *parts;        /* by index, as members; the last is the tree's */
    ShareTree tree;     /* of those who take part; amounts are of one second */
    uint64_t *entitled; /* by node of the tree, the same */
    const CpuSet *cpus;
    uint64_t begin_usec, length_usec;
} Window;

/* --- in memory that outlives us ---------------------------------------------------------------------------------- */

struct account_counts account_read(const struct account *account) {
    return account->copies[account->generation % 2];
}

/* Who reads after us is no other thread but, after our death, another daemon: what counts is the order of our own stores. */
void account_write(struct account *account, const struct account_counts *counts) {
    uint64_t next = account->generation + 1;

    account->copies[next % 2] = *counts;
    atomic_signal_fence(memory_order_seq_cst);
    *(volatile __u64 *) &account->generation = next;
    atomic_signal_fence(memory_order_seq_cst);
}

void account_move(struct account *from, struct account *to) {
    if (from->generation == 0)
        return;
    if (to->generation == 0) {
        const struct account_counts counts = account_read(from);
        account_write(to, &counts);
    }
    *from = (struct account){};
}

/* --- what the counters say --------------------------------------------------------------------------------------- */

/* Counters of a group that was made anew begin at 0 again. */
static uint64_t gain(uint64_t before, uint64_t now) {
    return now >= before ? now - before : now;
}

static void take(const Sample *sample, MeterId id, __u64 *counter) {
    if (sample_has(sample, id))
        *counter = sample->values[id];
}

/*
 * What could not be read this time has not begun at 0 again. Without eBPF: the time in which anybody waited is the least that
 * all of them can have waited together.
 */
static struct account_counts counts_of(const Sample *sample, const struct account_counts *before) {
    struct account_counts counts = *before;

    take(sample, METER_CPU_USAGE, &counts.cpu_usage_nsec);
    take(sample, sample_has(sample, METER_CPU_WAIT) ? METER_CPU_WAIT : METER_CPU_PRESSURE_SOME, &counts.wait_nsec);
    take(sample, METER_CPU_THROTTLED, &counts.cpu_throttled_nsec);
    take(sample, METER_CPU_PERIODS, &counts.cpu_periods);
    take(sample, METER_CPU_THROTTLED_PERIODS, &counts.cpu_throttled_periods);
    return counts;
}

/*
 * Those whom their own quota holds back stand in a run queue all that time, and the scheduler calls that waiting. Of each
 * quota from here up, that time is taken away; then the periods that it was met in, as what is left may be of others
 * waiting behind the first. So it is rather too little that is put down to neighbours.
 */
static uint64_t without_quota(uint64_t waited_nsec, const Part *part) {
    uint64_t throttled_nsec = gain(part->before.cpu_throttled_nsec, part->now.cpu_throttled_nsec);
    uint64_t periods = gain(part->before.cpu_periods, part->now.cpu_periods);
    uint64_t met = gain(part->before.cpu_throttled_periods, part->now.cpu_throttled_periods);

    if (met == 0)
        return waited_nsec;
    return waited_nsec > throttled_nsec && periods > met ? (waited_nsec - throttled_nsec) / periods * (periods - met)
                                                         : 0;
}

static uint64_t waited_usec(const Window *window, const Group *group) {
    const Part *part = window->parts + group->index;
    uint64_t nsec = gain(part->before.wait_nsec, part->now.wait_nsec);

    for (; group; group = group->parent)
        nsec = without_quota(nsec, window->parts + group->index);
    return nsec / NSEC_PER_USEC;
}

/* Whole microseconds are told from the counter itself, so that none gets lost between windows. */
static uint64_t used_usec(const Part *part) {
    return gain(part->before.cpu_usage_nsec / NSEC_PER_USEC, part->now.cpu_usage_nsec / NSEC_PER_USEC);
}

static bool is_begun(const AccountMember *member) {
    return member->account && member->account->generation > 0;
}

/* Where the last window ended, be it another daemon's. */
static uint64_t window_begin(const Policy *policy, const AccountMember members[], const AccountNow *now) {
    uint64_t begin_usec = 0;

    for (size_t i = 0; i < policy->n_groups; i++) {
        uint64_t until_usec = is_begun(members + i) ? account_read(members[i].account).until_usec : 0;
        begin_usec = until_usec > begin_usec ? until_usec : begin_usec;
    }
    begin_usec = begin_usec ?: now->since_usec;
    return begin_usec < now->usec ? begin_usec : now->usec;
}

/* --- who is in it ------------------------------------------------------------------------------------------------ */

static void read_counters(Window *window) {
    for (size_t i = 0; i < window->policy->n_groups; i++) {
        const AccountMember *member = window->members + i;
        Part *part = window->parts + i;
        if (!member->account)
            continue;
        part->before = account_read(member->account);
        part->now = member->sample ? counts_of(member->sample, &part->before) : part->before;
    }
}

static bool is_counted(const Window *window, const Group *group) {
    const AccountMember *member = window->members + group->index;
    return member->sample && is_begun(member);
}

static bool has_claim(const Window *window, const Group *group) {
    const AccountMember *member = window->members + group->index;
    uint64_t end_usec = window->begin_usec + window->length_usec;
    uint64_t from_usec = member->started_usec > window->begin_usec ? member->started_usec : window->begin_usec;
    uint64_t until_usec = member->ended_usec < end_usec ? member->ended_usec : end_usec;
    return is_counted(window, group) && until_usec > from_usec && 2 * (until_usec - from_usec) >= window->length_usec;
}

static int gather(Window *window) {
    const Policy *policy = window->policy;
    _cleanup_(cleanup_free) bool *claims = calloc(policy->n_groups + 1, sizeof *claims);
    if (!claims)
        return -ENOMEM;

    read_counters(window);
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        Part *part = window->parts + i;
        if (!group->workload || !is_counted(window, group))
            continue;
        claims[i] = has_claim(window, group);
        part->used_usec = used_usec(part);
        part->waited_usec = waited_usec(window, group);
        part->takes_part = part->used_usec > 0;
        part->share = share_account(0, part->used_usec, part->used_usec); /* unless it has a claim */
    }
    int r = share_tree_make(policy, claims, USEC_PER_SEC, &window->tree);
    if (r < 0)
        return r;
    window->entitled = calloc(window->tree.n, sizeof *window->entitled);
    const ShareHost host = { window->cpus, USEC_PER_SEC };
    return window->entitled ? share_entitle(window->tree.nodes, window->tree.n, &host, window->entitled) : -ENOMEM;
}

/* --- what becomes of it ------------------------------------------------------------------------------------------ */

/* Of each second into that of the window; no window is too long for it. */
static uint64_t in_window(const Window *window, uint64_t per_second) {
    return per_second / USEC_PER_SEC * window->length_usec +
           per_second % USEC_PER_SEC * window->length_usec / USEC_PER_SEC;
}

/* What can be used of it: else a slice would seem to want what is of no use to those in it. */
static uint64_t usable(const Window *window, const ShareNode *node, uint64_t wanted_usec) {
    CpuSet own = node->cpus ? cpu_set_intersect(node->cpus, window->cpus) : *window->cpus;
    uint64_t most = cpu_set_count(cpu_set_count(&own) > 0 ? &own : window->cpus) * USEC_PER_SEC;

    most = in_window(window, node->quota < most ? node->quota : most);
    return wanted_usec < most ? wanted_usec : most;
}

static Part *part_of(const Window *window, size_t node) {
    return window->parts + (node == 0 ? window->policy->n_groups : window->tree.groups[node]->index);
}

/*
 * A workload's is known by now; a slice's demand is that of what is in it. What a slice has used its own counter says: this
 * one also knows of workloads that were removed before anybody could read theirs.
 */
static void find_demand(Window *window, size_t node, Part *part) {
    const Group *group = window->tree.groups[node];
    if (group && !group->workload && is_counted(window, group)) {
        uint64_t of_members_usec = part->used_usec;
        part->used_usec = used_usec(part);
        part->demand_usec += part->used_usec > of_members_usec ? part->used_usec - of_members_usec : 0;
    } else if (group && group->workload)
        part->demand_usec = part->used_usec + part->waited_usec;
    part->demand_usec = usable(window, window->tree.nodes + node, part->demand_usec);
}

/* Children before parents: when a slice's turn comes, all that is in it has been added. */
static void share_out(Window *window) {
    for (size_t i = window->tree.n; i-- > 0;) {
        Part *part = part_of(window, i), *above = part_of(window, window->tree.nodes[i].parent);
        part->takes_part = true;
        find_demand(window, i, part);
        part->share = share_account(in_window(window, window->entitled[i]), part->used_usec, part->demand_usec);
        if (i == 0)
            break;
        above->used_usec += part->used_usec;
        above->waited_usec += part->waited_usec;
        above->demand_usec += part->demand_usec;
    }
}

/* Between the workloads: what the tree has is used, lent or denied, and what is used beyond that is borrowed. */
static uint64_t residual_usec(const Window *window) {
    bool is_claimed = window->tree.n > 1;
    uint64_t given = is_claimed ? part_of(window, 0)->share.entitled : 0, taken = 0;

    for (size_t i = 0; i < window->policy->n_groups; i++) {
        const ShareAccount *share = &window->parts[i].share;
        if (!window->policy->groups[i]->workload)
            continue;
        given += share->borrowed;
        taken += share->used + share->lent + share->denied;
    }
    return given > taken ? given - taken : taken - given;
}

/* The counters of who took no part wait until it does: nothing of them gets lost. */
static void write_down(Window *window) {
    for (size_t i = 1; i < window->tree.n; i++)
        window->members[window->tree.groups[i]->index].entitled = window->entitled[i];
    for (size_t i = 0; i < window->policy->n_groups; i++) {
        const AccountMember *member = window->members + i;
        Part *part = window->parts + i;
        if (!member->account || !member->sample)
            continue;
        if (is_begun(member) && !part->takes_part)
            part->now = part->before;
        part->now.until_usec = member->sample->at_usec;
        part->now.entitled_nsec += part->share.entitled * NSEC_PER_USEC;
        part->now.lent_nsec += part->share.lent * NSEC_PER_USEC;
        part->now.borrowed_nsec += part->share.borrowed * NSEC_PER_USEC;
        part->now.denied_nsec += part->share.denied * NSEC_PER_USEC;
        account_write(member->account, &part->now);
    }
}

static void window_done(Window *window) {
    free(window->parts);
    free(window->entitled);
    share_tree_done(&window->tree);
}

int account_window(const Policy *policy, AccountMember members[], const AccountNow *now, AccountWindow *ret) {
    uint64_t begin_usec = window_begin(policy, members, now);
    _cleanup_(window_done) Window window = {
        .policy = policy,
        .members = members,
        .parts = calloc(policy->n_groups + 1, sizeof *window.parts),
        .cpus = now->cpus,
        .begin_usec = begin_usec,
        .length_usec = now->usec - begin_usec,
    };
    int r = window.parts ? gather(&window) : -ENOMEM;
    if (r < 0)
        return r;

    share_out(&window);
    write_down(&window);
    *ret = (AccountWindow){
        .length_usec = window.length_usec,
        .waited_usec = part_of(&window, 0)->waited_usec,
        .residual_usec = residual_usec(&window),
    };
    return 0;
}

void account_show(const struct account *account, Sample *sample) {
    const struct account_counts counts = account_read(account);

    FOREACH_METER (meter) {
        if (meter->source == METER_SOURCE_ACCOUNT)
            sample_set(sample, meter->id, *(const uint64_t *) ((const char *) &counts + meter->offset));
    }
}

/* --- contracts --------------------------------------------------------------------------------------------------- */

static const char *parent_of(const Group *group) {
    return group->parent ? group->parent->name : "";
}

bool account_goes_on(const Policy *before, const Policy *after) {
    for (size_t i = 0; i < before->n_groups; i++) {
        const Group *was = before->groups[i], *is = policy_group(after, was->name);
        if (!is || is == was)
            continue;
        if (!share_same_contract(was->limits, is->limits) || strcmp(parent_of(was), parent_of(is)) != 0)
            return false;
    }
    return share_same_contract(before->settings.tree, after->settings.tree);
}

bool account_is_wanted(const Policy *policy) {
    static const LimitValue none[LIMITS_COUNT];

    for (size_t i = 0; i < policy->n_groups; i++)
        if (!share_same_contract(policy->groups[i]->limits, none))
            return true;
    return false;
}
