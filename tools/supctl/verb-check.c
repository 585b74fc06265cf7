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

    complain("nobody listens on %s; this is what supervisord would find", options->socket);
    execl(binary, binary, "--check", (char *) NULL);
    complain("cannot run %s --check: %s", binary, strerror(errno));
    return EXIT_FAILURE;
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
    TableStyle style = { .no_heading = options->no_legend, .color = color_wanted() };
    CheckRow row;
    int status, r = sd_bus_message_enter_container(reply, 'a', "(sssss)");

    while (r >= 0 && (r = sd_bus_message_read(
                              reply, "(sssss)", &row.share, &row.mechanism, &row.state, &row.why, &row.cure)) > 0)
        add_row(&table, &cures, &row);
    if (r < 0)
        return client_bad_reply(r);
    status = table_print(&table, &style, stdout);
    if (status != EXIT_SUCCESS || cures.n_cells == 0)
        return status;
    puts("\nWhat can be done:");
    return table_print(&cures, &(TableStyle){ .no_heading = true, .indent = 2 }, stdout);
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
    return status == EXIT_SUCCESS ? print_rows(options, reply) : status;
}
