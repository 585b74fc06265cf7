/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Strict readers and writers of the amounts that people type. The whole text must be the amount: no leading or
 * trailing blanks, no sign, no overflow. All return 0, -EINVAL (not of this form) or -ERANGE (too large);
 * outputs are untouched on failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AMOUNT_TEXT_MAX = 64, /* room for any formatted amount */
};

#define AMOUNT_INFINITY UINT64_MAX
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_USEC UINT64_C(1000)

int parse_digits(const char **cursor, uint64_t *ret); /* the digits at the cursor, which moves past them on success */
int parse_u64(const char *text, uint64_t *ret);       /* decimal digits only */
int parse_bool(const char *text, bool *ret);          /* yes no true false on off 1 0, any case */
int parse_bytes(const char *text, uint64_t *ret);     /* 512, 1.5K, 64M, 2G, 1T: base 1024; "infinity" */
int parse_decimal_bytes(
        const char *text, uint64_t *ret);             /* as parse_bytes with base 1000: systemd's IO*BandwidthMax= */
int parse_fraction(const char *text, uint64_t *ret);  /* "1.5", "150%": ten-thousandths */
int parse_permyriad(const char *text, uint64_t *ret); /* "50%", "12.5%", "250%": hundredths of a percent */
int parse_usec(const char *text, uint64_t *ret);      /* "5min 20s", "1.5s", "100ms", "7" (seconds); "infinity" */
int parse_bit_rate(const char *text,
        uint64_t *ret); /* bytes per second from "50Mbit", "12MB", "9600bit": the unit is a must, base 1000 */

/* Writers for people: "64.0M", "10M", "1min 20s", "50%", "50Mbit/s". Buffers of AMOUNT_TEXT_MAX always suffice. Return buffer. */
const char *format_bytes(uint64_t bytes, char *buffer, size_t size);         /* base 1024 */
const char *format_decimal_bytes(uint64_t bytes, char *buffer, size_t size); /* base 1000 */
const char *format_usec(uint64_t usec, char *buffer, size_t size);
const char *format_permyriad(uint64_t permyriad, char *buffer, size_t size);
const char *format_bit_rate(uint64_t bytes_per_sec, char *buffer, size_t size);

/* A name that the policy may give: [A-Za-z0-9][A-Za-z0-9_.@-]{0,63}. */
enum { NAME_LENGTH_MAX = 64 };
bool name_is_valid(const char *name);

/*
 * Edit distance (insert, delete, replace, swap of neighbours), for "did you mean". UINT_MAX: more than max, or a text over
 * 64 bytes.
 */
unsigned edit_distance(const char *a, const char *b, unsigned max);
