/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Signals by the names that people know them by. */

/* "TERM", "SIGTERM", "15", "RTMIN+3", "RTMAX-1", in any case; -EINVAL. */
int parse_signal(const char *text, int *ret);
