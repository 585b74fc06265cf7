/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Moments as people type them, a part of systemd.time(7). */

#include <stdint.h>

/*
 * "2026-11-22 07:30:00", "2026-11-22" (its beginning), "07:30", "07:30:00" (of today), "now", "today", "yesterday",
 * "@1795332600" (seconds since 1970), "-1h 30min", "1h 30min ago"; local time. ret: microseconds of CLOCK_REALTIME. -EINVAL.
 */
int parse_moment(const char *text, uint64_t now_usec, uint64_t *ret_usec);
