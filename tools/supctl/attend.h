/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Being there while something runs on our behalf: until supervisord answers a call, signals are passed on and the bytes of
 * a terminal are copied.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#include "tools/supctl/pty.h"

typedef struct Attendance {
    sd_bus *bus;
    Pty *pty;                                     /* NULL: none */
    bool answered;                                /* the caller's reply function sets it */
    int (*on_signal)(void *userdata, int signal); /* -errno ends it */
    void *userdata;
} Attendance;

/* Blocks the signals and gives a descriptor of them; what our caller ignores (nohup, a background job) is ignored on. */
int attend_signals(const int *signals, size_t n);
int attend(Attendance *attendance, int signal_fd); /* -errno */
