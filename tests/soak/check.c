/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the daemon says once it has come back and nothing is on its way, against what should be and what was. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/soak/soak.h"

enum {
    SETTLE_PAUSE_USEC = 20 * 1000,
    SETTLE_PATIENCE_USEC = 60 * 1000 * 1000,
    REALTIME_ROUNDING_USEC = 1000, /* the daemon converts its monotonic times each time anew */
};

/* A line of List. */
typedef struct Row {
    const char *name, *kind, *slice, *state, *last_exit, *degraded, *command;
    uint32_t pid;
    uint64_t since_usec, restarts;
} Row;

static bool next_row(sd_bus_message *reply, Row *row) {
    int r = sd_bus_message_read(reply, "(ssssuttsss)", &row->name, &row->kind, &row->slice, &row->state, &row->pid,
            &row->since_usec, &row->restarts, &row->last_exit, &row->degraded, &row->command);
    if (r < 0)
        die("List's answer cannot be read: %s", strerror(-r));
    return r > 0;
}

static sd_bus_message *ask_list(void) {
    sd_bus_message *reply = daemon_must("List", NULL);
    if (sd_bus_message_enter_container(reply, 'a', "(ssssuttsss)") < 0)
        die("List's answer cannot be read");
    return reply;
}

/* --- settling ---------------------------------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* Nobody ends now, so who waits for another try may have it at once. */
static void hurry(const char *name) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message_unref(daemon_ask(&error, "Start", "s", name));
    sd_bus_error_free(&error);
}

static bool states_are_settled(void) {
    static const char *const moving[] = { "starting", "stopping", "backoff", NULL };
    sd_bus_message *reply = ask_list();
    bool settled = true;
    Row row;
    while (next_row(reply, &row)) {
        settled = settled && !is_one_of(row.state, moving);
        if (strcmp(row.state, "backoff") == 0)
            hurry(row.name);
    }
    sd_bus_message_unref(reply);
    return settled;
}

/* The first step, or "". */
static void plan_first(char *buffer, size_t size) {
    sd_bus_message *reply = daemon_must("Plan", NULL);
    const char *line = "";
    if (sd_bus_message_enter_container(reply, 'a', "s") < 0 || sd_bus_message_read(reply, "s", &line) < 0)
        die("Plan's answer cannot be read");
    snprintf(buffer, size, "%s", line);
    sd_bus_message_unref(reply);
}

void check_settle(void) {
    uint64_t deadline = clock_usec(CLOCK_MONOTONIC) + SETTLE_PATIENCE_USEC;
    char step[256] = "";
    for (;;) {
        uint32_t n = soak.n_seen;
        fleet_learn();
        if (states_are_settled()) {
            plan_first(step, sizeof step);
            fleet_learn();
            if (!*step && n == soak.n_seen && networks_are_settled() && fleet_is_asleep())
                break;
        }
        if (clock_usec(CLOCK_MONOTONIC) > deadline) {
            violation(&soak.tally.others, "it does not come to rest; the plan: %s", step);
            break;
        }
        usleep(SETTLE_PAUSE_USEC);
    }
    fleet_note_dead();
}

/* --- exits ------------------------------------------------------------------------------------------------------- */

static const char *status_words(int status, char *buffer, size_t size) {
    if (WIFSIGNALED(status))
        snprintf(buffer, size, "signal %s", sigabbrev_np(WTERMSIG(status)) ?: "?");
    else
        snprintf(buffer, size, "exit code %d", WEXITSTATUS(status));
    return buffer;
}

/* What may have ended it who did not say anything: a stop, or we. */
static bool may_have_been(const Member *w, const Truth *truth, const char *words) {
    char sent[64];
    if (truth->asked || w->asked_end || w->signaled || w->transient)
        if (strcmp(words, "signal TERM") == 0 || strcmp(words, "signal KILL") == 0)
            return true;
    return w->signal && strcmp(words, status_words(w->signal, sent, sizeof sent)) == 0;
}

static bool is_right(const Member *w, const Truth *truth, const char *words) {
    char true_words[64];
    if (truth->known && strcmp(words, status_words(truth->status, true_words, sizeof true_words)) == 0)
        return true;
    return !truth->reaped && (!truth->known || truth->asked || w->asked_end || w->signaled) &&
           may_have_been(w, truth, words);
}

static void check_time(const Member *w, const Row *row) {
    if (w->last.dead_by_usec && row->since_usec > w->last.dead_by_usec + REALTIME_ROUNDING_USEC)
        violation(&soak.tally.wrong_exits, "%s: ended %" PRIu64 " us before the daemon says it did", w->name,
                row->since_usec - w->last.dead_by_usec);
    else if (w->last.alive_at_usec && row->since_usec + REALTIME_ROUNDING_USEC < w->last.alive_at_usec)
        violation(&soak.tally.wrong_exits, "%s: was alive %" PRIu64 " us after the daemon says that it ended", w->name,
                w->last.alive_at_usec - row->since_usec);
    else
        soak.tally.right_times++;
}

static void check_exit(const Member *w, const Row *row) {
    bool runs = w->n_running > 0;
    const Truth *truth = runs ? &w->before : &w->last;
    char words[64] = "not known";
    if (!w->was_started || (runs && !*row->last_exit))
        return;
    if (!*row->last_exit)
        soak.tally.untold_exits++;
    else if (strcmp(row->last_exit, "unknown") == 0) {
        soak.tally.unknown_exits++;
        printf("round %u: %s: its exit is unknown\n", soak.round, w->name);
    } else if (!is_right(w, truth, row->last_exit)) {
        if (runs && truth->ended) /* it may have run and ended unseen in between */
            return;
        violation(&soak.tally.wrong_exits, "%s: the daemon says '%s', it was '%s'%s", w->name, row->last_exit,
                truth->known ? status_words(truth->status, words, sizeof words) : words,
                runs ? " (the start before)" : "");
    } else {
        soak.tally.right_exits++;
        if (!runs)
            check_time(w, row);
    }
}

/* --- workloads --------------------------------------------------------------------------------------------------- */

static void check_running(const Member *w, const Row *row) {
    static const char *const ended[] = { "stopped", "exited", "failed", NULL };
    if (w->n_running > 1)
        violation(&soak.tally.duplicates, "%s: %u main processes", w->name, w->n_running);
    if (w->n_running > 0 && !w->wanted)
        violation(&soak.tally.others, "%s: stopped, and runs as %d", w->name, w->pid);
    if (w->n_running > 0 && (strcmp(row->state, "running") != 0 || (pid_t) row->pid != w->pid))
        violation(&soak.tally.others, "%s: runs as %d, the daemon says %s, pid %u", w->name, w->pid, row->state,
                row->pid);
    if (w->n_running == 0 && !is_one_of(row->state, ended))
        violation(&soak.tally.others, "%s: does not run, the daemon says %s, pid %u", w->name, row->state, row->pid);
    if (*row->degraded && strcmp(row->state, "failed") != 0)
        violation(&soak.tally.others, "%s: degraded: %s", w->name, row->degraded);
}

/* Ended by itself, or by us, and not to be started again. */
static bool may_rest(const Member *w) {
    if (w->kind == KIND_AGAIN)
        return false;
    return w->last.spontaneous || w->signal || (w->was_started && !w->was_running && w->n_starts == 0);
}

static void check_life(const Member *w) {
    bool runs = w->n_running > 0;
    if (!runs && w->wanted && !may_rest(w))
        violation(&soak.tally.deaths, "%s: should run, and does not (%u starts, asked to start %d, to end %d)", w->name,
                w->n_starts, w->asked_start, w->asked_end);
    if (w->kind != KIND_AGAIN && w->n_starts > 0 && !w->asked_start && soak.round > 0)
        violation(&soak.tally.duplicates, "%s: was started %u times, and nobody had asked for that", w->name,
                w->n_starts);
    if (w->was_running && w->kind == KIND_STEADY && w->n_starts > 0 && !w->asked_end && !w->signaled)
        violation(&soak.tally.deaths, "%s: another process now, and nobody had asked for that", w->name);
}

static void check_counter(const Member *w, const char *counter, double *before, double now) {
    if (now < *before)
        violation(&soak.tally.steps_back, "%s: %s went from %f to %f", w->name, counter, *before, now);
    *before = now;
}

static void check_row(const Row *row) {
    Member *w = fleet_find(row->name);
    double restarts = w ? (double) w->restarts : 0;
    if (strcmp(row->kind, "slice") == 0)
        return;
    if (!w) {
        violation(&soak.tally.leaks, "%s: nobody knows it", row->name);
        return;
    }
    check_running(w, row);
    check_life(w);
    check_exit(w, row);
    if (!w->transient)
        check_counter(w, "restarts", &restarts, (double) row->restarts);
    w->restarts = row->restarts;
}

static void check_list(void) {
    unsigned n = 0, expected = 0;
    sd_bus_message *reply = ask_list();
    for (Row row; next_row(reply, &row);) {
        n += strcmp(row.kind, "workload") == 0;
        check_row(&row);
    }
    sd_bus_message_unref(reply);
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        const Member *w = soak.fleet.members + i;
        expected += w->exists;
        if (!w->exists && w->n_running > 0)
            violation(&soak.tally.leaks, "%s: nobody wants it, and it runs as %d", w->name, w->pid);
    }
    if (n != expected)
        violation(&soak.tally.others, "the daemon knows %u workloads, expected %u", n, expected);
}

/* --- meters ------------------------------------------------------------------------------------------------------ */

static void check_meter(Member *w, const char *meter, double value) {
    if (strcmp(meter, "cpu_usage") == 0)
        check_counter(w, meter, &w->cpu_usage, value);
    else if (strcmp(meter, "cpu_waits") == 0)
        check_counter(w, meter, &w->cpu_waits, value);
}

static void check_samples(void) {
    sd_bus_message *reply = daemon_must("Samples", NULL);
    const char *name, *meter;
    double value;
    int r = sd_bus_message_skip(reply, "t");
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(sa{sd})");
    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "sa{sd}")) > 0) {
        r = sd_bus_message_read(reply, "s", &name);
        Member *w = r < 0 ? NULL : fleet_find(name);
        if (r >= 0)
            r = sd_bus_message_enter_container(reply, 'a', "{sd}");
        while (r >= 0 && (r = sd_bus_message_read(reply, "{sd}", &meter, &value)) > 0)
            if (w && !w->transient)
                check_meter(w, meter, value);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    if (r < 0)
        die("Samples' answer cannot be read: %s", strerror(-r));
    sd_bus_message_unref(reply);
}

void check_all(void) {
    fleet_learn_intent();
    check_list();
    check_samples();
    check_traces();
    fleet_forget_gone();
}
