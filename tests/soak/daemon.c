/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon: started, asked, and killed. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "serve/protocol.h"
#include "tests/soak/soak.h"

enum {
    START_PAUSE_USEC = 5 * 1000,
    START_PATIENCE_USEC = 60 * 1000 * 1000,
    CALL_USEC = 60 * 1000 * 1000,
};

static _Noreturn void run_daemon(void) {
    char log[128], policy[128], tree[64];
    snprintf(log, sizeof log, "%s/log", soak.dir);
    snprintf(policy, sizeof policy, "%s/policy", soak.dir);
    snprintf(tree, sizeof tree, "/%s", soak.instance);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(EXIT_FAILURE);
    close_fd(fd);
    execl(soak.supervisord, soak.supervisord, "--instance", soak.instance, "--policy", policy, "--tree", tree, NULL);
    _exit(EXIT_FAILURE);
}

static int connect_daemon(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    _cleanup_(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", soak.runtime_dir);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
        return -errno;
    int r = sd_bus_new(&soak.bus);
    if (r >= 0)
        r = sd_bus_set_fd(soak.bus, fd, fd);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    r = sd_bus_negotiate_fds(soak.bus, true);
    return r < 0 ? r : sd_bus_start(soak.bus);
}

static void disconnect(void) {
    if (soak.bus)
        sd_bus_close(soak.bus);
    soak.bus = sd_bus_unref(soak.bus);
}

/* A child of the one before that has not come to exec may still hold its socket: only an answer counts. */
static bool answers(void) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = connect_daemon() < 0 ? NULL : daemon_ask(&error, "Version", NULL);
    sd_bus_error_free(&error);
    if (!reply)
        disconnect();
    sd_bus_message_unref(reply);
    return reply;
}

/* Returns when it answers. */
void daemon_start(void) {
    soak.back_usec = clock_usec(CLOCK_REALTIME);
    soak.daemon = fork();
    if (soak.daemon == 0)
        run_daemon();
    if (soak.daemon < 0)
        die("cannot fork: %s", strerror(errno));
    for (uint64_t deadline = soak.back_usec + START_PATIENCE_USEC; !answers();) {
        if (waitpid(soak.daemon, NULL, WNOHANG) == soak.daemon)
            die("the daemon does not start; its log is %s/log", soak.dir);
        if (clock_usec(CLOCK_REALTIME) > deadline)
            die("the daemon does not answer; its log is %s/log", soak.dir);
        usleep(START_PAUSE_USEC);
    }
}

static void end(int signal) {
    if (soak.daemon <= 0)
        return;
    kill(soak.daemon, signal);
    waitpid(soak.daemon, NULL, 0);
    soak.daemon = 0;
    disconnect();
}

void daemon_kill(void) {
    soak.away_usec = clock_usec(CLOCK_REALTIME);
    end(SIGKILL);
}

void daemon_stop(void) {
    end(SIGTERM);
}

static sd_bus_message *ask(sd_bus_error *error, const char *method, const char *types, va_list arguments) {
    sd_bus_message *call = NULL, *reply = NULL;
    int r = sd_bus_message_new_method_call(soak.bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, method);
    if (r >= 0 && types)
        r = sd_bus_message_appendv(call, types, arguments);
    if (r >= 0)
        r = sd_bus_call(soak.bus, call, CALL_USEC, error, &reply);
    sd_bus_message_unref(call);
    if (r < 0 && !sd_bus_error_is_set(error))
        sd_bus_error_set_errno(error, r);
    return r < 0 ? NULL : reply;
}

sd_bus_message *daemon_ask(sd_bus_error *error, const char *method, const char *types, ...) {
    va_list arguments;
    va_start(arguments, types);
    sd_bus_message *reply = ask(error, method, types, arguments);
    va_end(arguments);
    return reply;
}

sd_bus_message *daemon_must(const char *method, const char *types, ...) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    va_list arguments;
    va_start(arguments, types);
    sd_bus_message *reply = ask(&error, method, types, arguments);
    va_end(arguments);
    if (!reply)
        die("%s: %s", method, error.message);
    sd_bus_error_free(&error);
    return reply;
}
