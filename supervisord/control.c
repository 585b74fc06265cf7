/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the control socket asks for. Everything that changes something writes the intent down first, lays it over the
 * policy, and lets the funnel do the rest; a call is answered when what it asked for has come to pass.
 */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/strv.h"
#include "model/suggestion.h"
#include "serve/protocol.h"
#include "supervisor.h"

/* --- policy ------------------------------------------------------------------------------------------------------ */

void supervisor_answer_diagnostics(ApiCall *call, int r, const Diagnostics *diagnostics) {
    if (r != -EBADMSG) {
        api_answer_error(call, CONTROL_ERROR_FAILED, "cannot load the policy: %s", strerror(-r));
        return;
    }
    _cleanup_(cleanup_free) char *text = NULL;
    if (diagnostics_text(diagnostics, &text) < 0)
        text = NULL;
    api_answer_error(call, CONTROL_ERROR_BAD_POLICY, "%s", text ?: "out of memory");
}

static int overlay_for(Supervisor *s, const char *name, ApiCall *call) {
    Diagnostics diagnostics = {};
    int r = supervisor_overlay(s, name, &diagnostics);
    if (r < 0)
        supervisor_answer_diagnostics(call, r, &diagnostics);
    diagnostics_done(&diagnostics);
    return r;
}

static void on_plan(void *userdata, ApiCall *call) {
    Supervisor *s = userdata;
    Diagnostics diagnostics = {};
    Policy *policy = NULL;
    int r = supervisor_read_policy(s, &diagnostics, &policy);
    if (r < 0)
        supervisor_answer_diagnostics(call, r, &diagnostics);
    else
        supervisor_converge(s, &(Converge){ .dry_run = true, .policy = policy, .call = call });
    policy_unref(policy);
    diagnostics_done(&diagnostics);
}

static void on_what_if(void *userdata, char *const *changes, ApiCall *call) {
    supervisor_answer_what_if(userdata, changes, call);
}

static void on_policy_state(void *userdata, ApiCall *call) {
    const LastReload *last = &((Supervisor *) userdata)->last_reload;
    api_answer_policy_state(call, last->ok, last->success_usec, last->errors ?: "");
}

static void on_reload(void *userdata, ApiCall *call) {
    Supervisor *s = userdata;
    Diagnostics diagnostics = {};
    int r = supervisor_reload(s, &diagnostics);
    if (r < 0)
        supervisor_answer_diagnostics(call, r, &diagnostics);
    else
        supervisor_converge(s, &(Converge){ .repair = true, .call = call });
    diagnostics_done(&diagnostics);
}

static void on_stop_all(void *userdata, ApiCall *call) {
    supervisor_stop_all(userdata, call);
}

/* --- workloads --------------------------------------------------------------------------------------------------- */

/* The group, or NULL and the call is answered. */
static const Group *find_group(Supervisor *s, const char *name, ApiCall *call) {
    const Group *group = policy_group(s->policy, name);
    Suggestion suggestion = { .wrong = name };
    char text[SUGGESTION_TEXT_MAX];
    for (size_t i = 0; !group && i < s->policy->n_groups; i++)
        suggestion_offer(&suggestion, s->policy->groups[i]->name);
    if (!group)
        api_answer_error(call, CONTROL_ERROR_NO_SUCH, "no such slice or workload%s",
                suggestion_text(&suggestion, "", "", text, sizeof text));
    return group;
}

static bool known_workload(Supervisor *s, const char *name, ApiCall *call) {
    const Group *group = find_group(s, name, call);
    if (group && !group->workload)
        api_answer_error(call, CONTROL_ERROR_SLICE, "it is a slice; give the names of workloads");
    return group && group->workload;
}

static bool may_start(Supervisor *s, ApiCall *call) {
    if (s->all_stopped)
        api_answer_error(call, CONTROL_ERROR_FAILED, "all workloads are stopped until the next reload");
    return !s->all_stopped;
}

static bool may_start_in(Supervisor *s, const char *name, ApiCall *call) {
    const Group *frozen = group_frozen_by(policy_group(s->policy, name));
    if (frozen)
        api_answer_error(
                call, CONTROL_ERROR_FAILED, "%s is frozen (`supctl thaw %s` first)", frozen->name, frozen->name);
    return !frozen && may_start(s, call);
}

/* Writes the intent, and lays it over the policy. */
static int intend(Supervisor *s, const char *name, bool running, ApiCall *call) {
    const Group *group = policy_group(s->policy, name);
    if (group->workload->life.running == running)
        return 0;
    int r = intent_write_state(s->runtime_fd, name, running);
    if (r < 0) {
        api_answer_error(call, CONTROL_ERROR_FAILED, "cannot write down that %s is to be %s: %s", name,
                running ? "running" : "stopped", strerror(-r));
        return r;
    }
    r = overlay_for(s, name, call);
    if (r < 0)
        intent_write_state(s->runtime_fd, name, !running);
    return r;
}

static void on_start(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    if (!known_workload(s, name, call) || !may_start_in(s, name, call) || intend(s, name, true, call) < 0)
        return;
    Run *run = supervisor_run_of(s, name);
    if (run)
        run_on_user_start(run);
    supervisor_remember(s, name);
    if (run && run->state == RUN_RUNNING) {
        api_answer(call);
        return;
    }
    supervisor_wait(s, name, WAIT_STARTED, call);
    supervisor_converge(s, &(Converge){ .only = name });
}

/* Likewise, whether it is to stand still. */
static int intend_frozen(Supervisor *s, const Group *group, bool frozen, ApiCall *call) {
    if (group->frozen == frozen)
        return 0;
    int r = intent_write_frozen(s->runtime_fd, group, frozen);
    if (r < 0) {
        api_answer_error(call, CONTROL_ERROR_FAILED, "cannot write down that %s is to be %s: %s", group->name,
                frozen ? "frozen" : "thawed", strerror(-r));
        return r;
    }
    r = overlay_for(s, group->name, call);
    if (r < 0) /* then the policy is the one before, and the group still there */
        intent_write_frozen(s->runtime_fd, group, !frozen);
    return r;
}

static void on_freeze(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    const Group *group = find_group(s, name, call);
    if (!group)
        return;
    if (group->workload && !supervisor_is_alive(s, name))
        api_answer_error(call, CONTROL_ERROR_NOT_RUNNING, "%s does not run", name);
    else if (intend_frozen(s, group, true, call) == 0)
        supervisor_converge(s, &(Converge){ .only = name, .call = call });
}

static void on_thaw(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    const Group *group = find_group(s, name, call);
    if (!group || intend_frozen(s, group, false, call) < 0)
        return;
    supervisor_converge(s, &(Converge){ .only = name, .call = call });
    supervisor_converge(s, &(Converge){}); /* what could not start in it */
}

static void on_stop(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    if (!known_workload(s, name, call))
        return;
    bool was_frozen = policy_group(s->policy, name)->frozen;
    if (intend_frozen(s, policy_group(s->policy, name), false, call) < 0 || intend(s, name, false, call) < 0)
        return;
    if (!supervisor_is_alive(s, name)) {
        api_answer(call);
        supervisor_converge(s, &(Converge){ .only = name });
        return;
    }
    supervisor_wait(s, name, WAIT_ENDED, call);
    if (!supervisor_stop(s, name, false) || was_frozen) /* it is on its way just now, or must be able to end */
        supervisor_converge(s, &(Converge){ .only = name });
}

static void on_restart(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    if (!known_workload(s, name, call) || !may_start_in(s, name, call) || intend(s, name, true, call) < 0)
        return;
    Run *run = supervisor_run_of(s, name);
    if (run)
        run_on_user_restart(run);
    supervisor_remember(s, name);
    supervisor_wait(s, name, WAIT_STARTED, call);
    if (!supervisor_stop(s, name, false))
        supervisor_converge(s, &(Converge){ .only = name });
}

/* How a start that is over ended is known as long as its workload is. */
static void on_wait(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    if (!known_workload(s, name, call))
        return;
    const Run *run = supervisor_run_of(s, name);
    if (supervisor_is_alive(s, name))
        supervisor_wait(s, name, WAIT_EXIT, call);
    else if (run && run->ended_usec > 0)
        api_answer_exit(call, &run->last_exit);
    else
        api_answer_error(call, CONTROL_ERROR_NOT_RUNNING, "%s has not run yet", name);
}

static void on_kill(void *userdata, const ApiKill *order, ApiCall *call) {
    Supervisor *s = userdata;
    if (!known_workload(s, order->name, call))
        return;
    if (!supervisor_is_alive(s, order->name)) {
        api_answer_error(call, CONTROL_ERROR_NOT_RUNNING, "%s does not run", order->name);
        return;
    }
    if (!order->session)
        ledger_journal(s->ledger, supervisor_now(), order->name, "signal %d to %s%s", order->signal,
                order->all ? "all of " : "", order->name);
    supervisor_answer_kill(s, order, call);
}

static void on_exec(void *userdata, const ApiExec *exec, ApiCall *call) {
    Supervisor *s = userdata;
    if (!known_workload(s, exec->name, call) || !may_start_in(s, exec->name, call))
        return;
    if (supervisor_is_alive(s, exec->name))
        supervisor_exec(s, exec, call);
    else /* nor must a plan for this command be the one that starts it */
        api_answer_error(call, CONTROL_ERROR_NOT_RUNNING, "%s does not run", exec->name);
}

static void on_set(void *userdata, const ApiSet *set, ApiCall *call) {
    Supervisor *s = userdata;
    const Group *group = find_group(s, set->name, call);
    Diagnostics diagnostics = {};
    if (!group)
        return;
    if (!intent_settings_are_sound(set->settings)) {
        api_answer_error(call, CONTROL_ERROR_FAILED, "a key or value has characters that it cannot have");
        return;
    }
    if (!set->runtime && group->workload && group->workload->transient) {
        api_answer_error(call, CONTROL_ERROR_FAILED, "%s is no part of the policy's files (use `supctl set --runtime`)",
                set->name);
        return;
    }
    int r = supervisor_set(s, group, set, &diagnostics);
    if (r < 0)
        supervisor_answer_diagnostics(call, r, &diagnostics);
    else
        supervisor_converge(s, &(Converge){ .only = set->name, .call = call });
    if (r >= 0)
        supervisor_converge(s, &(Converge){}); /* what it bears on beside itself */
    diagnostics_done(&diagnostics);
}

static void on_run(void *userdata, const ApiRun *run, ApiCall *call) {
    if (may_start(userdata, call))
        supervisor_run_transient(userdata, run, call);
}

static void on_remove(void *userdata, const char *name, ApiCall *call) {
    if (known_workload(userdata, name, call))
        supervisor_remove_transient(userdata, name, call);
}

static void on_cat(void *userdata, const char *name, ApiCall *call) {
    Supervisor *s = userdata;
    _cleanup_(cleanup_free) char *text = NULL;
    Diagnostics diagnostics = {};
    int r = supervisor_list(s, name, &diagnostics, &text);
    if (r >= 0)
        api_answer_text(call, text);
    else if (r == -ENOENT)
        find_group(s, name, call);
    else
        supervisor_answer_diagnostics(call, r, &diagnostics);
    diagnostics_done(&diagnostics);
}

static void on_cat_files(void *userdata, const char *name, ApiCall *call) {
    _cleanup_(cleanup_free) char *text = NULL;
    Diagnostics diagnostics = {};
    int r = supervisor_list_files(userdata, name, &diagnostics, &text);
    if (r >= 0)
        api_answer_text(call, text);
    else if (r == -ENOENT)
        api_answer_error(call, CONTROL_ERROR_NO_SUCH, "no such slice, workload or network in the files");
    else
        supervisor_answer_diagnostics(call, r, &diagnostics);
    diagnostics_done(&diagnostics);
}

static void on_show(void *userdata, const char *name, ApiCall *call) {
    if (find_group(userdata, name, call))
        supervisor_answer_show(userdata, name, call);
}

static void on_check(void *userdata, ApiCall *call) {
    supervisor_answer_check(userdata, call);
}

static const Policy *get_policy(void *userdata) {
    return ((Supervisor *) userdata)->policy;
}

static const Ledger *get_ledger(void *userdata) {
    return ((Supervisor *) userdata)->ledger;
}

static void drop_forsaken(void *userdata) {
    supervisor_drop_forsaken(userdata);
}

static void take_sample(void *userdata) {
    supervisor_sample(userdata);
}

static int get_snapshot(void *userdata, ExpositionFormat format, char **ret_text, size_t *ret_size) {
    return supervisor_snapshot(userdata, format, ret_text, ret_size);
}

ApiBackend supervisor_backend(Supervisor *s) {
    return (ApiBackend){
        .userdata = s,
        .policy = get_policy,
        .ledger = get_ledger,
        .forsaken = drop_forsaken,
        .sample = take_sample,
        .snapshot = get_snapshot,
        .plan = on_plan,
        .what_if = on_what_if,
        .policy_state = on_policy_state,
        .reload = on_reload,
        .stop_all = on_stop_all,
        .show = on_show,
        .cat = on_cat,
        .cat_files = on_cat_files,
        .check = on_check,
        .wait = on_wait,
        .kill = on_kill,
        .start = on_start,
        .stop = on_stop,
        .restart = on_restart,
        .freeze = on_freeze,
        .thaw = on_thaw,
        .exec = on_exec,
        .set = on_set,
        .run = on_run,
        .remove = on_remove,
    };
}
