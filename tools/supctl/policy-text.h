/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A policy as the daemon writes it, merged, with the place of each line (serve/protocol.h), read into lines again. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "tools/supctl/json.h"

typedef struct PolicyLine {
    const char *section;
    const char *key, *value; /* NULL: the section begins */
    const char *file;
    uint64_t line;
    const char *from; /* the section that gives it; NULL: its own */
} PolicyLine;

/* Zeroed: nothing. */
typedef struct PolicyText {
    char *text; /* what the lines point into; owned */
    PolicyLine *lines;
    size_t n_lines, n_allocated;
} PolicyText;

void policy_text_done(PolicyText *policy);
int policy_text_read(const char *text, PolicyText *ret);    /* -ENOMEM */
void policy_line_write(Json *json, const PolicyLine *line); /* the members of an object */
