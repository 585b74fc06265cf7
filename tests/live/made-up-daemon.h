/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A daemon for the exporter to ask: it knows two snapshots by heart, and may behave in any manner. */

#include <stdatomic.h>
#include <sys/types.h>

#define METRICS "# HELP up Always 1.\n# TYPE up gauge\nup 1\n"
#define OPENMETRICS METRICS "# EOF\n"

typedef enum Manner {
    MANNER_GOOD,
    MANNER_STRANGE, /* answers with something else */
    MANNER_ERROR,
    MANNER_SILENT, /* takes the call, never answers */
    MANNER_DEAF,   /* does not even accept */
} Manner;

extern atomic_uint *n_calls; /* since it was set to 0; shared with the daemon, once that was started */

/* Listens at path when it returns. */
pid_t start_daemon(const char *path, Manner manner);
void stop_daemon(pid_t pid, const char *path);
