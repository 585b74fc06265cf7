/* SPDX-License-Identifier: GPL-2.0-or-later */

/* list and tree: all slices and workloads. */

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "tools/supctl/client.h"
#include "tools/supctl/hierarchy.h"
#include "tools/supctl/screen.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

static const Column list_columns[] = {
    { .heading = "NAME" },
    { .heading = "KIND" },
    { .heading = "SLICE" },
    { .heading = "STATE" },
    { .heading = "PID", .right = true },
    { .heading = "SINCE", .right = true },
    { .heading = "RESTARTS", .right = true },
    { .heading = "COMMAND" },
};

static void list_add(Table *table, const Status *status) {
    char text[AMOUNT_TEXT_MAX];

    table_add_text(table, status->name);
    table_add_text(table, status->kind);
    table_add_text(table, status->slice);
    table_add_text(table, status->state);
    table_add_text(table, status_pid(status, text, sizeof(text)));
    table_add_text(table, status_age(status, text, sizeof(text)));
    table_add_text(table, status_restarts(status, text, sizeof(text)));
    table_add_text(table, status->command);
}

/* Connects and fetches the listing. The exit status. */
static int listing_open(const Options *options, Listing *ret) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int status = client_open(options, &bus);

    return status != EXIT_SUCCESS ? status : listing_fetch(bus, ret);
}

int verb_list(const Options *options, char **arguments) {
    _cleanup_(listing_done) Listing listing = { 0 };
    _cleanup_(table_done) Table table = TABLE(list_columns);
    TableStyle style = { .no_heading = options->no_legend, .color = color_wanted(), .state_column = 3 };
    int status = listing_open(options, &listing);

    if (status != EXIT_SUCCESS)
        return status;
    for (size_t i = 0; i < listing.n_entries; i++)
        list_add(&table, &listing.entries[i]);
    return table_print(&table, &style, stdout);
}

static const Column tree_columns[] = {
    { .heading = "NAME" },
    { .heading = "STATE" },
    { .heading = "PID", .right = true },
    { .heading = "COMMAND" },
};

typedef struct Glyphs {
    const char *branch, *last_branch, *line, *blank;
} Glyphs;

static const Glyphs glyphs_ascii = { "|-", "`-", "| ", "  " };
static const Glyphs glyphs_utf8 = { "├─", "└─", "│ ", "  " };

/*
 * The name with its branch. lines: for each depth, whether siblings of the row last seen there are still to come; kept
 * from row to row.
 */
static int tree_name(const HierarchyRow *row, const char *name, const Glyphs *glyphs, bool *lines, char **ret) {
    size_t size = (row->depth + 1) * strlen(glyphs->branch) + strlen(name) + 1;
    char *text = malloc(size), *end = text;

    if (!text)
        return -ENOMEM;
    lines[row->depth] = !row->last;
    for (unsigned i = 1; i < row->depth; i++)
        end = stpcpy(end, lines[i] ? glyphs->line : glyphs->blank);
    if (row->depth > 0)
        end = stpcpy(end, row->last ? glyphs->last_branch : glyphs->branch);
    stpcpy(end, name);
    *ret = text;
    return 0;
}

static int tree_add(Table *table, const HierarchyRow *row, const Status *status, const Glyphs *glyphs, bool *lines) {
    _cleanup_(cleanup_free) char *name = NULL;
    char pid[AMOUNT_TEXT_MAX];
    int r = tree_name(row, status->name, glyphs, lines, &name);

    if (r < 0)
        return r;
    table_add_text(table, name);
    table_add_text(table, status->state);
    table_add_text(table, status_pid(status, pid, sizeof(pid)));
    table_add_text(table, status->command);
    return 0;
}

int verb_tree(const Options *options, char **arguments) {
    _cleanup_(listing_done) Listing listing = { 0 };
    _cleanup_(cleanup_free) HierarchyRow *rows = NULL;
    _cleanup_(cleanup_free) bool *lines = NULL;
    _cleanup_(table_done) Table table = TABLE(tree_columns);
    TableStyle style = { .no_heading = options->no_legend, .color = color_wanted(), .state_column = 1 };
    const Glyphs *glyphs = screen_is_utf8() ? &glyphs_utf8 : &glyphs_ascii;
    int status = listing_open(options, &listing);

    if (status != EXIT_SUCCESS)
        return status;
    lines = calloc(listing.n_entries + 1, sizeof(bool));
    if (!lines || hierarchy_build(&listing, &rows) < 0)
        return complain_memory();
    for (size_t i = 0; i < listing.n_entries; i++)
        if (tree_add(&table, &rows[i], &listing.entries[rows[i].entry], glyphs, lines) < 0)
            return complain_memory();
    return table_print(&table, &style, stdout);
}
