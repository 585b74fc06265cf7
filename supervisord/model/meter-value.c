/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How a meter's number is got out of a cgroup file's text, and what it is in base units. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "model/meter.h"

/* The number after `item` ("rbytes=") on one line of a nested-keyed file. */
static bool line_item(const char *line, size_t length, const char *item, uint64_t *ret) {
    const char *at = memmem(line, length, item, strlen(item));
    if (!at || (at > line && at[-1] != ' '))
        return false;

    *ret = strtoull(at + strlen(item), NULL, 10);
    return true;
}

/*
 * Nested-keyed files have lines "8:0 rbytes=1 wbytes=2" and "some avg10=0.00 total=3". The key "rbytes=" means the sum
 * over all lines, 0 if there are none; "some total=" means that of the line that begins with "some".
 */
static int nested_key(const char *text, const char *key, uint64_t *ret) {
    size_t word = strcspn(key, " ");
    bool one_line = key[word] == ' ', found = !one_line;
    const char *item = one_line ? key + word + 1 : key;
    uint64_t sum = 0, number;

    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        bool wanted = !one_line || (length > word && line[word] == ' ' && memcmp(line, key, word) == 0);
        if (wanted && line_item(line, length, item, &number)) {
            sum += number;
            found = true;
        }
        line += length + (line[length] == '\n');
    }
    if (!found)
        return -ENODATA;

    *ret = sum;
    return 0;
}

int meter_parse(const Meter *meter, const char *text, uint64_t *ret) {
    uint64_t number;
    int r;

    if (!meter->key)
        r = parse_u64(text, &number);
    else if (strchr(meter->key, '='))
        r = nested_key(text, meter->key, &number);
    else
        r = flat_key_u64(text, meter->key, &number);
    if (r < 0)
        return r;

    *ret = number * meter->file_scale;
    return 0;
}

uint64_t meter_unit_per_base(MeterUnit unit) {
    static const uint64_t parts[] = {
        [METER_UNIT_NSEC] = NSEC_PER_USEC * USEC_PER_SEC,
        [METER_UNIT_BYTES] = 1,
        [METER_UNIT_COUNT] = 1,
    };
    return parts[unit];
}

double meter_in_base_units(const Meter *meter, uint64_t value) {
    return (double) value / meter_unit_per_base(meter->unit);
}
