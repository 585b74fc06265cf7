/* SPDX-License-Identifier: GPL-2.0-or-later */

/* status: of the node in one screen, or of what is named in a block each. */

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "model/run.h"
#include "tools/supctl/block.h"
#include "tools/supctl/client.h"
#include "tools/supctl/report.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

enum { ACTIONS_SHOWN = 5 };

/* "1 slice, 4 workloads: 2 running, 1 backoff, 1 failed; 1 degraded" */
static void print_counts(const Listing *listing) {
    size_t n_slices = 0, n_degraded = 0, n_workloads, n_states[RUN_STATES_COUNT] = { 0 };
    const char *separator = ":";

    for (size_t i = 0; i < listing->n_entries; i++) {
        const Status *status = &listing->entries[i];

        n_slices += !status_is_workload(status);
        n_degraded += *status->degraded != '\0';
        for (RunState state = 0; state < RUN_STATES_COUNT; state++)
            n_states[state] += status_is_workload(status) && strcmp(status->state, run_state_name(state)) == 0;
    }
    n_workloads = listing->n_entries - n_slices;
    printf("%zu slice%s, %zu workload%s", n_slices, n_slices == 1 ? "" : "s", n_workloads, n_workloads == 1 ? "" : "s");
    for (RunState state = 0; state < RUN_STATES_COUNT; state++)
        if (n_states[state] > 0) {
            printf("%s %zu %s", separator, n_states[state], run_state_name(state));
            separator = ",";
        }
    if (n_degraded > 0)
        printf("; %zu degraded", n_degraded);
    putchar('\n');
}

static int print_workloads(const Options *options, const Listing *listing) {
    static const Column columns[] = {
        { .heading = "NAME" },
        { .heading = "STATE" },
        { .heading = "SINCE", .right = true },
        { .heading = "RESTARTS", .right = true },
        { .heading = "LAST EXIT" },
        { .heading = "DEGRADED" },
    };
    _cleanup_(table_done) Table table = TABLE(columns);
    TableStyle style = { .no_heading = options->no_legend, .color = color_wanted(), .state_column = 1 };
    char text[AMOUNT_TEXT_MAX];

    for (size_t i = 0; i < listing->n_entries; i++) {
        const Status *status = &listing->entries[i];

        if (!status_is_workload(status) && !*status->degraded)
            continue;
        table_add_text(&table, status->name);
        table_add_text(&table, status->state);
        table_add_text(&table, status_age(status, text, sizeof(text)));
        table_add_text(&table, status_restarts(status, text, sizeof(text)));
        table_add_text(&table, status->last_exit);
        table_add_text(&table, status->degraded);
    }
    if (table.n_cells == 0)
        return EXIT_SUCCESS;
    putchar('\n');
    return table_print(&table, &style, stdout);
}

static int print_journal(sd_bus *bus) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_call(bus, NULL, CALL_READS, &reply, "Journal", NULL), r;
    uint64_t at_usec;
    const char *action;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_enter_container(reply, 'a', "(ts)");
    for (size_t i = 0; i < ACTIONS_SHOWN && r >= 0 && (r = sd_bus_message_read(reply, "(ts)", &at_usec, &action)) > 0;
            i++) {
        char time[AMOUNT_TEXT_MAX], prefix[AMOUNT_TEXT_MAX + 2];

        if (i == 0)
            putchar('\n');
        snprintf(prefix, sizeof(prefix), "%s  ", format_realtime(at_usec, time, sizeof(time)));
        text_print_line(stdout, prefix, action);
    }
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

static int print_node(const Options *options, sd_bus *bus) {
    _cleanup_(listing_done) Listing listing = { 0 };
    int status = client_print_version(bus);

    if (status == EXIT_SUCCESS)
        status = listing_fetch(bus, &listing);
    if (status != EXIT_SUCCESS)
        return status;
    print_counts(&listing);
    status = print_workloads(options, &listing);
    return status == EXIT_SUCCESS ? print_journal(bus) : status;
}

static int print_named(sd_bus *bus, const char *name) {
    _cleanup_(detail_done) Detail detail = { 0 };
    int status = detail_fetch(bus, name, &detail);

    if (status == EXIT_SUCCESS)
        status = block_print(&detail, true);
    if (status == EXIT_SUCCESS && !status_is_running(&detail.status))
        status = EXIT_NOT_RUNNING;
    return status;
}

int verb_status(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int worst = client_open(options, &bus);

    if (worst != EXIT_SUCCESS)
        return worst;
    if (!*arguments)
        return print_node(options, bus);
    for (char **name = arguments; *name; name++) {
        if (name > arguments)
            putchar('\n');

        int status = print_named(bus, *name);

        worst = status > worst ? status : worst;
    }
    return worst;
}
