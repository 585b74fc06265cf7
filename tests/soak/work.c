/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the fleet's workloads run: soak-work BOARD NAME steady|brief. A steady one stays; a brief one ends after a while by
 * an exit code or a signal of its own choice, which it writes on the board first. Some fork, and some leave a child behind.
 */

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/soak/board.h"
#include "tests/soak/chance.h"

static Board *board;
static const char *name;
static Chance luck;

static uint64_t now_usec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

static void tell(bool end, bool signaled, int code) {
    uint32_t n = __atomic_fetch_add(&board->n_events, 1, __ATOMIC_SEQ_CST);
    Event *event = board->events + n % BOARD_EVENTS;
    event->end = end;
    event->signaled = signaled;
    event->code = code;
    event->pid = getpid();
    event->at_usec = now_usec();
    snprintf(event->name, sizeof event->name, "%s", name);
    __atomic_store_n(&event->number, n + 1, __ATOMIC_SEQ_CST);
}

static void sleep_usec(uint64_t usec) {
    usleep((useconds_t) usec);
}

/* One that is gone soon, or one that stays for as long as somebody lets it. */
static void fork_some(void) {
    unsigned n = chance_below(&luck, 8);
    if (n >= 2 || fork() != 0)
        return;
    if (n == 0)
        pause();
    sleep_usec(chance_below(&luck, 50) * USEC_PER_MSEC);
    _exit(EXIT_SUCCESS);
}

static void wait_while(uint32_t calm) {
    while (__atomic_load_n(&board->calm, __ATOMIC_SEQ_CST) == calm)
        syscall(SYS_futex, &board->calm, FUTEX_WAIT, calm, NULL, NULL, 0);
}

static _Noreturn void end(void) {
    static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, SIGABRT, SIGHUP, SIGUSR1, SIGINT, SIGBUS };
    static const int codes[] = { 0, 0, 0, 1, 2, 7, 75, 255 };
    bool signaled = chance_below(&luck, 2);
    int code = signaled ? signals[chance_below(&luck, ELEMENTSOF(signals))]
                        : codes[chance_below(&luck, ELEMENTSOF(codes))];
    tell(true, signaled, code);
    if (signaled)
        kill(getpid(), code);
    _exit(code);
}

int main(int argc, char **argv) {
    int fd = argc == 4 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    board = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED) {
        fprintf(stderr, "soak-work: cannot map the board\n");
        return 2;
    }
    name = argv[2];
    setrlimit(RLIMIT_CORE, &(struct rlimit){});
    luck.state = now_usec() ^ (uint64_t) getpid() << 32 ^ board->seed;
    tell(false, false, 0);
    fork_some();
    if (strcmp(argv[3], "brief") != 0)
        for (;;)
            pause();
    sleep_usec(chance_below(&luck, board->life_msec) * USEC_PER_MSEC);
    if (__atomic_load_n(&board->calm, __ATOMIC_SEQ_CST)) {
        wait_while(1);
        sleep_usec(chance_below(&luck, board->life_msec) * USEC_PER_MSEC / 4);
    }
    end();
}
