/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Amounts as people type them and read them. Readers go through a text with a cursor and accept it only when the
 * cursor ends on its last byte; fractions are computed exactly and rounded down, and never have more decimals than
 * their unit has parts.
 */

#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

enum {
    FRACTION_DIGITS_MAX = 18, /* 10^18 fits in 64 bits */
    BITS_PER_BYTE = 8,
};

static const char prefixes[] = "KMGTPE";

/* A number as typed: whole + fraction / scale. */
typedef struct Decimal {
    uint64_t whole, fraction, scale;
} Decimal;

enum { TIME_NAMES_MAX = 4 };

typedef struct TimeUnit {
    uint64_t usec;
    const char *names[TIME_NAMES_MAX]; /* the first is the one that is written */
} TimeUnit;

/* Largest first. */
static const TimeUnit time_units[] = {
    { 604800 * USEC_PER_SEC, { "w", "week", "weeks" } },
    { 86400 * USEC_PER_SEC, { "d", "day", "days" } },
    { 3600 * USEC_PER_SEC, { "h", "hr", "hour", "hours" } },
    { 60 * USEC_PER_SEC, { "min", "m", "minute", "minutes" } },
    { USEC_PER_SEC, { "s", "sec", "second", "seconds" } },
    { USEC_PER_MSEC, { "ms", "msec" } },
    { 1, { "us", "usec" } },
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int parse_digits(const char **cursor, uint64_t *ret) {
    const char *p = *cursor;
    uint64_t value = 0;

    if (!is_digit(*p))
        return -EINVAL;
    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value))
            return -ERANGE;
    *cursor = p;
    *ret = value;
    return 0;
}

static int take_decimal(const char **cursor, Decimal *ret) {
    Decimal decimal = { .scale = 1 };

    int r = parse_digits(cursor, &decimal.whole);
    if (r < 0)
        return r;
    if (**cursor == '.') {
        const char *digits = ++*cursor;

        if (parse_digits(cursor, &decimal.fraction) < 0 || *cursor - digits > FRACTION_DIGITS_MAX)
            return -EINVAL;
        for (; digits < *cursor; digits++)
            decimal.scale *= 10;
    }
    *ret = decimal;
    return 0;
}

/* decimal x unit, rounded down; unit 0: there is none of that name. AMOUNT_INFINITY cannot be typed in digits. */
static int decimal_multiply(const Decimal *decimal, uint64_t unit, uint64_t *ret) {
    uint64_t product;

    if (decimal->scale > unit)
        return -EINVAL;

    uint64_t part = (unsigned __int128) decimal->fraction * unit / decimal->scale;
    if (__builtin_mul_overflow(decimal->whole, unit, &product) || __builtin_add_overflow(product, part, &product) ||
            product == AMOUNT_INFINITY)
        return -ERANGE;
    *ret = product;
    return 0;
}

/* base^1 for 'K', base^2 for 'M', ...; 0 for what is no prefix. */
static uint64_t prefix_unit(char prefix, uint64_t base) {
    uint64_t unit = base;

    for (const char *p = prefixes; *p; p++, unit *= base)
        if (*p == prefix)
            return unit;
    return 0;
}

int parse_u64(const char *text, uint64_t *ret) {
    uint64_t value;

    int r = parse_digits(&text, &value);
    if (r < 0)
        return r;
    if (*text)
        return -EINVAL;
    *ret = value;
    return 0;
}

int parse_bool(const char *text, bool *ret) {
    static const char *const words[][2] = {
        { "no", "yes" },
        { "false", "true" },
        { "off", "on" },
        { "0", "1" },
    };

    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        for (int value = 0; value < 2; value++)
            if (strcasecmp(text, words[i][value]) == 0) {
                *ret = value;
                return 0;
            }
    return -EINVAL;
}

static int parse_scaled_bytes(const char *text, uint64_t base, uint64_t *ret) {
    uint64_t unit = 1;
    Decimal decimal;

    if (strcmp(text, "infinity") == 0) {
        *ret = AMOUNT_INFINITY;
        return 0;
    }
    int r = take_decimal(&text, &decimal);
    if (r < 0)
        return r;
    if (*text)
        unit = prefix_unit(*text++, base);
    if (*text)
        return -EINVAL;
    return decimal_multiply(&decimal, unit, ret);
}

int parse_bytes(const char *text, uint64_t *ret) {
    return parse_scaled_bytes(text, 1024, ret);
}

int parse_decimal_bytes(const char *text, uint64_t *ret) {
    return parse_scaled_bytes(text, 1000, ret);
}

int parse_permyriad(const char *text, uint64_t *ret) {
    Decimal decimal;

    int r = take_decimal(&text, &decimal);
    if (r < 0)
        return r;
    if (strcmp(text, "%") != 0)
        return -EINVAL;
    return decimal_multiply(&decimal, 100, ret);
}

int parse_fraction(const char *text, uint64_t *ret) {
    Decimal decimal;

    int r = take_decimal(&text, &decimal);
    if (r < 0)
        return r;
    if (*text && strcmp(text, "%") != 0)
        return -EINVAL;
    return decimal_multiply(&decimal, *text ? 100 : 10000, ret);
}

static bool has_name(const TimeUnit *unit, const char *name, size_t length) {
    for (size_t i = 0; i < TIME_NAMES_MAX && unit->names[i]; i++)
        if (strlen(unit->names[i]) == length && memcmp(unit->names[i], name, length) == 0)
            return true;
    return false;
}

/* The unit whose name is at the cursor; 0 if there is none of that name. */
static uint64_t take_time_unit(const char **cursor) {
    const char *name = *cursor;

    while (is_letter(**cursor))
        (*cursor)++;
    for (size_t i = 0; i < ELEMENTSOF(time_units); i++)
        if (has_name(&time_units[i], name, *cursor - name))
            return time_units[i].usec;
    return 0;
}

/* "5min" or "5 min" at the cursor; a number without unit means seconds, but only when it is the whole text. */
static int take_time_term(const char **cursor, bool first, uint64_t *ret) {
    uint64_t unit = USEC_PER_SEC;
    Decimal decimal;

    int r = take_decimal(cursor, &decimal);
    if (r < 0)
        return r;
    if (!first || **cursor) {
        *cursor += strspn(*cursor, " ");
        unit = take_time_unit(cursor);
    }
    return decimal_multiply(&decimal, unit, ret);
}

int parse_usec(const char *text, uint64_t *ret) {
    uint64_t sum = 0;

    if (strcmp(text, "infinity") == 0) {
        *ret = AMOUNT_INFINITY;
        return 0;
    }
    for (bool first = true; first || *text; first = false) {
        uint64_t term;

        if (!first)
            text += strspn(text, " ");
        int r = take_time_term(&text, first, &term);
        if (r < 0)
            return r;
        if (__builtin_add_overflow(sum, term, &sum) || sum == AMOUNT_INFINITY)
            return -ERANGE;
    }
    *ret = sum;
    return 0;
}

int parse_bit_rate(const char *text, uint64_t *ret) {
    uint64_t unit = 1, bits;
    Decimal decimal;

    int r = take_decimal(&text, &decimal);
    if (r < 0)
        return r;
    if (*text && *text != 'b' && *text != 'B') {
        unit = prefix_unit(*text == 'k' ? 'K' : *text, 1000);
        text++;
    }
    if (strcmp(text, "B") == 0)
        unit *= BITS_PER_BYTE;
    else if (strcmp(text, "bit") != 0)
        return -EINVAL;
    r = decimal_multiply(&decimal, unit, &bits);
    if (r < 0)
        return r;
    *ret = bits / BITS_PER_BYTE;
    return 0;
}

/* The prefix that leaves a number from 1 to below base before it; "" and 1 if the value is below base. */
static const char *prefix_for(uint64_t value, uint64_t base, uint64_t *ret_unit) {
    const char *prefix = "";
    uint64_t unit = 1;

    for (const char *p = prefixes; *p && value / unit >= base; p++) {
        prefix = p;
        unit *= base;
    }
    *ret_unit = unit;
    return prefix;
}

static const char *format_infinity(char *buffer, size_t size) {
    snprintf(buffer, size, "infinity");
    return buffer;
}

/* "12.5Mbit/s": up to two decimals, without trailing zeros. */
static const char *format_hundredths(
        uint64_t whole, unsigned hundredths, const char *prefix, const char *unit, char *buffer, size_t size) {
    char fraction[16] = "";

    if (hundredths % 10 > 0)
        snprintf(fraction, sizeof(fraction), ".%02u", hundredths);
    else if (hundredths > 0)
        snprintf(fraction, sizeof(fraction), ".%u", hundredths / 10);
    snprintf(buffer, size, "%" PRIu64 "%s%.1s%s", whole, fraction, prefix, unit);
    return buffer;
}

static const char *format_decimal(uint64_t value, const char *unit_name, char *buffer, size_t size) {
    uint64_t unit;
    const char *prefix = prefix_for(value, 1000, &unit);
    unsigned hundredths = unit > 1 ? value % unit / (unit / 100) : 0;

    return format_hundredths(value / unit, hundredths, prefix, unit_name, buffer, size);
}

const char *format_bytes(uint64_t bytes, char *buffer, size_t size) {
    uint64_t unit;
    const char *prefix = prefix_for(bytes, 1024, &unit);

    if (bytes == AMOUNT_INFINITY)
        return format_infinity(buffer, size);
    if (unit == 1)
        snprintf(buffer, size, "%" PRIu64 "B", bytes);
    else
        snprintf(buffer, size, "%" PRIu64 ".%" PRIu64 "%.1s", bytes / unit, bytes % unit * 10 / unit, prefix);
    return buffer;
}

const char *format_decimal_bytes(uint64_t bytes, char *buffer, size_t size) {
    if (bytes == AMOUNT_INFINITY)
        return format_infinity(buffer, size);
    return format_decimal(bytes, bytes < 1000 ? "B" : "", buffer, size);
}

const char *format_bit_rate(uint64_t bytes_per_sec, char *buffer, size_t size) {
    if (bytes_per_sec > UINT64_MAX / BITS_PER_BYTE)
        return format_infinity(buffer, size);
    return format_decimal(bytes_per_sec * BITS_PER_BYTE, "bit/s", buffer, size);
}

const char *format_permyriad(uint64_t permyriad, char *buffer, size_t size) {
    if (permyriad == AMOUNT_INFINITY)
        return format_infinity(buffer, size);
    return format_hundredths(permyriad / 100, permyriad % 100, "", "%", buffer, size);
}

const char *format_usec(uint64_t usec, char *buffer, size_t size) {
    char text[AMOUNT_TEXT_MAX] = "0";
    size_t length = 0;

    if (usec == AMOUNT_INFINITY)
        return format_infinity(buffer, size);
    for (size_t i = 0; i < ELEMENTSOF(time_units); i++) {
        uint64_t n = usec / time_units[i].usec;

        if (n > 0)
            length += sprintf(text + length, "%s%" PRIu64 "%s", length > 0 ? " " : "", n, time_units[i].names[0]);
        usec %= time_units[i].usec;
    }
    snprintf(buffer, size, "%s", text);
    return buffer;
}

bool name_is_valid(const char *name) {
    size_t length = 0;

    for (; name[length]; length++) {
        bool alphanumeric = is_letter(name[length]) || is_digit(name[length]);

        if (length >= NAME_LENGTH_MAX || (!alphanumeric && (length == 0 || !strchr("_.@-", name[length]))))
            return false;
    }
    return length > 0;
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

unsigned edit_distance(const char *a, const char *b, unsigned max) {
    size_t n = strlen(a), m = strlen(b);
    unsigned d[NAME_LENGTH_MAX + 1][NAME_LENGTH_MAX + 1];

    if (n > NAME_LENGTH_MAX || m > NAME_LENGTH_MAX || n > m + max || m > n + max)
        return UINT_MAX;
    for (size_t i = 0; i <= n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        unsigned nearest = i;
        for (size_t j = 1; j <= m; j++) {
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
            nearest = least(nearest, d[i][j]);
        }
        if (nearest > max) /* what follows only adds to it */
            return UINT_MAX;
    }
    return d[n][m] > max ? UINT_MAX : d[n][m];
}
