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

typedef enum ScreenKey {
    SCREEN_KEY_NONE,     /* one that means nothing to us */
    SCREEN_KEY_END,      /* of the input */
    SCREEN_KEY_UP = 256, /* below: the letters themselves */
    SCREEN_KEY_DOWN,
    SCREEN_KEY_PAGE_UP,
    SCREEN_KEY_PAGE_DOWN,
} ScreenKey;

int screen_read_key(void); /* a ScreenKey or a letter; waits for it */

void screen_enter(Screen *screen);
void screen_leave(Screen *screen);  /* does nothing when it is not active */
void screen_draw(const char *text); /* lines, from the top; clears what they do not cover */
