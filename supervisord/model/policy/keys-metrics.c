/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is measured and exported, and what that may cost. */

#include "model/policy/key.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

static const char *set_word(unsigned index) {
    return index < METER_SETS_COUNT ? meter_set_name(index) : NULL;
}

static int find_set(const char *word, size_t length, unsigned *ret) {
    for (unsigned set = 0; set < METER_SETS_COUNT; set++)
        if (strlen(meter_set_name(set)) == length && memcmp(meter_set_name(set), word, length) == 0) {
            *ret = set;
            return 0;
        }
    return -EINVAL;
}

/* "core psi net" */
static int assign_metrics(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    unsigned *target = draft->group ? &draft->group->metrics : &((Settings *) draft->object)->metrics;
    unsigned sets = 0, set;

    for (size_t length; *text; text += length + strspn(text + length, " \t")) {
        length = strcspn(text, " \t");
        int r = find_set(text, length, &set);
        if (r < 0)
            return r;
        sets |= 1u << set;
    }
    *target = sets;
    return 0;
}

static int assign_memory(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    uint64_t bytes;

    int r = parse_bytes(text, &bytes);
    if (r < 0)
        return r;
    *(uint64_t *) key_field(key, draft) = bytes;
    return 0;
}

const Key keys_metrics[] = {
    [KEY_METRICS - KEYS_METRICS] = {
        .name = "Metrics",
        .sections = IN(SECTION_SUPERVISORD) | IN_GROUPS,
        .assign = assign_metrics,
        .expects = "words out of core, psi, latency, io, net, share, histograms and devices",
        .word = set_word,
    },
    [KEY_METER_MEMORY_MAX - KEYS_METRICS] = {
        .name = "MeterMemoryMax",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = assign_memory,
        .fallback = "infinity",
        .expects = "an amount of memory like 64M, or infinity",
        .offset = offsetof(Settings, meter_memory_max),
    },
};
