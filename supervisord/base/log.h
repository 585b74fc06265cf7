/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Log lines: to the journal with fields when stderr is connected to it (or --journal says so), else to stderr
 * with sd-daemon priority prefixes or plainly on a terminal. Only supervisor, serve and main log; lower layers return errors.
 */

#include <stddef.h>
#include <syslog.h>

void log_open(void);               /* looks where stderr goes, once */
void log_set_max_level(int level); /* LOG_INFO by default */

/* workload: name of the slice or workload that the line is about (field SUPERVISOR_WORKLOAD=), or NULL. */
__attribute__((format(printf, 3, 4))) void log_line(int level, const char *workload, const char *format, ...);

#define log_error(...) log_line(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, NULL, __VA_ARGS__)
