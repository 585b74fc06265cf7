/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lines that have nothing to say are left out; no label stands for itself. */

#include "tools/supctl/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/meter.h"
#include "serve/protocol.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

enum { INDENT = 2 };

static const Column columns[] = { { .heading = "", .right = true }, { .heading = "" } };

static void add_line(Table *table, const char *label, const char *text) {
    if (*text) {
        table_add(table, "%s:", label);
        table_add_text(table, text);
    }
}

static void add_state(Table *table, const Status *status) {
    char age[AMOUNT_TEXT_MAX], since[AMOUNT_TEXT_MAX];

    table_add(table, "State:");
    if (status->since_usec > 0)
        table_add(table, "%s since %s; %s ago", status->state,
                format_realtime(status->since_usec, since, sizeof(since)), status_age(status, age, sizeof(age)));
    else
        table_add_text(table, status->state);
}

/* NULL: the daemon has not told. */
static const MeterReport *find_meter(const Detail *detail, const char *name) {
    for (size_t i = 0; i < detail->n_meters; i++)
        if (strcmp(detail->meters[i].name, name) == 0)
            return &detail->meters[i];
    return NULL;
}

static void add_meters(Table *table, const Detail *detail) {
    static const struct {
        const char *label;
        MeterId id;
    } shown[] = { { "CPU time", METER_CPU_USAGE }, { "Memory", METER_MEMORY_USAGE }, { "Tasks", METER_TASKS } };

    for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
        const MeterReport *meter = find_meter(detail, meters[shown[i].id].name);
        char text[AMOUNT_TEXT_MAX];

        if (meter)
            add_line(table, shown[i].label, meter_report_show(meter, text, sizeof(text)));
    }
}

/* The account of its CPU time in words. */
static void add_share(Table *table, const Detail *detail) {
    const MeterReport *entitlement = find_meter(detail, CONTROL_ENTITLEMENT),
                      *lent = find_meter(detail, meters[METER_CPU_LENT].name),
                      *borrowed = find_meter(detail, meters[METER_CPU_BORROWED].name),
                      *denied = find_meter(detail, meters[METER_CPU_DENIED].name);
    char lent_text[AMOUNT_TEXT_MAX], borrowed_text[AMOUNT_TEXT_MAX], denied_text[AMOUNT_TEXT_MAX];

    if (!entitlement || !lent || !borrowed || !denied)
        return;
    table_add(table, "CPU share:");
    table_add(table, "entitled to %.3g %s; lent %s, borrowed %s, was denied %s", entitlement->value,
            entitlement->value == 1 ? "CPU" : "CPUs", meter_report_show(lent, lent_text, sizeof(lent_text)),
            meter_report_show(borrowed, borrowed_text, sizeof(borrowed_text)),
            meter_report_show(denied, denied_text, sizeof(denied_text)));
}

static void print_title(const Status *status) {
    _cleanup_(cleanup_free) char *title = NULL;
    int n = *status->slice ? asprintf(&title, "%s - %s in %s", status->name, status->kind, status->slice)
                           : asprintf(&title, "%s - %s", status->name, status->kind);

    if (n < 0)
        title = NULL;
    text_print_line(stdout, "", title ? title : status->name);
}

int block_print(const Options *options, const Detail *detail, bool with_meters) {
    const Status *status = &detail->status;
    _cleanup_(table_done) Table table = TABLE(columns);
    TableStyle style = table_style(options, 0);
    char text[AMOUNT_TEXT_MAX];

    style.no_heading = true;
    style.indent = INDENT;
    style.width = 0; /* a block is for reading: nothing of it is cut */
    print_title(status);
    add_state(&table, status);
    add_line(&table, "Degraded", status->degraded);
    add_line(&table, "Main PID", status_pid(status, text, sizeof(text)));
    add_line(&table, "Command", status->command);
    add_line(&table, "Restarts", status->n_restarts > 0 ? status_restarts(status, text, sizeof(text)) : "");
    add_line(&table, "Last exit", status->last_exit);
    if (with_meters)
        add_meters(&table, detail);
    add_share(&table, detail);
    return table_print(&table, &style, stdout);
}
