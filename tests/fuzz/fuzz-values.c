/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any text as each kind of value that people write. What is written for people again is short enough. */

#include "base/cpu-set.h"
#include "base/parse.h"
#include "fuzz.h"
#include "model/filter.h"
#include "model/limit.h"
#include "model/words.h"

static void try_amounts(const char *text) {
    static int (*const parsers[])(const char *text, uint64_t *ret) = { parse_u64, parse_bytes, parse_decimal_bytes,
        parse_permyriad, parse_usec, parse_bit_rate };
    static const char *(*const formats[])(uint64_t value, char *buffer, size_t size) = { format_bytes,
        format_decimal_bytes, format_usec, format_permyriad, format_bit_rate };
    char buffer[AMOUNT_TEXT_MAX];
    uint64_t value;

    for (size_t i = 0; i < ELEMENTSOF(parsers); i++)
        for (size_t j = 0; parsers[i](text, &value) == 0 && j < ELEMENTSOF(formats); j++)
            DEMAND(strlen(formats[j](value, buffer, sizeof buffer)) < sizeof buffer - 1);
}

/* The canonical list means the same set. */
static void try_cpus(const char *text) {
    char list[CPU_LIST_TEXT_MAX];
    CpuSet set, again;

    if (cpu_set_parse(text, &set) < 0)
        return;
    DEMAND(cpu_set_format(&set, list, sizeof list) == 0);
    DEMAND(cpu_set_parse(list, &again) == 0 && cpu_set_equal(&set, &again));
}

/* What a limit takes has a canonical text. */
static void try_limits(const char *text) {
    static const LimitScale scale = { .memory_total_bytes = UINT64_C(1) << 40, .page_bytes = 4096, .cpus = 2 };
    char buffer[4096];

    FOREACH_LIMIT (limit) {
        LimitValue value = {};
        if (limit_value_parse(limit, text, &scale, &value) >= 0)
            limit_value_show(limit, &value, buffer, sizeof buffer);
        limit_value_done(&value);
    }
}

static void try_words(const char *text) {
    _cleanup_(cleanup_strv_free) char **arguments = NULL, **environment = NULL;
    const char *problem = NULL;

    if (words_parse_command(text, &arguments, &problem) >= 0)
        DEMAND(arguments[0][0] == '/');
    words_parse_environment(text, &environment, &problem);
}

static void try_filters(const char *text) {
    _cleanup_(filters_done) Filters filters = {};
    const char *problem = NULL;
    FilterRules rules;
    char buffer[256];

    filters_allow_device(&filters, text, &problem);
    filters_add_addresses(&filters, text[0] & 1, text, &problem);
    filters_add_bind(&filters, text[0] & 1, text, &problem);
    for (FilterId filter = 0; filter < FILTERS_COUNT; filter++)
        DEMAND(strlen(filters_show(&filters, filter, buffer, sizeof buffer)) < sizeof buffer);
    const Filters *chain = &filters;
    if (filter_rules_of_addresses(&chain, 1, &rules) == 0)
        filter_rules_done(&rules);
    if (filter_rules_of_binds(&filters, &rules) == 0)
        filter_rules_done(&rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(cleanup_free) char *text = fuzz_text(data, size);

    try_amounts(text);
    try_cpus(text);
    try_limits(text);
    try_words(text);
    try_filters(text);
    return 0;
}
