/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * logs: what workloads wrote to their standard output and error, from wherever the policy sends it: the journal, a file, or
 * nowhere, which is said. The policy of now is asked: output of a time when it said otherwise is where it was sent then.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/strv.h"
#include "tools/supctl/client.h"
#include "tools/supctl/log-file.h"
#include "tools/supctl/log-journal.h"
#include "tools/supctl/report.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

enum { LINES_FOLLOWED = 10 }; /* of before, when only what comes is asked for */

typedef struct Writer { /* a workload that writes to a file */
    const char *workload;
    LogFile *file; /* owned */
    const Options *options;
} Writer;

typedef struct Logs {
    const Options *options;
    sd_bus_message *reply; /* of Outputs, owned: what the others point to */
    struct LogOrigin *origins;
    size_t n_origins, n_origins_allocated;
    Writer *writers;
    size_t n_writers, n_writers_allocated;
    LogJournal *journal;
    int inotify_fd;
} Logs;

static void logs_done(Logs *logs) {
    for (size_t i = 0; i < logs->n_writers; i++)
        log_file_free(logs->writers[i].file);
    free(logs->writers);
    free(logs->origins);
    log_journal_free(logs->journal);
    close_fd(logs->inotify_fd);
    sd_bus_message_unref(logs->reply);
}

/* --- printing ---------------------------------------------------------------------------------------------------- */

static void write_entry(const Options *options, const LogEntry *entry) {
    Json json = JSON(stdout, options->json);

    json_begin_object(&json, NULL);
    if (entry->at_usec > 0)
        json_unsigned(&json, "at_usec", entry->at_usec);
    else
        json_null(&json, "at_usec");
    json_text(&json, "workload", entry->workload);
    json_text(&json, "speaker", entry->speaker);
    if (entry->pid >= 0)
        json_unsigned(&json, "pid", (uint64_t) entry->pid);
    else
        json_null(&json, "pid");
    if (entry->priority >= 0)
        json_unsigned(&json, "priority", (uint64_t) entry->priority);
    else
        json_null(&json, "priority");
    json_text(&json, "message", entry->message);
    json_end_object(&json);
    json_end(&json);
}

static void format_time(uint64_t at_usec, char *buffer, size_t size) {
    time_t sec = (time_t) (at_usec / USEC_PER_SEC);
    struct tm calendar;

    if (at_usec == 0 || !localtime_r(&sec, &calendar) || strftime(buffer, size, "%Y-%m-%d %H:%M:%S ", &calendar) == 0)
        *buffer = '\0';
}

/* "2026-11-22 07:30:15 web[4711]: words"; "supervisord(web): words" for what was said of it. */
static void print_entry(const LogEntry *entry, void *userdata) {
    const Options *options = userdata;
    bool is_own = entry->speaker == entry->workload;
    char time[AMOUNT_TEXT_MAX], pid[AMOUNT_TEXT_MAX] = "";
    _cleanup_(cleanup_free) char *prefix = NULL;

    if (options->json) {
        write_entry(options, entry);
        return;
    }
    format_time(entry->at_usec, time, sizeof(time));
    if (is_own && entry->pid >= 0)
        snprintf(pid, sizeof(pid), "[%lld]", (long long) entry->pid);
    if (text_printf(&prefix, "%s%s%s%s%s%s: ", time, entry->speaker, is_own ? "" : "(", is_own ? "" : entry->workload,
                is_own ? "" : ")", pid) >= 0)
        text_print_lines(stdout, prefix, entry->message);
}

static void print_file_line(const char *line, void *userdata) {
    const Writer *writer = userdata;

    print_entry(&(LogEntry){ .workload = writer->workload,
                        .speaker = writer->workload,
                        .pid = -1,
                        .priority = -1,
                        .message = line },
            (void *) writer->options);
}

/* --- what is asked for ------------------------------------------------------------------------------------------- */

/* Is the workload in one of the names, or one of them? Nothing named: all are meant. */
static bool is_meant(const Listing *listing, const char *workload, char *const *names) {
    const char *name = workload;

    if (!*names)
        return true;
    for (size_t depth = 0; depth <= listing->n_entries && *name; depth++) {
        const Status *status = listing_find(listing, name);

        for (char *const *wanted = names; *wanted; wanted++)
            if (strcmp(*wanted, name) == 0)
                return true;
        name = status ? status->slice : "";
    }
    return false;
}

static int add_origin(Logs *logs, const char *workload, const char *directory) {
    if (grow(&logs->origins, sizeof(*logs->origins), logs->n_origins, &logs->n_origins_allocated) < 0)
        return complain_memory();
    logs->origins[logs->n_origins++] = (struct LogOrigin){ workload, directory };
    return EXIT_SUCCESS;
}

static int add_writer(Logs *logs, const char *workload, const char *path) {
    LogFile *file;
    int r = log_file_open(path, &file);

    if (r == -ENOENT) {
        if (!logs->options->quiet)
            complain("%s: writes to %s, which is not there yet", workload, path);
        return EXIT_SUCCESS;
    }
    if (r < 0) {
        complain("%s: cannot read %s: %s", workload, path, r == -EINVAL ? "not a regular file" : strerror(-r));
        return EXIT_FAILURE;
    }
    if (grow(&logs->writers, sizeof(Writer), logs->n_writers, &logs->n_writers_allocated) < 0) {
        log_file_free(file);
        return complain_memory();
    }
    logs->writers[logs->n_writers++] = (Writer){ workload, file, logs->options };
    if (logs->options->follow && inotify_add_watch(logs->inotify_fd, path, IN_MODIFY) < 0) {
        complain("%s: cannot watch %s: %s", workload, path, strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* where: "journal", "null", "append:/path" */
static int add_output(Logs *logs, const char *workload, const char *directory, const char *where, bool is_named) {
    const char *path = strchr(where, ':');

    if (path)
        return add_writer(logs, workload, path + 1);
    if (strcmp(where, "journal") == 0)
        return add_origin(logs, workload, directory);
    if (is_named && !logs->options->quiet)
        complain("%s: its output goes nowhere (StandardOutput=%s)", workload, where);
    return EXIT_SUCCESS;
}

static int add_outputs(Logs *logs, const Listing *listing, char *const *names) {
    const char *workload, *directory, *output, *error;
    int r = sd_bus_message_enter_container(logs->reply, 'a', "(ssss)"), worst = EXIT_SUCCESS;

    while (r >= 0 && (r = sd_bus_message_read(logs->reply, "(ssss)", &workload, &directory, &output, &error)) > 0) {
        int status = EXIT_SUCCESS;

        if (!is_meant(listing, workload, names))
            continue;
        status = add_output(logs, workload, directory, output, *names);
        if (status == EXIT_SUCCESS && strcmp(output, error) != 0)
            status = add_output(logs, workload, directory, error, false);
        worst = status > worst ? status : worst;
    }
    return r < 0 ? client_bad_reply(r) : worst;
}

static int find_outputs(Logs *logs, char *const *names) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(listing_done) Listing listing = { 0 };
    int status = client_open(logs->options, &bus);

    if (status == EXIT_SUCCESS)
        status = listing_fetch(bus, &listing);
    if (status == EXIT_SUCCESS)
        status = listing_check_names(&listing, names);
    if (status == EXIT_SUCCESS)
        status = client_call(bus, NULL, CALL_READS, &logs->reply, "Outputs", NULL);
    return status == EXIT_SUCCESS ? add_outputs(logs, &listing, names) : status;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static uint64_t lines_wanted(const Options *options) {
    if (options->lines < UINT64_MAX || !options->follow || options->since_usec > 0)
        return options->lines;
    return LINES_FOLLOWED;
}

static int journal_failed(int r) {
    complain("cannot read the journal: %s%s", strerror(-r),
            r == -EACCES || r == -EPERM ? " (only root and the group systemd-journal may)" : "");
    return EXIT_FAILURE;
}

static int print_journal(Logs *logs) {
    LogQuery query = {
        .origins = logs->origins,
        .n_origins = logs->n_origins,
        .since_usec = logs->options->since_usec,
        .until_usec = logs->options->until_usec,
        .n_last = lines_wanted(logs->options),
    };
    int r;

    if (logs->n_origins == 0)
        return EXIT_SUCCESS;
    if (!log_journal_is_there()) {
        complain("no journal runs here: StandardOutput=journal goes where supervisord's own messages go");
        return EXIT_FAILURE;
    }
    r = log_journal_open(&query, &logs->journal);
    if (r >= 0)
        r = log_journal_print(logs->journal, print_entry, (void *) logs->options);
    return r < 0 ? journal_failed(r) : EXIT_SUCCESS;
}

static int print_writer(Writer *writer) {
    int r = log_file_seek(writer->file, lines_wanted(writer->options));

    if (r >= 0)
        r = log_file_print(writer->file, print_file_line, writer);
    if (r < 0) {
        complain("%s: cannot read its output: %s", writer->workload, strerror(-r));
        return EXIT_FAILURE;
    }
    if (!writer->options->follow)
        log_file_print_rest(writer->file, print_file_line, writer);
    return EXIT_SUCCESS;
}

static int print_writers(Logs *logs) {
    bool has_time = logs->options->since_usec > 0 || logs->options->until_usec < UINT64_MAX;
    int worst = EXIT_SUCCESS;

    for (size_t i = 0; i < logs->n_writers; i++) {
        int status = print_writer(&logs->writers[i]);

        worst = status > worst ? status : worst;
        if (has_time && !logs->options->quiet)
            complain("%s: writes to a file, of which lines have no times: --since and --until pass it over",
                    logs->writers[i].workload);
    }
    return worst;
}

static int follow_once(Logs *logs) {
    char events[4096];
    int r = 0;

    if (logs->journal)
        r = log_journal_follow(logs->journal, 0, print_entry, (void *) logs->options);
    if (r < 0)
        return journal_failed(r);
    while (read(logs->inotify_fd, events, sizeof(events)) > 0)
        ;
    for (size_t i = 0; r >= 0 && i < logs->n_writers; i++)
        r = log_file_print(logs->writers[i].file, print_file_line, &logs->writers[i]);
    if (r < 0) {
        complain("cannot read: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Until a signal ends us, or nobody reads any more. */
static int follow(Logs *logs) {
    struct pollfd fds[] = {
        { .fd = logs->inotify_fd, .events = POLLIN },
        { .fd = logs->journal ? log_journal_fd(logs->journal) : -1, .events = POLLIN },
        { .fd = STDOUT_FILENO, .events = 0 },
    };
    int status = follow_once(logs);

    while (status == EXIT_SUCCESS && poll(fds, ELEMENTSOF(fds), -1) > 0 && !(fds[2].revents & (POLLERR | POLLHUP)))
        status = follow_once(logs);
    return status;
}

int verb_logs(const Options *options, char **arguments) {
    _cleanup_(logs_done) Logs logs = { .options = options, .inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
    int worst, status;

    if (logs.inotify_fd < 0) {
        complain("inotify: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    worst = find_outputs(&logs, arguments);
    if (worst != EXIT_SUCCESS)
        return worst;
    worst = print_writers(&logs);
    status = print_journal(&logs);
    worst = status > worst ? status : worst;
    return worst == EXIT_SUCCESS && options->follow ? follow(&logs) : worst;
}
