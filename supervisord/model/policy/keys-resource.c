/* SPDX-License-Identifier: GPL-2.0-or-later */

/* LimitCPU= and the like: what setrlimit(2) knows, in the units of systemd.exec(5). */

#include "model/policy/key.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

enum {
    NICE_LIMIT_MAX = 40, /* setrlimit(2): 20 less the nice level */
    AMOUNT_BYTES_MAX = 64,
};

typedef int ParseAmount(const char *text, uint64_t *ret);

static int parse_count(const char *text, uint64_t *ret) {
    if (strcmp(text, "infinity") != 0)
        return parse_u64(text, ret);
    *ret = AMOUNT_INFINITY;
    return 0;
}

/* Begun seconds count in full. */
static int parse_seconds(const char *text, uint64_t *ret) {
    uint64_t usec;

    int r = parse_usec(text, &usec);
    if (r < 0)
        return r;
    *ret = usec == AMOUNT_INFINITY ? usec : usec / USEC_PER_SEC + (usec % USEC_PER_SEC > 0);
    return 0;
}

/* A number without unit is one of microseconds. */
static int parse_microseconds(const char *text, uint64_t *ret) {
    return parse_u64(text, ret) == 0 ? 0 : parse_usec(text, ret);
}

/* "+5" and "-5" are nice levels, "15" is the number of the resource. */
static int parse_nice(const char *text, uint64_t *ret) {
    bool level = *text == '+' || *text == '-';
    uint64_t number;

    int r = level ? parse_u64(text + 1, &number) : parse_count(text, &number);
    if (r < 0)
        return r;
    if (level && number > (*text == '-' ? 20 : 19))
        return -ERANGE;
    if (level)
        number = *text == '-' ? 20 + number : 20 - number;
    if (number > NICE_LIMIT_MAX && number != AMOUNT_INFINITY)
        return -ERANGE;
    *ret = number;
    return 0;
}

static ParseAmount *const parsers[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = parse_seconds,
    [RLIMIT_FSIZE] = parse_bytes,
    [RLIMIT_DATA] = parse_bytes,
    [RLIMIT_STACK] = parse_bytes,
    [RLIMIT_CORE] = parse_bytes,
    [RLIMIT_RSS] = parse_bytes,
    [RLIMIT_NPROC] = parse_count,
    [RLIMIT_NOFILE] = parse_count,
    [RLIMIT_MEMLOCK] = parse_bytes,
    [RLIMIT_AS] = parse_bytes,
    [RLIMIT_LOCKS] = parse_count,
    [RLIMIT_SIGPENDING] = parse_count,
    [RLIMIT_MSGQUEUE] = parse_bytes,
    [RLIMIT_NICE] = parse_nice,
    [RLIMIT_RTPRIO] = parse_count,
    [RLIMIT_RTTIME] = parse_microseconds,
};

/* "1024", "1024:4096" */
static int assign_resource(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    ResourceLimit *limit = key_field(key, draft), value = { .is_set = true };
    ParseAmount *parse = parsers[key - keys_resource];
    const char *colon = strchr(text, ':');
    char soft[AMOUNT_BYTES_MAX];

    if (!*text) {
        *limit = (ResourceLimit){};
        return 0;
    }
    size_t length = colon ? (size_t) (colon - text) : strlen(text);
    if (length >= sizeof(soft))
        return -EINVAL;
    *(char *) mempcpy(soft, text, length) = '\0';
    int r = parse(soft, &value.soft);
    if (r == 0)
        r = parse(colon ? colon + 1 : soft, &value.hard);
    if (r < 0)
        return r;
    if (value.soft > value.hard) {
        *ret_problem = "the soft limit is above the hard limit";
        return -EINVAL;
    }
    *limit = value;
    return 0;
}

#define RESOURCE(what, amount)                                                                  \
    [RLIMIT_##what] = {                                                                         \
        .name = "Limit" #what,                                                                  \
        .sections = IN(SECTION_WORKLOAD),                                                       \
        .inherited = true,                                                                      \
        .assign = assign_resource,                                                              \
        .expects = amount ", infinity, or a soft and a hard one of these with a colon between", \
        .offset = offsetof(Workload, exec.resource_limits[RLIMIT_##what]),                      \
    }

const Key keys_resource[RLIM_NLIMITS] = {
    RESOURCE(CPU, "a time"),
    RESOURCE(FSIZE, "an amount like 64M"),
    RESOURCE(DATA, "an amount like 64M"),
    RESOURCE(STACK, "an amount like 64M"),
    RESOURCE(CORE, "an amount like 64M"),
    RESOURCE(RSS, "an amount like 64M"),
    RESOURCE(NPROC, "a number"),
    RESOURCE(NOFILE, "a number"),
    RESOURCE(MEMLOCK, "an amount like 64M"),
    RESOURCE(AS, "an amount like 64M"),
    RESOURCE(LOCKS, "a number"),
    RESOURCE(SIGPENDING, "a number"),
    RESOURCE(MSGQUEUE, "an amount like 64M"),
    RESOURCE(NICE, "a number up to 40 or a nice level like +5"),
    RESOURCE(RTPRIO, "a number"),
    RESOURCE(RTTIME, "a time"),
};
