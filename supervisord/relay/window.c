/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The arithmetic of a rate limit, and nothing else. */

#include "relay/window.h"

static uint64_t over_usec(const Window *window) {
    uint64_t over;

    return __builtin_add_overflow(window->began_usec, window->interval_usec, &over) ? UINT64_MAX : over;
}

uint64_t window_end(Window *window) {
    uint64_t n = window->n_suppressed;

    window->n_passed = window->n_suppressed = 0;
    return n;
}

uint64_t window_expire(Window *window, uint64_t now_usec) {
    return now_usec >= over_usec(window) ? window_end(window) : 0;
}

bool window_is_full(const Window *window) {
    return window->n_passed >= window->burst;
}

void window_pass(Window *window, uint64_t now_usec) {
    if (window->n_passed == 0)
        window->began_usec = now_usec;
    window->n_passed++;
}

void window_suppress(Window *window, uint64_t n) {
    window->n_suppressed += n;
}

uint64_t window_due_usec(const Window *window) {
    return window->n_suppressed > 0 ? over_usec(window) : UINT64_MAX;
}
