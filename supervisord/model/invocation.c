/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Text and comparison of invocation ids. Only the canonical text is read, so equal ids always have equal texts. */

#include "model/invocation.h"

#include <errno.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

const char *invocation_format(const Invocation *invocation, char buffer[static INVOCATION_TEXT_SIZE]) {
    for (size_t i = 0; i < INVOCATION_BYTES; i++) {
        buffer[2 * i] = hex_digits[invocation->bytes[i] >> 4];
        buffer[2 * i + 1] = hex_digits[invocation->bytes[i] & 15];
    }
    buffer[INVOCATION_TEXT_SIZE - 1] = '\0';
    return buffer;
}

int invocation_parse(const char *text, Invocation *ret) {
    Invocation invocation = {};

    if (strlen(text) != INVOCATION_TEXT_SIZE - 1)
        return -EINVAL;
    for (size_t i = 0; i < INVOCATION_TEXT_SIZE - 1; i++) {
        const char *digit = strchr(hex_digits, text[i]);

        if (!digit)
            return -EINVAL;
        invocation.bytes[i / 2] = (uint8_t) (invocation.bytes[i / 2] << 4 | (digit - hex_digits));
    }
    *ret = invocation;
    return 0;
}

bool invocation_is_null(const Invocation *invocation) {
    return invocation_equal(invocation, &(Invocation){});
}

bool invocation_equal(const Invocation *a, const Invocation *b) {
    return memcmp(a->bytes, b->bytes, INVOCATION_BYTES) == 0;
}
