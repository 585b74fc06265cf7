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

static bool is_named(const Status *status, char *const *names) {
    while (*names && strcmp(*names, status->name) != 0)
        names++;
    return *names;
}

/* Keeps what is named, or all when nothing is. The exit status. */
static int listing_select(Listing *listing, char *const *names) {
    int status = listing_check_names(listing, names);
    size_t n = 0;

    if (!*names)
        return EXIT_SUCCESS;
    for (size_t i = 0; i < listing->n_entries; i++)
        if (is_named(&listing->entries[i], names))
            listing->entries[n++] = listing->entries[i];
    listing->n_entries = n;
    return status;
}

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

static int print_list(const Options *options, const Listing *listing) {
    _cleanup_(table_done) Table table = TABLE(list_columns);
    TableStyle style = table_style(options, 3);

    for (size_t i = 0; i < listing->n_entries; i++)
        list_add(&table, &listing->entries[i]);
    return table_print(&table, &style, stdout);
}

int verb_list(const Options *options, char **arguments) {
    _cleanup_(listing_done) Listing listing = { 0 };
    Json json = JSON(stdout, options->json);
    int status = listing_open(options, &listing), selected;

    if (status != EXIT_SUCCESS)
        return status;
    selected = listing_select(&listing, arguments);
    if (options->json) {
        listing_write(&json, NULL, &listing);
        json_end(&json);
    } else
        status = print_list(options, &listing);
    return status == EXIT_SUCCESS ? selected : status;
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

static int print_tree(const Options *options, const Listing *listing, const HierarchyRow *rows) {
    _cleanup_(cleanup_free) bool *lines = calloc(listing->n_entries + 1, sizeof(bool));
    _cleanup_(table_done) Table table = TABLE(tree_columns);
    TableStyle style = table_style(options, 1);
    const Glyphs *glyphs = !options->plain && screen_is_utf8() ? &glyphs_utf8 : &glyphs_ascii;

    if (!lines)
        return complain_memory();
    for (size_t i = 0; i < listing->n_entries; i++)
        if (tree_add(&table, &rows[i], &listing->entries[rows[i].entry], glyphs, lines) < 0)
            return complain_memory();
    return table_print(&table, &style, stdout);
}

/* Rows come parents first: what is deeper than the row before begins its children, what is not ends some. */
static void write_tree(const Options *options, const Listing *listing, const HierarchyRow *rows) {
    Json json = JSON(stdout, options->json);

    json_begin_array(&json, NULL);
    for (size_t i = 0; i < listing->n_entries; i++) {
        unsigned next_depth = i + 1 < listing->n_entries ? rows[i + 1].depth : 0;

        json_begin_object(&json, NULL);
        status_write_members(&json, &listing->entries[rows[i].entry]);
        json_begin_array(&json, "children");
        for (unsigned depth = next_depth; depth <= rows[i].depth; depth++) {
            json_end_array(&json);
            json_end_object(&json);
        }
    }
    json_end_array(&json);
    json_end(&json);
}

int verb_tree(const Options *options, char **arguments) {
    _cleanup_(listing_done) Listing listing = { 0 };
    _cleanup_(cleanup_free) HierarchyRow *rows = NULL;
    int status = listing_open(options, &listing);

    if (status != EXIT_SUCCESS)
        return status;
    if (hierarchy_build(&listing, &rows) < 0)
        return complain_memory();
    if (!options->json)
        return print_tree(options, &listing, rows);
    write_tree(options, &listing, rows);
    return EXIT_SUCCESS;
}
