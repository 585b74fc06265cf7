/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sessions: commands that `supctl exec`, ExecStartPost= and ExecStop= run beside a running start, in a leaf of their own,
 * with the workload's user, environment, namespaces and limits. To run one is a step of a plan; it ends with the start at
 * the latest. Who asked for it learns how it ended; nobody else does, so a daemon that comes back lets it be.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/strv.h"
#include "kernel/spawn.h"
#include "serve/protocol.h"
#include "watch.h"

enum { SESSIONS_MAX = 256 };

struct Session {
    Supervisor *supervisor; /* supervisor::sessions */
    Session *next;
    Start start;
    ApiCall *call;
    sd_event_source *exit_source;
};

static Session *session_free(Session *session) {
    for (Session **s = &session->supervisor->sessions; *s; s = &(*s)->next)
        if (*s == session) {
            *s = session->next;
            break;
        }
    sd_event_source_disable_unref(session->exit_source);
    process_done(&session->start.process);
    close_fd(session->start.report_fd);
    free(session->start.name);
    free(session);
    return NULL;
}

void supervisor_sessions_free(Supervisor *s) {
    while (s->sessions) {
        if (s->sessions->call)
            api_answer_error(
                    s->sessions->call, CONTROL_ERROR_GOING_AWAY, "supervisord is going away; the command goes on");
        session_free(s->sessions);
    }
}

/* --- what to run -------------------------------------------------------------------------------------------------- */

void session_command_done(SessionCommand *command) {
    strv_free(command->environment);
    strv_free(command->arguments);
    free(command->user);
    free(command->directory);
    *command = (SessionCommand){};
}

/* As the workload's, but for what was asked for. */
int session_command_new(const Group *group, const ApiExec *exec, SessionCommand *ret) {
    SessionCommand command = { .session = exec->session, .workload = *group->workload };
    int r = strv_copy(group->workload->exec.environment, &command.environment);
    for (size_t i = 0; r >= 0 && exec->environment && exec->environment[i]; i++)
        r = strv_push(&command.environment, exec->environment[i]);
    if (r >= 0)
        r = strv_copy(exec->arguments, &command.arguments);
    if ((*exec->user && !(command.user = strdup(exec->user))) ||
            (*exec->directory && !(command.directory = strdup(exec->directory))))
        r = -ENOMEM;
    if (r < 0) {
        session_command_done(&command);
        return r;
    }
    Exec *own = &command.workload.exec;
    if (own->output.kind == OUTPUT_TRUNCATE)
        own->output.kind = OUTPUT_APPEND; /* the start's own output is in it */
    if (own->error.kind == OUTPUT_TRUNCATE)
        own->error.kind = OUTPUT_APPEND;
    own->arguments = command.arguments;
    own->start_pre = (Commands){};
    own->environment = command.environment;
    if (command.directory)
        own->working_directory = command.directory;
    if (command.user) {
        own->user = command.user;
        own->group = NULL;
        own->supplementary_groups = NULL;
    }
    *ret = command;
    return 0;
}

static size_t count(const Supervisor *s) {
    size_t n = 0;
    for (const Session *session = s->sessions; session; session = session->next)
        n++;
    return n;
}

void supervisor_exec(Supervisor *s, const ApiExec *exec, ApiCall *call) {
    ApplyStdio stdio = { .fds = { exec->stdio[0], exec->stdio[1], exec->stdio[2] } };
    if (count(s) >= SESSIONS_MAX) {
        api_answer_error(call, CONTROL_ERROR_BUSY, "there are %d sessions already", SESSIONS_MAX);
        return;
    }
    ledger_journal(s->ledger, supervisor_now(), exec->name, "session x%08x in %s", exec->session, exec->name);
    supervisor_converge(s, &(Converge){ .only = exec->name, .stdio = &stdio, .exec = exec, .exec_call = call });
}

/* --- while it runs ------------------------------------------------------------------------------------------------ */

void session_failed(Supervisor *s, const char *workload, unsigned session, ApiCall *call, const char *error,
        const char *format, ...) {
    char why[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (call)
        api_answer_error(call, error, "%s", why);
    else
        watch_command_ended(s, workload, session, NULL, why);
}

static void tell_end(const Session *session, const char *workload, const Exit *exit) {
    _cleanup_(cleanup_free) char *why = NULL;
    int r = spawn_report_read(session->start.report_fd, &why);
    if (r < 0)
        session_failed(session->supervisor, workload, session->start.session, session->call, CONTROL_ERROR_FAILED, "%s",
                why ?: strerror(-r));
    else if (session->call)
        api_answer_exit(session->call, exit);
    else
        watch_command_ended(session->supervisor, workload, session->start.session, exit, NULL);
}

static int on_exit_of(sd_event_source *source, int pidfd, uint32_t events, void *userdata) {
    Session *session = userdata;
    Supervisor *s = session->supervisor;
    Exit exit = {};
    if (process_reap(&session->start.process, &exit) == -EAGAIN)
        return 0;
    process_kill(&session->start.process); /* what it left behind */
    _cleanup_(cleanup_free) char *name = TAKE_PTR(session->start.name);
    tell_end(session, name, &exit);
    session_free(session);
    supervisor_converge(s, &(Converge){ .only = name }); /* takes its leaf away */
    return 0;
}

void supervisor_attend(Supervisor *s, Start *start, ApiCall *call) {
    Session *session = calloc(1, sizeof *session);
    int r = session ? 0 : -ENOMEM;
    if (session) {
        *session = (Session){ .supervisor = s, .next = s->sessions, .start = *start, .call = call };
        s->sessions = session;
        *start = (Start) START_NULL;
        start = &session->start;
        r = sd_event_add_io(
                s->event, &session->exit_source, session->start.process.pidfd, EPOLLIN, on_exit_of, session);
    }
    if (r >= 0)
        return;
    process_kill(&start->process);
    session_failed(s, start->name, start->session, call, CONTROL_ERROR_FAILED, "cannot watch it: %s", strerror(-r));
    if (session)
        session_free(session);
}

int supervisor_signal_session(Supervisor *s, const char *workload, unsigned number, int signal) {
    for (const Session *session = s->sessions; session; session = session->next)
        if (session->start.session == number && strcmp(session->start.name, workload) == 0)
            return process_signal(&session->start.process, signal);
    return -ESRCH;
}
