/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Plain ECMA-48 sequences that every terminal emulator since the VT220 and xterm understands; no terminfo. */

#include "tools/supctl/screen.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80 };

#define ALTERNATE_ENTER "\x1b[?1049h"
#define ALTERNATE_LEAVE "\x1b[?1049l"
#define CURSOR_HIDE "\x1b[?25l"
#define CURSOR_SHOW "\x1b[?25h"
#define CURSOR_HOME "\x1b[H"
#define CLEAR_LINE_REST "\x1b[K"
#define CLEAR_BELOW "\x1b[J"

/* From the variables, as setlocale() would find it, but without the cost of loading a locale. */
bool screen_is_utf8(void) {
    static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    const char *locale = NULL;

    for (size_t i = 0; i < ELEMENTSOF(variables) && !(locale && *locale); i++)
        locale = getenv(variables[i]);
    return locale && (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8"));
}

bool screen_is_possible(void) {
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

bool screen_is_colored(void) {
    const char *no_color = getenv("NO_COLOR");

    return screen_is_possible() && !(no_color && *no_color);
}

void screen_size(size_t *ret_rows, size_t *ret_columns) {
    struct winsize size = { 0 };

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    *ret_rows = size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
    *ret_columns = size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

static bool read_byte(char *ret) {
    return read(STDIN_FILENO, ret, 1) == 1;
}

static bool has_more(void) {
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

    return poll(&input, 1, 0) > 0;
}

/* The rest of what a key sends after ESC: all of it comes at once, and ends with a letter or a tilde. */
static int read_sequence(void) {
    static const struct {
        const char *sequence;
        ScreenKey key;
    } keys[] = { { "[A", SCREEN_KEY_UP }, { "OA", SCREEN_KEY_UP }, { "[B", SCREEN_KEY_DOWN }, { "OB", SCREEN_KEY_DOWN },
        { "[5~", SCREEN_KEY_PAGE_UP }, { "[6~", SCREEN_KEY_PAGE_DOWN } };
    char text[8] = "";

    for (size_t n = 0; n < sizeof(text) - 1 && has_more() && read_byte(&text[n]); n++)
        if (n > 0 && (isalpha((unsigned char) text[n]) || text[n] == '~'))
            break;
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        if (strcmp(text, keys[i].sequence) == 0)
            return keys[i].key;
    return SCREEN_KEY_NONE;
}

int screen_read_key(void) {
    char byte;

    if (!read_byte(&byte))
        return SCREEN_KEY_END;
    if (byte == '\x1b')
        return read_sequence();
    return byte > ' ' && byte < '\x7f' ? byte : SCREEN_KEY_NONE;
}

void screen_enter(Screen *screen) {
    struct termios raw;

    screen->reads_keys = tcgetattr(STDIN_FILENO, &screen->saved) == 0;
    if (screen->reads_keys) {
        raw = screen->saved;
        raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    fputs(ALTERNATE_ENTER CURSOR_HIDE, stdout);
    fflush(stdout);
    screen->active = true;
}

void screen_leave(Screen *screen) {
    if (!screen->active)
        return;
    fputs(CURSOR_SHOW ALTERNATE_LEAVE, stdout);
    fflush(stdout);
    if (screen->reads_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->saved);
    screen->active = false;
}

void screen_draw(const char *text) {
    fputs(CURSOR_HOME, stdout);
    while (*text) {
        size_t length = strcspn(text, "\n");

        fwrite(text, 1, length, stdout);
        fputs(CLEAR_LINE_REST, stdout);
        text += length + (text[length] == '\n');
        if (*text)
            putchar('\n');
    }
    fputs(CLEAR_BELOW, stdout);
    fflush(stdout);
}
