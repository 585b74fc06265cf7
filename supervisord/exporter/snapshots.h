/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Snapshots: the last metrics in each format, as responses. The daemon is asked for each at most once an interval,
 * whatever the scrapers do; a failure too holds for the interval.
 */

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "serve/exposition.h"

typedef struct Snapshot {
    uint64_t asked_usec;           /* when the last answer, or failure, came; 0: never asked */
    struct MHD_Response *response; /* NULL: there is none */
} Snapshot;

typedef struct Snapshots {
    const char *socket_path; /* the daemon's */
    uint64_t interval_usec;
    bool is_away; /* the daemon did not answer the last time */
    Snapshot items[EXPOSITION_FORMATS_COUNT];
} Snapshots;

/* libmicrohttpd's counted reference, good until the next call; NULL: the daemon does not answer. */
struct MHD_Response *snapshots_get(Snapshots *snapshots, ExpositionFormat format);
void snapshots_done(Snapshots *snapshots);
