/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reports as JSON. The names of the members are documented in supctl(1): they are never renamed, only added to. */

#include <string.h>

#include "base/cleanup.h"
#include "model/meter.h"
#include "tools/supctl/report.h"

static void write_known(Json *json, const char *key, bool is_known, uint64_t value) {
    if (is_known)
        json_unsigned(json, key, value);
    else
        json_null(json, key);
}

void status_write_members(Json *json, const Status *status) {
    json_text(json, "name", status->name);
    json_text(json, "kind", status->kind);
    json_word(json, "slice", status->slice);
    json_text(json, "state", status->state);
    write_known(json, "main_pid", status->main_pid > 0, status->main_pid);
    write_known(json, "since_usec", status->since_usec > 0, status->since_usec);
    write_known(json, "restarts", status_is_workload(status), status->n_restarts);
    json_word(json, "last_exit", status->last_exit);
    json_word(json, "degraded", status->degraded);
    json_word(json, "command", status->command);
}

void listing_write(Json *json, const char *key, const Listing *listing) {
    json_begin_array(json, key);
    for (size_t i = 0; i < listing->n_entries; i++) {
        json_begin_object(json, NULL);
        status_write_members(json, &listing->entries[i]);
        json_end_object(json);
    }
    json_end_array(json);
}

static const MeterReport *find_meter(const Detail *detail, const char *name) {
    for (size_t i = 0; i < detail->n_meters; i++)
        if (strcmp(detail->meters[i].name, name) == 0)
            return &detail->meters[i];
    return NULL;
}

static bool is_known_meter(const char *name) {
    FOREACH_METER (meter)
        if (strcmp(meter->name, name) == 0)
            return true;
    return false;
}

/* All that we know, absent ones as null; then those that only a newer daemon knows. */
static void write_meters(Json *json, const Detail *detail) {
    json_begin_object(json, "meters");
    FOREACH_METER (meter) {
        const MeterReport *found = find_meter(detail, meter->name);

        if (found)
            json_number(json, meter->name, found->value);
        else
            json_null(json, meter->name);
    }
    for (size_t i = 0; i < detail->n_meters; i++)
        if (!is_known_meter(detail->meters[i].name))
            json_number(json, detail->meters[i].name, detail->meters[i].value);
    json_end_object(json);
}

/* An ancestor's tighter limit is "NAME: words"; names hold no colon. */
static void write_effective(Json *json, const char *effective) {
    const char *colon = strstr(effective, ": ");
    _cleanup_(cleanup_free) char *ancestor = colon ? strndup(effective, (size_t) (colon - effective)) : NULL;

    json_word(json, "effective", ancestor ? colon + 2 : effective);
    json_text(json, "effective_from", ancestor);
}

static void write_limits(Json *json, const Detail *detail) {
    json_begin_object(json, "limits");
    for (size_t i = 0; i < detail->n_limits; i++) {
        const LimitReport *limit = &detail->limits[i];

        json_begin_object(json, limit->key);
        json_word(json, "set", limit->set);
        json_word(json, "written", limit->written);
        write_effective(json, limit->effective);
        write_known(json, "bitten", limit->bitten != UINT64_MAX, limit->bitten);
        json_end_object(json);
    }
    json_end_object(json);
}

void detail_write(Json *json, const Detail *detail) {
    json_begin_object(json, NULL);
    status_write_members(json, &detail->status);
    write_limits(json, detail);
    write_meters(json, detail);
    json_end_object(json);
}
