/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The journal's own index finds the entries by name; each is then held against its cgroup, or that of relays, which write only
 * for the workload for which the daemon opened the stream. Where a process had ended before
 * the journal asked the kernel for its cgroup, only an entry that came over a stream counts: streams get their name from
 * the daemon when they are opened.
 */

#include "tools/supctl/log-journal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/strv.h"
#include "model/policy.h"

#define JOURNAL_STREAM_SOCKET "/run/systemd/journal/stdout"
#define DAEMON_UNIT "supervisord.service"

enum {
    FIELD_BYTES_MAX = 1024,        /* of what is compared */
    MESSAGE_BYTES_MAX = 64 * 1024, /* of what is printed; the journal cuts stdout at 48 KB */
};

struct LogJournal {
    LogQuery query;
    sd_journal *journal;
    char message[MESSAGE_BYTES_MAX];
};

bool log_journal_is_there(void) {
    return access(JOURNAL_STREAM_SOCKET, F_OK) == 0;
}

LogJournal *log_journal_free(LogJournal *journal) {
    if (journal)
        sd_journal_close(journal->journal);
    free(journal);
    return NULL;
}

static int add_match(sd_journal *journal, const char *field, const char *value) {
    _cleanup_(cleanup_free) char *match = NULL;
    int r = text_printf(&match, "%s=%s", field, value);

    return r < 0 ? r : sd_journal_add_match(journal, match, 0);
}

/* (name 1 or name 2 or ...) or (of workload 1 or 2 or ..., said by the daemon's unit): terms of one field are alternatives. */
static int add_matches(LogJournal *journal) {
    int r = 0;

    for (size_t i = 0; r >= 0 && i < journal->query.n_origins; i++)
        r = add_match(journal->journal, "SYSLOG_IDENTIFIER", journal->query.origins[i].workload);
    if (r >= 0)
        r = sd_journal_add_disjunction(journal->journal);
    for (size_t i = 0; r >= 0 && i < journal->query.n_origins; i++)
        r = add_match(journal->journal, "SUPERVISOR_WORKLOAD", journal->query.origins[i].workload);
    if (r >= 0)
        r = add_match(journal->journal, "_SYSTEMD_UNIT", DAEMON_UNIT);
    return r;
}

int log_journal_open(const LogQuery *query, LogJournal **ret) {
    _cleanup_(cleanup_log_journal_free) LogJournal *journal = calloc(1, sizeof(*journal));

    if (!journal)
        return -ENOMEM;
    journal->query = *query;

    int r = sd_journal_open(&journal->journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (r >= 0)
        r = add_matches(journal);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(journal);
    return 0;
}

int log_journal_fd(LogJournal *journal) {
    return sd_journal_get_fd(journal->journal);
}

/* The field's value, cut to the buffer; NULL: the entry has none. */
static const char *get_field(sd_journal *journal, const char *name, char *buffer, size_t size) {
    size_t length, name_length = strlen(name) + 1;
    const void *data;

    if (sd_journal_get_data(journal, name, &data, &length) < 0 || length < name_length)
        return NULL;
    length -= name_length;
    if (length >= size)
        length = size - 1;
    memcpy(buffer, (const char *) data + name_length, length);
    buffer[length] = '\0';
    return buffer;
}

static int64_t get_number(sd_journal *journal, const char *name, int64_t fallback) {
    char text[FIELD_BYTES_MAX];
    uint64_t number;

    if (!get_field(journal, name, text, sizeof(text)) || parse_u64(text, &number) < 0 || number > INT64_MAX)
        return fallback;
    return (int64_t) number;
}

static const struct LogOrigin *find_origin(const LogQuery *query, const char *workload) {
    for (size_t i = 0; i < query->n_origins; i++)
        if (strcmp(query->origins[i].workload, workload) == 0)
            return &query->origins[i];
    return NULL;
}

/* Is the cgroup DIRECTORY/N, or below it? Not what somebody made like it elsewhere. */
static bool is_own_cgroup(const char *cgroup, const char *directory) {
    size_t length = strlen(directory);

    return strncmp(cgroup, directory, length) == 0 && cgroup[length] == '/' &&
           isdigit((unsigned char) cgroup[length + 1]);
}

/* That of the relays (supervisord/relay), where no workload is: of this name, in a directory that the workload's is in too. */
static bool is_relay_cgroup(const char *cgroup, const char *directory) {
    const char *slash = strrchr(cgroup, '/');

    return slash && strcmp(slash + 1, RELAY_LEAF) == 0 &&
           strncmp(cgroup, directory, (size_t) (slash + 1 - cgroup)) == 0;
}

/* What the workload itself said; NULL: somebody else did, under its name. */
static const char *own_speaker(sd_journal *journal, const LogQuery *query, bool *ret_relayed) {
    char name[FIELD_BYTES_MAX], cgroup[FIELD_BYTES_MAX], transport[FIELD_BYTES_MAX];
    const struct LogOrigin *origin =
            get_field(journal, "SYSLOG_IDENTIFIER", name, sizeof(name)) ? find_origin(query, name) : NULL;

    if (!origin)
        return NULL;
    if (get_field(journal, "_SYSTEMD_CGROUP", cgroup, sizeof(cgroup))) {
        *ret_relayed = is_relay_cgroup(cgroup, origin->directory);
        return *ret_relayed || is_own_cgroup(cgroup, origin->directory) ? origin->workload : NULL;
    }
    return get_field(journal, "_TRANSPORT", transport, sizeof(transport)) && strcmp(transport, "stdout") == 0
                   ? origin->workload
                   : NULL;
}

/* 1: the entry where the journal stands counts, 0: it does not. */
static int read_entry(LogJournal *journal, LogEntry *ret) {
    char name[FIELD_BYTES_MAX];
    const struct LogOrigin *origin;
    bool relayed = false;
    int r = sd_journal_get_realtime_usec(journal->journal, &ret->at_usec);

    if (r < 0)
        return r;
    ret->workload = ret->speaker = own_speaker(journal->journal, &journal->query, &relayed);
    if (!ret->workload && get_field(journal->journal, "SUPERVISOR_WORKLOAD", name, sizeof(name)) &&
            (origin = find_origin(&journal->query, name))) {
        ret->workload = origin->workload;
        ret->speaker = "supervisord";
    }
    ret->pid = relayed ? -1 : get_number(journal->journal, "_PID", -1);
    ret->priority = (int) get_number(journal->journal, "PRIORITY", LOG_INFO);
    ret->message = get_field(journal->journal, "MESSAGE", journal->message, sizeof(journal->message)) ?: "";
    return ret->workload != NULL;
}

/* Stands before the first entry that is wanted. */
static int seek_first(LogJournal *journal) {
    uint64_t n_left = journal->query.n_last;
    LogEntry entry;
    int r;

    if (n_left == UINT64_MAX)
        return journal->query.since_usec > 0
                       ? sd_journal_seek_realtime_usec(journal->journal, journal->query.since_usec)
                       : sd_journal_seek_head(journal->journal);
    r = journal->query.until_usec < UINT64_MAX
                ? sd_journal_seek_realtime_usec(journal->journal, journal->query.until_usec + 1)
                : sd_journal_seek_tail(journal->journal);
    while (r >= 0 && (r = sd_journal_previous(journal->journal)) > 0) {
        r = read_entry(journal, &entry);
        if (r > 0 && (n_left == 0 || entry.at_usec < journal->query.since_usec))
            return 0;
        n_left -= r > 0;
    }
    return r < 0 ? r : sd_journal_seek_head(journal->journal);
}

int log_journal_follow(LogJournal *journal, uint64_t timeout_usec, LogPrint *print, void *userdata) {
    LogEntry entry;
    int r = timeout_usec > 0 ? sd_journal_wait(journal->journal, timeout_usec) : sd_journal_process(journal->journal);

    while (r >= 0 && (r = sd_journal_next(journal->journal)) > 0) {
        r = read_entry(journal, &entry);
        if (r > 0 && entry.at_usec > journal->query.until_usec)
            return 0;
        if (r > 0 && entry.at_usec >= journal->query.since_usec)
            print(&entry, userdata);
    }
    return r;
}

int log_journal_print(LogJournal *journal, LogPrint *print, void *userdata) {
    int r = seek_first(journal);

    return r < 0 ? r : log_journal_follow(journal, 0, print, userdata);
}
