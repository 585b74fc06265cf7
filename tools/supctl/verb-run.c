/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * run: a command as a transient workload that has our own stdio, environment and directory, and whose exit code becomes
 * ours. We choose the name, so that we can stop what we started; we leave only when supervisord says how it ended.
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

enum { RUN_NAME_SIZE = sizeof("run-") + 8 };

typedef struct Request {
    const Options *options;
    const char *name;
    char **command;
    char **environment;
    const char *directory;
    Pty pty;
    Attendance attendance;
    int status; /* ours, once answered */
} Request;

extern char **environ;

static int choose_name(char buffer[static RUN_NAME_SIZE]) {
    uint32_t number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -errno;
    snprintf(buffer, RUN_NAME_SIZE, "run-%08x", number);
    return 0;
}

static int append_stdio(const Request *request, sd_bus_message *call) {
    int slave = request->pty.slave_fd;

    if (slave >= 0)
        return sd_bus_message_append(call, "hhh", slave, slave, slave);
    return sd_bus_message_append(call, "hhh", STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO);
}

/* Who waits is told how it ends: then there is nothing to keep. What is said on the command line goes over that. */
static int append_settings(const Request *request, sd_bus_message *call) {
    const Options *options = request->options;
    _cleanup_(cleanup_strv_free) char **settings = NULL;
    int r = options->no_wait && !options->collect ? 0 : strv_push(&settings, "CollectMode=inactive-or-failed");

    for (char **property = options->properties; r >= 0 && property && *property; property++)
        r = strv_push(&settings, *property);
    return r < 0 ? r : settings_append(call, settings);
}

static int compose(const Request *request, sd_bus_message **ret) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(
            request->attendance.bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Run");

    if (r < 0 || (r = sd_bus_message_append(call, "s", request->name)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, request->command)) < 0)
        return r;
    if ((r = append_settings(request, call)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, request->environment)) < 0)
        return r;
    if ((r = sd_bus_message_append(call, "s", request->directory)) < 0 || (r = append_stdio(request, call)) < 0)
        return r;
    r = sd_bus_message_append(call, "b", !request->options->no_wait);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(call);
    return 0;
}

static int exit_status_of(sd_bus_message *reply, const Options *options) {
    int known, is_signaled, code, is_oom_killed, r;
    uint64_t cpu_usec;
    const char *name;
    uint32_t pid;

    r = sd_bus_message_read(reply, "subbibt", &name, &pid, &known, &is_signaled, &code, &is_oom_killed, &cpu_usec);
    if (r < 0)
        return client_bad_reply(r);
    if (!options->no_wait)
        return program_status(name, known, is_signaled, code, is_oom_killed);
    if (!options->quiet)
        complain("%s runs with pid %u", name, pid);
    return EXIT_SUCCESS;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    Request *request = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(reply);

    request->attendance.answered = true;
    if (!error)
        request->status = exit_status_of(reply, request->options);
    else if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY)) {
        complain("%s: lost the connection to supervisord; how it ends is not known (`supctl status %s`)", request->name,
                request->name);
        request->status = EXIT_FAILURE;
    } else
        request->status = client_explain(request->name, error);
    return 0;
}

static int on_stopped(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Request *request = userdata;

    if (sd_bus_message_is_method_error(reply, NULL))
        client_explain(request->name, sd_bus_message_get_error(reply));
    return 0;
}

/* Signals that ask us to end ask what runs to end. */
static int on_signal(void *userdata, int signal) {
    Request *request = userdata;

    return sd_bus_call_method_async(request->attendance.bus, NULL, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Stop",
            on_stopped, request, "s", request->name);
}

static int send_and_attend(Request *request, int signal_fd) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = request->options->pty ? pty_open(&request->pty) : 0;

    if (r >= 0)
        r = compose(request, &call);
    if (r >= 0)
        r = sd_bus_call_async(request->attendance.bus, NULL, call, on_answer, request, CALL_ACTS);
    call = sd_bus_message_unref(call); /* holds the slave, as we do */
    if (r >= 0 && request->options->pty) {
        request->attendance.pty = &request->pty;
        r = sd_bus_flush(request->attendance.bus);
        pty_handed_over(&request->pty);
    }
    if (r >= 0)
        r = attend(&request->attendance, signal_fd);
    pty_close(&request->pty);
    return r;
}

static int run(Request *request) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
    _cleanup_(cleanup_close) int signal_fd = attend_signals(signals, ELEMENTSOF(signals));
    int r = signal_fd < 0 ? signal_fd : send_and_attend(request, signal_fd);

    if (r < 0) {
        complain("%s: %s", request->name, strerror(-r));
        return EXIT_FAILURE;
    }
    return request->status;
}

/* What was said on the command line. The exit status. */
static int prepare(Request *request, const char *directory, char **ret_program) {
    const Options *options = request->options;
    int status = program_check(request->command);

    if (status == EXIT_SUCCESS)
        status = settings_check(options->properties);
    if (status == EXIT_SUCCESS)
        status = settings_check(options->environment);
    if (status == EXIT_SUCCESS && options->pty && options->no_wait) {
        complain("--pty is for what is waited for");
        status = EXIT_USAGE;
    }
    if (status != EXIT_SUCCESS)
        return status;
    request->directory = options->directory ? options->directory : directory;
    *ret_program = program_find(request->command[0], directory);
    if (!*ret_program) {
        complain("%s: command not found", request->command[0]);
        return EXIT_NOT_FOUND;
    }
    request->command[0] = *ret_program;
    return program_environment(environ, options->environment, &request->environment);
}

int verb_run(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_free) char *directory = getcwd(NULL, 0), *program = NULL;
    char name[RUN_NAME_SIZE];
    Request request = { .options = options, .name = options->name, .command = arguments, .pty = PTY_NULL };
    int status;

    if (!directory || (!request.name && choose_name(name) < 0)) {
        complain("%s: %s", directory ? "getrandom" : "the working directory", strerror(errno));
        return EXIT_FAILURE;
    }
    if (!request.name)
        request.name = name;
    status = prepare(&request, directory, &program);
    if (status == EXIT_SUCCESS)
        status = client_open(options, &bus);
    request.attendance = (Attendance){ .bus = bus, .on_signal = on_signal, .userdata = &request };
    if (status == EXIT_SUCCESS)
        status = run(&request);
    strv_free(request.environment);
    return status;
}
