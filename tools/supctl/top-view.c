/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Columns are a table: what each says and where there is room for it. Rates are differences between two samplings of the
 * daemon; what is not known is "-" or null, never 0.
 */

#include "tools/supctl/top-view.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "tools/supctl/hierarchy.h"
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
    double cpu, cpu_of_siblings;
} Row;

/* Entries in the order wanted, and the rows of their tree or list. */
typedef struct Order {
    Listing sorted; /* entries owned, the reply not */
    HierarchyRow *rows;
    size_t n_rows;
} Order;

void top_data_done(TopData *data) {
    listing_done(&data->listing);
    usage_table_done(&data->earlier);
    usage_table_done(&data->later);
    bounds_table_done(&data->bounds);
}

/* --- amounts ----------------------------------------------------------------------------------------------------- */

static double rate(const TopData *data, const char *name, MeterId id) {
    return usage_rate(&data->earlier, &data->later, name, id);
}

/* Of two of which one may be unknown. */
static double sum(double a, double b) {
    return isnan(a) ? b : isnan(b) ? a : a + b;
}

static double cpu_of(const TopData *data, const char *name) {
    return rate(data, name, METER_CPU_USAGE);
}

static double memory_of(const TopData *data, const char *name) {
    return usage_value(&data->later, name, METER_MEMORY_USAGE);
}

static double io_of(const TopData *data, const char *name) {
    return sum(rate(data, name, METER_IO_READ_BYTES), rate(data, name, METER_IO_WRITE_BYTES));
}

static double network_of(const TopData *data, const char *name) {
    return sum(rate(data, name, METER_NETWORK_RECEIVE_BYTES), rate(data, name, METER_NETWORK_TRANSMIT_BYTES));
}

static double wait_of(const TopData *data, const char *name) {
    return rate(data, name, METER_CPU_WAIT);
}

/* --- order ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    char key;
    double (*amount)(const TopData *data, const char *name); /* the largest first; NULL: by the name or not at all */
} sorts[TOP_SORTS_COUNT] = {
    [TOP_SORT_POLICY] = { "policy", 'p', NULL },
    [TOP_SORT_NAME] = { "name", 'a', NULL },
    [TOP_SORT_CPU] = { "cpu", 'c', cpu_of },
    [TOP_SORT_MEMORY] = { "mem", 'm', memory_of },
    [TOP_SORT_IO] = { "io", 'i', io_of },
    [TOP_SORT_NETWORK] = { "net", 'n', network_of },
    [TOP_SORT_WAIT] = { "wait", 'w', wait_of },
};

const char *top_sort_name(TopSort sort) {
    return sorts[sort].name;
}

TopSort top_sort_by_name(const char *name) {
    TopSort sort = 0;

    while (sort < TOP_SORTS_COUNT && strcmp(sorts[sort].name, name) != 0)
        sort++;
    return sort;
}

TopSort top_sort_by_key(int key) {
    TopSort sort = 0;

    while (sort < TOP_SORTS_COUNT && sorts[sort].key != key)
        sort++;
    return sort;
}

typedef struct Place {
    size_t index; /* in the policy: what is equal keeps its order */
    const char *name;
    double amount;
} Place;

static int compare_places(const void *a, const void *b) {
    const Place *x = a, *y = b;

    if (x->amount != y->amount)
        return x->amount > y->amount ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const Place *) a)->name, ((const Place *) b)->name);
}

static int sort_entries(const TopData *data, const TopView *view, Status *ret_entries) {
    size_t n = data->listing.n_entries;
    _cleanup_(cleanup_free) Place *places = calloc(n + 1, sizeof(*places));

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = data->listing.entries[i].name;
        double amount = sorts[view->sort].amount ? sorts[view->sort].amount(data, name) : 0;

        places[i] = (Place){ .index = i, .name = name, .amount = isnan(amount) ? -1 : amount };
    }
    qsort(places, n, sizeof(*places), view->sort == TOP_SORT_NAME ? compare_names : compare_places);
    for (size_t i = 0; i < n; i++)
        ret_entries[i] = data->listing.entries[places[i].index];
    return 0;
}

static void order_done(Order *order) {
    free(order->sorted.entries);
    free(order->rows);
}

static void list_workloads(Order *order) {
    for (size_t i = 0; i < order->sorted.n_entries; i++)
        if (status_is_workload(&order->sorted.entries[i]))
            order->rows[order->n_rows++] = (HierarchyRow){ .entry = i, .parent = NO_ENTRY };
}

static int order_build(const TopData *data, const TopView *view, Order *ret) {
    size_t n = data->listing.n_entries;
    _cleanup_(order_done) Order order = { .sorted.entries = calloc(n + 1, sizeof(Status)), .sorted.n_entries = n };
    int r = order.sorted.entries ? sort_entries(data, view, order.sorted.entries) : -ENOMEM;

    if (r < 0)
        return r;
    if (view->is_flat) {
        order.rows = calloc(n + 1, sizeof(HierarchyRow));
        if (!order.rows)
            return -ENOMEM;
        list_workloads(&order);
    } else {
        r = hierarchy_build(&order.sorted, &order.rows);
        if (r < 0)
            return r;
        order.n_rows = n;
    }
    *ret = order;
    order = (Order){ 0 };
    return 0;
}

size_t top_count(const TopData *data, const TopView *view) {
    size_t n = 0;

    for (size_t i = 0; i < data->listing.n_entries; i++)
        n += !view->is_flat || status_is_workload(&data->listing.entries[i]);
    return n;
}

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

/* The share of the CPU time that all siblings took. */
static void add_share(Table *table, const Row *row) {
    char bar[BAR_WIDTH * MB_LEN_MAX + 1] = "";
    long n_full;

    if (isnan(row->cpu)) {
        table_add_text(table, "");
        return;
    }
    n_full = row->cpu_of_siblings > 0 ? (long) (row->cpu / row->cpu_of_siblings * BAR_WIDTH + 0.5) : 0;
    for (long i = 0; i < BAR_WIDTH; i++)
        strcat(bar, i < n_full ? (row->is_utf8 ? "█" : "#") : (row->is_utf8 ? "░" : "."));
    table_add_text(table, bar);
}

static void add_wait(Table *table, const Row *row) {
    add_number(table, wait_of(row->data, row->status->name) * 1000);
}

static void add_memory(Table *table, const Row *row) {
    add_scaled(table, memory_of(row->data, row->status->name), 1024);
}

static void add_memory_max(Table *table, const Row *row) {
    add_scaled(table, row->bounds->memory_bytes, 1024);
}

static void add_io(Table *table, const Row *row) {
    add_scaled(table, io_of(row->data, row->status->name), 1024);
}

static void add_read(Table *table, const Row *row) {
    add_scaled(table, rate(row->data, row->status->name, METER_IO_READ_BYTES), 1024);
}

static void add_write(Table *table, const Row *row) {
    add_scaled(table, rate(row->data, row->status->name, METER_IO_WRITE_BYTES), 1024);
}

static void add_network(Table *table, const Row *row) {
    add_scaled(table, network_of(row->data, row->status->name) * 8, 1000);
}

static void add_receive(Table *table, const Row *row) {
    add_scaled(table, rate(row->data, row->status->name, METER_NETWORK_RECEIVE_BYTES) * 8, 1000);
}

static void add_transmit(Table *table, const Row *row) {
    add_scaled(table, rate(row->data, row->status->name, METER_NETWORK_TRANSMIT_BYTES) * 8, 1000);
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

/* Fills sums[i + 1] with the CPU rate of all children of entry i, sums[0] with that of the top. */
static void sum_children(const TopData *data, const Order *order, double *sums) {
    for (size_t i = 0; i < order->n_rows; i++) {
        const HierarchyRow *row = &order->rows[i];
        double cpu = cpu_of(data, order->sorted.entries[row->entry].name);

        sums[row->parent == NO_ENTRY ? 0 : row->parent + 1] += isnan(cpu) ? 0 : cpu;
    }
}

static Row row_of(const TopData *data, const Order *order, size_t i, const double *sums) {
    const HierarchyRow *row = &order->rows[i];
    const Status *status = &order->sorted.entries[row->entry];

    return (Row){
        .data = data,
        .status = status,
        .bounds = bounds_find(&data->bounds, status->name),
        .depth = row->depth,
        .cpu = cpu_of(data, status->name),
        .cpu_of_siblings = sums[row->parent == NO_ENTRY ? 0 : row->parent + 1],
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
    _cleanup_(order_done) Order order = { 0 };
    _cleanup_(cleanup_free) double *sums = calloc(data->listing.n_entries + 1, sizeof(double));
    Column chosen[ELEMENTSOF(columns)];
    _cleanup_(table_done) Table table = { .columns = chosen, .n_columns = choose_columns(view, chosen) };
    TableStyle style = table_style(options, 1);

    if (!sums || order_build(data, view, &order) < 0)
        return complain_memory();
    sum_children(data, &order, sums);
    for (size_t i = view->first; i < order.n_rows && i - view->first < view->n_rows; i++) {
        Row row = row_of(data, &order, i, sums);

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
    json_number(json, "cpu_wait_ratio", wait_of(data, name));
    json_number(json, "memory_bytes", memory_of(data, name));
    json_number(json, "memory_max_bytes", row->bounds->memory_bytes);
    json_number(json, "io_read_bytes_per_second", rate(data, name, METER_IO_READ_BYTES));
    json_number(json, "io_write_bytes_per_second", rate(data, name, METER_IO_WRITE_BYTES));
    json_number(json, "network_receive_bytes_per_second", rate(data, name, METER_NETWORK_RECEIVE_BYTES));
    json_number(json, "network_transmit_bytes_per_second", rate(data, name, METER_NETWORK_TRANSMIT_BYTES));
    json_end_object(json);
}

int top_write(const Options *options, const TopData *data, const TopView *view) {
    _cleanup_(order_done) Order order = { 0 };
    _cleanup_(cleanup_free) double *sums = calloc(data->listing.n_entries + 1, sizeof(double));
    Json json = JSON(stdout, options->json);

    if (!sums || order_build(data, view, &order) < 0)
        return complain_memory();
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < order.n_rows; i++) {
        Row row = row_of(data, &order, i, sums);

        write_row(&json, data, &row);
    }
    json_end_array(&json);
    json_end(&json);
    return EXIT_SUCCESS;
}
