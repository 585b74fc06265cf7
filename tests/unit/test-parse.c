/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Amounts: each reader against a table of texts, each writer against what it should say. */

#include "base/parse.h"

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "unit/check.h"

typedef struct Case {
    const char *text;
    int result;
    uint64_t amount;
} Case;

enum { UNTOUCHED = 4711 };

static void check_cases(
        const char *reader_name, int (*reader)(const char *text, uint64_t *ret), const Case *cases, size_t n_cases) {
    for (const Case *c = cases; c < cases + n_cases; c++) {
        uint64_t amount = UNTOUCHED;

        int r = reader(c->text, &amount);
        if (r != c->result)
            CHECK_FAIL("%s \"%s\" gives %d, expected %d", reader_name, c->text, r, c->result);
        if (amount != (r < 0 ? UNTOUCHED : c->amount))
            CHECK_FAIL("%s \"%s\" is %" PRIu64 ", expected %" PRIu64, reader_name, c->text, amount, c->amount);
    }
}

#define CHECK_CASES(reader, ...)                                  \
    do {                                                          \
        static const Case _cases[] = { __VA_ARGS__ };             \
        check_cases(#reader, reader, _cases, ELEMENTSOF(_cases)); \
    } while (0)

/* What no reader takes. */
static void test_never(void) {
    static int (*const readers[])(const char *, uint64_t *) = {
        parse_u64,
        parse_bytes,
        parse_decimal_bytes,
        parse_permyriad,
        parse_usec,
        parse_bit_rate,
    };
    static const Case never[] = {
        { "", -EINVAL, 0 },
        { " ", -EINVAL, 0 },
        { "x", -EINVAL, 0 },
        { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },
        { "\t1", -EINVAL, 0 },
        { "1\n", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },
        { "+1", -EINVAL, 0 },
        { "0x10", -EINVAL, 0 },
        { "1e3", -EINVAL, 0 },
        { "1.", -EINVAL, 0 },
        { ".5", -EINVAL, 0 },
        { "1,5", -EINVAL, 0 },
        { "1..5", -EINVAL, 0 },
        { "1.5.5", -EINVAL, 0 },
        { "1.-5", -EINVAL, 0 },
        { "1KK", -EINVAL, 0 },
        { "1K ", -EINVAL, 0 },
        { "-1%", -EINVAL, 0 },
        { "1%%", -EINVAL, 0 },
        { "1% ", -EINVAL, 0 },
        { "1s ", -EINVAL, 0 },
        { " 1s", -EINVAL, 0 },
        { "nan", -EINVAL, 0 },
        { "Infinity", -EINVAL, 0 },
        { "infinity ", -EINVAL, 0 },
        { "inf", -EINVAL, 0 },
        { "max", -EINVAL, 0 },
        { "1\xc2\xa0", -EINVAL, 0 },
    };

    for (size_t i = 0; i < ELEMENTSOF(readers); i++)
        check_cases("reader", readers[i], never, ELEMENTSOF(never));
}

static void test_u64(void) {
    CHECK_CASES(parse_u64, { "0", 0, 0 }, { "007", 0, 7 }, { "18446744073709551615", 0, UINT64_MAX },
            { "18446744073709551616", -ERANGE, 0 }, { "99999999999999999999", -ERANGE, 0 }, { "1.5", -EINVAL, 0 },
            { "1K", -EINVAL, 0 }, { "infinity", -EINVAL, 0 });
}

static void test_digits(void) {
    const char *text = "12-34", *cursor = text;
    uint64_t value;

    CHECK_EQ(parse_digits(&cursor, &value), 0);
    CHECK_EQ(value, 12);
    CHECK_STREQ(cursor, "-34");
    CHECK_EQ(parse_digits(&cursor, &value), -EINVAL);
    CHECK_STREQ(cursor, "-34");
}

static void test_bool(void) {
    static const char *const right[] = { "yes", "TRUE", "On", "1" }, *const wrong[] = { "no", "False", "oFF", "0" },
                             *const neither[] = { "", "y", "2", "yes ", " no", "enabled" };
    bool value;

    for (size_t i = 0; i < ELEMENTSOF(right); i++)
        CHECK(parse_bool(right[i], &value) == 0 && value);
    for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
        CHECK(parse_bool(wrong[i], &value) == 0 && !value);
    for (size_t i = 0; i < ELEMENTSOF(neither); i++)
        CHECK_EQ(parse_bool(neither[i], &value), -EINVAL);
}

static void test_bytes(void) {
    CHECK_CASES(parse_bytes, { "0", 0, 0 }, { "512", 0, 512 }, { "1K", 0, 1024 }, { "1.5K", 0, 1536 },
            { "64M", 0, 64 << 20 }, { "2G", 0, UINT64_C(2) << 30 }, { "1T", 0, UINT64_C(1) << 40 }, { "0.1K", 0, 102 },
            { "1.3G", 0, 1395864371 }, { "0.999999M", 0, 1048574 }, { "15E", 0, UINT64_C(15) << 60 },
            { "15.999999999999999999E", 0, UINT64_MAX - 1 }, { "18446744073709551614", 0, UINT64_MAX - 1 },
            { "infinity", 0, AMOUNT_INFINITY }, { "18446744073709551615", -ERANGE, 0 }, { "16E", -ERANGE, 0 },
            { "99999999999999999999", -ERANGE, 0 }, { "18446744073709551615K", -ERANGE, 0 }, { "1.5", -EINVAL, 0 },
            { "1.0", -EINVAL, 0 }, { "1.2345K", -EINVAL, 0 }, { "1.1234567890123456789E", -EINVAL, 0 },
            { "0.00000000000000000000000000001E", -EINVAL, 0 }, { "1k", -EINVAL, 0 }, { "1KB", -EINVAL, 0 },
            { "1 K", -EINVAL, 0 }, { "1Z", -EINVAL, 0 }, { "K", -EINVAL, 0 }, { "50%", -EINVAL, 0 });
}

static void test_decimal_bytes(void) {
    CHECK_CASES(parse_decimal_bytes, { "512", 0, 512 }, { "1K", 0, 1000 }, { "1.5K", 0, 1500 }, { "10M", 0, 10000000 },
            { "2G", 0, 2000000000 }, { "1.234567M", 0, 1234567 }, { "infinity", 0, AMOUNT_INFINITY },
            { "18E", 0, UINT64_C(18000000000000000000) }, { "19E", -ERANGE, 0 }, { "1.2345K", -EINVAL, 0 },
            { "1k", -EINVAL, 0 });
}

static void test_permyriad(void) {
    CHECK_CASES(parse_permyriad, { "0%", 0, 0 }, { "50%", 0, 5000 }, { "12.5%", 0, 1250 }, { "250%", 0, 25000 },
            { "0.01%", 0, 1 }, { "99.99%", 0, 9999 }, { "1.234%", -EINVAL, 0 }, { "1.000%", -EINVAL, 0 },
            { "50", -EINVAL, 0 }, { "50 %", -EINVAL, 0 }, { "%", -EINVAL, 0 }, { "1K%", -EINVAL, 0 },
            { "infinity", -EINVAL, 0 }, { "184467440737095517%", -ERANGE, 0 }, { "99999999999999999999%", -ERANGE, 0 });
}

static void test_usec(void) {
    CHECK_CASES(parse_usec, { "0", 0, 0 }, { "7", 0, 7000000 }, { "1.5", 0, 1500000 }, { "1.5s", 0, 1500000 },
            { "100ms", 0, 100000 }, { "5min 20s", 0, 320000000 }, { "5min20s", 0, 320000000 },
            { "5 min  20 sec", 0, 320000000 }, { "2h", 0, 7200000000 }, { "1d 1hr", 0, 90000000000 },
            { "1week", 0, 604800000000 }, { "3us", 0, 3 }, { "0.001ms", 0, 1 }, { "1s 1s", 0, 2000000 },
            { "infinity", 0, AMOUNT_INFINITY }, { "1.5us", -EINVAL, 0 }, { "1.0000001s", -EINVAL, 0 },
            { "1min 20", -EINVAL, 0 }, { "1 20s", -EINVAL, 0 }, { "5 minutess", -EINVAL, 0 }, { "5S", -EINVAL, 0 },
            { "s", -EINVAL, 0 }, { "1s,2s", -EINVAL, 0 }, { "1s -1s", -EINVAL, 0 }, { "1min\t1s", -EINVAL, 0 },
            { "infinity 1s", -EINVAL, 0 }, { "18446744073709551615us", -ERANGE, 0 },
            { "18446744073709551614us 1us", -ERANGE, 0 }, { "18446744073709551614us 2us", -ERANGE, 0 },
            { "99999999999999w", -ERANGE, 0 }, { "99999999999999999999s", -ERANGE, 0 });
}

static void test_bit_rate(void) {
    CHECK_CASES(parse_bit_rate, { "50Mbit", 0, 6250000 }, { "12MB", 0, 12000000 }, { "9600bit", 0, 1200 },
            { "1Gbit", 0, 125000000 }, { "2.5Gbit", 0, 312500000 }, { "8kbit", 0, 1000 }, { "8Kbit", 0, 1000 },
            { "1kB", 0, 1000 }, { "100B", 0, 100 }, { "1bit", 0, 0 }, { "12bit", 0, 1 }, { "50", -EINVAL, 0 },
            { "50M", -EINVAL, 0 }, { "50mbit", -EINVAL, 0 }, { "50Mbit/s", -EINVAL, 0 }, { "50 Mbit", -EINVAL, 0 },
            { "50Mbits", -EINVAL, 0 }, { "50MiB", -EINVAL, 0 }, { "1.5bit", -EINVAL, 0 }, { "bit", -EINVAL, 0 },
            { "infinity", -EINVAL, 0 }, { "19Ebit", -ERANGE, 0 }, { "3EB", -ERANGE, 0 },
            { "99999999999999999999bit", -ERANGE, 0 });
}

static void test_writers(void) {
    char text[AMOUNT_TEXT_MAX];

    CHECK_STREQ(format_bytes(0, text, sizeof(text)), "0B");
    CHECK_STREQ(format_bytes(1023, text, sizeof(text)), "1023B");
    CHECK_STREQ(format_bytes(1536, text, sizeof(text)), "1.5K");
    CHECK_STREQ(format_bytes(64 << 20, text, sizeof(text)), "64.0M");
    CHECK_STREQ(format_bytes((64 << 20) - 1, text, sizeof(text)), "63.9M");
    CHECK_STREQ(format_bytes(UINT64_MAX - 1, text, sizeof(text)), "15.9E");
    CHECK_STREQ(format_bytes(AMOUNT_INFINITY, text, sizeof(text)), "infinity");
    CHECK_STREQ(format_decimal_bytes(999, text, sizeof(text)), "999B");
    CHECK_STREQ(format_decimal_bytes(10000000, text, sizeof(text)), "10M");
    CHECK_STREQ(format_decimal_bytes(1050000, text, sizeof(text)), "1.05M");
    CHECK_STREQ(format_decimal_bytes(UINT64_MAX - 1, text, sizeof(text)), "18.44E");
    CHECK_STREQ(format_decimal_bytes(AMOUNT_INFINITY, text, sizeof(text)), "infinity");
    CHECK_STREQ(format_permyriad(5000, text, sizeof(text)), "50%");
    CHECK_STREQ(format_permyriad(1250, text, sizeof(text)), "12.5%");
    CHECK_STREQ(format_permyriad(1, text, sizeof(text)), "0.01%");
    CHECK_STREQ(format_permyriad(AMOUNT_INFINITY, text, sizeof(text)), "infinity");
    CHECK_STREQ(format_bit_rate(6250000, text, sizeof(text)), "50Mbit/s");
    CHECK_STREQ(format_bit_rate(312500000, text, sizeof(text)), "2.5Gbit/s");
    CHECK_STREQ(format_bit_rate(1, text, sizeof(text)), "8bit/s");
    CHECK_STREQ(format_bit_rate(AMOUNT_INFINITY, text, sizeof(text)), "infinity");
}

static void test_format_usec(void) {
    char text[AMOUNT_TEXT_MAX];
    uint64_t usec;

    CHECK_STREQ(format_usec(0, text, sizeof(text)), "0");
    CHECK_STREQ(format_usec(80 * USEC_PER_SEC, text, sizeof(text)), "1min 20s");
    CHECK_STREQ(format_usec(1500 * USEC_PER_MSEC, text, sizeof(text)), "1s 500ms");
    CHECK_STREQ(format_usec(AMOUNT_INFINITY, text, sizeof(text)), "infinity");
    format_usec(UINT64_MAX - 1, text, sizeof(text));
    CHECK_EQ(parse_usec(text, &usec), 0);
    CHECK_EQ(usec, UINT64_MAX - 1);
}

static void test_names(void) {
    static const char *const good[] = { "a", "0", "web", "Web-1.a_b@c",
        "a234567890123456789012345678901234567890123456789012345678901234" },
                             *const bad[] = { "", ".", "..", "-a", "_a", "@", "a/b", "a b", "a\n", "\xc3\xa4",
                                 "a2345678901234567890123456789012345678901234567890123456789012345" };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        CHECK(name_is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK(!name_is_valid(bad[i]));
}

static void test_edit_distance(void) {
    char at_limit[NAME_LENGTH_MAX + 1], beyond[NAME_LENGTH_MAX + 2];

    memset(at_limit, 'a', sizeof(at_limit) - 1);
    at_limit[sizeof(at_limit) - 1] = '\0';
    memset(beyond, 'a', sizeof(beyond) - 1);
    beyond[sizeof(beyond) - 1] = '\0';
    CHECK_EQ(edit_distance("", "", 0), 0);
    CHECK_EQ(edit_distance("", "abc", 3), 3);
    CHECK_EQ(edit_distance("", "abc", 2), UINT_MAX);
    CHECK_EQ(edit_distance("CPUWeight", "CPUWeight", 0), 0);
    CHECK_EQ(edit_distance("CPUWeight", "CPUWieght", 1), 1);
    CHECK_EQ(edit_distance("CPUWeight", "CPUWeigt", 3), 1);
    CHECK_EQ(edit_distance("CPUWeight", "IOWeight", 3), 3);
    CHECK_EQ(edit_distance("kitten", "sitting", 3), 3);
    CHECK_EQ(edit_distance("kitten", "sitting", 2), UINT_MAX);
    CHECK_EQ(edit_distance("ab", "ba", 1), 1);
    CHECK_EQ(edit_distance("ab", "ba", 0), UINT_MAX);
    CHECK_EQ(edit_distance("", at_limit, NAME_LENGTH_MAX), NAME_LENGTH_MAX);
    CHECK_EQ(edit_distance(at_limit, at_limit, 3), 0);
    CHECK_EQ(edit_distance(beyond, beyond, NAME_LENGTH_MAX), UINT_MAX);
    CHECK_EQ(edit_distance("a", beyond, NAME_LENGTH_MAX), UINT_MAX);
}

int main(void) {
    test_never();
    test_u64();
    test_digits();
    test_bool();
    test_bytes();
    test_decimal_bytes();
    test_permyriad();
    test_usec();
    test_bit_rate();
    test_writers();
    test_format_usec();
    test_names();
    test_edit_distance();
    return 0;
}
