/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A pseudo terminal between our own terminal and what runs. The slave is handed over; we copy bytes both ways. Our own
 * terminal is raw meanwhile, so that all keys, ^C too, are the other side's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

enum { PTY_INPUT_MAX = 4096 };

typedef struct Pty {
    int master_fd, slave_fd;
    struct termios before;     /* of our terminal */
    bool raw;                  /* it must be set back */
    bool input_ended, hung_up; /* hung up: nobody holds the slave any more */
    char input[PTY_INPUT_MAX]; /* typed, and not taken yet */
    size_t n_input;
} Pty;

#define PTY_NULL \
    { .master_fd = -1, .slave_fd = -1 }

int pty_open(Pty *pty);   /* as large as our terminal, and with its settings */
void pty_close(Pty *pty); /* gives our terminal back; also of PTY_NULL */
void pty_handed_over(Pty *pty);
void pty_resize(Pty *pty); /* as our terminal is now */

/* What to wait for, and what to do about it; -errno of our own standard output. */
bool pty_wants_input(const Pty *pty);
short pty_master_events(const Pty *pty);
void pty_read_input(Pty *pty);
int pty_copy(Pty *pty, short events);
/* What was written and not shown yet, until nobody holds the slave any more. */
int pty_drain(Pty *pty);
