/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Workloads that press against a limit, and do so by processes that come and go: each piece of work is a child of its own,
 * and most are executed anew. What they come to is read from the kernel, or from the file of `try`.
 *
 *     bench-churn burn                 uses the CPU
 *     bench-churn fork                 as many as may be
 *     bench-churn grow                 takes memory until it is killed for it
 *     bench-churn write FILE           writes to the disk
 *     bench-churn flood ADDRESS        sends datagrams
 *     bench-churn try FILE             opens /dev/null, then what is denied: /dev/zero, 127.0.0.1, a port; FILE counts
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS = 2, /* while one comes or goes, the other works */
    BURN_MSEC = 30,
    FORKS_MAX = 64,
    FORK_LIFE_USEC = 300 * 1000,
    GROW_PAUSE_USEC = 300 * 1000,
    GROW_BYTES_MAX = 1 << 30,
    WRITE_BYTES = 64 * 1024,
    WRITES = 16,
    DATAGRAM_BYTES = 1400,
    DATAGRAMS = 200,
    SEND_QUEUE_BYTES = 64 * 1024,
    DRAIN_PAUSE_USEC = 2000,
    TRY_PAUSE_USEC = 50 * 1000,
    DISCARD_PORT = 9,
};

typedef struct Tries {
    uint64_t rounds, allowed, opened, sent, bound;
} Tries;

typedef struct Work {
    const char *name;
    int n_arguments, at_once;
    useconds_t pause_usec;
    int (*piece)(const char *argument);
    bool execs; /* a piece is the program executed anew */
} Work;

static int burn(const char *argument) {
    while (clock() < BURN_MSEC * (CLOCKS_PER_SEC / 1000))
        ;
    return EXIT_SUCCESS;
}

static int live(const char *argument) {
    usleep(FORK_LIFE_USEC);
    return EXIT_SUCCESS;
}

static int grow(const char *argument) {
    for (size_t bytes = 0; bytes < GROW_BYTES_MAX; bytes += WRITE_BYTES) {
        char *more = malloc(WRITE_BYTES);
        if (!more)
            return EXIT_FAILURE;
        memset(more, 1, WRITE_BYTES);
    }
    return EXIT_FAILURE;
}

static int write_some(const char *file) {
    int fd = open(file, O_WRONLY | O_DIRECT | O_CLOEXEC);
    void *buffer = aligned_alloc(4096, WRITE_BYTES);

    for (int i = 0; fd >= 0 && buffer && i < WRITES; i++)
        if (write(fd, buffer, WRITE_BYTES) < 0)
            return EXIT_FAILURE;
    return fd < 0 || !buffer ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int datagram_socket(const char *address, struct sockaddr_in *ret) {
    *ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT) };
    inet_pton(AF_INET, address, &ret->sin_addr);
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Leaves nothing in the queue: a limit is held by who waits, and nothing is dropped. */
static int flood(const char *address) {
    static char datagram[DATAGRAM_BYTES];
    struct sockaddr_in to;
    int fd = datagram_socket(address, &to), queued = 1;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_QUEUE_BYTES / 2 }, sizeof(int));
    for (int i = 0; i < DATAGRAMS; i++)
        if (sendto(fd, datagram, sizeof datagram, 0, (struct sockaddr *) &to, sizeof to) < 0)
            return EXIT_FAILURE;
    while (ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0)
        usleep(DRAIN_PAUSE_USEC);
    return EXIT_SUCCESS;
}

static int try_all(const char *file) {
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    Tries *tries = MAP_FAILED;
    struct sockaddr_in to, any = { .sin_family = AF_INET };

    if (fd >= 0 && ftruncate(fd, sizeof *tries) == 0)
        tries = mmap(NULL, sizeof *tries, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (tries == MAP_FAILED)
        return EXIT_FAILURE;
    fd = datagram_socket("127.0.0.1", &to);
    tries->allowed += open("/dev/null", O_RDWR | O_CLOEXEC) >= 0;
    tries->opened += open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM;
    tries->sent += sendto(fd, "", 1, 0, (struct sockaddr *) &to, sizeof to) >= 0 || errno != EPERM;
    tries->bound += bind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *) &any, sizeof any) >= 0 ||
                    errno != EPERM;
    tries->rounds++;
    return EXIT_SUCCESS;
}

static const Work works[] = {
    { "burn", 0, WORKERS, 0, burn, true },
    { "fork", 0, FORKS_MAX, 0, live, false },
    { "grow", 0, 1, GROW_PAUSE_USEC, grow, false },
    { "write", 1, WORKERS, 0, write_some, true },
    { "flood", 1, WORKERS, 0, flood, true },
    { "try", 1, 1, TRY_PAUSE_USEC, try_all, false },
};

static _Noreturn void be_piece(const Work *work, char **argv) {
    if (work->execs)
        execl("/proc/self/exe", "piece", argv[1], argv[2], NULL);
    _exit(work->piece(argv[2]));
}

/* Who may not fork waits for one that ends. */
static _Noreturn void churn(const Work *work, char **argv) {
    for (int running = 0;;) {
        pid_t pid = running < work->at_once ? fork() : -1;

        if (pid == 0)
            be_piece(work, argv);
        if (pid > 0 && ++running < work->at_once)
            continue;
        if (wait(NULL) > 0)
            running--;
        usleep(work->pause_usec);
    }
}

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        const Work *work = works + i;

        if (argc != 2 + work->n_arguments || strcmp(argv[1], work->name) != 0)
            continue;
        if (strcmp(argv[0], "piece") == 0)
            return work->piece(argv[2]);
        churn(work, argv);
    }
    fprintf(stderr, "usage: bench-churn burn | fork | grow | write FILE | flood ADDRESS | try FILE\n");
    return 2;
}
