/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Chance that a seed makes again: splitmix64. */

#include <stdint.h>

typedef struct Chance {
    uint64_t state;
} Chance;

static inline uint64_t chance(Chance *c) {
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* From 0 to n - 1. */
static inline unsigned chance_below(Chance *c, unsigned n) {
    return (unsigned) (chance(c) % n);
}
