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

/* Puts a named number into an item; names that we do not know come from a newer daemon and are passed over. */
typedef void SetValue(void *item, const char *name, double value);

static void set_meter(void *item, const char *name, double value) {
    Usage *usage = item;

    FOREACH_METER (meter)
        if (strcmp(meter->name, name) == 0)
            usage->values[meter->id] = value;
}

static void set_bound(void *item, const char *name, double value) {
    Bounds *bounds = item;

    if (strcmp(name, "CPUQuota") == 0)
        bounds->cpus = value;
    else if (strcmp(name, "MemoryMax") == 0)
        bounds->memory_bytes = value;
}

static int read_values(sd_bus_message *reply, void *item, SetValue *set) {
    const char *name;
    double value;
    int r = sd_bus_message_enter_container(reply, 'a', "{sd}");

    while (r >= 0 && (r = sd_bus_message_read(reply, "{sd}", &name, &value)) > 0)
        set(item, name, value);
    return r < 0 ? r : sd_bus_message_exit_container(reply);
}

/* Of a group: its name, of which ret_name is the address in the item, and its values. 1: read, 0: the array is at its end. */
static int read_group(sd_bus_message *reply, void *item, const char **ret_name, SetValue *set) {
    int r = sd_bus_message_enter_container(reply, 'r', "sa{sd}");

    if (r <= 0)
        return r;
    if ((r = sd_bus_message_read(reply, "s", ret_name)) < 0 || (r = read_values(reply, item, set)) < 0)
        return r;
    r = sd_bus_message_exit_container(reply);
    return r < 0 ? r : 1;
}

static int read_usage(sd_bus_message *reply, Usage *usage) {
    for (size_t i = 0; i < METERS_COUNT; i++)
        usage->values[i] = NAN;
    for (size_t i = 0; i < USAGE_HISTORY; i++)
        usage->cpu_history[i] = NAN;
    return read_group(reply, usage, &usage->name, set_meter);
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

static Usage *find_usage(const UsageTable *table, const char *name) {
    const Usage key = { .name = name };

    return table->n_groups > 0 ? bsearch(&key, table->groups, table->n_groups, sizeof(Usage), compare_names) : NULL;
}

double usage_value(const UsageTable *table, const char *name, MeterId id) {
    const Usage *usage = find_usage(table, name);

    return usage ? usage->values[id] : NAN;
}

const double *usage_cpu_history(const UsageTable *table, const char *name) {
    const Usage *usage = find_usage(table, name);

    return usage ? usage->cpu_history : NULL;
}

void usage_table_continue(const UsageTable *earlier, UsageTable *later) {
    for (size_t i = 0; i < later->n_groups; i++) {
        Usage *usage = &later->groups[i];
        const Usage *before = find_usage(earlier, usage->name);

        if (before)
            memcpy(usage->cpu_history, before->cpu_history + 1, (USAGE_HISTORY - 1) * sizeof(double));
        usage->cpu_history[USAGE_HISTORY - 1] = usage_rate(earlier, later, usage->name, METER_CPU_USAGE);
    }
}

void bounds_table_done(BoundsTable *table) {
    sd_bus_message_unref(table->reply);
    free(table->groups);
    *table = (BoundsTable){ 0 };
}

static int compare_bounds(const void *a, const void *b) {
    return strcmp(((const Bounds *) a)->name, ((const Bounds *) b)->name);
}

int bounds_table_read(sd_bus_message *reply, BoundsTable *ret) {
    _cleanup_(bounds_table_done) BoundsTable table = { .reply = sd_bus_message_ref(reply) };
    size_t n_allocated = 0;
    int r = sd_bus_message_enter_container(reply, 'a', "(sa{sd})");

    while (r >= 0 && (r = grow(&table.groups, sizeof(Bounds), table.n_groups, &n_allocated)) >= 0) {
        Bounds *bounds = &table.groups[table.n_groups];

        *bounds = (Bounds){ .cpus = NAN, .memory_bytes = NAN };
        r = read_group(reply, bounds, &bounds->name, set_bound);
        if (r <= 0)
            break;
        table.n_groups++;
    }
    if (r < 0)
        return r;
    if (table.n_groups > 0)
        qsort(table.groups, table.n_groups, sizeof(Bounds), compare_bounds);
    *ret = table;
    table = (BoundsTable){ 0 };
    return 0;
}

const Bounds *bounds_find(const BoundsTable *table, const char *name) {
    static const Bounds none = { .name = "", .cpus = NAN, .memory_bytes = NAN };
    const Bounds key = { .name = name };
    const Bounds *found =
            table->n_groups > 0 ? bsearch(&key, table->groups, table->n_groups, sizeof(Bounds), compare_bounds) : NULL;

    return found ? found : &none;
}

double usage_rate(const UsageTable *earlier, const UsageTable *later, const char *name, MeterId id) {
    double change = usage_value(later, name, id) - usage_value(earlier, name, id);

    if (later->at_usec <= earlier->at_usec || !(change >= 0))
        return NAN;
    return change * USEC_PER_SEC / (double) (later->at_usec - earlier->at_usec);
}
