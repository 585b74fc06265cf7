/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The 128-bit identity of one start of one workload. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INVOCATION_BYTES = 16,
    INVOCATION_TEXT_SIZE = 33, /* 32 hex digits and NUL, as INVOCATION_ID= has it */
};

typedef struct Invocation {
    uint8_t bytes[INVOCATION_BYTES];
} Invocation;

const char *invocation_format(const Invocation *invocation, char buffer[static INVOCATION_TEXT_SIZE]);
int invocation_parse(const char *text, Invocation *ret); /* -EINVAL */
bool invocation_is_null(const Invocation *invocation);
bool invocation_equal(const Invocation *a, const Invocation *b);
