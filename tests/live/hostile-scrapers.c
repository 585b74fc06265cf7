/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Scrapers that nobody wants, on many connections at once; one that is closed is made again.
 *
 *     hostile-scrapers PORT SECONDS CONNECTIONS ADDRESSES
 *
 * A fifth of them each: says nothing; sends a byte at a time; a head without end; requests without reading the answers;
 * a request, then the end of its side, then nothing. They come from so many addresses, 127.0.1.1 and up.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1000,
    TURN_USEC = 10 * 1000,
    PIECE_BYTES = 4096,
};

static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

typedef struct Connection {
    int fd; /* -1: to be made */
    in_addr_t from;
    size_t n_sent;
    void (*act)(struct Connection *connection);
} Connection;

/* Closed by the other side, or of no use any more: another one. */
static void end(Connection *connection) {
    close(connection->fd);
    connection->fd = -1;
}

static void put(Connection *connection, const char *bytes, size_t size) {
    ssize_t n = send(connection->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        connection->n_sent += (size_t) n;
    else if (errno != EAGAIN && errno != ENOTCONN)
        end(connection);
}

static void say_nothing(Connection *connection) {
    char byte;

    if (recv(connection->fd, &byte, 1, MSG_DONTWAIT) == 0)
        end(connection);
}

static void send_slowly(Connection *connection) {
    put(connection, request + connection->n_sent % (sizeof request - 3), 1); /* the blank line never comes */
}

static void send_endlessly(Connection *connection) {
    static char piece[PIECE_BYTES];

    memset(piece, 'a', sizeof piece);
    if (connection->n_sent == 0)
        put(connection, "GET /metrics HTTP/1.1\r\nX: ", 26);
    else
        put(connection, piece, sizeof piece);
}

static void pipeline(Connection *connection) {
    put(connection, request, sizeof request - 1);
}

static void close_half(Connection *connection) {
    if (connection->n_sent > 0)
        return say_nothing(connection);
    put(connection, request, sizeof request - 1);
    if (connection->n_sent > 0)
        shutdown(connection->fd, SHUT_WR);
}

static void open_connection(Connection *connection, in_port_t port) {
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = connection->from };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    bind(fd, (struct sockaddr *) &from, sizeof from);
    connection->n_sent = 0;
    connection->fd = fd;
    if (connect(fd, (struct sockaddr *) &to, sizeof to) < 0 && errno != EINPROGRESS)
        end(connection);
}

int main(int argc, char *argv[]) {
    static void (*const acts[])(Connection *) = { say_nothing, send_slowly, send_endlessly, pipeline, close_half };
    static Connection connections[CONNECTIONS_MAX];
    unsigned long made = 0;

    if (argc != 5 || atoi(argv[3]) > CONNECTIONS_MAX || atoi(argv[4]) < 1) {
        fputs("usage: hostile-scrapers PORT SECONDS CONNECTIONS ADDRESSES\n", stderr);
        return 2;
    }
    in_port_t port = htons((uint16_t) atoi(argv[1]));
    time_t until = time(NULL) + atoi(argv[2]);
    int n = atoi(argv[3]), addresses = atoi(argv[4]);
    for (int i = 0; i < n; i++)
        connections[i] = (Connection){
            .fd = -1, .from = htonl(INADDR_LOOPBACK + 256 + (uint32_t) (i % addresses)), .act = acts[i % 5]
        };
    for (; time(NULL) < until; usleep(TURN_USEC))
        for (int i = 0; i < n; i++)
            if (connections[i].fd >= 0)
                connections[i].act(&connections[i]);
            else {
                open_connection(&connections[i], port);
                made++;
            }
    printf("%lu connections\n", made);
    return EXIT_SUCCESS;
}
