/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * exit-cases CASE GATE: waits until the file GATE is there, and ends in a way that is easily told wrong.
 * exit-cases fill MAP: takes all room that is left in the pinned map of exit records.
 */

#include <err.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bpf/slot.h"

enum { HOG_STEP_BYTES = 1 << 20, MOMENT_USEC = 30000 };

static const char *self;

static void await(const char *gate) {
    while (access(gate, F_OK) < 0)
        usleep(MOMENT_USEC);
}

static void code(void) {
    _exit(7);
}

static void overrun(void) {
    raise(SIGXCPU);
}

static void *exit_soon(void *unused) {
    usleep(MOMENT_USEC);
    _exit(9);
}

static void *execute(void *unused) {
    execl(self, self, "code", "/", NULL);
    _exit(98);
}

static void in_thread(void *(*function)(void *) ) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, NULL) != 0)
        _exit(97);
}

/* The main thread is gone first, with a code of its own. */
static void leader(void) {
    in_thread(exit_soon);
    syscall(SYS_exit, 6);
}

/* Another thread becomes the process. */
static void exec(void) {
    in_thread(execute);
    pause();
}

/* One of the two is first, and is what is told. */
static void race(void) {
    in_thread(exit_soon);
    usleep(MOMENT_USEC);
    kill(getpid(), SIGKILL);
}

static void hog(void) {
    for (char *memory; (memory = malloc(HOG_STEP_BYTES));)
        memset(memory, 1, HOG_STEP_BYTES);
}

/* Its child is hit, and it goes on. */
static void parent(void) {
    if (fork() == 0)
        hog();
    for (;;)
        pause();
}

static int bpf(int command, union bpf_attr *attributes) {
    return (int) syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static void fill(const char *map) {
    struct exit_record record = {};
    struct exit_key key = {};
    int fd = bpf(BPF_OBJ_GET, &(union bpf_attr){ .pathname = (uintptr_t) map });
    if (fd < 0)
        err(EXIT_FAILURE, "%s", map);
    for (uint32_t i = 0;; i++) {
        memcpy(key.invocation, &i, sizeof i);
        union bpf_attr update = { .map_fd = (uint32_t) fd, .key = (uintptr_t) &key, .value = (uintptr_t) &record };
        if (bpf(BPF_MAP_UPDATE_ELEM, &update) < 0)
            break;
    }
}

static const struct {
    const char *name;
    void (*end)(void);
} cases[] = {
    { "code", code },
    { "overrun", overrun },
    { "leader", leader },
    { "exec", exec },
    { "race", race },
    { "hog", hog },
    { "parent", parent },
};

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    self = argv[0];
    if (strcmp(argv[1], "fill") == 0) {
        fill(argv[2]);
        return 0;
    }
    await(argv[2]);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        if (strcmp(argv[1], cases[i].name) == 0)
            cases[i].end();
    return 2;
}
