/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lines that have nothing to say are left out; no label stands for itself. */

#include "tools/supctl/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/meter.h"
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

static void add_meters(Table *table, const Detail *detail) {
    static const struct {
        const char *label;
        MeterId id;
    } shown[] = { { "CPU time", METER_CPU_USAGE }, { "Memory", METER_MEMORY_USAGE }, { "Tasks", METER_TASKS } };

    for (size_t i = 0; i < ELEMENTSOF(shown); i++)
        for (size_t j = 0; j < detail->n_meters; j++)
            if (strcmp(detail->meters[j].name, meters[shown[i].id].name) == 0) {
                char text[AMOUNT_TEXT_MAX];

                add_line(table, shown[i].label, meter_report_show(&detail->meters[j], text, sizeof(text)));
            }
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
    return table_print(&table, &style, stdout);
}
