/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Scope-bound ownership. A variable marked _cleanup_(f) is released by f(&variable) when it leaves its scope;
 * TAKE_PTR and TAKE_FD move it out instead.
 */

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines cleanup_<free_function>(T *) for a destructor that accepts NULL. */
#define DEFINE_CLEANUP(type, free_function)               \
    static inline void cleanup_##free_function(type *p) { \
        if (*p)                                           \
            free_function(*p);                            \
    }                                                     \
    struct __semicolon

#define TAKE_PTR(p)                               \
    ({                                            \
        __typeof__(p) *_pp = &(p), _taken = *_pp; \
        *_pp = NULL;                              \
        _taken;                                   \
    })

#define TAKE_FD(fd)                        \
    ({                                     \
        int *_pfd = &(fd), _taken = *_pfd; \
        *_pfd = -1;                        \
        _taken;                            \
    })

static inline void cleanup_free(void *p) {
    free(*(void **) p);
}

/* Closes if open; returns -1 so that `fd = close_fd(fd)` forgets it. */
static inline int close_fd(int fd) {
    if (fd >= 0)
        close(fd);
    return -1;
}

static inline void cleanup_close(int *fd) {
    close_fd(*fd);
}

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
