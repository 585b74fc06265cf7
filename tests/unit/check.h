/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Checks for unit tests: the first that fails prints where, what and both values, and ends the test with status 1. */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_FAIL(format, ...)                                                  \
    do {                                                                         \
        fprintf(stderr, "%s:%d: " format "\n", __FILE__, __LINE__, __VA_ARGS__); \
        exit(EXIT_FAILURE);                                                      \
    } while (0)

#define CHECK(condition)                                \
    do {                                                \
        if (!(condition))                               \
            CHECK_FAIL("%s does not hold", #condition); \
    } while (0)

/* Integers of any type, compared as intmax_t. */
#define CHECK_EQ(actual, expected)                                                             \
    do {                                                                                       \
        intmax_t _actual = (intmax_t) (actual), _expected = (intmax_t) (expected);             \
        if (_actual != _expected)                                                              \
            CHECK_FAIL("%s is %" PRIdMAX ", expected %" PRIdMAX, #actual, _actual, _expected); \
    } while (0)

/* Strings; NULL equals only NULL. */
#define CHECK_STREQ(actual, expected)                                                          \
    do {                                                                                       \
        const char *_actual = (actual), *_expected = (expected);                               \
        if (_actual && _expected ? strcmp(_actual, _expected) != 0 : _actual != _expected)     \
            CHECK_FAIL("%s is \"%s\", expected \"%s\"", #actual, _actual ? _actual : "(null)", \
                    _expected ? _expected : "(null)");                                         \
    } while (0)
