/* SPDX-License-Identifier: GPL-2.0-or-later */

/* CPU lists, read as strictly as they are written: no blanks, no empty members, ranges forwards. */

#include "base/cpu-set.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

enum { BITS_PER_WORD = 64 };

/* "3" or "0-3" at the cursor. */
static int take_range(const char **cursor, uint64_t *ret_first, uint64_t *ret_last) {
    uint64_t first, last;

    int r = parse_digits(cursor, &first);
    if (r < 0)
        return r;
    last = first;
    if (**cursor == '-') {
        (*cursor)++;
        r = parse_digits(cursor, &last);
        if (r < 0)
            return r;
    }
    if (last < first)
        return -EINVAL;
    if (last >= CPUS_MAX)
        return -ERANGE;
    *ret_first = first;
    *ret_last = last;
    return 0;
}

int cpu_set_parse(const char *text, CpuSet *ret) {
    CpuSet set = { 0 };

    for (const char *cursor = text; *text; cursor++) {
        uint64_t first, last;

        int r = take_range(&cursor, &first, &last);
        if (r < 0)
            return r;
        for (uint64_t cpu = first; cpu <= last; cpu++)
            cpu_set_add(&set, cpu);
        if (*cursor == '\0')
            break;
        if (*cursor != ',')
            return -EINVAL;
    }
    *ret = set;
    return 0;
}

int cpu_set_format(const CpuSet *set, char *buffer, size_t size) {
    char text[CPU_LIST_TEXT_MAX] = "";
    size_t length = 0;

    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (!cpu_set_has(set, cpu))
            continue;

        unsigned first = cpu;
        while (cpu_set_has(set, cpu + 1))
            cpu++;
        length += sprintf(text + length, "%s%u", length > 0 ? "," : "", first);
        if (cpu > first)
            length += sprintf(text + length, "-%u", cpu);
    }
    if (length >= size)
        return -ENOSPC;
    memcpy(buffer, text, length + 1);
    return 0;
}

bool cpu_set_has(const CpuSet *set, unsigned cpu) {
    return cpu < CPUS_MAX && (set->bits[cpu / BITS_PER_WORD] >> (cpu % BITS_PER_WORD) & 1);
}

unsigned cpu_set_next(const CpuSet *set, unsigned from) {
    while (from < CPUS_MAX) {
        uint64_t rest = set->bits[from / BITS_PER_WORD] >> from % BITS_PER_WORD;
        if (rest > 0)
            return from + __builtin_ctzll(rest);
        from = (from / BITS_PER_WORD + 1) * BITS_PER_WORD;
    }
    return CPUS_MAX;
}

void cpu_set_add(CpuSet *set, unsigned cpu) {
    assert(cpu < CPUS_MAX);
    set->bits[cpu / BITS_PER_WORD] |= UINT64_C(1) << (cpu % BITS_PER_WORD);
}

unsigned cpu_set_count(const CpuSet *set) {
    unsigned n = 0;

    for (size_t i = 0; i < ELEMENTSOF(set->bits); i++)
        n += __builtin_popcountll(set->bits[i]);
    return n;
}

bool cpu_set_equal(const CpuSet *a, const CpuSet *b) {
    return memcmp(a->bits, b->bits, sizeof(a->bits)) == 0;
}

CpuSet cpu_set_intersect(const CpuSet *a, const CpuSet *b) {
    CpuSet both;

    for (size_t i = 0; i < ELEMENTSOF(both.bits); i++)
        both.bits[i] = a->bits[i] & b->bits[i];
    return both;
}
