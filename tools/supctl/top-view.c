/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Columns are a table: what each says and where there is room for it. Rates are differences between two samplings of the
 * daemon; what is not known is "-" or null, never 0.
 */

#include "tools/supctl/top-view.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/supctl/screen.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

enum {
    INDENT = 2, /* of a level */
    BAR_WIDTH = 6,
    HISTORY_WIDTH = 8,
    WIDE = 110, /* columns of a screen on which everything has room */
};

typedef struct Row {
    const TopData *data;
    const Status *status;
    const Bounds *bounds;
    unsigned depth;
    bool is_utf8;
    double cpu, entitled; /* CPUs */
} Row;

/* --- cells ------------------------------------------------------------------------------------------------------- */

/* "17.3" or "173": as much as five places hold. */
static void add_number(Table *table, double value) {
    if (isnan(value))
        table_add_text(table, "");
    else
        table_add(table, "%.*f", value < 99.95 ? 1 : 0, value);
}

/* "17", "1.7K", "173M" */
static void add_scaled(Table *table, double value, double base) {
    static const char prefixes[] = "KMGTPE";
    int n = -1;

    if (isnan(value)) {
        table_add_text(table, "");
        return;
    }
    for (; value >= base - 0.5 && prefixes[n + 1]; n++)
        value /= base;
    if (n < 0)
        table_add(table, "%.0f", value);
    else
        table_add(table, "%.*f%c", value < 9.95 ? 1 : 0, value, prefixes[n]);
}

static void add_name(Table *table, const Row *row) {
    table_add(table, "%*s%s", (int) row->depth * INDENT, "", row->status->name);
}

/* What is degraded has a mark. */
static void add_state(Table *table, const Row *row) {
    const char mark[] = { *row->status->degraded ? STATE_DEGRADED : '\0', '\0' };

    table_add(table, "%s%s", row->status->state, mark);
}

static void add_cpu(Table *table, const Row *row) {
    add_number(table, row->cpu * 100);
}

static void add_cpu_max(Table *table, const Row *row) {
    if (isnan(row->bounds->cpus))
        table_add_text(table, "");
    else
        table_add(table, "%.0f", row->bounds->cpus * 100);
}

/* The last samplings, each as high as its part of the highest; a blank where nothing is known. */
static void add_history(Table *table, const Row *row) {
    static const char *const levels_utf8[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char *const levels_ascii[] = { "_", ".", ",", "-", "=", "+", "*", "#" };
    const double *history = usage_cpu_history(&row->data->later, row->status->name), least = 0.01; /* CPUs */
    char text[HISTORY_WIDTH * MB_LEN_MAX + 1] = "";
    double highest = least;

    history = history ? history + USAGE_HISTORY - HISTORY_WIDTH : NULL;
    for (size_t i = 0; history && i < HISTORY_WIDTH; i++)
        highest = history[i] > highest ? history[i] : highest;
    for (size_t i = 0; history && i < HISTORY_WIDTH; i++) {
        size_t level = isnan(history[i]) ? 0 : (size_t) (history[i] / highest * (ELEMENTSOF(levels_utf8) - 1) + 0.5);

        strcat(text, isnan(history[i]) ? " " : (row->is_utf8 ? levels_utf8 : levels_ascii)[level]);
    }
    table_add_text(table, text);
}

static void add_entitled(Table *table, const Row *row) {
    if (isnan(row->entitled))
        table_add_text(table, "");
    else
        table_add(table, "%.0f", row->entitled * 100);
}

/* What it uses of what it is entitled to; who borrows beside that has a mark instead of the last piece. */
static void add_share(Table *table, const Row *row) {
    char bar[BAR_WIDTH * MB_LEN_MAX + 1] = "";
    bool borrows = row->cpu > row->entitled * (1 + 0.5 / BAR_WIDTH);
    long n_full;

    if (isnan(row->cpu) || isnan(row->entitled)) {
        table_add_text(table, "");
        return;
    }
    n_full = row->cpu >= row->entitled ? BAR_WIDTH : (long) (row->cpu / row->entitled * BAR_WIDTH + 0.5);
    for (long i = 0; i < BAR_WIDTH - borrows; i++)
        strcat(bar, i < n_full ? (row->is_utf8 ? "█" : "#") : (row->is_utf8 ? "░" : "."));
    if (borrows)
        strcat(bar, row->is_utf8 ? "▶" : ">");
    table_add_text(table, bar);
}

static void add_wait(Table *table, const Row *row) {
    add_number(table, top_wait(row->data, row->status->name) * 1000);
}

static void add_memory(Table *table, const Row *row) {
    add_scaled(table, top_memory(row->data, row->status->name), 1024);
}

static void add_memory_max(Table *table, const Row *row) {
    add_scaled(table, row->bounds->memory_bytes, 1024);
}

static void add_io(Table *table, const Row *row) {
    add_scaled(table, top_io(row->data, row->status->name), 1024);
}

static void add_read(Table *table, const Row *row) {
    add_scaled(table, top_rate(row->data, row->status->name, METER_IO_READ_BYTES), 1024);
}

static void add_write(Table *table, const Row *row) {
    add_scaled(table, top_rate(row->data, row->status->name, METER_IO_WRITE_BYTES), 1024);
}

static void add_network(Table *table, const Row *row) {
    add_scaled(table, top_network(row->data, row->status->name) * 8, 1000);
}

static void add_receive(Table *table, const Row *row) {
    add_scaled(table, top_rate(row->data, row->status->name, METER_NETWORK_RECEIVE_BYTES) * 8, 1000);
}

static void add_transmit(Table *table, const Row *row) {
    add_scaled(table, top_rate(row->data, row->status->name, METER_NETWORK_TRANSMIT_BYTES) * 8, 1000);
}

enum { /* where there is room for a column */
    ON_NARROW = 1 << 0,
    ON_WIDE = 1 << 1,
    IN_BATCH = 1 << 2,
    EVERYWHERE = ON_NARROW | ON_WIDE | IN_BATCH,
};

static const struct {
    Column column;
    unsigned where;
    void (*add)(Table *table, const Row *row);
} columns[] = {
    { { .heading = "NAME", .width_min = 15 }, EVERYWHERE, add_name },
    { { .heading = "STATE", .width_min = 8 }, EVERYWHERE, add_state },
    { { .heading = "CPU%", .right = true, .width_min = 5 }, EVERYWHERE, add_cpu },
    { { .heading = "MAX%", .right = true }, EVERYWHERE, add_cpu_max },
    { { .heading = "ENT%", .right = true, .width_min = 4 }, ON_WIDE | IN_BATCH, add_entitled },
    { { .heading = "HISTORY", .width_min = HISTORY_WIDTH }, ON_NARROW | ON_WIDE, add_history },
    { { .heading = "SHARE", .width_min = BAR_WIDTH }, ON_WIDE | IN_BATCH, add_share },
    { { .heading = "WAIT", .right = true, .width_min = 5 }, EVERYWHERE, add_wait },
    { { .heading = "MEM", .right = true, .width_min = 5 }, EVERYWHERE, add_memory },
    { { .heading = "MAX", .right = true, .width_min = 4 }, EVERYWHERE, add_memory_max },
    { { .heading = "IO B/s", .right = true }, ON_NARROW, add_io },
    { { .heading = "READ/s", .right = true }, ON_WIDE | IN_BATCH, add_read },
    { { .heading = "WRIT/s", .right = true }, ON_WIDE | IN_BATCH, add_write },
    { { .heading = "NET b/s", .right = true }, ON_NARROW, add_network },
    { { .heading = "RX b/s", .right = true }, ON_WIDE | IN_BATCH, add_receive },
    { { .heading = "TX b/s", .right = true }, ON_WIDE | IN_BATCH, add_transmit },
};

/* --- rows -------------------------------------------------------------------------------------------------------- */

static Row row_of(const TopData *data, const TopOrder *order, size_t i) {
    const HierarchyRow *row = &order->rows[i];
    const Status *status = &order->sorted.entries[row->entry];

    return (Row){
        .data = data,
        .status = status,
        .bounds = bounds_find(&data->bounds, status->name),
        .depth = row->depth,
        .cpu = top_cpu(data, status->name),
        .entitled = top_rate(data, status->name, METER_CPU_ENTITLED),
    };
}

static unsigned place_of(const TopView *view) {
    if (!view->is_live)
        return IN_BATCH;
    return view->width >= WIDE ? ON_WIDE : ON_NARROW;
}

static size_t choose_columns(const TopView *view, Column *ret) {
    size_t n = 0;

    for (size_t i = 0; i < ELEMENTSOF(columns); i++)
        if (columns[i].where & place_of(view))
            ret[n++] = columns[i].column;
    return n;
}

static void add_row(Table *table, const TopView *view, const Row *row) {
    for (size_t i = 0; i < ELEMENTSOF(columns); i++)
        if (columns[i].where & place_of(view))
            columns[i].add(table, row);
}

int top_print(const Options *options, const TopData *data, const TopView *view, FILE *file) {
    _cleanup_(top_order_done) TopOrder order = { 0 };
    Column chosen[ELEMENTSOF(columns)];
    _cleanup_(table_done) Table table = { .columns = chosen, .n_columns = choose_columns(view, chosen) };
    TableStyle style = table_style(options, 1);

    if (top_order_build(data, view, &order) < 0)
        return complain_memory();
    for (size_t i = view->first; i < order.n_rows && i - view->first < view->n_rows; i++) {
        Row row = row_of(data, &order, i);

        row.is_utf8 = view->is_live && !options->plain && screen_is_utf8();
        add_row(&table, view, &row);
    }
    style.width = view->width;
    style.dense = view->is_live;
    return table_print(&table, &style, file);
}

static void write_row(Json *json, const TopData *data, const Row *row) {
    const char *name = row->status->name;

    json_begin_object(json, NULL);
    json_text(json, "name", name);
    json_text(json, "kind", row->status->kind);
    json_word(json, "slice", row->status->slice);
    json_text(json, "state", row->status->state);
    json_word(json, "degraded", row->status->degraded);
    json_number(json, "cpu_ratio", row->cpu);
    json_number(json, "cpu_max_ratio", row->bounds->cpus);
    json_number(json, "cpu_entitled_ratio", row->entitled);
    json_number(json, "cpu_wait_ratio", top_wait(data, name));
    json_number(json, "memory_bytes", top_memory(data, name));
    json_number(json, "memory_max_bytes", row->bounds->memory_bytes);
    json_number(json, "io_read_bytes_per_second", top_rate(data, name, METER_IO_READ_BYTES));
    json_number(json, "io_write_bytes_per_second", top_rate(data, name, METER_IO_WRITE_BYTES));
    json_number(json, "network_receive_bytes_per_second", top_rate(data, name, METER_NETWORK_RECEIVE_BYTES));
    json_number(json, "network_transmit_bytes_per_second", top_rate(data, name, METER_NETWORK_TRANSMIT_BYTES));
    json_end_object(json);
}

int top_write(const Options *options, const TopData *data, const TopView *view) {
    _cleanup_(top_order_done) TopOrder order = { 0 };
    Json json = JSON(stdout, options->json);

    if (top_order_build(data, view, &order) < 0)
        return complain_memory();
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < order.n_rows; i++) {
        Row row = row_of(data, &order, i);

        write_row(&json, data, &row);
    }
    json_end_array(&json);
    json_end(&json);
    return EXIT_SUCCESS;
}
