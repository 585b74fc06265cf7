/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Writes JSON (RFC 8259) to a file as it goes: no tree, no allocation. Whatever text holds, the output is valid UTF-8 and
 * safe for a terminal. A library would cost every start of supctl more than these few functions do.
 *
 * key: the member's name inside an object, NULL inside an array and at the top. What is absent is null, never left out,
 * never 0. Numbers are in base units; names of times end in _usec.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum JsonStyle {
    JSON_OFF, /* no JSON: tables and words for people */
    JSON_SHORT,
    JSON_PRETTY,
    JSON_STYLES_COUNT,
} JsonStyle;

typedef struct Json {
    FILE *file;
    JsonStyle style;
    unsigned depth;
    bool has_sibling; /* something stands before what comes next, at the same depth */
} Json;

#define JSON(file_, style_) ((Json){ .file = (file_), .style = (style_) })

void json_begin_object(Json *json, const char *key);
void json_end_object(Json *json);
void json_begin_array(Json *json, const char *key);
void json_end_array(Json *json);

void json_null(Json *json, const char *key);
void json_bool(Json *json, const char *key, bool value);
void json_unsigned(Json *json, const char *key, uint64_t value);
void json_number(Json *json, const char *key, double value);   /* null if it is not finite */
void json_text(Json *json, const char *key, const char *text); /* null for NULL */
void json_word(Json *json, const char *key, const char *text); /* null for NULL and for "", where "" means none */

void json_end(Json *json); /* the line's end, after the outermost value */
