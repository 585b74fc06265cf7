/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What supervisord reports of slices and workloads, read from its replies. Strings belong to the reply. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "tools/supctl/json.h"

typedef struct Status {
    const char *name, *kind, *slice, *state;
    uint32_t main_pid;   /* 0: none */
    uint64_t since_usec; /* CLOCK_REALTIME; 0: never */
    uint64_t n_restarts;
    const char *last_exit, *degraded, *command; /* "" for none */
} Status;

typedef struct Listing {
    sd_bus_message *reply; /* owned */
    Status *entries;       /* owned */
    size_t n_entries;
} Listing;

typedef struct LimitReport {
    const char *key, *set, *written, *effective;
    uint64_t bitten; /* UINT64_MAX: the kernel does not count */
} LimitReport;

typedef struct MeterReport {
    const char *heading, *name;
    double value; /* base units */
    const char *unit;
} MeterReport;

typedef struct Detail {
    sd_bus_message *reply; /* owned */
    Status status;
    LimitReport *limits; /* owned */
    size_t n_limits;
    MeterReport *meters; /* owned */
    size_t n_meters;
} Detail;

void listing_done(Listing *listing);
int listing_read(sd_bus_message *reply, Listing *ret); /* takes a reference on reply; -errno */
int listing_fetch(sd_bus *bus, Listing *ret);          /* the exit status; says what failed */

const Status *listing_find(const Listing *listing, const char *name); /* NULL: there is none */
/* The exit status; says which of the names are not in the listing. */
int listing_check_names(const Listing *listing, char *const *names);

void detail_done(Detail *detail);
int detail_fetch(sd_bus *bus, const char *name, Detail *ret); /* the exit status; says what failed */

bool status_is_workload(const Status *status);
bool status_is_running(const Status *status); /* a slice always is; also what stands still */
/*
 * For tables; buffers of AMOUNT_TEXT_MAX suffice. "" where there is nothing to tell: no main process, never started, a
 * slice's restarts.
 */
const char *status_pid(const Status *status, char *buffer, size_t size);
const char *status_age(const Status *status, char *buffer, size_t size); /* "2min 5s" since it is in this state */
const char *status_restarts(const Status *status, char *buffer, size_t size);
const char *meter_report_show(const MeterReport *meter, char *buffer, size_t size); /* "64.0M", "1min 2s", "17" */

/* As JSON. */
void status_write_members(Json *json, const Status *status); /* into an object that the caller begins and ends */
void listing_write(Json *json, const char *key, const Listing *listing);
void detail_write(Json *json, const Detail *detail); /* status, limits, meters */
