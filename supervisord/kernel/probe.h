/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What this kernel and host can do for each share, by which mechanism, and why not by a better one. */

#include <stddef.h>

#include "kernel/programs.h"
#include "kernel/tree.h"

typedef enum ProbeState {
    PROBE_ENFORCED, /* what the policy says is held */
    PROBE_MEASURED, /* it is accounted for */
    PROBE_ABSENT,
    PROBE_STATES_COUNT,
} ProbeState;

typedef struct ProbeRow {
    const char *share;     /* "cpu weight", "memory max", ... */
    const char *mechanism; /* "cpu controller (cpu.weight)" */
    ProbeState state;
    char why[256];  /* what was found */
    char cure[256]; /* what the administrator can do; "" when there is nothing to do */
} ProbeRow;

enum { PROBE_ROWS_MAX = 64 };

const char *probe_state_name(ProbeState state);
/* tree or programs may be NULL (offline: `supervisord --check`). The number of rows. */
size_t probe(const Tree *tree, Programs *programs, ProbeRow ret[static PROBE_ROWS_MAX]);
