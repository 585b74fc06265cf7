/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A golden test of the plan: policy.ini and the file `node`, which says what holds (node-file.h), go in; the plan's steps come
 * out.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "golden.h"
#include "model/policy/load.h"
#include "node-file.h"

/* Not that of the host: percents of memory must come out the same everywhere. */
static const HostFacts facts = {
    .scale = { .memory_total_bytes = UINT64_C(8) << 30, .page_bytes = 4096, .tasks_total = 32768, .cpus = 2 },
    .name = "node"
};

static void wish_by_policy(Fixture *f) {
    f->decision = (Decision){ .n_groups = f->policy->n_groups, .wake_usec = UINT64_MAX };
    f->decision.wishes = check_memory(calloc(f->policy->n_groups + 1, sizeof(Wish)));
    f->decision.retries_usec = check_memory(calloc(f->policy->n_groups + 1, sizeof *f->decision.retries_usec));
    for (size_t i = 0; i < f->policy->n_groups; i++) {
        const Workload *workload = f->policy->groups[i]->workload;

        f->decision.wishes[i] = workload && workload->life.running ? WISH_START : WISH_ABSENT;
    }
}

static void load_policy(Fixture *f) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    char path[4096];

    snprintf(path, sizeof path, "%s/policy.ini", f->directory);
    const PolicyPaths paths = { .files = (char *[]){ path, NULL } };
    int r = policy_load(&paths, &facts, &diagnostics, &f->policy);
    for (size_t i = 0; i < diagnostics.n_lines; i++)
        warnx("%s", diagnostics.lines[i]);
    if (r < 0)
        errx(EXIT_FAILURE, "%s: %s", path, strerror(-r));
}

/* A line for each step, then for each workload that is outdated or waits. */
static void print_plan(const Plan *plan, FILE *file) {
    char line[STEP_TEXT_MAX];

    for (size_t i = 0; i < plan->n_steps; i++)
        fprintf(file, "%s\n", step_report(plan->steps + i, line, sizeof line));
    for (size_t i = 0; i < plan->n_outdated; i++)
        fprintf(file, "%s\n", outdated_format(plan->outdated[i], line, sizeof line));
    for (size_t i = 0; i < plan->n_retries; i++)
        fprintf(file, "%s\n", retry_format(plan->retries + i, line, sizeof line));
}

static char *plan_of(const char *directory) {
    Fixture f = { .directory = directory };
    _cleanup_(cleanup_plan_free) Plan *plan = NULL;
    char *text;
    size_t size;

    load_policy(&f);
    wish_by_policy(&f);
    fixture_read_node(&f);
    int r = plan_build(f.policy, &f.decision, &f.node, f.only, &plan);
    if (r < 0)
        errx(EXIT_FAILURE, "%s: %s", directory, strerror(-r));

    FILE *out = check_memory(open_memstream(&text, &size));
    print_plan(plan, out);
    fclose(out);
    free(f.decision.wishes);
    free(f.decision.retries_usec);
    free(f.only);
    node_done(&f.node);
    policy_unref(f.policy);
    return text;
}

int main(int argc, char *argv[]) {
    return golden_main(argc, argv, plan_of);
}
