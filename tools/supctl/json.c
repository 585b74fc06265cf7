/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The rule: every byte that text may hold has a place in a JSON string. What is not UTF-8 becomes U+FFFD, for JSON has no
 * bytes; what could steer a terminal is written as \uNNNN, which means the same to every reader.
 */

#include "tools/supctl/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/supctl/text.h"

enum {
    INDENT = 2,
    DIGITS_SHORT = 15, /* always survive the way to a double and back */
    DIGITS_EXACT = 17, /* always name one double */
    NUMBER_TEXT_MAX = 32,
};

static void write_escaped(FILE *file, uint32_t code) {
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* symbol, letter */

    for (const char *pair = letters; *pair; pair += 2)
        if (code == (unsigned char) pair[0]) {
            fprintf(file, "\\%c", pair[1]);
            return;
        }
    fprintf(file, "\\u%04" PRIx32, code); /* none that is not printable is beyond the basic plane */
}

static void write_string(FILE *file, const char *text) {
    uint32_t code;

    fputc('"', file);
    for (size_t length; *text; text += length) {
        length = text_symbol(text, &code);
        if (code == UINT32_MAX)
            fputs("\\ufffd", file);
        else if (code == '"' || code == '\\' || !text_is_printable(code))
            write_escaped(file, code);
        else
            fwrite(text, 1, length, file);
    }
    fputc('"', file);
}

static void break_line(Json *json) {
    if (json->style == JSON_PRETTY)
        fprintf(json->file, "\n%*s", (int) (json->depth * INDENT), "");
}

/* What stands before a value: comma, indentation, key. */
static void begin_value(Json *json, const char *key) {
    if (json->has_sibling)
        fputc(',', json->file);
    if (json->depth > 0)
        break_line(json);
    if (key) {
        write_string(json->file, key);
        fputs(json->style == JSON_PRETTY ? ": " : ":", json->file);
    }
    json->has_sibling = true;
}

static void begin_container(Json *json, const char *key, char bracket) {
    begin_value(json, key);
    fputc(bracket, json->file);
    json->depth++;
    json->has_sibling = false;
}

static void end_container(Json *json, char bracket) {
    json->depth--;
    if (json->has_sibling)
        break_line(json);
    fputc(bracket, json->file);
    json->has_sibling = true;
}

void json_begin_object(Json *json, const char *key) {
    begin_container(json, key, '{');
}

void json_end_object(Json *json) {
    end_container(json, '}');
}

void json_begin_array(Json *json, const char *key) {
    begin_container(json, key, '[');
}

void json_end_array(Json *json) {
    end_container(json, ']');
}

void json_null(Json *json, const char *key) {
    begin_value(json, key);
    fputs("null", json->file);
}

void json_bool(Json *json, const char *key, bool value) {
    begin_value(json, key);
    fputs(value ? "true" : "false", json->file);
}

void json_unsigned(Json *json, const char *key, uint64_t value) {
    begin_value(json, key);
    fprintf(json->file, "%" PRIu64, value);
}

/* As short as it can be without becoming another number. supctl never sets LC_NUMERIC: the point is a point. */
void json_number(Json *json, const char *key, double value) {
    char text[NUMBER_TEXT_MAX];

    if (!isfinite(value)) {
        json_null(json, key);
        return;
    }
    snprintf(text, sizeof(text), "%.*g", DIGITS_SHORT, value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof(text), "%.*g", DIGITS_EXACT, value);
    begin_value(json, key);
    fputs(text, json->file);
}

void json_text(Json *json, const char *key, const char *text) {
    if (!text) {
        json_null(json, key);
        return;
    }
    begin_value(json, key);
    write_string(json->file, text);
}

void json_word(Json *json, const char *key, const char *text) {
    json_text(json, key, text && *text ? text : NULL);
}

void json_end(Json *json) {
    fputc('\n', json->file);
}
