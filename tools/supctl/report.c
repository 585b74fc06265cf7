/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Replies to structs. A reply that is not of the promised form is an error as a whole, never half a report. */

#include "tools/supctl/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/text.h"

/* Readers of one item: 1: read, 0: the array is at its end. */

static int status_read(sd_bus_message *reply, void *ret) {
    Status *status = ret;

    return sd_bus_message_read(reply, "(" CONTROL_STATUS_SIGNATURE ")", &status->name, &status->kind, &status->slice,
            &status->state, &status->main_pid, &status->since_usec, &status->n_restarts, &status->last_exit,
            &status->degraded, &status->command);
}

static int limit_read(sd_bus_message *reply, void *ret) {
    LimitReport *limit = ret;

    return sd_bus_message_read(
            reply, "(sssst)", &limit->key, &limit->set, &limit->written, &limit->effective, &limit->bitten);
}

static int meter_read(sd_bus_message *reply, void *ret) {
    MeterReport *meter = ret;

    return sd_bus_message_read(reply, "(ssds)", &meter->heading, &meter->name, &meter->value, &meter->unit);
}

/* Reads the array that comes next into a fresh C array, of which items is the address, as for grow(). */
static int read_array(sd_bus_message *reply, const char *contents, int (*read_item)(sd_bus_message *, void *),
        size_t item_size, void *items, size_t *count) {
    size_t n_allocated = 0;
    int r = sd_bus_message_enter_container(reply, 'a', contents);

    while (r >= 0 && (r = grow(items, item_size, *count, &n_allocated)) >= 0) {
        r = read_item(reply, *(char **) items + *count * item_size);
        if (r <= 0)
            break;
        ++*count;
    }
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

void listing_done(Listing *listing) {
    sd_bus_message_unref(listing->reply);
    free(listing->entries);
    *listing = (Listing){ 0 };
}

int listing_read(sd_bus_message *reply, Listing *ret) {
    _cleanup_(listing_done) Listing listing = { .reply = sd_bus_message_ref(reply) };
    int r = read_array(reply, "(" CONTROL_STATUS_SIGNATURE ")", status_read, sizeof(*listing.entries), &listing.entries,
            &listing.n_entries);

    if (r < 0)
        return r;
    *ret = listing;
    listing = (Listing){ 0 };
    return 0;
}

int listing_fetch(sd_bus *bus, Listing *ret) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_call(bus, NULL, CALL_READS, &reply, "List", NULL);

    if (status != EXIT_SUCCESS)
        return status;
    int r = listing_read(reply, ret);

    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

const Status *listing_find(const Listing *listing, const char *name) {
    for (size_t i = 0; i < listing->n_entries; i++)
        if (strcmp(listing->entries[i].name, name) == 0)
            return &listing->entries[i];
    return NULL;
}

int listing_check_names(const Listing *listing, char *const *names) {
    int status = EXIT_SUCCESS;

    for (; *names; names++)
        if (!listing_find(listing, *names)) {
            complain("%s: no such slice or workload (`supctl list` shows all)", *names);
            status = EXIT_NO_SUCH;
        }
    return status;
}

void detail_done(Detail *detail) {
    sd_bus_message_unref(detail->reply);
    free(detail->limits);
    free(detail->meters);
    *detail = (Detail){ 0 };
}

int detail_fetch(sd_bus *bus, const char *name, Detail *ret) {
    _cleanup_(detail_done) Detail detail = { 0 };
    int status = client_call(bus, name, CALL_READS, &detail.reply, "Show", "s", name);

    if (status != EXIT_SUCCESS)
        return status;
    int r = status_read(detail.reply, &detail.status);

    if (r >= 0)
        r = read_array(detail.reply, "(sssst)", limit_read, sizeof(*detail.limits), &detail.limits, &detail.n_limits);
    if (r >= 0)
        r = read_array(detail.reply, "(ssds)", meter_read, sizeof(*detail.meters), &detail.meters, &detail.n_meters);
    if (r < 0)
        return client_bad_reply(r);
    *ret = detail;
    detail = (Detail){ 0 };
    return EXIT_SUCCESS;
}

bool status_is_workload(const Status *status) {
    return strcmp(status->kind, "workload") == 0;
}

bool status_is_running(const Status *status) {
    return !status_is_workload(status) || strcmp(status->state, "running") == 0 || strcmp(status->state, "frozen") == 0;
}

const char *status_pid(const Status *status, char *buffer, size_t size) {
    if (status->main_pid == 0)
        return "";
    snprintf(buffer, size, "%" PRIu32, status->main_pid);
    return buffer;
}

const char *status_restarts(const Status *status, char *buffer, size_t size) {
    if (!status_is_workload(status))
        return "";
    snprintf(buffer, size, "%" PRIu64, status->n_restarts);
    return buffer;
}

const char *status_age(const Status *status, char *buffer, size_t size) {
    uint64_t now_usec = realtime_now_usec();

    if (status->since_usec == 0)
        return "";
    return format_age(now_usec > status->since_usec ? now_usec - status->since_usec : 0, buffer, size);
}

const char *meter_report_show(const MeterReport *meter, char *buffer, size_t size) {
    double value = meter->value < 0 ? 0 : meter->value;

    if (strcmp(meter->unit, "B") == 0)
        return format_bytes((uint64_t) value, buffer, size);
    if (strcmp(meter->unit, "s") == 0 && value >= 60)
        return format_age((uint64_t) (value * USEC_PER_SEC), buffer, size);
    if (strcmp(meter->unit, "s") == 0)
        snprintf(buffer, size, "%.3fs", value);
    else
        snprintf(buffer, size, "%.15g", meter->value);
    return buffer;
}
