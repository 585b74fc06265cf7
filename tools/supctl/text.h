/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Text that others wrote, made safe for a terminal. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The bytes of the symbol that text, not "", begins with; what is not UTF-8 counts as one byte, with code UINT32_MAX. */
size_t text_symbol(const char *text, uint32_t *ret_code);
bool text_is_utf8(const char *text);
bool text_is_printable(uint32_t code); /* neither steers a terminal nor reorders what stands beside it */
size_t text_width(const char *text);   /* in symbols */

/* A fresh string in which controls, bidirectional overrides and what is not UTF-8 stand as \xNN; NULL: out of memory. */
char *text_escape(const char *text);
/* Text as one line, escaped, after prefix. */
void text_print_line(FILE *file, const char *prefix, const char *text);
/* Each line of text likewise; a last empty one is left out. */
void text_print_lines(FILE *file, const char *prefix, const char *text);

/* "supctl: message" on stderr, escaped; a message of several lines has the prefix on each. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
/* Says that memory is exhausted; returns EXIT_FAILURE. */
int complain_memory(void);

/* "5min 20s", "3h 12min": the two largest terms of a duration. Returns buffer (AMOUNT_TEXT_MAX). */
const char *format_age(uint64_t usec, char *buffer, size_t size);
/* "2025-11-22 04:10:00 UTC" of microseconds of CLOCK_REALTIME. Returns buffer (AMOUNT_TEXT_MAX). */
const char *format_realtime(uint64_t realtime_usec, char *buffer, size_t size);
uint64_t realtime_now_usec(void);
