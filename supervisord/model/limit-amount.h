/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the rows of the limits table are made of. Private to limit.c, limit-value.c and knob.c. */

#include "model/limit.h"

enum {
    CPU_PERIOD_USEC = 100 * 1000,
    CPU_PERIOD_SHORT_USEC = 1000,       /* the shortest and */
    CPU_PERIOD_LONG_USEC = 1000 * 1000, /* the longest that the kernel takes */
    CPU_QUOTA_MIN_USEC = 1000,          /* in any period, the kernel refuses less */
};

int limit_parse_weight(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_cpu_weight(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_cpu_reserve(const char *text, const LimitScale *scale, uint64_t *ret); /* usec in CPU_PERIOD_USEC */
int limit_parse_cpu_quota(const char *text, const LimitScale *scale, uint64_t *ret);   /* usec in CPU_PERIOD_USEC */
int limit_parse_cpu_period(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_cpu_burst(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_memory(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_memory_or_none(const char *text, const LimitScale *scale, uint64_t *ret); /* 0 too */
int limit_parse_oom_policy(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_tasks(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_bandwidth(const char *text, const LimitScale *scale, uint64_t *ret);
int limit_parse_network_rate(const char *text, const LimitScale *scale, uint64_t *ret);

const char *limit_show_number(uint64_t amount, char *buffer, size_t size);
const char *limit_show_cpu_weight(uint64_t amount, char *buffer, size_t size);
const char *limit_show_cpu_reserve(uint64_t amount, char *buffer, size_t size);
const char *limit_show_cpu_quota(uint64_t amount, char *buffer, size_t size);
const char *limit_show_oom_policy(uint64_t amount, char *buffer, size_t size);
