/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * run: a command as a transient workload that has our own stdio, environment and directory, and whose exit code becomes
 * ours. We choose the name, so that we can stop what we started; we leave only when supervisord says how it ended.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/settings.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

enum {
    RUN_NAME_SIZE = sizeof("run-") + 8,
    SIGNAL_STATUS = 128, /* the shell's rules: 128 + signal number, */
    EXIT_NOT_FOUND = 127,
};

typedef struct Request {
    const Options *options;
    const char *name;
    char **command;
    char **environment;
    char *directory;
    sd_bus *bus;
    bool answered;
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

/* The protocol carries UTF-8 only. A variable that is not is left out, which is said; a command is refused. */
static int copy_environment(char ***ret) {
    _cleanup_(cleanup_strv_free) char **environment = NULL;

    for (char **variable = environ; variable && *variable; variable++)
        if (!text_is_utf8(*variable))
            complain("%.*s: left out of the environment: its value is not UTF-8", (int) strcspn(*variable, "="),
                    *variable);
        else if (strv_push(&environment, *variable) < 0)
            return -ENOMEM;
    *ret = TAKE_PTR(environment);
    return 0;
}

static int check_command(const Request *request) {
    for (char **word = request->command; *word; word++)
        if (!text_is_utf8(*word)) {
            complain("%s: not UTF-8", *word);
            return EXIT_USAGE;
        }
    return settings_check(request->options->properties);
}

/* A name without a slash is looked for in PATH, as a shell does; what has one is taken from here. NULL: there is none. */
static char *find_program(const char *name, const char *directory) {
    const char *path = getenv("PATH");
    char *found = NULL;

    if (strchr(name, '/'))
        return text_printf(&found, "%s%s%s", *name == '/' ? "" : directory, *name == '/' ? "" : "/", name) < 0 ? NULL
                                                                                                               : found;
    for (size_t length; path && *path; path += length + (path[length] == ':')) {
        length = strcspn(path, ":");
        if (length == 0 || *path != '/')
            continue;
        if (text_printf(&found, "%.*s/%s", (int) length, path, name) < 0)
            return NULL;
        if (access(found, X_OK) == 0)
            return found;
        free(found);
        found = NULL;
    }
    return NULL;
}

static int compose(const Request *request, sd_bus_message **ret) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(request->bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Run");

    if (r < 0 || (r = sd_bus_message_append(call, "s", request->name)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, request->command)) < 0)
        return r;
    if ((r = settings_append(call, request->options->properties)) < 0)
        return r;
    if ((r = sd_bus_message_append_strv(call, request->environment)) < 0)
        return r;
    r = sd_bus_message_append(
            call, "shhhb", request->directory, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, !request->options->no_wait);
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
    if (options->no_wait) {
        if (!options->quiet)
            complain("%s runs with pid %u", name, pid);
        return EXIT_SUCCESS;
    }
    if (!known) {
        complain("%s: has ended, but how is not known", name);
        return EXIT_FAILURE;
    }
    if (is_oom_killed)
        complain("%s: was killed for want of memory (see MemoryMax= in `supctl show %s`)", name, name);
    return is_signaled ? SIGNAL_STATUS + code : code;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    Request *request = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(reply);

    request->answered = true;
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

/* Signals that ask us to end. What our caller ignores (nohup, a background job) we ignore, too. */
static int open_signals(void) {
    static const int wanted[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
        if (sigaction(wanted[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, wanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

static int wait_for_event(sd_bus *bus, int signal_fd) {
    int events = sd_bus_get_events(bus);
    struct pollfd fds[] = {
        { .fd = sd_bus_get_fd(bus), .events = (short) events },
        { .fd = signal_fd, .events = POLLIN },
    };

    if (events < 0)
        return events;
    return poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR ? -errno : 0;
}

static int stop_on_signal(Request *request, int signal_fd) {
    struct signalfd_siginfo info;

    if (read(signal_fd, &info, sizeof(info)) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return sd_bus_call_method_async(
            request->bus, NULL, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Stop", on_stopped, request, "s", request->name);
}

static int wait_for_answer(Request *request, int signal_fd) {
    while (!request->answered) {
        int r = sd_bus_process(request->bus, NULL);

        if (r == 0)
            r = wait_for_event(request->bus, signal_fd);
        if (r >= 0 && !request->answered)
            r = stop_on_signal(request, signal_fd);
        if (r < 0)
            return r;
    }
    return 0;
}

static int run(Request *request) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    _cleanup_(cleanup_close) int signal_fd = open_signals();
    int r = signal_fd < 0 ? signal_fd : compose(request, &call);

    if (r >= 0)
        r = sd_bus_call_async(request->bus, NULL, call, on_answer, request, CALL_ACTS);
    if (r >= 0)
        r = wait_for_answer(request, signal_fd);
    if (r < 0) {
        complain("%s: %s", request->name, strerror(-r));
        return EXIT_FAILURE;
    }
    return request->status;
}

int verb_run(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_strv_free) char **environment = NULL;
    _cleanup_(cleanup_free) char *directory = getcwd(NULL, 0), *program = NULL;
    char name[RUN_NAME_SIZE];
    Request request = { .options = options, .name = options->name, .command = arguments };
    int status = check_command(&request);

    if (status != EXIT_SUCCESS)
        return status;
    if (!directory || (!request.name && choose_name(name) < 0)) {
        complain("%s: %s", directory ? "getrandom" : "the working directory", strerror(errno));
        return EXIT_FAILURE;
    }
    program = find_program(arguments[0], directory);
    if (!program) {
        complain("%s: command not found", arguments[0]);
        return EXIT_NOT_FOUND;
    }
    arguments[0] = program;
    if (copy_environment(&environment) < 0)
        return complain_memory();
    status = client_open(options, &bus);
    if (status != EXIT_SUCCESS)
        return status;
    if (!request.name)
        request.name = name;
    request.environment = environment;
    request.directory = directory;
    request.bus = bus;
    return run(&request);
}
