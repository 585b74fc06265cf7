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
    sd_bus *bus;
} Request;

extern char **environ;

static int choose_name(char buffer[static RUN_NAME_SIZE]) {
    uint32_t number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -errno;
    snprintf(buffer, RUN_NAME_SIZE, "run-%08x", number);
    return 0;
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

static int compose(const void *userdata, const int stdio[static 3], sd_bus_message **ret) {
    const Request *request = userdata;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(request->bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Run");

    if (r < 0 || (r = sd_bus_message_append(call, "s", request->name)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, request->command)) < 0)
        return r;
    if ((r = append_settings(request, call)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, request->environment)) < 0)
        return r;
    r = sd_bus_message_append(
            call, "shhhb", request->directory, stdio[0], stdio[1], stdio[2], !request->options->no_wait);
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

static int on_answer(const void *userdata, sd_bus_message *reply) {
    const Request *request = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(reply);

    if (!error)
        return exit_status_of(reply, request->options);
    if (!client_is_lost(error))
        return client_explain(request->name, error);
    complain("%s: lost the connection to supervisord; %s, and how it ends is not known here (`supctl status %s`)",
            request->name, request->options->pty ? "its terminal hangs up" : "it goes on", request->name);
    return EXIT_LOST;
}

static int on_stopped(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Request *request = userdata;

    if (sd_bus_message_is_method_error(reply, NULL))
        client_explain(request->name, sd_bus_message_get_error(reply));
    return 0;
}

/* Signals that ask us to end ask what runs to end. */
static int on_signal(const void *userdata, int signal) {
    const Request *request = userdata;

    return sd_bus_call_method_async(request->bus, NULL, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Stop", on_stopped,
            (void *) request, "s", request->name);
}

static int run(const Request *request) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

    return attend(&(Attendance){
            .bus = request->bus,
            .name = request->name,
            .pty = request->options->pty,
            .signals = signals,
            .n_signals = ELEMENTSOF(signals),
            .userdata = request,
            .compose = compose,
            .on_signal = on_signal,
            .on_answer = on_answer,
    });
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
    Request request = { .options = options, .name = options->name, .command = arguments };
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
    request.bus = bus;
    if (status == EXIT_SUCCESS)
        status = run(&request);
    strv_free(request.environment);
    return status;
}
