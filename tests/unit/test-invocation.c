/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Invocation ids: text and bytes are one to one. */

#include <errno.h>

#include "model/invocation.h"
#include "unit/check.h"

static void test_round_trip(void) {
    Invocation invocation, again;
    char text[INVOCATION_TEXT_SIZE];

    for (size_t i = 0; i < INVOCATION_BYTES; i++)
        invocation.bytes[i] = (uint8_t) (i * 17);
    CHECK_STREQ(invocation_format(&invocation, text), "00112233445566778899aabbccddeeff");
    CHECK_EQ(invocation_parse(text, &again), 0);
    CHECK(invocation_equal(&invocation, &again));
    CHECK(!invocation_is_null(&again));
}

static void test_refused(void) {
    static const char *const texts[] = {
        "",
        "0011",
        "00112233445566778899aabbccddeef",
        "00112233445566778899aabbccddeeff0",
        "00112233445566778899AABBCCDDEEFF",
        "00112233445566778899aabbccddeefg",
        " 0112233445566778899aabbccddeeff",
        "00112233-4455-6677-8899-aabbccdd",
    };
    Invocation invocation = { { 7 } };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK_EQ(invocation_parse(texts[i], &invocation), -EINVAL);
    CHECK_EQ(invocation.bytes[0], 7);
}

static void test_null(void) {
    Invocation invocation = {}, other = { { [15] = 1 } };

    CHECK(invocation_is_null(&invocation));
    CHECK(!invocation_is_null(&other));
    CHECK(!invocation_equal(&invocation, &other));
}

int main(void) {
    test_round_trip();
    test_refused();
    test_null();
    return 0;
}
