/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Transient workloads: a command of `supctl run` becomes part of the policy, and is taken out of it again when it has ended and
 * whoever waits for it was told. One that has failed with nobody waiting stays to be seen.
 */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/strv.h"
#include "serve/protocol.h"
#include "supervisor.h"

/* It came by `supctl run`, has failed or was stopped since, and stays to be seen. */
static bool is_left_over(Supervisor *s, const Group *group) {
    const Workload *workload = group->workload;
    return workload && workload->transient && !workload->life.running && !supervisor_is_alive(s, group->name);
}

/* Out of the policy, and off the node. */
static void forget(Supervisor *s, const char *name, ApiCall *call) {
    Diagnostics diagnostics = {};
    intent_remove(s->runtime_fd, name);
    supervisor_overlay(s, name, &diagnostics);
    diagnostics_done(&diagnostics);
    supervisor_converge(s, &(Converge){ .only = name, .call = call });
}

/* A daemon that comes back must not take it for one that is to be started. */
static void keep_failed(Supervisor *s, const char *name) {
    Diagnostics diagnostics = {};
    int r = intent_write_state(s->runtime_fd, name, false);
    if (r >= 0)
        r = supervisor_overlay(s, name, &diagnostics);
    if (r < 0)
        log_line(LOG_ERR, name, "cannot write down that %s has failed: %s", name, strerror(-r));
    diagnostics_done(&diagnostics);
}

/* What was given may be wrong; the file that it was written to is of no interest, and about to go. */
static int overlay_run(Supervisor *s, const char *name, ApiCall *call) {
    _cleanup_(cleanup_free) char *path = NULL;
    Diagnostics diagnostics = {};
    int r = intent_run_path(s->config, name, &path);
    if (r >= 0)
        r = supervisor_overlay(s, name, &diagnostics);
    if (r == -EBADMSG)
        diagnostics_hide_place(&diagnostics, path);
    if (r < 0)
        supervisor_answer_diagnostics(call, r, &diagnostics);
    diagnostics_done(&diagnostics);
    return r;
}

void supervisor_run_transient(Supervisor *s, const ApiRun *run, ApiCall *call) {
    const Group *former_group = policy_group(s->policy, run->name);
    if (supervisor_is_alive(s, run->name) || (former_group && !is_left_over(s, former_group))) {
        api_answer_error(call, CONTROL_ERROR_FAILED, "the name is taken");
        return;
    }
    if (former_group)
        forget(s, run->name, NULL);
    int r = intent_write_run(s->runtime_fd, run);
    if (r < 0) {
        api_answer_error(call, CONTROL_ERROR_FAILED,
                r == -EINVAL ? "a name or value has characters that it cannot have" : "cannot write it down: %s",
                strerror(-r));
        return;
    }
    if (overlay_run(s, run->name, call) < 0) {
        intent_remove(s->runtime_fd, run->name);
        return;
    }
    Run *former = supervisor_run_of(s, run->name); /* of the same name, ended and not yet forgotten */
    if (former)
        run_on_user_start(former);
    supervisor_remember(s, run->name);
    ApplyStdio stdio = { .fds = { run->stdio[0], run->stdio[1], run->stdio[2] } };
    supervisor_wait(s, run->name, run->wait ? WAIT_RUN_ENDED : WAIT_RUN_STARTED, call);
    supervisor_converge(s, &(Converge){ .only = run->name, .stdio = &stdio });
}

bool supervisor_collect(Supervisor *s, const char *name) {
    const Group *group = policy_group(s->policy, name);
    const Run *run = supervisor_run_of(s, name);
    if (!group || !group->workload || !group->workload->transient || !run || run_is_alive(run) ||
            run->state == RUN_BACKOFF)
        return false;
    if (run->state == RUN_FAILED && group->workload->life.collect == COLLECT_INACTIVE) {
        if (group->workload->life.running)
            keep_failed(s, name);
        return false;
    }
    forget(s, name, NULL);
    return true;
}

void supervisor_remove_transient(Supervisor *s, const char *name, ApiCall *call) {
    const Group *group = policy_group(s->policy, name);
    if (!group->workload->transient)
        api_answer_error(call, CONTROL_ERROR_FAILED,
                "it is part of the policy's files (take it out of %s, then `supctl reload`)", group->origin.file);
    else if (!is_left_over(s, group))
        api_answer_error(call, CONTROL_ERROR_FAILED, "it has not ended (`supctl stop %s` ends and forgets it)", name);
    else
        forget(s, name, call);
}
