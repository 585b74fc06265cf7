/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is read may have been written by anyone with the right, so it is believed only when every word fits. Times are
 * CLOCK_MONOTONIC: cgroups do not outlive the boot.
 */

#include "model/past.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define PAST_VERSION "v=1" /* the first word; what a newer schema adds comes as further keys, what it changes as v=2 */
#define FAILURE_KEY "failure" /* has blanks, and so is the last */

enum { FAILURE_TEXT_MAX = 256 };

static const struct {
    const char *key;
    size_t offset; /* of an uint64_t that is not written when it is 0 */
} numbers[] = {
    { "ended", offsetof(Run, ended_usec) },
    { "at", offsetof(Run, last_exit.at_usec) },
    { "backoff", offsetof(Run, backoff_usec) },
    { "next", offsetof(Run, next_start_usec) },
    { "begin", offsetof(Run, limit_begin_usec) },
    { "starts", offsetof(Run, limit_starts) },
};

static uint64_t *number_of(const Run *run, size_t i) {
    return (uint64_t *) ((char *) run + numbers[i].offset);
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void write_exit(FILE *file, const Exit *exit) {
    if (exit->known)
        fprintf(file, " %s=%d", exit->signaled ? "signal" : "exit", exit->code);
    if (exit->oom_killed)
        fputs(" oom=1", file);
}

/* Never half a character: whoever reads the bus would refuse all that it stands in. */
static size_t kept_length(const char *failure) {
    size_t length = strnlen(failure, FAILURE_TEXT_MAX);

    while (length > 0 && ((unsigned char) failure[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static void write_failure(FILE *file, const char *failure) {
    size_t length = kept_length(failure);

    fputs(" " FAILURE_KEY "=", file);
    for (size_t i = 0; i < length; i++)
        fputc(failure[i] == '\n' ? ' ' : failure[i], file);
}

void past_format(const Run *run, char buffer[static PAST_TEXT_MAX]) {
    char invocation[INVOCATION_TEXT_SIZE];
    FILE *file = fmemopen(buffer, PAST_TEXT_MAX, "w");

    *buffer = '\0';
    if (!file)
        return;
    fprintf(file, PAST_VERSION " state=%s", run_state_name(run->state));
    if (!invocation_is_null(&run->invocation))
        fprintf(file, " invocation=%s", invocation_format(&run->invocation, invocation));
    write_exit(file, &run->last_exit);
    for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
        if (*number_of(run, i) > 0)
            fprintf(file, " %s=%" PRIu64, numbers[i].key, *number_of(run, i));
    if (run->failure)
        write_failure(file, run->failure);
    fclose(file);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool read_state(const char *value, Run *run) {
    for (RunState state = 0; state < RUN_STATES_COUNT; state++)
        if (strcmp(value, run_state_name(state)) == 0) {
            run->state = state;
            return !run_is_alive(run);
        }
    return false;
}

static bool read_invocation(const char *value, Run *run) {
    return invocation_parse(value, &run->invocation) == 0;
}

static bool read_ending(const char *value, Run *run, bool signaled) {
    uint64_t code;

    if (run->last_exit.known || parse_u64(value, &code) < 0 || code > UINT8_MAX)
        return false;
    run->last_exit.known = true;
    run->last_exit.signaled = signaled;
    run->last_exit.code = (int) code;
    return true;
}

static bool read_exit(const char *value, Run *run) {
    return read_ending(value, run, false);
}

static bool read_signal(const char *value, Run *run) {
    return read_ending(value, run, true);
}

static bool read_oom(const char *value, Run *run) {
    run->last_exit.oom_killed = true;
    return strcmp(value, "1") == 0;
}

static const struct {
    const char *key;
    bool (*read)(const char *value, Run *run);
} words[] = {
    { "state", read_state },
    { "invocation", read_invocation },
    { "exit", read_exit },
    { "signal", read_signal },
    { "oom", read_oom },
};

static bool read_word(char *word, Run *run) {
    char *value = strchr(word, '=');

    if (!value)
        return false;
    *value++ = '\0';
    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        if (strcmp(word, words[i].key) == 0)
            return words[i].read(value, run);
    for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
        if (strcmp(word, numbers[i].key) == 0)
            return parse_u64(value, number_of(run, i)) == 0;
    return true;
}

static int read_words(char *rest, Run *run) {
    if (strcmp(strsep(&rest, " "), PAST_VERSION) != 0)
        return -EBADMSG;
    while (rest && strncmp(rest, FAILURE_KEY "=", strlen(FAILURE_KEY "=")) != 0)
        if (!read_word(strsep(&rest, " "), run))
            return -EBADMSG;
    if (!rest)
        return 0;
    run->failure = strdup(rest + strlen(FAILURE_KEY "="));
    return run->failure ? 0 : -ENOMEM;
}

int past_parse(const char *text, Run *run) {
    char buffer[PAST_TEXT_MAX];
    Run past = *run;

    if (strlen(text) >= sizeof buffer)
        return -EBADMSG;
    strcpy(buffer, text);
    past.failure = NULL;
    past.last_exit = (Exit){};
    int r = read_words(buffer, &past);
    if (r < 0)
        return r;
    free(run->failure);
    *run = past;
    return 0;
}
