/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The end of a file that a workload writes its output to, and what is added to it. */

#include <stdint.h>

#include "base/cleanup.h"

typedef struct LogFile LogFile;

typedef void LogPrintLine(const char *line, void *userdata);

/* A regular file only: whatever else a path may lead to is not read. -errno; -EINVAL: not a regular file. */
int log_file_open(const char *path, LogFile **ret);
LogFile *log_file_free(LogFile *file);
DEFINE_CLEANUP(LogFile *, log_file_free);

/* n_last: only that many lines, the last; UINT64_MAX: all. To be called before anything is read. */
int log_file_seek(LogFile *file, uint64_t n_last);
/* Prints the lines that are complete. A file that has become shorter is read from its beginning. */
int log_file_print(LogFile *file, LogPrintLine *print, void *userdata);
/* Prints what stands behind the last line's end. */
void log_file_print_rest(LogFile *file, LogPrintLine *print, void *userdata);
