/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the accuracy of meters is measured with: so much CPU time, so many bytes over a TCP connection, no more.
 *
 *     bench-load cpu SECONDS                   uses CPU time, in user mode and in the kernel
 *     bench-load send ADDRESS PORT BYTES       sends as soon as somebody listens, then waits to be killed
 *     bench-load receive PORT BYTES            waits for one that sends, and for all the bytes
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_PAUSE_USEC = 20 * 1000 };

static char buffer[64 * 1024];

static _Noreturn void fail(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

static double cpu_seconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int use_cpu(double seconds) {
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    while (cpu_seconds() < seconds) {
        for (volatile unsigned i = 0; i < 50000; i++)
            ;
        if (read(fd, buffer, sizeof buffer) < 0)
            fail("/dev/zero");
    }
    return EXIT_SUCCESS;
}

static struct sockaddr_in address_of(const char *address, const char *port) {
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

    if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
        fail(address);
    return in;
}

static int connect_when_possible(const struct sockaddr_in *to) {
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            fail("socket");
        if (connect(fd, (const struct sockaddr *) to, sizeof *to) == 0)
            return fd;
        close(fd);
        usleep(CONNECT_PAUSE_USEC);
    }
}

static int send_bytes(const struct sockaddr_in *to, size_t left) {
    int fd = connect_when_possible(to);

    while (left > 0) {
        ssize_t n = send(fd, buffer, left < sizeof buffer ? left : sizeof buffer, 0);
        if (n < 0)
            fail("send");
        left -= n;
    }
    pause();
    return EXIT_SUCCESS;
}

static int receive_bytes(const struct sockaddr_in *at, size_t left) {
    int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listen_fd, (const struct sockaddr *) at, sizeof *at) < 0 || listen(listen_fd, 1) < 0)
        fail("listen");
    int fd = accept(listen_fd, NULL, NULL);
    while (left > 0) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0)
            fail("recv");
        left -= n;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "cpu") == 0)
        return use_cpu(atof(argv[2]));
    if (argc == 5 && strcmp(argv[1], "send") == 0) {
        struct sockaddr_in to = address_of(argv[2], argv[3]);
        return send_bytes(&to, strtoull(argv[4], NULL, 10));
    }
    if (argc == 4 && strcmp(argv[1], "receive") == 0) {
        struct sockaddr_in at = address_of("0.0.0.0", argv[2]);
        return receive_bytes(&at, strtoull(argv[3], NULL, 10));
    }
    fprintf(stderr, "usage: bench-load cpu SECONDS | send ADDRESS PORT BYTES | receive PORT BYTES\n");
    return 2;
}
