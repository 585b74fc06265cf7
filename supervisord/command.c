/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * ExecStartPost= and ExecStop=: commands beside a start, one after the other, each a session of its own. A start is over
 * when the last of the first has succeeded; a stop goes on with the signal when the last of the others has ended, or one
 * has failed. The times of the start and the stop go on meanwhile.
 */

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/strv.h"
#include "watch.h"

static bool is_of_start(const Watch *watch) {
    return strcmp(watch->command_key, "ExecStartPost") == 0;
}

/* As the policy says now; NULL: no more. */
static const Command *command_now(const Watch *watch) {
    const Group *group = policy_group(watch->supervisor->policy, watch->start.name);
    if (!group || !group->workload)
        return NULL;
    const Exec *exec = &group->workload->exec;
    const Commands *commands = is_of_start(watch) ? &exec->start_post : &exec->stop;
    return watch->command < commands->n ? &commands->items[watch->command] : NULL;
}

static void run_command(Watch *watch, const Command *command) {
    char main_pid[32];
    snprintf(main_pid, sizeof main_pid, "MAINPID=%d", (int) watch->start.process.pid);
    if (getrandom(&watch->session, sizeof watch->session, 0) != sizeof watch->session || watch->session == 0)
        watch->session = 1;
    ApiExec exec = {
        .name = watch->start.name,
        .session = watch->session,
        .arguments = command->arguments,
        .environment = (char *[]){ main_pid, NULL },
        .directory = "",
        .user = "",
    };
    supervisor_converge(watch->supervisor, &(Converge){ .only = watch->start.name, .exec = &exec });
}

static void go_on(Watch *watch) {
    bool starts = is_of_start(watch);
    const Command *command = command_now(watch);
    if (command) {
        run_command(watch, command);
        return;
    }
    watch->command_key = NULL;
    if (starts)
        watch_started(watch);
    else
        watch_terminate(watch);
}

bool watch_run_commands(Watch *watch, const char *key) {
    watch->command_key = key;
    watch->command = 0;
    if (!command_now(watch) || (!is_of_start(watch) && watch_arm_stop(watch, watch_ending(watch).timeout_usec) < 0)) {
        watch->command_key = NULL;
        return false;
    }
    go_on(watch);
    return true;
}

void watch_command_ended(Supervisor *s, const char *name, unsigned session, const Exit *exit, const char *why) {
    Watch *watch = watch_find(s, name);
    if (!watch || !watch->command_key || watch->session != session)
        return;
    const Command *command = command_now(watch);
    bool succeeded = exit && exit->known && !exit->signaled && exit->code == 0;
    if (succeeded || (command && command->may_fail)) {
        watch->command++;
        go_on(watch);
        return;
    }
    char words[96];
    _cleanup_(cleanup_free) char *text = NULL;
    text_printf(&text, "cannot run %s= '%s': %s", watch->command_key, command ? command->arguments[0] : "",
            exit ? exit_show(exit, words, sizeof words) : why);
    log_line(LOG_WARNING, name, "%s: %s", name, text ?: "");
    if (is_of_start(watch) && !watch->failure)
        watch->failure = TAKE_PTR(text);
    watch->command_key = NULL;
    watch_terminate(watch);
}
