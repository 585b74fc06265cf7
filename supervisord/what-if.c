/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `supctl plan --what-if`: what slices and workloads would be entitled to if the policy said something else. The policy is
 * amended in memory as `supctl set --runtime` would amend it, and thrown away; nothing is written.
 */

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "model/share-policy.h"
#include "serve/protocol.h"
#include "supervisor.h"

/* Of the groups of the amended policy, by their index in it. */
typedef struct WhatIf {
    Policy *policy;
    CpuSet cpus;
    uint64_t *before, *after;
    ApiWhatIfRow *rows;
} WhatIf;

static void what_if_done(WhatIf *what_if) {
    policy_unref(what_if->policy);
    free(what_if->before);
    free(what_if->after);
    free(what_if->rows);
}

/* What no file says is of no place: the message is. */
static void hide_places(const Supervisor *s, char *const *changes, Diagnostics *diagnostics) {
    for (; *changes; changes += 3) {
        _cleanup_(cleanup_free) char *path = NULL;
        if (intent_set_path(s->config, changes[0], &path) >= 0)
            diagnostics_hide_place(diagnostics, path);
    }
}

static int amend(Supervisor *s, char *const *changes, Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(sources_done) Sources files = {}, transient = {};
    int r = supervisor_copy_sources(s, &files, &transient, diagnostics);
    for (char *const *change = changes; *change && r >= 0; change += 3)
        r = supervisor_lay_over(
                s, &transient, policy_group(s->policy, change[0]), (char *[]){ change[1], change[2], NULL });
    if (r >= 0)
        r = supervisor_parse(s, &files, &transient, &s->facts, diagnostics, ret);
    if (r == -EBADMSG)
        hide_places(s, changes, diagnostics);
    return r;
}

/* What runs goes on if it is still wanted, and what is wanted only now runs. */
static bool would_run(Supervisor *s, const Group *group) {
    const Group *now = policy_group(s->policy, group->name);
    bool starts = group->workload->life.running && !(now && now->workload->life.running);
    return starts || (group->workload->life.running && supervisor_is_alive(s, group->name));
}

/* ret: by the index in `policy`; UINT64_MAX: does not run. */
static int entitle(Supervisor *s, const Policy *policy, const CpuSet *cpus, uint64_t **ret) {
    _cleanup_(cleanup_free) uint64_t *entitled = calloc(policy->n_groups + 1, sizeof *entitled);
    _cleanup_(cleanup_free) bool *runs = calloc(policy->n_groups + 1, sizeof *runs);
    if (!entitled || !runs)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_groups; i++)
        if (policy->groups[i]->workload)
            runs[i] = would_run(s, policy->groups[i]);
    int r = share_entitle_groups(policy, runs, &(ShareHost){ cpus, USEC_PER_SEC }, entitled);
    if (r < 0)
        return r;
    for (size_t i = 0; i < policy->n_groups; i++)
        if (policy->groups[i]->workload && !runs[i])
            entitled[i] = UINT64_MAX;
    *ret = TAKE_PTR(entitled);
    return 0;
}

static int compare(Supervisor *s, WhatIf *what_if) {
    const Policy *policy = what_if->policy;
    int r = supervisor_read_cpus(s, &what_if->cpus);
    if (r >= 0)
        r = entitle(s, s->policy, &what_if->cpus, &what_if->before);
    if (r >= 0)
        r = entitle(s, policy, &what_if->cpus, &what_if->after);
    if (r < 0)
        return r;
    what_if->rows = calloc(policy->n_groups + 1, sizeof *what_if->rows);
    if (!what_if->rows)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i], *now = policy_group(s->policy, group->name);
        what_if->rows[i] = (ApiWhatIfRow){
            .name = group->name,
            .slice = group->parent ? group->parent->name : "",
            .before = now ? what_if->before[now->index] : UINT64_MAX,
            .after = what_if->after[i],
        };
    }
    return 0;
}

static bool are_known(const Supervisor *s, char *const *changes, ApiCall *call) {
    for (; *changes; changes += 3)
        if (!policy_group(s->policy, changes[0])) {
            api_answer_error(call, CONTROL_ERROR_NO_SUCH, "%s: no such slice or workload", changes[0]);
            return false;
        } else if (!intent_settings_are_sound((char *[]){ changes[1], changes[2], NULL })) {
            api_answer_error(call, CONTROL_ERROR_FAILED, "a key or value has characters that it cannot have");
            return false;
        }
    return true;
}

void supervisor_answer_what_if(Supervisor *s, char *const *changes, ApiCall *call) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(what_if_done) WhatIf what_if = {};
    if (!are_known(s, changes, call))
        return;
    int r = amend(s, changes, &diagnostics, &what_if.policy);
    if (r < 0) {
        supervisor_answer_diagnostics(call, r, &diagnostics);
        return;
    }
    r = compare(s, &what_if);
    if (r < 0)
        api_answer_error(call, CONTROL_ERROR_FAILED, "cannot tell what each is entitled to: %s", strerror(-r));
    else
        api_answer_what_if(call, what_if.rows, what_if.policy->n_groups);
}
