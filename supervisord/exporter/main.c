/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * supervisord-exporter: serves the daemon's metrics over HTTP. It needs no privileges but to connect to the control
 * socket, asks the daemon at most once an interval whatever the scrapers do, and serves all of them the same text. The one thread that talks HTTP is libmicrohttpd's; the main thread only waits for its end.
 */

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "exporter/answers.h"
#include "exporter/privileges.h"
#include "serve/protocol.h"

#define LISTEN_DEFAULT "127.0.0.1:9760"
#define GROUP_DEFAULT "supervisord"

enum {
    CONNECTIONS_MAX = 64,
    CONNECTIONS_PER_ADDRESS_MAX = 16,
    CONNECTION_TIMEOUT_SEC = 10,
    CONNECTION_MEMORY_BYTES = 16 * 1024,
    LISTEN_TEXT_MAX = 256,
    EXIT_USAGE = 2,
};

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
          "      --user NAME            Become this user once listening (nobody, when started by root)\n"
          "      --group NAME           ... with this group, which may read the control socket (" GROUP_DEFAULT ")\n"
          "  -h, --help                 Show this\n"
          "      --version              Show the version\n",
            file);
}

typedef struct Options {
    const char *listen;
    const char *socket_path;
    uint64_t interval_usec;
    const char *user, *group;
} Options;

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, Options *options) {
    static const struct option known[] = {
        { "listen", required_argument, NULL, 'l' },
        { "socket", required_argument, NULL, 's' },
        { "interval", required_argument, NULL, 'i' },
        { "user", required_argument, NULL, 'u' },
        { "group", required_argument, NULL, 'g' },
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
        else if (c == 'u')
            options->user = optarg;
        else if (c == 'g')
            options->group = optarg;
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

static int serve_until_signal(Answers *answers, int listen_fd) {
    sigset_t signals;
    int signal_number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct MHD_Daemon *server = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
            answers_give, answers, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
            (unsigned) CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned) CONNECTIONS_PER_ADDRESS_MAX,
            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) CONNECTION_TIMEOUT_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            (size_t) CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
    if (!server)
        return -EIO;

    sd_notify(false, "READY=1");
    sigwait(&signals, &signal_number);
    /* The socket is PID 1's and outlives us: a server that is stopped with it would shut it down for good. */
    MHD_quiesce_daemon(server);
    MHD_stop_daemon(server);
    return 0;
}

int main(int argc, char **argv) {
    Options options = { .listen = LISTEN_DEFAULT,
        .socket_path = CONTROL_SOCKET_DEFAULT,
        .interval_usec = USEC_PER_SEC,
        .group = GROUP_DEFAULT };
    const char *problem;
    int listen_fd, r = parse_options(argc, argv, &options);
    if (r >= 0)
        return r;

    Answers answers;
    r = get_socket(options.listen, &listen_fd);
    if (r < 0) {
        fprintf(stderr, "supervisord-exporter: cannot listen at %s: %s\n", options.listen, strerror(-r));
        return EXIT_FAILURE;
    }
    r = privileges_drop(options.user, options.group, &problem);
    if (r < 0) {
        fprintf(stderr, "supervisord-exporter: cannot become %s with the group %s: %s\n",
                options.user ? options.user : "nobody", options.group, problem);
        return EXIT_FAILURE;
    }
    r = answers_open(&answers, options.socket_path, options.interval_usec);
    if (r >= 0)
        r = serve_until_signal(&answers, listen_fd);
    answers_done(&answers);
    if (r < 0)
        fprintf(stderr, "supervisord-exporter: cannot serve: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
