/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Exposition: metrics as text, family by family, in Prometheus' own format (0.0.4) or in OpenMetrics (1.0.0). What is
 * written is the same; only the heads of the families and the end of the text differ.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum ExpositionFormat {
    EXPOSITION_TEXT,
    EXPOSITION_OPENMETRICS,
    EXPOSITION_FORMATS_COUNT,
} ExpositionFormat;

const char *exposition_format_name(ExpositionFormat format);              /* "text", "openmetrics" */
int exposition_format_from_name(const char *name, ExpositionFormat *ret); /* -EINVAL */

typedef enum FamilyType {
    FAMILY_COUNTER, /* its name ends in _total */
    FAMILY_GAUGE,
    FAMILY_INFO, /* its name ends in _info; the value is 1 */
    FAMILY_HISTOGRAM,
} FamilyType;

typedef struct Family {
    const char *prefix, *stem; /* its name in two parts; the unit stands last: _seconds, _bytes, _ratio, or none */
    FamilyType type;
    const char *help;  /* one sentence with a full stop */
    uint64_t per_base; /* how many of the values' unit make a base unit; a power of ten */
} Family;

typedef struct Exposition {
    FILE *file;
    ExpositionFormat format;
    const Family *family;
    bool is_begun; /* the family has its head, which comes with its first series: an empty family leaves nothing */
    bool has_labels;
} Exposition;

/* What follows is of this family, which the caller keeps until the next one. */
void exposition_family(Exposition *exposition, const Family *family);
/* One series: begin, labels, value. */
void exposition_series(Exposition *exposition, const char *suffix /* "_sum"; "" */);
void exposition_label(Exposition *exposition, const char *name, const char *value);
void exposition_number_label(Exposition *exposition, const char *name, uint64_t value); /* in the family's base unit */
void exposition_value(Exposition *exposition, uint64_t value);
void exposition_count(Exposition *exposition, uint64_t count); /* the same, without a unit */
void exposition_end(Exposition *exposition);
