/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * supervisord-exporter: serves the daemon's metrics over HTTP. It needs no privileges but to connect to the control
 * socket, asks the daemon at most once an interval whatever the scrapers do, and serves all of them the same sealed
 * memfd. The one thread that talks HTTP is libmicrohttpd's; the main thread only waits for its end.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "serve/protocol.h"

#define LISTEN_DEFAULT "127.0.0.1:9760"

enum {
    CONNECTIONS_MAX = 64,
    CONNECTIONS_PER_ADDRESS_MAX = 16,
    CONNECTION_TIMEOUT_SEC = 10,
    CONNECTION_MEMORY_BYTES = 16 * 1024,
    SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024,
    FETCH_TIMEOUT_USEC = 2 * 1000 * 1000,
    LISTEN_TEXT_MAX = 256,
    EXIT_USAGE = 2,
};

/* Responses are libmicrohttpd's: counted references, each sent as often as need be. */
typedef struct Exporter {
    const char *socket_path;
    uint64_t interval_usec;
    uint64_t asked_usec;           /* when the last answer, or failure, came; 0: never asked */
    bool is_away;                  /* the daemon did not answer the last time */
    struct MHD_Response *snapshot; /* NULL: there is none */
    struct MHD_Response *index, *away, *not_found, *not_allowed;
} Exporter;

static uint64_t now_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}

/* --- from the daemon --------------------------------------------------------------------------------------------- */

static uint64_t usec_until(uint64_t deadline_usec) {
    uint64_t now = now_usec();
    return now < deadline_usec ? deadline_usec - now : 0;
}

static int connect_unix(const char *path, int *ret_fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);

    _cleanup_(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
        return -errno;

    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* sd_bus_call() alone would wait for the end of authentication far longer than our deadline. */
static int wait_ready(sd_bus *bus, uint64_t deadline_usec) {
    int r;

    while ((r = sd_bus_is_ready(bus)) == 0) {
        uint64_t left_usec = usec_until(deadline_usec);
        if (left_usec == 0)
            return -ETIMEDOUT;
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, left_usec);
        if (r < 0)
            return r;
    }
    return r;
}

static int open_bus(const char *path, uint64_t deadline_usec, sd_bus **ret) {
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(cleanup_close) int fd = -1;
    int r = connect_unix(path, &fd);
    if (r < 0)
        return r;

    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    r = sd_bus_start(bus);
    if (r >= 0)
        r = wait_ready(bus, deadline_usec);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(bus);
    return 0;
}

static int fetch_snapshot(const char *path, int *ret_fd) {
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    uint64_t deadline_usec = now_usec() + FETCH_TIMEOUT_USEC;
    int fd = -1, r = open_bus(path, deadline_usec, &bus);

    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Snapshot");
    if (r >= 0)
        r = sd_bus_call(bus, call, usec_until(deadline_usec) + 1 /* 0 would mean the default */, NULL, &reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "h", &fd);
    if (r < 0)
        return r;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;

    *ret_fd = fd;
    return 0;
}

/* Only what can neither shrink nor change while it is being sent. Takes fd. */
static int make_snapshot(int fd_, struct MHD_Response **ret) {
    _cleanup_(cleanup_close) int fd = fd_;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!(seals & F_SEAL_WRITE) || !(seals & F_SEAL_SHRINK) || st.st_size > SNAPSHOT_BYTES_MAX)
        return -EPROTO;

    struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t) st.st_size, fd);
    if (!response)
        return -ENOMEM;
    TAKE_FD(fd);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    *ret = response;
    return 0;
}

static void say_if_changed(Exporter *exporter, int error) {
    bool is_away = error < 0;

    if (is_away && !exporter->is_away)
        fprintf(stderr, "supervisord-exporter: no answer at %s: %s\n", exporter->socket_path, strerror(-error));
    else if (!is_away && exporter->is_away)
        fprintf(stderr, "supervisord-exporter: %s answers again\n", exporter->socket_path);
    exporter->is_away = is_away;
}

static struct MHD_Response *current_snapshot(Exporter *exporter) {
    int fd = -1, r;

    if (exporter->asked_usec > 0 && now_usec() < exporter->asked_usec + exporter->interval_usec)
        return exporter->snapshot;

    if (exporter->snapshot)
        MHD_destroy_response(exporter->snapshot);
    exporter->snapshot = NULL;
    r = fetch_snapshot(exporter->socket_path, &fd);
    if (r >= 0)
        r = make_snapshot(fd, &exporter->snapshot);
    exporter->asked_usec = now_usec();
    say_if_changed(exporter, r);
    return exporter->snapshot;
}

/* --- to scrapers ------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
        const char *version, const char *upload, size_t *upload_size, void **request) {
    Exporter *exporter = userdata;

    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, exporter->not_allowed);
    if (!*request || *upload_size > 0) { /* an answer before the request's end would close the connection */
        *request = exporter;
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/") == 0)
        return MHD_queue_response(connection, MHD_HTTP_OK, exporter->index);
    if (strcmp(url, "/metrics") != 0)
        return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, exporter->not_found);

    struct MHD_Response *snapshot = current_snapshot(exporter);
    if (!snapshot)
        return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, exporter->away);
    return MHD_queue_response(connection, MHD_HTTP_OK, snapshot);
}

static struct MHD_Response *text_response(const char *type, const char *text) {
    struct MHD_Response *response =
            MHD_create_response_from_buffer(strlen(text), (void *) text, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return response;
}

static int make_responses(Exporter *exporter) {
    exporter->index = text_response("text/html; charset=utf-8",
            "<!DOCTYPE html><title>supervisord-exporter</title><p><a href=\"/metrics\">Metrics</a>\n");
    exporter->away = text_response("text/plain", "The daemon does not answer.\n");
    exporter->not_found = text_response("text/plain", "Not found; see /metrics.\n");
    exporter->not_allowed = text_response("text/plain", "Only GET and HEAD.\n");
    if (!exporter->index || !exporter->away || !exporter->not_found || !exporter->not_allowed)
        return -ENOMEM;

    MHD_add_response_header(exporter->not_allowed, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    return 0;
}

static void exporter_done(Exporter *exporter) {
    struct MHD_Response *responses[] = { exporter->snapshot, exporter->index, exporter->away, exporter->not_found,
        exporter->not_allowed };

    for (size_t i = 0; i < ELEMENTSOF(responses); i++)
        if (responses[i])
            MHD_destroy_response(responses[i]);
}

/* --- the listening socket ---------------------------------------------------------------------------------------- */

/* "127.0.0.1:9760", "[::1]:9760", ":9760" (all addresses). */
static int resolve(const char *text, struct addrinfo **ret) {
    static const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    char buffer[LISTEN_TEXT_MAX], *host = buffer, *port;
    uint64_t number;
    if (strlen(text) >= sizeof buffer)
        return -EINVAL;
    strcpy(buffer, text);

    port = strrchr(buffer, ':');
    if (!port || parse_u64(port + 1, &number) < 0 || number > UINT16_MAX)
        return -EINVAL; /* getaddrinfo() would take 99999 for 34463 */
    *port++ = '\0';
    size_t length = strlen(host);
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        host++;
    }
    return getaddrinfo(*host ? host : NULL, port, &hints, ret) == 0 ? 0 : -EINVAL;
}

static int listen_at(const char *text, int *ret_fd) {
    static const int on = 1;
    struct addrinfo *address;
    int r = resolve(text, &address);
    if (r < 0)
        return r;

    _cleanup_(cleanup_close) int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
            bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, CONNECTIONS_MAX) < 0)
        r = -errno;
    freeaddrinfo(address);
    if (r < 0)
        return r;

    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int get_socket(const char *listen_text, int *ret_fd) {
    int n = sd_listen_fds(true);
    if (n < 0)
        return n;
    if (n > 1)
        return -E2BIG;
    if (n == 0)
        return listen_at(listen_text, ret_fd);

    *ret_fd = SD_LISTEN_FDS_START;
    return 0;
}

/* --- start and end ----------------------------------------------------------------------------------------------- */

static void usage(FILE *file) {
    fputs("Usage: supervisord-exporter [OPTION...]\n"
          "Serves the metrics of supervisord at http://" LISTEN_DEFAULT "/metrics.\n\n"
          "      --listen ADDRESS:PORT  Listen here, unless a socket is inherited (" LISTEN_DEFAULT ")\n"
          "      --socket PATH          The daemon's control socket (" CONTROL_SOCKET_DEFAULT ")\n"
          "      --interval TIME        Ask the daemon at most this often (1s)\n"
          "  -h, --help                 Show this\n"
          "      --version              Show the version\n",
            file);
}

typedef struct Options {
    const char *listen;
    const char *socket_path;
    uint64_t interval_usec;
} Options;

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, Options *options) {
    static const struct option known[] = {
        { "listen", required_argument, NULL, 'l' },
        { "socket", required_argument, NULL, 's' },
        { "interval", required_argument, NULL, 'i' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "h", known, NULL)) >= 0)
        if (c == 'l')
            options->listen = optarg;
        else if (c == 's')
            options->socket_path = optarg;
        else if (c == 'i' && parse_usec(optarg, &options->interval_usec) >= 0)
            continue;
        else if (c == 'h')
            return usage(stdout), EXIT_SUCCESS;
        else if (c == 'v')
            return puts("supervisord-exporter " PROJECT_VERSION), EXIT_SUCCESS;
        else
            return usage(stderr), EXIT_USAGE;
    return optind < argc ? usage(stderr), EXIT_USAGE : -1;
}

static int serve_until_signal(Exporter *exporter, int listen_fd) {
    sigset_t signals;
    int signal_number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct MHD_Daemon *server = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, exporter,
            MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTIONS_MAX,
            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned) CONNECTIONS_PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
            (unsigned) CONNECTION_TIMEOUT_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY_BYTES,
            MHD_OPTION_END);
    if (!server)
        return -EIO;

    sd_notify(false, "READY=1");
    sigwait(&signals, &signal_number);
    MHD_stop_daemon(server);
    return 0;
}

int main(int argc, char **argv) {
    Options options = {
        .listen = LISTEN_DEFAULT, .socket_path = CONTROL_SOCKET_DEFAULT, .interval_usec = USEC_PER_SEC
    };
    int listen_fd, r = parse_options(argc, argv, &options);
    if (r >= 0)
        return r;

    Exporter exporter = { .socket_path = options.socket_path, .interval_usec = options.interval_usec };
    r = get_socket(options.listen, &listen_fd);
    if (r < 0) {
        fprintf(stderr, "supervisord-exporter: cannot listen at %s: %s\n", options.listen, strerror(-r));
        return EXIT_FAILURE;
    }
    r = make_responses(&exporter);
    if (r >= 0)
        r = serve_until_signal(&exporter, listen_fd);
    exporter_done(&exporter);
    if (r < 0)
        fprintf(stderr, "supervisord-exporter: cannot serve: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
