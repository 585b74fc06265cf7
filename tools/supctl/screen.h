/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A terminal as a full screen that is redrawn: alternate screen, keys without echo, all put back at the end. */

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

typedef struct Screen {
    bool active;
    bool reads_keys; /* stdin is a terminal, too */
    struct termios saved;
} Screen;

bool screen_is_utf8(void);                               /* the locale's character set */
bool screen_is_possible(void);                           /* stdout is a terminal that understands escapes */
bool screen_is_colored(void);                            /* and nobody said NO_COLOR */
void screen_size(size_t *ret_rows, size_t *ret_columns); /* 24x80 where the terminal does not say */

void screen_enter(Screen *screen);
void screen_leave(Screen *screen);  /* does nothing when it is not active */
void screen_draw(const char *text); /* lines, from the top; clears what they do not cover */
