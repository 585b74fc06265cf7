/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Being there while something runs on our behalf: a call with our stdio, or a terminal of its own, and until supervisord
 * answers it, signals are passed on and the terminal's bytes are copied.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

typedef struct Attendance {
    sd_bus *bus;
    const char *name; /* whom messages are about */
    bool pty;
    const int *signals; /* to pass on; what our caller ignores (nohup, a background job) is ignored on */
    size_t n_signals;
    const void *userdata;
    int (*compose)(const void *userdata, const int stdio[static 3], sd_bus_message **ret); /* the call; -errno */
    int (*on_signal)(const void *userdata, int signal);                                    /* -errno ends it */
    int (*on_answer)(const void *userdata, sd_bus_message *reply);                         /* the exit status */
} Attendance;

int attend(const Attendance *attendance); /* the exit status; says what failed */
