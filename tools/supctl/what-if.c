/* SPDX-License-Identifier: GPL-2.0-or-later */

/* plan --what-if: what each slice and workload is entitled to, and would be if the policy said something else. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

typedef struct Row {
    const char *name, *slice;
    uint64_t before, after; /* usec of CPU time a second; UINT64_MAX: it does not run */
} Row;

/* The point between name and key; NULL: there is none. Names may hold points, keys do not. */
static const char *point_of(const char *change) {
    const char *equals = strchr(change, '=');
    const char *point = equals ? memrchr(change, '.', equals - change) : NULL;

    return point && point > change && point + 1 < equals ? point : NULL;
}

static int check_changes(char *const *changes) {
    for (; *changes; changes++)
        if (!text_is_utf8(*changes) || !point_of(*changes)) {
            complain("%s: not NAME.KEY=VALUE", *changes);
            return EXIT_USAGE;
        }
    return EXIT_SUCCESS;
}

static int append_changes(sd_bus_message *call, char *const *changes) {
    int r = sd_bus_message_open_container(call, 'a', "(sss)");

    for (; r >= 0 && *changes; changes++) {
        const char *point = point_of(*changes), *equals = strchr(*changes, '=');
        _cleanup_(cleanup_free) char *name = strndup(*changes, point - *changes);
        _cleanup_(cleanup_free) char *key = strndup(point + 1, equals - point - 1);

        r = name && key ? sd_bus_message_append(call, "(sss)", name, key, equals + 1) : -ENOMEM;
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}

static int call_what_if(sd_bus *bus, char *const *changes, sd_bus_message **ret) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_message_new_method_call(bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "WhatIf");

    if (r >= 0)
        r = append_changes(call, changes);
    r = r < 0 ? sd_bus_error_set_errno(&error, r) : sd_bus_call(bus, call, CALL_READS, &error, ret);
    int status = r < 0 ? client_explain(NULL, &error) : EXIT_SUCCESS;
    sd_bus_error_free(&error);
    return status;
}

/* 1: read, 0: the array is at its end. */
static int read_row(sd_bus_message *reply, Row *ret) {
    return sd_bus_message_read(reply, "(sstt)", &ret->name, &ret->slice, &ret->before, &ret->after);
}

static void add_cpus(Table *table, uint64_t usec) {
    if (usec == UINT64_MAX)
        table_add_text(table, "");
    else
        table_add(table, "%.2f", (double) usec / USEC_PER_SEC);
}

static void add_row(Table *table, const Row *row) {
    uint64_t before = row->before == UINT64_MAX ? 0 : row->before, after = row->after == UINT64_MAX ? 0 : row->after;

    table_add_text(table, row->name);
    table_add_text(table, row->slice);
    add_cpus(table, row->before);
    add_cpus(table, row->after);
    if (before == after)
        table_add(table, "%s", "");
    else
        table_add(table, "%+.2f", ((double) after - (double) before) / USEC_PER_SEC);
}

static int print_rows(const Options *options, sd_bus_message *reply) {
    static const Column columns[] = { { .heading = "NAME" }, { .heading = "SLICE" },
        { .heading = "ENTITLED", .right = true }, { .heading = "THEN", .right = true },
        { .heading = "CHANGE", .right = true } };
    _cleanup_(table_done) Table table = TABLE(columns);
    TableStyle style = table_style(options, 0);
    Row row;
    int r = sd_bus_message_enter_container(reply, 'a', "(sstt)");

    while (r >= 0 && (r = read_row(reply, &row)) > 0)
        add_row(&table, &row);
    return r < 0 ? client_bad_reply(r) : table_print(&table, &style, stdout);
}

static void write_cpus(Json *json, const char *key, uint64_t usec) {
    if (usec == UINT64_MAX)
        json_null(json, key);
    else
        json_number(json, key, (double) usec / USEC_PER_SEC);
}

static int write_rows(const Options *options, sd_bus_message *reply) {
    Json json = JSON(stdout, options->json);
    Row row;
    int r = sd_bus_message_enter_container(reply, 'a', "(sstt)");

    json_begin_array(&json, NULL);
    while (r >= 0 && (r = read_row(reply, &row)) > 0) {
        json_begin_object(&json, NULL);
        json_text(&json, "name", row.name);
        json_word(&json, "slice", row.slice);
        write_cpus(&json, "entitled_cpus", row.before);
        write_cpus(&json, "then_cpus", row.after);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end(&json);
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

int what_if(const Options *options) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = check_changes(options->changes);

    if (status == EXIT_SUCCESS)
        status = client_open(options, &bus);
    if (status == EXIT_SUCCESS)
        status = call_what_if(bus, options->changes, &reply);
    if (status != EXIT_SUCCESS)
        return status;
    return options->json ? write_rows(options, reply) : print_rows(options, reply);
}
