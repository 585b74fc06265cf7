/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The text of one policy file -> its sections and assignments, in order, with their lines. Syntax only: systemd's, with
 * whole-line comments, continuation by a trailing backslash, and values taken to the end of the line.
 */

#include "model/diagnostics.h"

/* Both return 0, or a negative errno, which ends the reading. A continued line has the number of its first line. */
typedef struct PolicyReaderCalls {
    /* title: what stands between the brackets; NULL: something that has been reported, what follows belongs to nothing. */
    int (*section)(void *userdata, unsigned line, const char *title);
    int (*assignment)(void *userdata, unsigned line, const char *key, const char *value);
} PolicyReaderCalls;

/* text: length bytes and a NUL; it is changed. What is wrong with it goes to diagnostics, and the reading goes on. */
int policy_read(const char *file, char *text, size_t length, Diagnostics *diagnostics, const PolicyReaderCalls *calls,
        void *userdata);
