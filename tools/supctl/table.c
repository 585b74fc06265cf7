/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The one column printer. Rows are kept as escaped cells until all widths are known. */

#include "tools/supctl/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "model/run.h"
#include "tools/supctl/screen.h"
#include "tools/supctl/text.h"

enum {
    GAP = 2,         /* blanks between columns; 1 where it is dense */
    YIELDED_MIN = 4, /* the column that gives way never shrinks below */
};

#define SGR_HEADING "1"

void table_done(Table *table) {
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    free(table->cells);
}

static void table_consume(Table *table, char *cell) {
    if (!cell || grow(&table->cells, sizeof(char *), table->n_cells, &table->n_allocated) < 0) {
        free(cell);
        table->incomplete = true;
        return;
    }
    table->cells[table->n_cells++] = cell;
}

void table_add_text(Table *table, const char *text) {
    table_consume(table, text_escape(text && *text ? text : "-"));
}

void table_add(Table *table, const char *format, ...) {
    _cleanup_(cleanup_free) char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    table_consume(table, text ? text_escape(text) : NULL);
}

static const char *state_sgr(const char *state) {
    static const char *const colors[RUN_STATES_COUNT] = {
        [RUN_STARTING] = "33",
        [RUN_RUNNING] = "32",
        [RUN_STOPPING] = "33",
        [RUN_BACKOFF] = "33",
        [RUN_FAILED] = "31",
    };

    if (strchr(state, STATE_DEGRADED))
        return "31";
    if (strcmp(state, "frozen") == 0)
        return "36";
    for (RunState i = 0; i < RUN_STATES_COUNT; i++)
        if (strcmp(state, run_state_name(i)) == 0)
            return colors[i];
    return NULL;
}

static const char *cell_sgr(const TableStyle *style, size_t column, const char *cell) {
    return style->color && style->state_column > 0 && column == style->state_column ? state_sgr(cell) : NULL;
}

typedef struct Layout {
    size_t widths[COLUMNS_MAX];
    size_t gap;
    size_t width; /* where rows are cut */
} Layout;

static Layout layout_of(const Table *table, const TableStyle *style) {
    Layout layout = { .gap = style->dense ? 1 : GAP, .width = style->width > 0 ? style->width : SIZE_MAX };
    size_t total = style->indent;

    for (size_t c = 0; c < table->n_columns; c++) {
        size_t widest = style->no_heading ? 0 : text_width(table->columns[c].heading);

        if (widest < table->columns[c].width_min)
            widest = table->columns[c].width_min;
        for (size_t i = c; i < table->n_cells; i += table->n_columns)
            if (text_width(table->cells[i]) > widest)
                widest = text_width(table->cells[i]);
        layout.widths[c] = widest;
        total += widest + (c > 0 ? layout.gap : 0);
    }
    if (total > layout.width) {
        size_t yielding = style->dense ? 0 : table->n_columns - 1, rest = total - layout.widths[yielding];

        layout.widths[yielding] = layout.width > rest + YIELDED_MIN ? layout.width - rest : YIELDED_MIN;
    }
    return layout;
}

/* The bytes of the first `width` symbols. */
static size_t bytes_of(const char *text, size_t width) {
    size_t bytes = 0;
    uint32_t code;

    for (size_t i = 0; i < width && text[bytes]; i++)
        bytes += text_symbol(text + bytes, &code);
    return bytes;
}

static void print_cell(const char *cell, size_t width, const char *sgr, FILE *file) {
    bool is_cut = text_width(cell) > width;

    if (sgr)
        fprintf(file, "\x1b[%sm", sgr);
    fwrite(cell, 1, bytes_of(cell, is_cut ? width - 1 : width), file);
    if (is_cut)
        fputc('~', file);
    if (sgr)
        fputs("\x1b[0m", file);
}

/* The last column is not padded, so that no line ends in blanks. */
static void print_row(const Table *table, const Layout *layout, const char *const *cells, const char *heading_sgr,
        const TableStyle *style, FILE *file) {
    size_t pending = style->indent, column = 0; /* blanks owed, position */

    for (size_t c = 0; c < table->n_columns && column + pending < layout->width; c++) {
        size_t room = layout->width - column - pending;
        size_t width = layout->widths[c] < room ? layout->widths[c] : room;
        size_t used = text_width(cells[c]) < width ? text_width(cells[c]) : width;
        const char *sgr = heading_sgr ? heading_sgr : cell_sgr(style, c, cells[c]);

        pending += table->columns[c].right ? width - used : 0;
        if (used > 0) {
            fprintf(file, "%*s", (int) pending, "");
            print_cell(cells[c], width, sgr, file);
            column += pending + used;
            pending = 0;
        }
        pending += (table->columns[c].right ? 0 : width - used) + layout->gap;
    }
    fputc('\n', file);
}

int table_print(const Table *table, const TableStyle *style, FILE *file) {
    Layout layout = layout_of(table, style);
    const char *headings[COLUMNS_MAX];

    if (table->incomplete)
        return complain_memory();
    for (size_t c = 0; c < table->n_columns; c++)
        headings[c] = table->columns[c].heading;
    if (!style->no_heading)
        print_row(table, &layout, headings, style->color ? SGR_HEADING : NULL, style, file);
    for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
        print_row(table, &layout, (const char *const *) table->cells + i, NULL, style, file);
    return EXIT_SUCCESS;
}

TableStyle table_style(const Options *options, size_t state_column) {
    TableStyle style = { .no_heading = options->no_legend, .state_column = state_column };
    size_t rows;

    if (options->plain || !isatty(STDOUT_FILENO))
        return style;
    style.color = screen_is_colored();
    screen_size(&rows, &style.width);
    return style;
}
