/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes on a connection to the exporter, through libmicrohttpd and all that we do with a request. The first byte
 * says in how many pieces the rest is sent. Only the daemon is not there: its snapshots are.
 */

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "exporter/acceptance.h"
#include "exporter/answers.h"
#include "fuzz.h"

enum { TURNS_MAX = 64 };

static Answers answers;
static struct MHD_Daemon *server;

static struct MHD_Response *made_up(const char *text) {
    return MHD_create_response_from_buffer(strlen(text), (void *) text, MHD_RESPMEM_PERSISTENT);
}

static void start(void) {
    DEMAND(answers_open(&answers, "/nowhere", UINT64_MAX / 2) == 0);
    answers.snapshots.items[EXPOSITION_TEXT] = (Snapshot){ 1, made_up("up 1\n") };
    answers.snapshots.items[EXPOSITION_OPENMETRICS] = (Snapshot){ 1, made_up("up 1\n# EOF\n") };
    server = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, answers_give, &answers,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) 16 * 1024, MHD_OPTION_END);
    DEMAND(server);
}

static size_t receive(int fd, char *buffer, size_t size, size_t length) {
    ssize_t n;

    while (length < size && (n = recv(fd, buffer + length, size - length, MSG_DONTWAIT)) > 0)
        length += (size_t) n;
    return length;
}

static bool is_closed(int fd) {
    char byte;

    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char answer[64 * 1024];
    const struct sockaddr_in address = { .sin_family = AF_INET };
    int fds[2];
    size_t pieces = size > 0 ? data[0] % 4 + 1 : 1, sent = size > 0, length = 0;
    Acceptance acceptance = { 0 };

    if (!server)
        start();
    _cleanup_(cleanup_free) char *text = fuzz_text(data, size);
    acceptance_add(&acceptance, text);
    DEMAND(acceptance_choice(&acceptance) < EXPOSITION_FORMATS_COUNT);

    DEMAND(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    DEMAND(MHD_add_connection(server, fds[1], (const struct sockaddr *) &address, sizeof address) == MHD_YES);
    for (size_t turn = 0; turn < TURNS_MAX && !is_closed(fds[0]); turn++) {
        size_t piece = turn < pieces ? (size - sent) / (pieces - turn) : 0;
        if (piece > 0 && send(fds[0], data + sent, piece, MSG_NOSIGNAL) == (ssize_t) piece)
            sent += piece;
        if (turn == pieces)
            shutdown(fds[0], SHUT_WR);
        DEMAND(MHD_run(server) == MHD_YES);
        length = receive(fds[0], answer, sizeof answer, length);
    }
    DEMAND(length == 0 || (length > 9 && memcmp(answer, "HTTP/1.", 7) == 0));
    close(fds[0]);
    DEMAND(MHD_run(server) == MHD_YES);
    return 0;
}
