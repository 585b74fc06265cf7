/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Absent is NAN all the way from the reply to the table cell, so that no step can take it for 0. */

#include "tools/supctl/usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"

void usage_table_done(UsageTable *table) {
    sd_bus_message_unref(table->reply);
    free(table->groups);
    *table = (UsageTable){ 0 };
}

/* Meters that we do not know come from a newer daemon and are passed over. */
static void set_value(Usage *usage, const char *name, double value) {
    FOREACH_METER (meter)
        if (strcmp(meter->name, name) == 0)
            usage->values[meter->id] = value;
}

static int read_values(sd_bus_message *reply, Usage *usage) {
    const char *name;
    double value;
    int r = sd_bus_message_enter_container(reply, 'a', "{sd}");

    for (size_t i = 0; i < METERS_COUNT; i++)
        usage->values[i] = NAN;
    while (r >= 0 && (r = sd_bus_message_read(reply, "{sd}", &name, &value)) > 0)
        set_value(usage, name, value);
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* 1: read, 0: the array is at its end. */
static int read_usage(sd_bus_message *reply, Usage *usage) {
    int r = sd_bus_message_enter_container(reply, 'r', "sa{sd}");

    if (r <= 0)
        return r;
    if ((r = sd_bus_message_read(reply, "s", &usage->name)) < 0 || (r = read_values(reply, usage)) < 0)
        return r;
    r = sd_bus_message_exit_container(reply);
    return r < 0 ? r : 1;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const Usage *) a)->name, ((const Usage *) b)->name);
}

int usage_table_read(sd_bus_message *reply, UsageTable *ret) {
    _cleanup_(usage_table_done) UsageTable table = { .reply = sd_bus_message_ref(reply) };
    size_t n_allocated = 0;
    int r = sd_bus_message_read(reply, "t", &table.at_usec);

    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(sa{sd})");
    while (r >= 0 && (r = grow(&table.groups, sizeof(Usage), table.n_groups, &n_allocated)) >= 0) {
        r = read_usage(reply, &table.groups[table.n_groups]);
        if (r <= 0)
            break;
        table.n_groups++;
    }
    if (r < 0)
        return r;
    qsort(table.groups, table.n_groups, sizeof(Usage), compare_names);
    *ret = table;
    table = (UsageTable){ 0 };
    return 0;
}

double usage_value(const UsageTable *table, const char *name, MeterId id) {
    const Usage key = { .name = name };
    const Usage *usage =
            table->n_groups > 0 ? bsearch(&key, table->groups, table->n_groups, sizeof(Usage), compare_names) : NULL;

    return usage ? usage->values[id] : NAN;
}

double usage_rate(const UsageTable *earlier, const UsageTable *later, const char *name, MeterId id) {
    double change = usage_value(later, name, id) - usage_value(earlier, name, id);

    if (later->at_usec <= earlier->at_usec || !(change >= 0))
        return NAN;
    return change * USEC_PER_SEC / (double) (later->at_usec - earlier->at_usec);
}
