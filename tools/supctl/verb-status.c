/* SPDX-License-Identifier: GPL-2.0-or-later */

/* status: of the node in one screen, or of what is named in a block each; is-active and is-failed for scripts. */

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
    TableStyle style = table_style(options, 1);
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

/* One action of the journal: 1: read, 0: there are no more. */
static int read_action(sd_bus_message *reply, uint64_t *ret_at_usec, const char **ret_text) {
    const char *object;

    return sd_bus_message_read(reply, "(tss)", ret_at_usec, &object, ret_text);
}

static int fetch_journal(sd_bus *bus, sd_bus_message **ret) {
    int status = client_call(bus, NULL, CALL_READS, ret, "Journal", "tb", UINT64_C(0), false), r;
    uint64_t last, lost;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(*ret, "tt", &last, &lost);
    if (r >= 0)
        r = sd_bus_message_enter_container(*ret, 'a', "(tss)");
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

static int print_journal(sd_bus *bus) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = fetch_journal(bus, &reply), r = 0;
    uint64_t at_usec;
    const char *action;

    if (status != EXIT_SUCCESS)
        return status;
    for (size_t i = 0; i < ACTIONS_SHOWN && (r = read_action(reply, &at_usec, &action)) > 0; i++) {
        char time[AMOUNT_TEXT_MAX], prefix[AMOUNT_TEXT_MAX + 2];

        if (i == 0)
            putchar('\n');
        snprintf(prefix, sizeof(prefix), "%s  ", format_realtime(at_usec, time, sizeof(time)));
        text_print_line(stdout, prefix, action);
    }
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

/* How the last attempt to load the policy went. */
typedef struct PolicyState {
    sd_bus_message *reply; /* owns errors */
    int ok;
    uint64_t loaded_usec;
    const char *errors;
} PolicyState;

static void policy_state_done(PolicyState *state) {
    sd_bus_message_unref(state->reply);
}

static int fetch_policy_state(sd_bus *bus, PolicyState *ret) {
    int status = client_call(bus, NULL, CALL_READS, &ret->reply, "PolicyState", NULL), r;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(ret->reply, "bts", &ret->ok, &ret->loaded_usec, &ret->errors);
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

static void print_policy_state(const PolicyState *state) {
    char time[AMOUNT_TEXT_MAX];

    if (state->ok)
        return;
    if (state->loaded_usec > 0)
        printf("the policy has errors; that of %s goes on\n", format_realtime(state->loaded_usec, time, sizeof(time)));
    else
        puts("the policy has errors; the one before goes on");
    text_print_lines(stdout, "  ", state->errors);
}

static void write_policy_state(Json *json, const PolicyState *state) {
    json_begin_object(json, "policy");
    json_bool(json, "ok", state->ok);
    if (state->loaded_usec > 0)
        json_unsigned(json, "loaded_usec", state->loaded_usec);
    else
        json_null(json, "loaded_usec");
    json_word(json, "errors", state->errors);
    json_end_object(json);
}

static int print_node(const Options *options, sd_bus *bus) {
    _cleanup_(listing_done) Listing listing = { 0 };
    _cleanup_(policy_state_done) PolicyState policy = { 0 };
    int status = client_print_version(bus);

    if (status == EXIT_SUCCESS)
        status = fetch_policy_state(bus, &policy);
    if (status == EXIT_SUCCESS)
        print_policy_state(&policy);
    if (status == EXIT_SUCCESS)
        status = listing_fetch(bus, &listing);
    if (status != EXIT_SUCCESS)
        return status;
    print_counts(&listing);
    status = print_workloads(options, &listing);
    return status == EXIT_SUCCESS ? print_journal(bus) : status;
}

static int write_journal(Json *json, sd_bus_message *journal) {
    uint64_t at_usec;
    const char *action;
    int r;

    json_begin_array(json, "journal");
    while ((r = read_action(journal, &at_usec, &action)) > 0) {
        json_begin_object(json, NULL);
        json_unsigned(json, "at_usec", at_usec);
        json_text(json, "action", action);
        json_end_object(json);
    }
    json_end_array(json);
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

static int write_node(const Options *options, sd_bus *bus) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *version_reply = NULL, *journal = NULL;
    _cleanup_(listing_done) Listing listing = { 0 };
    _cleanup_(policy_state_done) PolicyState policy = { 0 };
    Json json = JSON(stdout, options->json);
    const char *version;
    int status = client_fetch_version(bus, &version_reply, &version);

    if (status == EXIT_SUCCESS)
        status = listing_fetch(bus, &listing);
    if (status == EXIT_SUCCESS)
        status = fetch_policy_state(bus, &policy);
    if (status == EXIT_SUCCESS)
        status = fetch_journal(bus, &journal);
    if (status != EXIT_SUCCESS)
        return status;
    json_begin_object(&json, NULL);
    json_text(&json, "version", version);
    write_policy_state(&json, &policy);
    listing_write(&json, "groups", &listing);
    status = write_journal(&json, journal);
    json_end_object(&json);
    json_end(&json);
    return status;
}

static int print_named(const Options *options, sd_bus *bus, const char *name, bool is_first, Json *json) {
    _cleanup_(detail_done) Detail detail = { 0 };
    int status = detail_fetch(bus, name, &detail);

    if (status != EXIT_SUCCESS)
        return status;
    if (options->json)
        detail_write(json, &detail);
    else {
        if (!is_first)
            putchar('\n');
        status = block_print(options, &detail, true);
    }
    return status == EXIT_SUCCESS && !status_is_running(&detail.status) ? EXIT_NOT_RUNNING : status;
}

int verb_status(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Json json = JSON(stdout, options->json);
    int worst = client_open(options, &bus);

    if (worst != EXIT_SUCCESS)
        return worst;
    if (!*arguments)
        return options->json ? write_node(options, bus) : print_node(options, bus);
    if (options->json)
        json_begin_array(&json, NULL);
    for (char **name = arguments; *name; name++) {
        int status = print_named(options, bus, *name, name == arguments, &json);

        worst = status > worst ? status : worst;
    }
    if (options->json) {
        json_end_array(&json);
        json_end(&json);
    }
    return worst;
}

/* The state of each, a line each, and EXIT_SUCCESS if one of them is as asked: systemctl's rule. */
static int ask_states(const Options *options, char **names, bool (*is)(const Status *status)) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int status = client_open(options, &bus), answer = EXIT_NOT_RUNNING;

    for (char **name = names; bus && *name; name++) {
        _cleanup_(detail_done) Detail detail = { 0 };

        status = detail_fetch(bus, *name, &detail);
        if (status != EXIT_SUCCESS)
            return status;
        if (!options->quiet)
            text_print_line(stdout, "", detail.status.state);
        if (is(&detail.status))
            answer = EXIT_SUCCESS;
    }
    return status == EXIT_SUCCESS ? answer : status;
}

int verb_is_active(const Options *options, char **arguments) {
    return ask_states(options, arguments, status_is_running);
}

static bool has_failed(const Status *status) {
    return strcmp(status->state, run_state_name(RUN_FAILED)) == 0;
}

int verb_is_failed(const Options *options, char **arguments) {
    return ask_states(options, arguments, has_failed);
}
