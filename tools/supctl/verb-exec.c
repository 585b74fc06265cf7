/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * exec: a command within a running workload, with its user, environment, namespaces and limits, and our own stdio or a
 * terminal. We choose the session's number, so that we can pass signals on to it; its exit code becomes ours.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/attend.h"
#include "tools/supctl/client.h"
#include "tools/supctl/program.h"
#include "tools/supctl/settings.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

typedef struct Session {
    const Options *options;
    const char *workload;
    char **command;
    char **environment;
    uint32_t number;
    Pty pty;
    Attendance attendance;
    int status; /* ours, once answered */
} Session;

static int compose(const Session *session, sd_bus_message **ret) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    const Options *options = session->options;
    int slave = session->pty.slave_fd;
    int r = sd_bus_message_new_method_call(
            session->attendance.bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Exec");

    if (r < 0 || (r = sd_bus_message_append(call, "su", session->workload, session->number)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, session->command)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, session->environment)) < 0)
        return r;
    r = sd_bus_message_append(call, "sshhh", options->directory ? options->directory : "",
            options->user ? options->user : "", slave >= 0 ? slave : STDIN_FILENO, slave >= 0 ? slave : STDOUT_FILENO,
            slave >= 0 ? slave : STDERR_FILENO);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(call);
    return 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    Session *session = userdata;
    int known, is_signaled, code, is_oom_killed;
    uint64_t cpu_usec;

    session->attendance.answered = true;
    if (sd_bus_message_is_method_error(reply, NULL))
        session->status = client_explain(session->workload, sd_bus_message_get_error(reply));
    else if (sd_bus_message_read(reply, "bbibt", &known, &is_signaled, &code, &is_oom_killed, &cpu_usec) < 0)
        session->status = client_bad_reply(-EBADMSG);
    else
        session->status = program_status(session->workload, known, is_signaled, code, is_oom_killed);
    return 0;
}

/* What came too late is no error: its end is on its way to us. */
static int on_signaled(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return 0;
}

static int on_signal(void *userdata, int signal) {
    const Session *session = userdata;
    char whom[16];

    snprintf(whom, sizeof(whom), "x%08x", session->number);
    return sd_bus_call_method_async(session->attendance.bus, NULL, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Kill",
            on_signaled, NULL, "ssi", session->workload, whom, signal);
}

static int send_and_attend(Session *session, int signal_fd) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = session->options->pty ? pty_open(&session->pty) : 0;

    if (r >= 0)
        r = compose(session, &call);
    if (r >= 0)
        r = sd_bus_call_async(session->attendance.bus, NULL, call, on_answer, session, CALL_ACTS);
    call = sd_bus_message_unref(call); /* holds the slave, as we do */
    if (r >= 0 && session->options->pty) {
        session->attendance.pty = &session->pty;
        r = sd_bus_flush(session->attendance.bus);
        pty_handed_over(&session->pty);
    }
    if (r >= 0)
        r = attend(&session->attendance, signal_fd);
    pty_close(&session->pty);
    return r;
}

static int run(Session *session) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };
    _cleanup_(cleanup_close) int signal_fd = attend_signals(signals, ELEMENTSOF(signals));
    int r = signal_fd < 0 ? signal_fd : send_and_attend(session, signal_fd);

    if (r < 0) {
        complain("%s: %s", session->workload, strerror(-r));
        return EXIT_FAILURE;
    }
    return session->status;
}

static int choose_number(uint32_t *ret) {
    do
        if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
            return -errno;
    while (*ret == 0);
    return 0;
}

/* Of our own environment only what a terminal is is of use there. */
static int prepare(Session *session, char **ret_program) {
    _cleanup_(cleanup_free) char *terminal = NULL;
    char *inherited[] = { NULL, NULL };
    int status = program_check(session->command);

    if (status == EXIT_SUCCESS)
        status = settings_check(session->options->environment);
    if (status != EXIT_SUCCESS)
        return status;
    *ret_program = program_find(session->command[0], "");
    if (!*ret_program) {
        complain("%s: command not found", session->command[0]);
        return EXIT_NOT_FOUND;
    }
    session->command[0] = *ret_program;
    if (session->options->pty && getenv("TERM") && text_printf(&terminal, "TERM=%s", getenv("TERM")) >= 0)
        inherited[0] = terminal;
    if (choose_number(&session->number) < 0) {
        complain("getrandom: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    return program_environment(inherited, session->options->environment, &session->environment);
}

int verb_exec(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_free) char *program = NULL;
    Session session = { .options = options, .workload = arguments[0], .command = arguments + 1, .pty = PTY_NULL };
    int status = prepare(&session, &program);

    if (status == EXIT_SUCCESS)
        status = client_open(options, &bus);
    session.attendance = (Attendance){ .bus = bus, .on_signal = on_signal, .userdata = &session };
    if (status == EXIT_SUCCESS)
        status = run(&session);
    strv_free(session.environment);
    return status;
}
