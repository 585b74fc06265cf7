/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sorting before the tree is built sorts the siblings of every level. What is not known sorts last, what is equal stays. */

#include "tools/supctl/top-order.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void top_data_done(TopData *data) {
    listing_done(&data->listing);
    usage_table_done(&data->earlier);
    usage_table_done(&data->later);
    bounds_table_done(&data->bounds);
}

/* --- amounts ----------------------------------------------------------------------------------------------------- */

double top_rate(const TopData *data, const char *name, MeterId id) {
    return usage_rate(&data->earlier, &data->later, name, id);
}

/* Of two of which one may be unknown. */
static double sum(double a, double b) {
    return isnan(a) ? b : isnan(b) ? a : a + b;
}

double top_cpu(const TopData *data, const char *name) {
    return top_rate(data, name, METER_CPU_USAGE);
}

double top_memory(const TopData *data, const char *name) {
    return usage_value(&data->later, name, METER_MEMORY_USAGE);
}

double top_io(const TopData *data, const char *name) {
    return sum(top_rate(data, name, METER_IO_READ_BYTES), top_rate(data, name, METER_IO_WRITE_BYTES));
}

double top_network(const TopData *data, const char *name) {
    return sum(top_rate(data, name, METER_NETWORK_RECEIVE_BYTES), top_rate(data, name, METER_NETWORK_TRANSMIT_BYTES));
}

double top_wait(const TopData *data, const char *name) {
    return top_rate(data, name, METER_CPU_WAIT);
}

/* --- order ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    char key;
    double (*amount)(const TopData *data, const char *name); /* the largest first; NULL: by the name or not at all */
} sorts[TOP_SORTS_COUNT] = {
    [TOP_SORT_POLICY] = { "policy", 'p', NULL },
    [TOP_SORT_NAME] = { "name", 'a', NULL },
    [TOP_SORT_CPU] = { "cpu", 'c', top_cpu },
    [TOP_SORT_MEMORY] = { "mem", 'm', top_memory },
    [TOP_SORT_IO] = { "io", 'i', top_io },
    [TOP_SORT_NETWORK] = { "net", 'n', top_network },
    [TOP_SORT_WAIT] = { "wait", 'w', top_wait },
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

void top_order_done(TopOrder *order) {
    free(order->sorted.entries);
    free(order->rows);
}

static void list_workloads(TopOrder *order) {
    for (size_t i = 0; i < order->sorted.n_entries; i++)
        if (status_is_workload(&order->sorted.entries[i]))
            order->rows[order->n_rows++] = (HierarchyRow){ .entry = i, .parent = NO_ENTRY };
}

int top_order_build(const TopData *data, const TopView *view, TopOrder *ret) {
    size_t n = data->listing.n_entries;
    _cleanup_(top_order_done)
            TopOrder order = { .sorted.entries = calloc(n + 1, sizeof(Status)), .sorted.n_entries = n };
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
    order = (TopOrder){ 0 };
    return 0;
}

size_t top_count(const TopData *data, const TopView *view) {
    size_t n = 0;

    for (size_t i = 0; i < data->listing.n_entries; i++)
        n += !view->is_flat || status_is_workload(&data->listing.entries[i]);
    return n;
}
