/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The two text formats. Numbers are written exactly, in base units, without floating point. */

#include "serve/exposition.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "serve/protocol.h"

static const char *const format_names[EXPOSITION_FORMATS_COUNT] = {
    [EXPOSITION_TEXT] = CONTROL_FORMAT_TEXT,
    [EXPOSITION_OPENMETRICS] = CONTROL_FORMAT_OPENMETRICS,
};

/* OpenMetrics has a type for what Prometheus' own format only knows as a gauge of 1. */
static const char *const type_names[][EXPOSITION_FORMATS_COUNT] = {
    [FAMILY_COUNTER] = { "counter", "counter" },
    [FAMILY_GAUGE] = { "gauge", "gauge" },
    [FAMILY_INFO] = { "gauge", "info" },
    [FAMILY_HISTOGRAM] = { "histogram", "histogram" },
};

const char *exposition_format_name(ExpositionFormat format) {
    return format_names[format];
}

int exposition_format_from_name(const char *name, ExpositionFormat *ret) {
    for (ExpositionFormat format = 0; format < EXPOSITION_FORMATS_COUNT; format++)
        if (strcmp(name, format_names[format]) == 0) {
            *ret = format;
            return 0;
        }
    return -EINVAL;
}

/* Length of the stem without what in OpenMetrics only its series have. */
static size_t family_length(const Family *family) {
    static const char *const suffixes[] = { [FAMILY_COUNTER] = "_total", [FAMILY_INFO] = "_info" };
    const char *suffix = family->type < ELEMENTSOF(suffixes) ? suffixes[family->type] : NULL;
    size_t length = strlen(family->stem), cut = suffix ? strlen(suffix) : 0;

    return length > cut && strcmp(family->stem + length - cut, suffix ? suffix : "") == 0 ? length - cut : length;
}

static const char *unit_of(const Family *family, size_t length) {
    static const char *const units[] = { "seconds", "bytes", "ratio" };

    for (size_t i = 0; i < ELEMENTSOF(units); i++) {
        size_t size = strlen(units[i]);
        if (length > size && family->stem[length - size - 1] == '_' &&
                memcmp(family->stem + length - size, units[i], size) == 0)
            return units[i];
    }
    return NULL;
}

static void put_head(Exposition *exposition, const char *word, size_t length, const char *text) {
    const Family *family = exposition->family;

    fprintf(exposition->file, "# %s %s%.*s %s\n", word, family->prefix, (int) length, family->stem, text);
}

static void begin_family(Exposition *exposition) {
    const Family *family = exposition->family;
    bool is_open = exposition->format == EXPOSITION_OPENMETRICS;
    size_t length = is_open ? family_length(family) : strlen(family->stem);
    const char *unit = is_open ? unit_of(family, length) : NULL;

    put_head(exposition, "HELP", length, family->help);
    put_head(exposition, "TYPE", length, type_names[family->type][exposition->format]);
    if (unit)
        put_head(exposition, "UNIT", length, unit);
    exposition->is_begun = true;
}

void exposition_family(Exposition *exposition, const Family *family) {
    exposition->family = family;
    exposition->is_begun = false;
}

void exposition_series(Exposition *exposition, const char *suffix) {
    if (!exposition->is_begun)
        begin_family(exposition);
    fprintf(exposition->file, "%s%s%s", exposition->family->prefix, exposition->family->stem, suffix);
    exposition->has_labels = false;
}

static void begin_label(Exposition *exposition, const char *name) {
    fprintf(exposition->file, "%c%s=\"", exposition->has_labels ? ',' : '{', name);
    exposition->has_labels = true;
}

void exposition_label(Exposition *exposition, const char *name, const char *value) {
    begin_label(exposition, name);
    for (; *value; value++)
        if (*value == '\n')
            fputs("\\n", exposition->file);
        else {
            if (*value == '\\' || *value == '"')
                fputc('\\', exposition->file);
            fputc(*value, exposition->file);
        }
    fputc('"', exposition->file);
}

static void put_number(FILE *file, uint64_t value, uint64_t per_base) {
    uint64_t rest = value % per_base;

    fprintf(file, "%" PRIu64 "%s", value / per_base, rest > 0 ? "." : "");
    for (; rest > 0; rest %= per_base) {
        rest *= 10;
        fputc((int) ('0' + rest / per_base), file);
    }
}

void exposition_number_label(Exposition *exposition, const char *name, uint64_t value) {
    begin_label(exposition, name);
    put_number(exposition->file, value, exposition->family->per_base);
    fputc('"', exposition->file);
}

static void put_value(Exposition *exposition, uint64_t value, uint64_t per_base) {
    fputs(exposition->has_labels ? "} " : " ", exposition->file);
    put_number(exposition->file, value, per_base);
    fputc('\n', exposition->file);
}

void exposition_value(Exposition *exposition, uint64_t value) {
    put_value(exposition, value, exposition->family->per_base);
}

void exposition_count(Exposition *exposition, uint64_t count) {
    put_value(exposition, count, 1);
}

void exposition_end(Exposition *exposition) {
    if (exposition->format == EXPOSITION_OPENMETRICS)
        fputs("# EOF\n", exposition->file);
}
