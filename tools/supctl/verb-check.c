/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * check: what enforces which share on this host. A running daemon is asked, since it knows its own tree and programs;
 * without one, the daemon's own offline probe looks, so that both answers come from the same code.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/supctl/client.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

typedef struct CheckRow {
    const char *share, *mechanism, *state, *why, *cure;
} CheckRow;

static const char *daemon_binary(void) {
    const char *binary = getenv("SUPERVISORD_BINARY");

    return binary && *binary ? binary : SUPERVISORD_PATH;
}

static int check_offline(const Options *options) {
    const char *binary = daemon_binary();

    if (options->json) {
        complain("nobody listens on %s; without supervisord there are words only (leave out --json)", options->socket);
        return EXIT_FAILURE;
    }
    complain("nobody listens on %s; this is what supervisord would find", options->socket);
    execl(binary, binary, "--check", (char *) NULL);
    complain("cannot run %s --check: %s", binary, strerror(errno));
    return EXIT_FAILURE;
}

/* 1: read, 0: the array is at its end. */
static int read_row(sd_bus_message *reply, CheckRow *ret) {
    return sd_bus_message_read(reply, "(sssss)", &ret->share, &ret->mechanism, &ret->state, &ret->why, &ret->cure);
}

static void add_row(Table *table, Table *cures, const CheckRow *row) {
    table_add_text(table, row->share);
    table_add_text(table, row->state);
    table_add_text(table, row->mechanism);
    table_add_text(table, row->why);
    if (*row->cure) {
        table_add(cures, "%s:", row->share);
        table_add_text(cures, row->cure);
    }
}

static int print_rows(const Options *options, sd_bus_message *reply) {
    static const Column columns[] = { { .heading = "SHARE" }, { .heading = "STATE" }, { .heading = "MECHANISM" },
        { .heading = "WHY" } };
    static const Column cure_columns[] = { { .heading = "" }, { .heading = "" } };
    _cleanup_(table_done) Table table = TABLE(columns);
    _cleanup_(table_done) Table cures = TABLE(cure_columns);
    TableStyle style = table_style(options, 0);
    CheckRow row;
    int status, r = sd_bus_message_enter_container(reply, 'a', "(sssss)");

    style.width = 0; /* half a reason is none */

    while (r >= 0 && (r = read_row(reply, &row)) > 0)
        add_row(&table, &cures, &row);
    if (r < 0)
        return client_bad_reply(r);
    status = table_print(&table, &style, stdout);
    if (status != EXIT_SUCCESS || cures.n_cells == 0)
        return status;
    puts("\nWhat can be done:");
    return table_print(&cures, &(TableStyle){ .no_heading = true, .indent = 2 }, stdout);
}

static int write_rows(const Options *options, sd_bus_message *reply) {
    Json json = JSON(stdout, options->json);
    CheckRow row;
    int r = sd_bus_message_enter_container(reply, 'a', "(sssss)");

    json_begin_array(&json, NULL);
    while (r >= 0 && (r = read_row(reply, &row)) > 0) {
        json_begin_object(&json, NULL);
        json_text(&json, "share", row.share);
        json_text(&json, "state", row.state);
        json_word(&json, "mechanism", row.mechanism);
        json_word(&json, "why", row.why);
        json_word(&json, "cure", row.cure);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end(&json);
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

int verb_check(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int r = client_connect(options->socket, &bus), status;

    if (r == -ENOENT || r == -ECONNREFUSED)
        return check_offline(options);
    if (r < 0)
        return client_refused(options, r);
    status = client_call(bus, NULL, CALL_READS, &reply, "Check", NULL);
    if (status != EXIT_SUCCESS)
        return status;
    return options->json ? write_rows(options, reply) : print_rows(options, reply);
}
