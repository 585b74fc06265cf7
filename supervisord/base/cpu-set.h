/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A set of CPU numbers, in the kernel's list format ("0-3,8"). cpuset(7), FORMATS. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CPUS_MAX = 1024,
    CPU_LIST_TEXT_MAX = 4096, /* the longest canonical list: every other CPU */
};

typedef struct CpuSet {
    uint64_t bits[CPUS_MAX / 64];
} CpuSet;

#define FOREACH_CPU(cpu, set) \
    for (unsigned cpu = cpu_set_next(set, 0); cpu < CPUS_MAX; cpu = cpu_set_next(set, cpu + 1))

int cpu_set_parse(
        const char *text, CpuSet *ret); /* strict: "0-3,8"; -EINVAL, -ERANGE from CPUS_MAX up; "" is the empty set */
int cpu_set_format(const CpuSet *set, char *buffer, size_t size); /* canonical: sorted, merged; -ENOSPC */
bool cpu_set_has(const CpuSet *set, unsigned cpu);
unsigned cpu_set_next(const CpuSet *set, unsigned from); /* the first that it has from there on; CPUS_MAX: none */
void cpu_set_add(CpuSet *set, unsigned cpu);
unsigned cpu_set_count(const CpuSet *set);
bool cpu_set_equal(const CpuSet *a, const CpuSet *b);
CpuSet cpu_set_intersect(const CpuSet *a, const CpuSet *b);
