/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Windows of the CPU account, computed by hand: two CPUs, a second each unless it is said. */

#include "model/account.h"

#include <errno.h>

#include "base/parse.h"
#include "tests/unit/policy-text.h"

enum { GROUPS_OF_TEST_MAX = 8, BEGIN_USEC = 1000 * 1000 * 1000 };

#define FILES                                                           \
    "[slice:shop]\nAllowedCPUs=0\n"                                     \
    "[workload:gold]\nSlice=shop\nExecStart=/bin/gold\nCPUWeight=300\n" \
    "[workload:tin]\nSlice=shop\nExecStart=/bin/tin\n"                  \
    "[workload:sleeper]\nSlice=shop\nExecStart=/bin/sleeper\n"          \
    "[workload:capped]\nExecStart=/bin/capped\nCPUQuota=50%\n"

/* A node: what the counters say, and where the accounts are kept. */
typedef struct Bench {
    Policy *policy;
    CpuSet cpus;
    uint64_t now_usec;
    Sample samples[GROUPS_OF_TEST_MAX];
    struct account accounts[GROUPS_OF_TEST_MAX];
    uint64_t started_usec[GROUPS_OF_TEST_MAX], ended_usec[GROUPS_OF_TEST_MAX];
    bool is_gone[GROUPS_OF_TEST_MAX];
    uint64_t entitled[GROUPS_OF_TEST_MAX];
    AccountWindow window;
} Bench;

/* All cgroups are new. */
static Bench bench_make(const char *files) {
    Bench bench = { .policy = policy_of_text(files), .now_usec = BEGIN_USEC };

    CHECK_EQ(cpu_set_parse("0-1", &bench.cpus), 0);
    CHECK(bench.policy->n_groups <= GROUPS_OF_TEST_MAX);
    for (size_t i = 0; i < bench.policy->n_groups; i++) {
        bench.accounts[i].generation = 1;
        bench.ended_usec[i] = UINT64_MAX;
        FOREACH_METER (meter)
            sample_set(&bench.samples[i], meter->id, 0);
    }
    return bench;
}

static void bench_done(Bench *bench) {
    policy_unref(bench->policy);
}

static size_t index_of(const Bench *bench, const char *name) {
    const Group *group = policy_group(bench->policy, name);
    CHECK(group);
    return group->index;
}

static Sample *sample_of(Bench *bench, const char *name) {
    return bench->samples + index_of(bench, name);
}

/* It has used and waited so much, in milliseconds; so have its slices. */
static void use(Bench *bench, const char *name, uint64_t used_msec, uint64_t waited_msec) {
    Sample *sample = sample_of(bench, name);

    sample->values[METER_CPU_WAIT] += waited_msec * 1000 * NSEC_PER_USEC;
    for (const Group *group = policy_group(bench->policy, name); group; group = group->parent)
        bench->samples[group->index].values[METER_CPU_USAGE] += used_msec * 1000 * NSEC_PER_USEC;
}

static void end_window(Bench *bench, uint64_t msec) {
    AccountMember members[GROUPS_OF_TEST_MAX] = {};

    bench->now_usec += msec * 1000;
    const AccountNow now = { bench->now_usec, BEGIN_USEC, &bench->cpus };
    for (size_t i = 0; i < bench->policy->n_groups; i++) {
        bench->samples[i].at_usec = bench->now_usec;
        members[i] = (AccountMember){
            .account = bench->accounts + i,
            .sample = bench->is_gone[i] ? NULL : bench->samples + i,
            .started_usec = bench->started_usec[i],
            .ended_usec = bench->ended_usec[i],
        };
    }
    CHECK_EQ(account_window(bench->policy, members, &now, &bench->window), 0);
    for (size_t i = 0; i < bench->policy->n_groups; i++)
        bench->entitled[i] = members[i].entitled;
    CHECK_EQ(bench->window.residual_usec, 0);
}

/* In milliseconds, of all windows so far. */
static void check_totals(
        const Bench *bench, const char *name, uint64_t entitled, uint64_t lent, uint64_t borrowed, uint64_t denied) {
    const struct account_counts counts = account_read(bench->accounts + index_of(bench, name));
    const uint64_t msec = 1000 * NSEC_PER_USEC;

    if (counts.entitled_nsec != entitled * msec || counts.lent_nsec != lent * msec ||
            counts.borrowed_nsec != borrowed * msec || counts.denied_nsec != denied * msec)
        CHECK_FAIL("%s: entitled %llu, lent %llu, borrowed %llu, denied %llu", name, counts.entitled_nsec,
                counts.lent_nsec, counts.borrowed_nsec, counts.denied_nsec);
}

/*
 * CPU 0 is the shop's: 600 ms for gold, 200 for each other; the rest of CPU 1 is nobody's but capped's half. Gold gets all it
 * may have and wants more; tin takes what the sleeper leaves, of which gold would have had its part.
 */
static void test_neighbours(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);

    end_window(&bench, 0);
    CHECK_EQ(bench.window.length_usec, 0);
    use(&bench, "gold", 550, 450);
    use(&bench, "tin", 450, 550);
    use(&bench, "capped", 100, 0);
    end_window(&bench, 1000);
    CHECK_EQ(bench.window.length_usec, USEC_PER_SEC);
    CHECK_EQ(bench.window.waited_usec, USEC_PER_SEC);
    check_totals(&bench, "gold", 600, 0, 0, 50);
    check_totals(&bench, "tin", 200, 0, 250, 0);
    check_totals(&bench, "sleeper", 200, 200, 0, 0);
    check_totals(&bench, "capped", 500, 400, 0, 0);
    check_totals(&bench, "shop", 1000, 0, 0, 0);
    CHECK_EQ(bench.entitled[index_of(&bench, "gold")], 600000);

    use(&bench, "gold", 300, 0);
    end_window(&bench, 500);
    check_totals(&bench, "gold", 900, 0, 0, 50);
    check_totals(&bench, "tin", 300, 100, 250, 0);
    check_totals(&bench, "sleeper", 300, 300, 0, 0);
    check_totals(&bench, "shop", 1500, 200, 0, 0);
}

/* Who is held back by the own quota stands in the queue, and nobody denies it anything: of ten periods, so many were met. */
static void check_quota(
        uint64_t used, uint64_t waited, uint64_t throttled, uint64_t met, uint64_t lent, uint64_t denied) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);
    Sample *sample = sample_of(&bench, "capped");

    use(&bench, "capped", used, waited);
    sample->values[METER_CPU_THROTTLED] = throttled * 1000 * NSEC_PER_USEC;
    sample->values[METER_CPU_PERIODS] = 10;
    sample->values[METER_CPU_THROTTLED_PERIODS] = met;
    end_window(&bench, 1000);
    check_totals(&bench, "capped", 500, lent, 0, denied);
}

static void test_quota(void) {
    check_quota(500, 500, 500, 10, 0, 0);
    check_quota(500, 3500, 500, 10, 0, 0);
    check_quota(400, 4000, 400, 10, 100, 0);
    check_quota(300, 150, 50, 2, 120, 80);
    check_quota(300, 100, 0, 0, 100, 100);
}

/* A slice's quota holds back all that is in it. */
static void test_quota_above(void) {
    _cleanup_(bench_done) Bench bench =
            bench_make("[slice:s]\nCPUQuota=100%\n[workload:w]\nSlice=s\nExecStart=/bin/w\n");
    Sample *slice = sample_of(&bench, "s");

    use(&bench, "w", 600, 900);
    slice->values[METER_CPU_THROTTLED] = 300 * 1000 * NSEC_PER_USEC;
    slice->values[METER_CPU_PERIODS] = slice->values[METER_CPU_THROTTLED_PERIODS] = 10;
    end_window(&bench, 1000);
    check_totals(&bench, "w", 1000, 400, 0, 0);
    check_totals(&bench, "s", 1000, 400, 0, 0);
}

/* Without eBPF the pressure is all that is known; where neither is, nobody is known to wait. */
static void test_pressure(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);
    Sample *sample = sample_of(&bench, "gold");

    sample->present &= ~(UINT64_C(1) << METER_CPU_WAIT);
    use(&bench, "gold", 400, 0);
    sample->values[METER_CPU_PRESSURE_SOME] = 150 * 1000 * NSEC_PER_USEC;
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 600, 50, 0, 150);
}

/* Who does not run has no claim; who runs for half of the window has one; what another one uses is borrowed. */
static void test_coming_and_going(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);
    size_t tin = index_of(&bench, "tin"), gold = index_of(&bench, "gold");

    bench.ended_usec[tin] = bench.ended_usec[index_of(&bench, "sleeper")] = BEGIN_USEC - 1;
    use(&bench, "gold", 1000, 0);
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 1000, 0, 0, 0);
    check_totals(&bench, "tin", 0, 0, 0, 0);

    bench.started_usec[tin] = bench.now_usec + 600 * 1000;
    bench.ended_usec[tin] = UINT64_MAX;
    use(&bench, "tin", 250, 0);
    use(&bench, "gold", 750, 250);
    end_window(&bench, 1000);
    check_totals(&bench, "tin", 0, 0, 250, 0);
    check_totals(&bench, "gold", 2000, 0, 0, 250);
    check_totals(&bench, "shop", 2000, 0, 0, 0);

    bench.ended_usec[tin] = bench.now_usec + 600 * 1000;
    use(&bench, "tin", 150, 0);
    use(&bench, "gold", 750, 0);
    end_window(&bench, 1000);
    check_totals(&bench, "tin", 250, 100, 250, 0);
    check_totals(&bench, "gold", 2750, 0, 0, 250);

    bench.ended_usec[gold] = bench.ended_usec[index_of(&bench, "capped")] = bench.now_usec;
    end_window(&bench, 1000); /* nobody runs, and the time passes all the same */
    bench.ended_usec[gold] = UINT64_MAX;
    sample_of(&bench, "gold")->values[METER_CPU_USAGE] = 100 * 1000 * NSEC_PER_USEC; /* its cgroup is another */
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 3750, 900, 0, 250);
}

/* A workload that came and went between two readings is known to its slice. */
static void test_short_lived(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);

    sample_of(&bench, "shop")->values[METER_CPU_USAGE] += 300 * 1000 * NSEC_PER_USEC;
    use(&bench, "gold", 200, 0);
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 600, 400, 0, 0);
    check_totals(&bench, "shop", 1000, 500, 0, 0);
}

/* Not read once, it has two windows at the next time. Whose account nobody has begun starts with what is there. */
static void test_gaps(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);
    size_t gold = index_of(&bench, "gold"), tin = index_of(&bench, "tin");

    bench.accounts[tin] = (struct account){};
    use(&bench, "tin", 5000, 5000);
    end_window(&bench, 1000);
    use(&bench, "gold", 300, 0);
    bench.is_gone[gold] = true;
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 750, 750, 0, 0);
    check_totals(&bench, "tin", 500, 500, 0, 0);
    bench.is_gone[gold] = false;
    use(&bench, "gold", 500, 0);
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 1350, 750, 200, 0);
}

/* A counter that cannot be read once has not begun anew: what was waited before is not waited again. */
static void test_unread_counter(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);
    Sample *gold = sample_of(&bench, "gold");
    const uint64_t present = gold->present;

    use(&bench, "gold", 550, 450);
    use(&bench, "tin", 450, 0);
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 600, 0, 0, 50);
    gold->present &= ~(UINT64_C(1) << METER_CPU_WAIT | UINT64_C(1) << METER_CPU_PRESSURE_SOME);
    use(&bench, "gold", 100, 0);
    end_window(&bench, 1000);
    gold->present = present;
    use(&bench, "gold", 100, 0);
    end_window(&bench, 1000);
    check_totals(&bench, "gold", 1800, 1000, 0, 50);
}

/* A CPU less, and the shop's only one gone: it has what there is. */
static void test_hot_plug(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);

    CHECK_EQ(cpu_set_parse("1", &bench.cpus), 0);
    use(&bench, "gold", 300, 700);
    use(&bench, "capped", 500, 500);
    end_window(&bench, 1000);
    check_totals(&bench, "shop", 500, 0, 0, 200);
    check_totals(&bench, "capped", 500, 0, 0, 0);
    check_totals(&bench, "gold", 300, 0, 0, 0);
}

/* However long it sleeps. */
static void test_long_window(void) {
    _cleanup_(bench_done) Bench bench = bench_make(FILES);
    const uint64_t month_msec = UINT64_C(30) * 86400 * 1000;

    use(&bench, "capped", month_msec / 10, 0);
    end_window(&bench, month_msec);
    check_totals(&bench, "capped", month_msec / 2, month_msec / 10 * 4, 0, 0);
}

/* A death in the midst of writing leaves what was before; what is read after it goes on from there. */
static void test_torn(void) {
    struct account account = { .generation = 1 }, torn;
    struct account_counts counts = { .until_usec = 1, .denied_nsec = 5 };

    account_write(&account, &counts);
    CHECK_EQ(account_read(&account).denied_nsec, 5);
    for (size_t bytes = 0; bytes <= sizeof counts; bytes++) {
        torn = account;
        memset(&torn.copies[(torn.generation + 1) % 2], 0xff, bytes);
        CHECK_EQ(account_read(&torn).until_usec, 1);
        CHECK_EQ(account_read(&torn).denied_nsec, 5);
    }
    counts.denied_nsec = 6;
    account_write(&torn, &counts);
    CHECK_EQ(account_read(&torn).denied_nsec, 6);
    CHECK_EQ(account_read(&torn).lent_nsec, 0);
}

static void test_move(void) {
    const struct account_counts counts = { .until_usec = 7, .cpu_usage_nsec = 9, .denied_nsec = 5 };
    struct account kept = {}, lasting = {};

    account_move(&kept, &lasting);
    CHECK_EQ(lasting.generation, 0);

    account_write(&kept, &counts);
    account_move(&kept, &lasting);
    CHECK(lasting.generation > 0);
    CHECK_EQ(account_read(&lasting).cpu_usage_nsec, 9);
    CHECK_EQ(account_read(&lasting).denied_nsec, 5);
    CHECK_EQ(kept.generation, 0); /* nor does it come back in another place */

    account_write(&kept, &(struct account_counts){ .denied_nsec = 1 });
    account_move(&kept, &lasting);
    CHECK_EQ(account_read(&lasting).denied_nsec, 5);
}

static void test_contracts(void) {
    _cleanup_(cleanup_policy_unref) Policy
            *policy = policy_of_text(FILES),
            *same = policy_of_text(FILES "[workload:new]\nExecStart=/bin/n\n"),
            *none = policy_of_text("[workload:w]\nExecStart=/bin/w\nMemoryMax=1G\n"),
            *cpus = policy_of_text("[slice:shop]\nAllowedCPUs=1\n"),
            *weight = policy_of_text(
                    "[slice:shop]\nAllowedCPUs=0\n[workload:gold]\nSlice=shop\nExecStart=/bin/gold\nCPUWeight=200\n"),
            *moved = policy_of_text("[workload:tin]\nExecStart=/bin/tin\n");

    CHECK(account_is_wanted(policy) && account_is_wanted(cpus));
    CHECK(!account_is_wanted(none));
    CHECK(account_goes_on(policy, same) && account_goes_on(policy, none));
    CHECK(!account_goes_on(policy, cpus) && !account_goes_on(policy, weight) && !account_goes_on(policy, moved));
}

int main(void) {
    test_neighbours();
    test_quota();
    test_quota_above();
    test_pressure();
    test_coming_and_going();
    test_short_lived();
    test_gaps();
    test_unread_counter();
    test_hot_plug();
    test_long_window();
    test_torn();
    test_move();
    test_contracts();
    return EXIT_SUCCESS;
}
