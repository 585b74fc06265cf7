/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What every group uses at one time, and what it used per second between two times; the numbers of `top`. */

#include <math.h>

#include "model/meter.h"
#include "tools/supctl/report.h"

/* Meters of one group in base units; NAN: absent. */
typedef struct Usage {
    const char *name;
    double values[METERS_COUNT];
} Usage;

typedef struct UsageTable {
    sd_bus_message *reply; /* owned */
    uint64_t at_usec;      /* CLOCK_MONOTONIC of the daemon's sampling */
    Usage *groups;         /* by name; owned */
    size_t n_groups;
} UsageTable;

void usage_table_done(UsageTable *table);
int usage_table_read(sd_bus_message *reply, UsageTable *ret); /* takes a reference on reply; -errno */

/* NAN when there is no such group or meter. */
double usage_value(const UsageTable *table, const char *name, MeterId id);
/* Change per second of a counter; NAN when either end is absent, the counter went back, or no time has passed. */
double usage_rate(const UsageTable *earlier, const UsageTable *later, const char *name, MeterId id);
