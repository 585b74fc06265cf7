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
    sd_bus *bus;
} Session;

static int compose(const void *userdata, const int stdio[static 3], sd_bus_message **ret) {
    const Session *session = userdata;
    const Options *options = session->options;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(session->bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Exec");

    if (r < 0 || (r = sd_bus_message_append(call, "su", session->workload, session->number)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, session->command)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, session->environment)) < 0)
        return r;
    r = sd_bus_message_append(call, "sshhh", options->directory ? options->directory : "",
            options->user ? options->user : "", stdio[0], stdio[1], stdio[2]);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(call);
    return 0;
}

static int failed(const Session *session, const sd_bus_error *error) {
    if (!client_is_lost(error))
        return client_explain(session->workload, error);
    complain("%s: lost the connection to supervisord; %s, until %s ends at the latest, and how it ends is not known",
            session->workload,
            session->options->pty ? "the command's terminal hangs up; it may go on" : "the command goes on",
            session->workload);
    return EXIT_LOST;
}

static int on_answer(const void *userdata, sd_bus_message *reply) {
    const Session *session = userdata;
    int known, is_signaled, code, is_oom_killed, r;
    uint64_t cpu_usec;

    if (sd_bus_message_is_method_error(reply, NULL))
        return failed(session, sd_bus_message_get_error(reply));
    r = sd_bus_message_read(reply, "bbibt", &known, &is_signaled, &code, &is_oom_killed, &cpu_usec);
    if (r < 0)
        return client_bad_reply(r);
    return program_status(session->workload, known, is_signaled, code, is_oom_killed);
}

/* What came too late is no error: its end is on its way to us. */
static int on_signaled(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return 0;
}

static int on_signal(const void *userdata, int signal) {
    const Session *session = userdata;
    char whom[16];

    snprintf(whom, sizeof(whom), "x%08x", session->number);
    return sd_bus_call_method_async(session->bus, NULL, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Kill", on_signaled,
            NULL, "ssi", session->workload, whom, signal);
}

static int run(const Session *session) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

    return attend(&(Attendance){
            .bus = session->bus,
            .name = session->workload,
            .pty = session->options->pty,
            .signals = signals,
            .n_signals = ELEMENTSOF(signals),
            .userdata = session,
            .compose = compose,
            .on_signal = on_signal,
            .on_answer = on_answer,
    });
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
    Session session = { .options = options, .workload = arguments[0], .command = arguments + 1 };
    int status = prepare(&session, &program);

    if (status == EXIT_SUCCESS)
        status = client_open(options, &bus);
    session.bus = bus;
    if (status == EXIT_SUCCESS)
        status = run(&session);
    strv_free(session.environment);
    return status;
}
