/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * sd-bus peer to peer over a unix socket, without a bus daemon. The rule: whatever fails is said once, with the subject
 * and what to do next.
 */

#include "tools/supctl/client.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "serve/protocol.h"
#include "tools/supctl/text.h"

static int connect_socket(const char *path, int *ret_fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    _cleanup_(cleanup_close) int fd = -1;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int client_connect(const char *path, sd_bus **ret) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_close) int fd = -1;
    int r = connect_socket(path, &fd);

    if (r < 0 || (r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_fd(bus, fd, fd)) < 0)
        return r;
    TAKE_FD(fd);
    if ((r = sd_bus_negotiate_fds(bus, true)) < 0 || (r = sd_bus_start(bus)) < 0)
        return r;
    *ret = TAKE_PTR(bus);
    return 0;
}

static const char *connect_advice(int error) {
    switch (error) {
    case ENOENT:
    case ECONNREFUSED:
        return " (is supervisord running? `systemctl start supervisord`)";
    case EACCES:
        return " (only root and the socket's group may; try sudo)";
    default:
        return "";
    }
}

int client_refused(const Options *options, int r) {
    complain("cannot connect to %s: %s%s", options->socket, strerror(-r), connect_advice(-r));
    return EXIT_FAILURE;
}

int client_open(const Options *options, sd_bus **ret) {
    int r = client_connect(options->socket, ret);

    return r < 0 ? client_refused(options, r) : EXIT_SUCCESS;
}

static int try_va(sd_bus *bus, uint64_t timeout_usec, sd_bus_error *error, sd_bus_message **ret, const char *method,
        const char *types, va_list arguments) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, method);

    if (r >= 0 && types)
        r = sd_bus_message_appendv(call, types, arguments);
    if (r < 0)
        return sd_bus_error_set_errno(error, r);
    return sd_bus_call(bus, call, timeout_usec, error, ret);
}

int client_try(sd_bus *bus, uint64_t timeout_usec, sd_bus_error *error, sd_bus_message **ret, const char *method,
        const char *types, ...) {
    va_list arguments;
    int r;

    va_start(arguments, types);
    r = try_va(bus, timeout_usec, error, ret, method, types, arguments);
    va_end(arguments);
    return r;
}

int client_call(sd_bus *bus, const char *subject, uint64_t timeout_usec, sd_bus_message **ret, const char *method,
        const char *types, ...) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r, status = EXIT_SUCCESS;
    va_list arguments;

    va_start(arguments, types);
    r = try_va(bus, timeout_usec, &error, ret, method, types, arguments);
    va_end(arguments);
    if (r < 0)
        status = client_explain(subject, &error);
    sd_bus_error_free(&error);
    return status;
}

/* A connection that ends fails the calls that wait in libsystemd by a name, and others by a number. */
bool client_is_lost(const sd_bus_error *error) {
    int number = sd_bus_error_get_errno(error);

    return sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, CONTROL_ERROR_GOING_AWAY) || number == ECONNRESET ||
           number == ENOTCONN || number == EPIPE;
}

/* Of errors that do not come from supervisord, libsystemd's words alone say too little. */
static const char *local_reason(const sd_bus_error *error) {
    if (sd_bus_error_has_name(error, CONTROL_ERROR_GOING_AWAY))
        return NULL;
    if (client_is_lost(error))
        return "supervisord closed the connection (see `journalctl -u supervisord`)";
    if (sd_bus_error_get_errno(error) == ETIMEDOUT)
        return "supervisord does not answer (see `journalctl -u supervisord`)";
    return NULL;
}

int client_explain(const char *subject, const sd_bus_error *error) {
    const char *reason = local_reason(error);

    if (sd_bus_error_has_name(error, CONTROL_ERROR_BAD_POLICY)) {
        text_print_lines(stderr, "", error->message);
        if (subject)
            complain("%s: nothing was changed", subject);
        else
            complain("the policy has errors; the one before stays in force");
        return EXIT_FAILURE;
    }
    if (!reason)
        reason = error->message ? error->message : error->name;
    complain("%s%s%s", subject ? subject : "", subject ? ": " : "", reason);
    if (sd_bus_error_has_name(error, CONTROL_ERROR_NOT_RUNNING))
        return EXIT_NOT_RUNNING;
    return sd_bus_error_has_name(error, CONTROL_ERROR_NO_SUCH) ? EXIT_NO_SUCH : EXIT_FAILURE;
}

int client_bad_reply(int r) {
    complain("cannot read supervisord's answer: %s (are supctl and supervisord of one version? `supctl version`)",
            strerror(-r));
    return EXIT_FAILURE;
}

int client_fetch_version(sd_bus *bus, sd_bus_message **ret_reply, const char **ret_version) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_call(bus, NULL, CALL_READS, &reply, "Version", NULL), r;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(reply, "s", ret_version);
    if (r < 0)
        return client_bad_reply(r);
    *ret_reply = TAKE_PTR(reply);
    return EXIT_SUCCESS;
}

int client_print_version(sd_bus *bus) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    const char *version;
    int status = client_fetch_version(bus, &reply, &version);

    if (status == EXIT_SUCCESS)
        text_print_line(stdout, "supervisord ", version);
    return status;
}
