/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Where a log line goes is decided once, at start, by what stderr is. A line never changes errno. */

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/cleanup.h"

enum {
    LOG_MESSAGE_MAX = 2048, /* longer messages are cut */
    LOG_FIELD_MAX = 128,
};

typedef enum LogTarget {
    LOG_TO_STDERR,
    LOG_TO_STDERR_WITH_PRIORITY,
    LOG_TO_JOURNAL,
} LogTarget;

static LogTarget log_target = LOG_TO_STDERR;
static int log_max_level = LOG_INFO;

/* systemd puts "device:inode" of the stream it connected stderr to into the environment. */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
    return strcmp(stream, ours) == 0;
}

void log_open(void) {
    if (stderr_is_journal())
        log_target = LOG_TO_JOURNAL;
    else
        log_target = isatty(STDERR_FILENO) ? LOG_TO_STDERR : LOG_TO_STDERR_WITH_PRIORITY;
}

void log_set_max_level(int level) {
    log_max_level = level;
}

static struct iovec field(const char *text) {
    return (struct iovec){ .iov_base = (char *) text, .iov_len = strlen(text) };
}

static void send_to_journal(int level, const char *workload, const char *message) {
    char message_field[sizeof("MESSAGE=") + LOG_MESSAGE_MAX];
    char priority_field[LOG_FIELD_MAX], workload_field[LOG_FIELD_MAX];
    struct iovec fields[4];
    int n = 0;

    snprintf(message_field, sizeof(message_field), "MESSAGE=%s", message);
    snprintf(priority_field, sizeof(priority_field), "PRIORITY=%d", level);
    fields[n++] = field(message_field);
    fields[n++] = field(priority_field);
    fields[n++] = field("SYSLOG_IDENTIFIER=supervisord");
    if (workload) {
        snprintf(workload_field, sizeof(workload_field), "SUPERVISOR_WORKLOAD=%s", workload);
        fields[n++] = field(workload_field);
    }
    sd_journal_sendv(fields, n);
}

void log_line(int level, const char *workload, const char *format, ...) {
    char message[LOG_MESSAGE_MAX];
    int saved_errno = errno;
    va_list arguments;

    if (level > log_max_level)
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (log_target == LOG_TO_JOURNAL)
        send_to_journal(level, workload, message);
    else if (log_target == LOG_TO_STDERR_WITH_PRIORITY)
        dprintf(STDERR_FILENO, "<%d>%s\n", level, message);
    else
        dprintf(STDERR_FILENO, "%s\n", message);
    errno = saved_errno;
}
