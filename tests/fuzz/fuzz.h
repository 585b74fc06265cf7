/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the libFuzzer targets share. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEMAND(condition)                                                           \
    do                                                                              \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    while (0)

/* The bytes as a string of their own, so that a step beyond its end is seen. */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);

    DEMAND(text);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}
