/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Relay: copies the lines of one workload from a pipe to where they are kept, as many as its window lets pass. */

#include <stddef.h>

#include "relay/window.h"

/* As the journal has it by default; a longer line is cut into lines of this length. */
enum { LINE_BYTES_MAX = 48 * 1024 };

typedef struct Relay {
    int in_fd, out_fd;
    const char *name; /* of the workload */
    Window window;
    size_t n; /* bytes of the buffer that are read and neither passed nor dropped: less than a line */
    char buffer[LINE_BYTES_MAX + 1];
} Relay;

/* Returns 0 when nobody holds the pipe's other end any more and all is said; negative errno when it cannot be said. */
int relay_run(Relay *relay);
