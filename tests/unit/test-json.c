/* SPDX-License-Identifier: GPL-2.0-or-later */

/* JSON of supctl: both styles, and text that no one would choose. That real parsers agree is tests/live/supctl-test.sh's part. */

#include "tools/supctl/json.h"

#include <math.h>

#include "base/cleanup.h"
#include "unit/check.h"

typedef void Write(Json *json);

static char *written(Write *write, JsonStyle style) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    Json json = JSON(file, style);

    write(&json);
    json_end(&json);
    fclose(file);
    CHECK_EQ(json.depth, 0);
    return text;
}

static void check_written(Write *write, JsonStyle style, const char *expected) {
    _cleanup_(cleanup_free) char *text = written(write, style);

    CHECK_STREQ(text, expected);
}

static void write_nested(Json *json) {
    json_begin_object(json, NULL);
    json_text(json, "name", "web");
    json_begin_array(json, "empty");
    json_end_array(json);
    json_begin_array(json, "rows");
    json_unsigned(json, NULL, 1);
    json_begin_object(json, NULL);
    json_end_object(json);
    json_begin_object(json, NULL);
    json_bool(json, "yes", true);
    json_bool(json, "no", false);
    json_end_object(json);
    json_end_array(json);
    json_null(json, "last");
    json_end_object(json);
}

static void test_nested(void) {
    check_written(write_nested, JSON_SHORT,
            "{\"name\":\"web\",\"empty\":[],\"rows\":[1,{},{\"yes\":true,\"no\":false}],\"last\":null}\n");
    check_written(write_nested, JSON_PRETTY,
            "{\n"
            "  \"name\": \"web\",\n"
            "  \"empty\": [],\n"
            "  \"rows\": [\n"
            "    1,\n"
            "    {},\n"
            "    {\n"
            "      \"yes\": true,\n"
            "      \"no\": false\n"
            "    }\n"
            "  ],\n"
            "  \"last\": null\n"
            "}\n");
}

static void write_top_level_array(Json *json) {
    json_begin_array(json, NULL);
    json_text(json, NULL, "a");
    json_text(json, NULL, "b");
    json_end_array(json);
}

static void write_scalar(Json *json) {
    json_unsigned(json, NULL, UINT64_MAX);
}

static void test_tops(void) {
    check_written(write_top_level_array, JSON_SHORT, "[\"a\",\"b\"]\n");
    check_written(write_scalar, JSON_PRETTY, "18446744073709551615\n");
}

static void write_numbers(Json *json) {
    json_begin_array(json, NULL);
    json_number(json, NULL, 0);
    json_number(json, NULL, -1.5);
    json_number(json, NULL, 0.1);
    json_number(json, NULL, 1.0 / 3);
    json_number(json, NULL, 67108864);
    json_number(json, NULL, 1e300);
    json_number(json, NULL, NAN);
    json_number(json, NULL, INFINITY);
    json_end_array(json);
}

static void test_numbers(void) {
    check_written(write_numbers, JSON_SHORT, "[0,-1.5,0.1,0.33333333333333331,67108864,1e+300,null,null]\n");
}

static void write_texts(Json *json) {
    json_begin_array(json, NULL);
    json_text(json, NULL, "");
    json_word(json, NULL, "");
    json_text(json, NULL, NULL);
    json_text(json, NULL, "a\"b\\c/d");
    json_text(json, NULL, "\b\f\n\r\t\x01\x1f\x7f");
    json_text(json, NULL, "caf\xc3\xa9 \xf0\x9f\x90\xa7");
    json_text(json, NULL,
            "\xff"
            "a\xc3"
            "b\xed\xa0\x80");
    json_text(json, NULL, "\xc2\x9b\xe2\x80\xae\xe2\x80\xa8");
    json_end_array(json);
}

static void test_texts(void) {
    check_written(write_texts, JSON_SHORT,
            "[\"\",null,null,"
            "\"a\\\"b\\\\c/d\","
            "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\","
            "\"caf\xc3\xa9 \xf0\x9f\x90\xa7\","
            "\"\\ufffda\\ufffdb\\ufffd\\ufffd\\ufffd\","
            "\"\\u009b\\u202e\\u2028\"]\n");
}

static void write_keys(Json *json) {
    json_begin_object(json, NULL);
    json_text(json, "a\"\n", "x");
    json_end_object(json);
}

static void test_keys(void) {
    check_written(write_keys, JSON_SHORT, "{\"a\\\"\\n\":\"x\"}\n");
}

int main(void) {
    test_nested();
    test_tops();
    test_numbers();
    test_texts();
    test_keys();
    return 0;
}
