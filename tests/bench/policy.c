/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a policy costs: made of one text in memory, and planned against a node on which nothing holds.
 *
 *     bench-policy WORKLOADS [ROUNDS]
 *
 * Prints the medians in microseconds: parse, plan. With one round it can be counted by callgrind.
 */

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "model/plan.h"
#include "model/policy/load.h"

enum { SLICES = 20, ROUNDS_MAX = 1000 };

static uint64_t now_usec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

static int compare_numbers(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *) a, second = *(const uint64_t *) b;

    return (first > second) - (first < second);
}

static uint64_t median(uint64_t *numbers, size_t n) {
    qsort(numbers, n, sizeof(uint64_t), compare_numbers);
    return numbers[n / 2];
}

static Sources sources_of(uint64_t workloads) {
    Sources sources = {};
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        err(EXIT_FAILURE, "open_memstream");
    for (int i = 0; i < SLICES; i++)
        fprintf(file, "[slice:s%d]\nCPUWeight=200\nRestart=always\nEnvironment=SLICE=s%d SELF=%%n\n", i, i);
    for (uint64_t i = 0; i < workloads; i++)
        fprintf(file,
                "[workload:w%" PRIu64 "]\nSlice=s%" PRIu64 "\nExecStart=/bin/w %" PRIu64
                "\nMemoryMax=64M\nTasksMax=100\nUser=nobody\n",
                i, i % SLICES, i);
    fclose(file);
    if (sources_put(&sources, SOURCE_FILE, "policy.ini", text) < 0)
        errx(EXIT_FAILURE, "out of memory");
    free(text);
    return sources;
}

static Policy *parse(const Sources *sources) {
    static const HostFacts facts = {
        .scale = { .memory_total_bytes = UINT64_C(8) << 30, .page_bytes = 4096, .cpus = 4 }, .name = "node"
    };
    Diagnostics diagnostics = {};
    Policy *policy = NULL;

    if (policy_parse(sources, NULL, NULL, &facts, &diagnostics, &policy) < 0)
        errx(EXIT_FAILURE, "%s", diagnostics.n_lines > 0 ? diagnostics.lines[0] : "out of memory");
    return policy;
}

static void plan(Policy *policy) {
    _cleanup_(cleanup_plan_free) Plan *result = NULL;
    _cleanup_(cleanup_free) Wish *wishes = calloc(policy->n_groups, sizeof(Wish));
    const Decision decision = { .wishes = wishes, .n_groups = policy->n_groups, .wake_usec = UINT64_MAX };
    const Node node = {};

    for (size_t i = 0; wishes && i < policy->n_groups; i++)
        wishes[i] = policy->groups[i]->workload ? WISH_START : WISH_ABSENT;
    if (!wishes || plan_build(policy, &decision, &node, NULL, &result) < 0)
        errx(EXIT_FAILURE, "out of memory");
}

int main(int argc, char *argv[]) {
    static uint64_t parsed_usec[ROUNDS_MAX], planned_usec[ROUNDS_MAX];
    uint64_t workloads, rounds = 21;

    if (argc < 2 || parse_u64(argv[1], &workloads) < 0 || (argc > 2 && parse_u64(argv[2], &rounds) < 0) ||
            rounds == 0 || rounds > ROUNDS_MAX)
        errx(EXIT_FAILURE, "usage: bench-policy WORKLOADS [ROUNDS]");

    Sources sources = sources_of(workloads);
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t started = now_usec();
        Policy *policy = parse(&sources);
        uint64_t parsed = now_usec();

        plan(policy);
        parsed_usec[i] = parsed - started;
        planned_usec[i] = now_usec() - parsed;
        policy_unref(policy);
    }
    printf("%" PRIu64 " %" PRIu64 "\n", median(parsed_usec, rounds), median(planned_usec, rounds));
    sources_done(&sources);
    return 0;
}
