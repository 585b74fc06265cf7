/* SPDX-License-Identifier: GPL-2.0-or-later */

/* String arrays: ownership is checked by the sanitizers. */

#include "base/strv.h"

#include "unit/check.h"

static void test_push(void) {
    _cleanup_(cleanup_strv_free) char **strv = NULL;

    CHECK_EQ(strv_length(NULL), 0);
    CHECK_EQ(strv_push(&strv, "a"), 0);
    CHECK_EQ(strv_consume(&strv, strdup("b c")), 0);
    CHECK_EQ(strv_push(&strv, ""), 0);
    CHECK_EQ(strv_length(strv), 3);
    CHECK_STREQ(strv[0], "a");
    CHECK_STREQ(strv[1], "b c");
    CHECK_STREQ(strv[2], "");
    CHECK_STREQ(strv[3], NULL);
}

static void test_copy(void) {
    _cleanup_(cleanup_strv_free) char **strv = NULL, **copy = NULL;

    CHECK_EQ(strv_copy(NULL, &copy), 0);
    CHECK(copy == NULL);
    strv_push(&strv, "a");
    strv_push(&strv, "b");
    CHECK_EQ(strv_copy(strv, &copy), 0);
    CHECK(copy[0] != strv[0]);
    CHECK_EQ(strv_length(copy), 2);
    CHECK_STREQ(copy[0], "a");
    CHECK_STREQ(copy[1], "b");
}

static void test_copy_of_empty(void) {
    _cleanup_(cleanup_strv_free) char **copy = NULL;
    char *empty[] = { NULL };

    CHECK_EQ(strv_copy(empty, &copy), 0);
    CHECK(copy != NULL);
    CHECK_EQ(strv_length(copy), 0);
    CHECK(strv_free(NULL) == NULL);
}

static void test_text_printf(void) {
    _cleanup_(cleanup_free) char *text = NULL;

    CHECK_EQ(text_printf(&text, "%s-%d", "web", 7), 0);
    CHECK_STREQ(text, "web-7");
}

static void test_grow(void) {
    _cleanup_(cleanup_free) uint32_t *items = NULL;
    size_t allocated = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(grow(&items, sizeof(*items), i, &allocated), 0);
        CHECK(allocated > i);
        items[i] = i;
    }
    CHECK_EQ(items[999], 999);
    CHECK(allocated < 2 * 1024);
}

int main(void) {
    test_push();
    test_copy();
    test_copy_of_empty();
    test_text_printf();
    test_grow();
    return 0;
}
