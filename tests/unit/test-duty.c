/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The law of the freezer against a machine that is made of arithmetic: threads share its CPUs evenly, as they would without
 * any cgroup controller, and what they get by the law is compared with what weights and quotas say.
 */

#include "model/duty.h"
#include "unit/check.h"

enum { GROUPS = 512, TREE = 0, FLAP_USEC = 50 * 1000, SECOND = 1000 * 1000 };

typedef struct Machine {
    Duty duties[GROUPS];
    size_t n;
    unsigned cpus, foreign; /* threads outside of the tree */
    unsigned threads[GROUPS];
    bool flaps[GROUPS]; /* wants CPU every other 50 ms */
    uint64_t now_usec, idle_usec, used_usec[GROUPS], stood_most_usec[GROUPS];
    uint64_t turns, switches;
} Machine;

static Machine *machine_new(unsigned cpus) {
    static Machine machine;
    machine = (Machine){ .cpus = cpus, .n = 1 };
    machine.duties[TREE] = (Duty){ .weight = 100, .quota_usec = UINT64_MAX };
    return &machine;
}

static size_t add(Machine *m, size_t parent, uint64_t weight, unsigned threads) {
    m->duties[m->n] =
            (Duty){ .parent = parent, .is_workload = threads > 0, .weight = weight, .quota_usec = UINT64_MAX };
    m->threads[m->n] = threads;
    return m->n++;
}

static void limit(Machine *m, size_t i, uint64_t percent) {
    m->duties[i].quota_usec = percent * 1000;
    m->duties[i].period_usec = 100 * 1000;
}

static unsigned running(const Machine *m, size_t i) {
    bool wants = !m->flaps[i] || m->now_usec / FLAP_USEC % 2 == 0;
    return wants && !m->duties[i].stands ? m->threads[i] : 0;
}

static void run_for(Machine *m, uint64_t usec) {
    uint64_t all = m->foreign;
    for (size_t i = 0; i < m->n; i++)
        all += running(m, i);
    uint64_t each = all <= m->cpus ? usec : usec * m->cpus / all;
    for (size_t i = 0; i < m->n; i++) {
        uint64_t threads = running(m, i), waits = threads * (usec - each);
        m->duties[i].used_usec += threads * each;
        m->duties[i].waited_usec += waits < usec ? waits : usec;
        m->used_usec[i] += threads * each;
    }
    m->idle_usec += all < m->cpus ? (m->cpus - all) * usec : 0;
    m->now_usec += usec;
}

static uint64_t turn(Machine *m, uint64_t usec) {
    bool stood[GROUPS];
    uint64_t next;
    for (uint64_t done = 0; done < usec; done += 1000)
        run_for(m, 1000);
    for (size_t i = 0; i < m->n; i++)
        stood[i] = m->duties[i].stands;
    CHECK_EQ(duty_turn(m->duties, m->n, m->cpus, usec, &next), 0);
    CHECK(next >= DUTY_TURN_MIN_USEC && next <= DUTY_TURN_QUIET_USEC);
    for (size_t i = 0; i < m->n; i++) {
        Duty *duty = m->duties + i;
        m->switches += stood[i] != duty->stands;
        if (duty->stood_usec > m->stood_most_usec[i])
            m->stood_most_usec[i] = duty->stood_usec;
        CHECK(duty->stood_usec <= DUTY_STAND_MAX_USEC + DUTY_TURN_MANY_USEC);
        duty->used_usec = duty->waited_usec = 0;
    }
    m->turns++;
    return next;
}

/* What was used before counts no more. */
static void forget(Machine *m) {
    memset(m->used_usec, 0, sizeof m->used_usec);
    m->idle_usec = m->turns = m->switches = 0;
}

static void run(Machine *m, uint64_t usec) {
    static uint64_t next;
    if (m->now_usec == 0)
        next = DUTY_TURN_USEC;
    for (uint64_t end = m->now_usec + usec; m->now_usec < end;)
        next = turn(m, next / 1000 * 1000);
}

/* Within so many percent of one CPU. */
static void check_cpu(const Machine *m, size_t i, double percent, double usec, double tolerance) {
    double found = (double) m->used_usec[i] * 100 / usec;
    if (found < percent - tolerance || found > percent + tolerance)
        CHECK_FAIL("group %zu used %.1f %% of a CPU, not %.1f", i, found, percent);
}

static void test_three_to_one(void) {
    Machine *m = machine_new(2);
    size_t gold = add(m, TREE, 300, 2), bronze = add(m, TREE, 100, 2);
    run(m, 2 * SECOND);
    for (int window = 0; window < 5; window++) {
        forget(m);
        run(m, SECOND);
        check_cpu(m, gold, 150, SECOND, 4);
        check_cpu(m, bronze, 50, SECOND, 4);
        CHECK_EQ(m->idle_usec, 0);
    }
    CHECK(m->stood_most_usec[gold] == 0); /* one stands, and not all in turns */
}

/* What others use is not the tree's to share out. */
static void test_foreign_load(void) {
    Machine *m = machine_new(2);
    size_t gold = add(m, TREE, 300, 2), bronze = add(m, TREE, 100, 2);
    m->foreign = 2;
    run(m, 2 * SECOND);
    forget(m);
    run(m, 4 * SECOND);
    double both = (double) (m->used_usec[gold] + m->used_usec[bronze]) / (4 * SECOND) * 100;
    check_cpu(m, gold, both * 0.75, 4 * SECOND, 4);
}

static void test_one_is_idle(void) {
    Machine *m = machine_new(2);
    add(m, TREE, 400, 0);
    size_t a = add(m, TREE, 100, 2), sleeper = add(m, TREE, 10000, 1);
    m->flaps[sleeper] = false;
    m->threads[sleeper] = 0;
    run(m, 5 * SECOND);
    CHECK_EQ(m->stood_most_usec[a], 0);
    CHECK_EQ(m->idle_usec, 0);
}

/* CPUs enough for all: nobody stands, however much it is ahead of its weight. */
static void test_no_contention(void) {
    Machine *m = machine_new(4);
    size_t a = add(m, TREE, 1, 3), b = add(m, TREE, 10000, 1);
    run(m, 5 * SECOND);
    CHECK_EQ(m->stood_most_usec[a] + m->stood_most_usec[b], 0);
    CHECK(m->turns <= 5 * SECOND / DUTY_TURN_USEC);
}

static void test_many(void) {
    Machine *m = machine_new(2);
    for (int i = 0; i < 100; i++)
        add(m, TREE, i % 2 ? 300 : 100, 1);
    run(m, 4 * SECOND);
    forget(m);
    run(m, 20 * SECOND);
    for (size_t i = 1; i <= 100; i++)
        check_cpu(m, i, i % 2 ? 1 : 3, 20 * SECOND, 0.3);
    CHECK(m->idle_usec < 20 * SECOND * 2 / 50);
}

/* 1:2:3:4 on each of four levels: 16 ways down, two threads at each end. */
static void test_nested(void) {
    Machine *m = machine_new(4);
    static const uint64_t weights[] = { 1, 3 };
    size_t first = 0, n = 1;
    double share[GROUPS] = { 1 };
    for (int level = 0; level < 4; level++) {
        size_t from = m->n;
        for (size_t i = first; i < first + n; i++)
            for (size_t j = 0; j < 2; j++) {
                size_t child = add(m, i, weights[j] * 100, level == 3 ? 4 : 0);
                share[child] = share[i] * (double) weights[j] / 4;
            }
        first = from;
        n = m->n - from;
    }
    run(m, 4 * SECOND);
    forget(m);
    run(m, 20 * SECOND);
    for (size_t i = first; i < first + n; i++)
        check_cpu(m, i, share[i] * 400, 20 * SECOND, 4);
}

static void test_flapping(void) {
    Machine *m = machine_new(2);
    size_t gold = add(m, TREE, 300, 2), bronze = add(m, TREE, 100, 2);
    m->flaps[gold] = true;
    run(m, 2 * SECOND);
    forget(m);
    run(m, 10 * SECOND);
    /* It wants CPUs half of the time: 3 of 4 then, and the rest is the other's. */
    check_cpu(m, gold, 75, 10 * SECOND, 25);
    CHECK(m->idle_usec < 10 * SECOND * 2 * 15 / 100); /* a turn too late, each time it stops */
    CHECK(m->used_usec[bronze] > 10 * SECOND * 9 / 10);
}

static void test_quota(void) {
    Machine *m = machine_new(2);
    size_t slice = add(m, TREE, 100, 0), a = add(m, slice, 100, 2), b = add(m, slice, 100, 1);
    size_t single = add(m, TREE, 100, 1), small = add(m, TREE, 100, 2);
    limit(m, slice, 50);
    limit(m, single, 30);
    limit(m, small, 5);
    run(m, 2 * SECOND);
    for (int window = 0; window < 5; window++) {
        forget(m);
        run(m, SECOND);
        check_cpu(m, single, 30, SECOND, 1.5);
        check_cpu(m, small, 5, SECOND, 1);
        CHECK((m->used_usec[a] + m->used_usec[b]) / 10000 >= 48 && (m->used_usec[a] + m->used_usec[b]) / 10000 <= 52);
    }
}

static void test_idle_class(void) {
    Machine *m = machine_new(2);
    size_t a = add(m, TREE, 100, 2), idle = add(m, TREE, 0, 2);
    run(m, 2 * SECOND);
    forget(m);
    run(m, 10 * SECOND);
    CHECK(m->used_usec[idle] < 10 * SECOND * 2 / 20);
    CHECK(m->used_usec[idle] > 0); /* nobody stands for ever */
    m->threads[a] = 0;
    run(m, SECOND);
    forget(m);
    run(m, SECOND);
    check_cpu(m, idle, 200, SECOND, 1);
}

/* Long ahead while nobody else wanted anything: nobody is made to pay for that. */
static void test_no_wind_up(void) {
    Machine *m = machine_new(2);
    size_t a = add(m, TREE, 100, 2), b = add(m, TREE, 100, 2);
    m->threads[b] = 0;
    run(m, 60 * SECOND);
    m->threads[b] = 2;
    run(m, SECOND);
    forget(m);
    run(m, 2 * SECOND);
    check_cpu(m, a, 100, 2 * SECOND, 6);
    CHECK(m->stood_most_usec[a] < SECOND / 5);
}

/* On many CPUs a few threads do not make a hundred others stand. */
static void test_waste(void) {
    Machine *m = machine_new(64);
    add(m, TREE, 300, 4);
    size_t batch = add(m, TREE, 100, 128);
    run(m, 10 * SECOND);
    CHECK(m->idle_usec < 10 * SECOND * UINT64_C(64) / 10);
    CHECK(m->used_usec[batch] > 10 * SECOND * UINT64_C(50));
}

int main(void) {
    test_three_to_one();
    test_foreign_load();
    test_one_is_idle();
    test_no_contention();
    test_many();
    test_nested();
    test_flapping();
    test_quota();
    test_idle_class();
    test_no_wind_up();
    test_waste();
    return EXIT_SUCCESS;
}
