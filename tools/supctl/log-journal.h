/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What workloads said into the system's journal, and what supervisord said there of them. Of an entry the name alone proves
 * nothing, anybody may choose it: the cgroup, which the journal takes from the kernel, must be the workload's own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct LogEntry {
    uint64_t at_usec; /* CLOCK_REALTIME */
    const char *workload;
    const char *speaker; /* the workload, or "supervisord" */
    int64_t pid;         /* -1: not known */
    int priority;        /* of syslog(3) */
    const char *message; /* without what follows a NUL byte */
} LogEntry;

typedef void LogPrint(const LogEntry *entry, void *userdata);

typedef struct LogQuery {
    const struct LogOrigin {
        const char *workload;
        const char *directory; /* its cgroup, as /proc/PID/cgroup has it */
    } * origins;
    size_t n_origins;
    uint64_t since_usec, until_usec; /* CLOCK_REALTIME; 0, UINT64_MAX: no bound */
    uint64_t n_last;                 /* only that many, the newest; UINT64_MAX: all */
} LogQuery;

typedef struct LogJournal LogJournal;

/* Borrows what the query points to. */
int log_journal_open(const LogQuery *query, LogJournal **ret);
LogJournal *log_journal_free(LogJournal *journal);
DEFINE_CLEANUP(LogJournal *, log_journal_free);

/* Prints what is there, the oldest first. */
int log_journal_print(LogJournal *journal, LogPrint *print, void *userdata);
/* Prints what has come since. timeout_usec: waits that long for it, UINT64_MAX: without end. */
int log_journal_follow(LogJournal *journal, uint64_t timeout_usec, LogPrint *print, void *userdata);
int log_journal_fd(LogJournal *journal); /* readable when something may have come; negative errno */

bool log_journal_is_there(void); /* does a journal listen, and would it keep what workloads say? */
