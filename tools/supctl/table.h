/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Aligned columns. Cells are escaped when they are added, so whatever is printed through a table is safe. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/supctl/supctl.h"

enum { COLUMNS_MAX = 16 }; /* of one table */

#define STATE_DEGRADED '!' /* behind a state: something is wrong with it */

typedef struct Column {
    const char *heading;
    bool right; /* numbers */
    unsigned width_min;
} Column;

typedef struct Table {
    const Column *columns;
    size_t n_columns;
    char **cells; /* row by row; owned */
    size_t n_cells, n_allocated;
    bool incomplete; /* memory ran out */
} Table;

typedef struct TableStyle {
    bool no_heading;
    bool color;
    bool dense;      /* one blank between columns, and the first gives way */
    unsigned indent; /* blanks before each row */
    size_t width; /* of the terminal: the last column gives way until rows fit, the rest is cut; 0: as wide as it takes */
    size_t state_column; /* colored by what it says; 0: none, the first column is a name */
} TableStyle;

#define TABLE(columns_) ((Table){ .columns = (columns_), .n_columns = ELEMENTSOF(columns_) })
void table_done(Table *table);

__attribute__((format(printf, 2, 3))) void table_add(Table *table, const char *format, ...);
void table_add_text(Table *table, const char *text); /* "-" for "" and NULL */
/* The exit status. */
int table_print(const Table *table, const TableStyle *style, FILE *file);

/* For stdout as it is and the options ask: headings, colors, the terminal's width. */
TableStyle table_style(const Options *options, size_t state_column);
