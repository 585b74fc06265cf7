/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Window: how many lines may still pass. As the journal counts: a window begins with the first line after the last window is
 * over, and lets burst lines pass. Pure: it is told the time, which never goes back.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Window {
    uint64_t interval_usec, burst; /* LogRateLimitIntervalSec=, LogRateLimitBurst= */
    uint64_t began_usec;
    uint64_t n_passed;     /* 0: no window */
    uint64_t n_suppressed; /* since it began */
} Window;

/* Ends the window if it is over; how many lines were suppressed in it. To be asked before window_is_full(). */
uint64_t window_expire(Window *window, uint64_t now_usec);
/* Ends it in any case. */
uint64_t window_end(Window *window);
bool window_is_full(const Window *window);
void window_pass(Window *window, uint64_t now_usec); /* one line, when it is not full */
void window_suppress(Window *window, uint64_t n);    /* that many, when it is */
/* When what was suppressed falls due; UINT64_MAX: nothing was. */
uint64_t window_due_usec(const Window *window);
