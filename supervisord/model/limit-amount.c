/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The functions of the limits' rows: from policy text to kernel units, and to people's words. Ranges and rounding are
 * those of the kernel's own parsers (Documentation/admin-guide/cgroup-v2.rst), so that what is accepted is also taken.
 */

#include "model/limit-amount.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

enum {
    WEIGHT_MAX = 10000,
    TASKS_MAX = 4 * 1024 * 1024, /* PID_MAX_LIMIT of 64-bit kernels */
    PERMYRIAD_WHOLE = 10000,
    CPU_QUOTA_USEC_PER_PERMYRIAD = CPU_PERIOD_USEC / PERMYRIAD_WHOLE,
};

static const char infinity[] = "infinity", idle[] = "idle";
static const char *const oom_policies[OOM_POLICIES_COUNT] = { "continue", "stop", "kill" };

static int in_range(uint64_t amount, uint64_t min, uint64_t max, uint64_t *ret) {
    if (amount < min || amount > max)
        return -ERANGE;
    *ret = amount;
    return 0;
}

static int parse_share(const char *text, uint64_t whole, uint64_t *ret) {
    uint64_t permyriad;

    int r = parse_permyriad(text, &permyriad);
    if (r < 0)
        return r;
    if (permyriad > PERMYRIAD_WHOLE)
        return -ERANGE;
    *ret = (unsigned __int128) whole * permyriad / PERMYRIAD_WHOLE;
    return 0;
}

int limit_parse_weight(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t weight;

    (void) scale;
    int r = parse_u64(text, &weight);
    return r < 0 ? r : in_range(weight, 1, WEIGHT_MAX, ret);
}

int limit_parse_cpu_weight(const char *text, const LimitScale *scale, uint64_t *ret) {
    if (strcmp(text, idle) == 0) {
        *ret = CPU_WEIGHT_IDLE;
        return 0;
    }
    return limit_parse_weight(text, scale, ret);
}

int limit_parse_tasks(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t tasks;

    if (strcmp(text, infinity) == 0) {
        *ret = AMOUNT_INFINITY;
        return 0;
    }
    int r = strchr(text, '%') ? parse_share(text, scale->tasks_total, &tasks) : parse_u64(text, &tasks);
    return r < 0 ? r : in_range(tasks, 1, TASKS_MAX, ret);
}

/* The amount is microseconds in CPU_PERIOD_USEC, which holds every hundredth of a percent exactly. */
int limit_parse_cpu_quota(const char *text, const LimitScale *scale, uint64_t *ret) {
    const uint64_t permyriad_min = (uint64_t) CPU_QUOTA_MIN_USEC * PERMYRIAD_WHOLE / CPU_PERIOD_LONG_USEC;
    uint64_t permyriad;

    (void) scale;
    int r = parse_permyriad(text, &permyriad);
    if (r < 0)
        return r;
    r = in_range(permyriad, permyriad_min, (uint64_t) CPUS_MAX * PERMYRIAD_WHOLE, &permyriad);
    if (r < 0)
        return r;
    *ret = permyriad * CPU_QUOTA_USEC_PER_PERMYRIAD;
    return 0;
}

int limit_parse_cpu_reserve(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t permyriad;

    (void) scale;
    int r = parse_fraction(text, &permyriad);
    if (r == 0)
        r = in_range(permyriad, 0, (uint64_t) CPUS_MAX * PERMYRIAD_WHOLE, &permyriad);
    if (r < 0)
        return r;
    *ret = permyriad * CPU_QUOTA_USEC_PER_PERMYRIAD;
    return 0;
}

/* The kernel counts whole pages, and takes LONG_MAX for no limit. */
static int parse_memory_from(const char *text, const LimitScale *scale, uint64_t minimum_bytes, uint64_t *ret) {
    uint64_t bytes;

    int r = strchr(text, '%') ? parse_share(text, scale->memory_total_bytes, &bytes) : parse_bytes(text, &bytes);
    if (r < 0)
        return r;
    if (bytes == AMOUNT_INFINITY) {
        *ret = bytes;
        return 0;
    }
    bytes -= bytes % scale->page_bytes;
    return in_range(bytes, minimum_bytes, INT64_MAX - scale->page_bytes, ret);
}

int limit_parse_memory(const char *text, const LimitScale *scale, uint64_t *ret) {
    return parse_memory_from(text, scale, scale->page_bytes, ret);
}

int limit_parse_memory_or_none(const char *text, const LimitScale *scale, uint64_t *ret) {
    return parse_memory_from(text, scale, 0, ret);
}

int limit_parse_cpu_period(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t usec;

    (void) scale;
    int r = parse_usec(text, &usec);
    return r < 0 ? r : in_range(usec, CPU_PERIOD_SHORT_USEC, CPU_PERIOD_LONG_USEC, ret);
}

int limit_parse_cpu_burst(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t usec;

    (void) scale;
    int r = parse_usec(text, &usec);
    return r < 0 ? r : in_range(usec, 0, (uint64_t) CPUS_MAX * CPU_PERIOD_LONG_USEC, ret);
}

int limit_parse_oom_policy(const char *text, const LimitScale *scale, uint64_t *ret) {
    (void) scale;
    for (OomPolicy policy = 0; policy < OOM_POLICIES_COUNT; policy++)
        if (strcmp(text, oom_policies[policy]) == 0) {
            *ret = policy;
            return 0;
        }
    return -EINVAL;
}

/* systemd reads both with suffixes of base 1000. */
int limit_parse_bandwidth(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t bytes_per_sec;

    (void) scale;
    int r = parse_decimal_bytes(text, &bytes_per_sec);
    return r < 0 ? r : in_range(bytes_per_sec, 1, AMOUNT_INFINITY, ret);
}

int limit_parse_network_rate(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t bytes_per_sec;

    (void) scale;
    if (strcmp(text, infinity) == 0) {
        *ret = AMOUNT_INFINITY;
        return 0;
    }
    int r = parse_bit_rate(text, &bytes_per_sec);
    return r < 0 ? r : in_range(bytes_per_sec, 1, AMOUNT_INFINITY, ret);
}

const char *limit_show_number(uint64_t amount, char *buffer, size_t size) {
    if (amount == AMOUNT_INFINITY)
        snprintf(buffer, size, "%s", infinity);
    else
        snprintf(buffer, size, "%" PRIu64, amount);
    return buffer;
}

const char *limit_show_cpu_reserve(uint64_t amount, char *buffer, size_t size) {
    char text[AMOUNT_TEXT_MAX];
    size_t length =
            snprintf(text, sizeof text, "%" PRIu64 ".%05" PRIu64, amount / CPU_PERIOD_USEC, amount % CPU_PERIOD_USEC);

    while (text[length - 1] == '0')
        length--;
    text[text[length - 1] == '.' ? length - 1 : length] = '\0';
    snprintf(buffer, size, "%s", text);
    return buffer;
}

const char *limit_show_cpu_quota(uint64_t amount, char *buffer, size_t size) {
    if (amount != AMOUNT_INFINITY) /* a short period holds no exact hundredths */
        amount = (amount + CPU_QUOTA_USEC_PER_PERMYRIAD / 2) / CPU_QUOTA_USEC_PER_PERMYRIAD;
    return format_permyriad(amount, buffer, size);
}

const char *limit_show_cpu_weight(uint64_t amount, char *buffer, size_t size) {
    if (amount != CPU_WEIGHT_IDLE)
        return limit_show_number(amount, buffer, size);
    snprintf(buffer, size, "%s", idle);
    return buffer;
}

const char *limit_show_oom_policy(uint64_t amount, char *buffer, size_t size) {
    snprintf(buffer, size, "%s", amount < OOM_POLICIES_COUNT ? oom_policies[amount] : "?");
    return buffer;
}
