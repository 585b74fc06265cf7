/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a name is, the daemon knows: it refuses slices by an error of their own, and only then all names are asked for. So
 * calls for workloads cost nothing more.
 */

#include "tools/supctl/round.h"

#include <stdlib.h>

#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/report.h"
#include "tools/supctl/text.h"

typedef struct Round {
    sd_bus *bus;
    const char *method;
    unsigned n_under_way;
    char **slices; /* that were refused; owned */
    int worst;     /* exit status */
} Round;

typedef struct Errand {
    Round *round;
    const char *name;
    sd_bus_slot *slot; /* while it is under way */
} Errand;

static void take_status(Round *round, int status) {
    if (status > round->worst)
        round->worst = status;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Errand *errand = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    Round *round = errand->round;

    round->n_under_way--;
    if (error && !sd_bus_error_has_name(error, CONTROL_ERROR_SLICE))
        take_status(round, client_explain(errand->name, error));
    else if (error && strv_push(&round->slices, errand->name) < 0)
        take_status(round, complain_memory());
    return 0;
}

static int send_call(Errand *errand) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    Round *round = errand->round;
    int r = sd_bus_message_new_method_call(round->bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, round->method);

    if (r >= 0)
        r = sd_bus_message_append(call, "s", errand->name);
    if (r >= 0)
        r = sd_bus_call_async(round->bus, &errand->slot, call, on_answer, errand, CALL_ACTS);
    if (r >= 0)
        round->n_under_way++;
    return r;
}

/* Until no more than n_max are under way. */
static int await_answers(Round *round, unsigned n_max) {
    int r = 0;

    while (r >= 0 && round->n_under_way > n_max) {
        r = sd_bus_process(round->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(round->bus, UINT64_MAX);
    }
    return r;
}

/* name: whose call could not even be sent; NULL: nobody's. */
static int failed(const char *name, int r) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int status;

    sd_bus_error_set_errno(&error, r);
    status = client_explain(name, &error);
    sd_bus_error_free(&error);
    return status;
}

static int run_errands(Round *round, Errand *errands, char *const *names) {
    const char *unsent = NULL;
    int r = 0;

    for (Errand *errand = errands; *names && r >= 0; names++, errand++) {
        *errand = (Errand){ .round = round, .name = *names };
        r = await_answers(round, CONTROL_CALLS_MAX - 1);
        if (r >= 0 && (r = send_call(errand)) < 0)
            unsent = *names;
    }
    if (r >= 0)
        r = await_answers(round, 0);
    return r < 0 ? failed(unsent, r) : EXIT_SUCCESS;
}

/* Those that are still under way when another has failed are not waited for: no answer may find its errand gone. */
static void call_all(Round *round, char *const *names) {
    size_t n = strv_length(names);
    _cleanup_(cleanup_free) Errand *errands = calloc(n + 1, sizeof(*errands));

    if (!errands) {
        take_status(round, complain_memory());
        return;
    }
    take_status(round, run_errands(round, errands, names));
    for (size_t i = 0; i < n; i++)
        sd_bus_slot_unref(errands[i].slot);
    round->n_under_way = 0;
}

static bool is_below(const Listing *listing, const Status *status, char *const *slices) {
    while (status && !strv_has(slices, status->slice))
        status = listing_find(listing, status->slice);
    return status;
}

/* Those that were not called by their own names. */
static int workloads_below(const Round *round, const Listing *listing, char *const *names, char ***ret) {
    for (size_t i = 0; i < listing->n_entries; i++) {
        const Status *status = &listing->entries[i];

        if (status_is_workload(status) && !strv_has(names, status->name) && is_below(listing, status, round->slices) &&
                strv_push(ret, status->name) < 0)
            return complain_memory();
    }
    return EXIT_SUCCESS;
}

static void call_below(Round *round, char *const *names) {
    _cleanup_(cleanup_strv_free) char **workloads = NULL;
    _cleanup_(listing_done) Listing listing = { 0 };
    int status = listing_fetch(round->bus, &listing);

    if (status == EXIT_SUCCESS)
        status = workloads_below(round, &listing, names, &workloads);
    take_status(round, status);
    if (workloads)
        call_all(round, workloads);
}

int round_call(const Options *options, char *const *names, const char *method) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Round round = { .method = method };

    round.worst = client_open(options, &bus);
    round.bus = bus;
    if (bus)
        call_all(&round, names);
    if (round.slices)
        call_below(&round, names);
    strv_free(round.slices);
    return round.worst;
}
