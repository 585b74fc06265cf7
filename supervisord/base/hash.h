/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* FNV-1a: for tables, and for names and addresses that must come out the same each time. Not against an adversary. */

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    for (const uint8_t *p = bytes; p < (const uint8_t *) bytes + size; p++)
        hash = (hash ^ *p) * UINT64_C(0x100000001b3);
    return hash;
}
