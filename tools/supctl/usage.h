/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What every group uses at one time, and what it used per second between two times; the numbers of `top`. */

#include <math.h>

#include "model/meter.h"
#include "tools/supctl/report.h"

enum { USAGE_HISTORY = 16 }; /* samplings */

/* Meters of one group in base units; NAN: absent. */
typedef struct Usage {
    const char *name;
    double values[METERS_COUNT];
    double cpu_history[USAGE_HISTORY]; /* CPUs used, the newest last */
} Usage;

/* What the policy sets beside them; NAN: no limit. */
typedef struct Bounds {
    const char *name;
    double cpus, memory_bytes;
} Bounds;

typedef struct BoundsTable {
    sd_bus_message *reply; /* owned */
    Bounds *groups;        /* by name; owned */
    size_t n_groups;
} BoundsTable;

typedef struct UsageTable {
    sd_bus_message *reply; /* owned */
    uint64_t at_usec;      /* CLOCK_MONOTONIC of the daemon's sampling */
    Usage *groups;         /* by name; owned */
    size_t n_groups;
} UsageTable;

void usage_table_done(UsageTable *table);
int usage_table_read(sd_bus_message *reply, UsageTable *ret); /* takes a reference on reply; -errno */

/* The later table takes over the earlier one's history, and adds the rate between the two. */
void usage_table_continue(const UsageTable *earlier, UsageTable *later);

void bounds_table_done(BoundsTable *table);
int bounds_table_read(sd_bus_message *reply, BoundsTable *ret);        /* takes a reference on reply; -errno */
const Bounds *bounds_find(const BoundsTable *table, const char *name); /* without any for a group that is not there */

const double *usage_cpu_history(
        const UsageTable *table, const char *name); /* USAGE_HISTORY; NULL: there is no such group */
/* NAN when there is no such group or meter. */
double usage_value(const UsageTable *table, const char *name, MeterId id);
/* Change per second of a counter; NAN when either end is absent, the counter went back, or no time has passed. */
double usage_rate(const UsageTable *earlier, const UsageTable *later, const char *name, MeterId id);
