/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is asked of the daemon until it is killed, and what goes on without it. Calls are not waited for; an answer that came
 * must be true when the daemon has come back.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "serve/protocol.h"
#include "tests/soak/soak.h"

enum {
    ACTS_MIN = 8,
    ACTS_SPAN = 24, /* more, at most, in one round */
    ACTS_MAX = ACTS_MIN + ACTS_SPAN,
    WITHOUT_MAX = 6, /* signals while nobody looks */
};

typedef struct Act {
    char name[SOAK_NAME_MAX];
    bool answered, refused, is_latest; /* the latest of its kind for this workload */
    enum { ACT_STATE, ACT_SET, ACT_RUN, ACT_OTHER } kind;
    bool running;                   /* ACT_STATE */
    unsigned tasks_max, cpu_weight; /* ACT_SET */
    bool waits;                     /* ACT_RUN: for its end */
} Act;

static Act acts[ACTS_MAX];
static unsigned n_acts;

static unsigned below(unsigned n) {
    return chance_below(&soak.chance, n);
}

static Act *act_for(const char *name, int kind) {
    Act *act = acts + n_acts++;
    *act = (Act){ .kind = kind, .is_latest = true };
    snprintf(act->name, sizeof act->name, "%s", name);
    for (Act *earlier = acts; earlier < act; earlier++)
        if (strcmp(earlier->name, name) == 0)
            earlier->is_latest = false;
    return act;
}

/* What Run says of an end must be what the workload did. */
static void check_run(const Act *act, sd_bus_message *reply) {
    int known, signaled, code;
    if (sd_bus_message_read(reply, "subbi", NULL, NULL, &known, &signaled, &code) < 0)
        die("Run's answer cannot be read");
    fleet_learn();
    const Member *w = fleet_find(act->name);
    if (!w || !w->last.known || w->asked_end || w->signaled)
        return;
    if (!known)
        violation(&soak.tally.wrong_exits, "%s: Run does not know how it ended", act->name);
    else if ((signaled ? code : code << 8) != w->last.status)
        violation(&soak.tally.wrong_exits, "%s: Run says %s %d, status was %x", act->name, signaled ? "signal" : "code",
                code, w->last.status);
    else
        soak.tally.right_exits++;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    Act *act = userdata;
    act->refused = sd_bus_message_is_method_error(reply, NULL);
    act->answered = !act->refused;
    if (soak.verbose && act->refused)
        fprintf(stderr, "  %s: %s\n", act->name, sd_bus_message_get_error(reply)->message);
    if (act->answered && act->kind == ACT_RUN && act->waits)
        check_run(act, reply);
    return 0;
}

static sd_bus_message *compose(const char *method, const char *name) {
    sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(soak.bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, method);
    if (r >= 0 && name)
        r = sd_bus_message_append(call, "s", name);
    if (r < 0)
        die("%s: %s", method, strerror(-r));
    return call;
}

static void send(sd_bus_message *call, Act *act) {
    int r = sd_bus_call_async(soak.bus, NULL, call, on_answer, act, UINT64_MAX);
    sd_bus_message_unref(call);
    if (r < 0)
        die("cannot call the daemon: %s", strerror(-r));
}

static Member *any_workload(bool transient_too) {
    Fleet *fleet = &soak.fleet;
    for (;;) {
        Member *w = fleet->members + below(transient_too ? fleet->n : fleet->n_policy);
        if (w->exists || w->transient)
            return w;
    }
}

/* --- acts -------------------------------------------------------------------------------------------------------- */

static void act_start(void) {
    Member *w = any_workload(false);
    Act *act = act_for(w->name, ACT_STATE);
    act->running = w->asked_start = true;
    send(compose("Start", w->name), act);
}

static void act_stop(void) {
    Member *w = any_workload(true);
    w->asked_end = true;
    send(compose("Stop", w->name), act_for(w->name, w->transient ? ACT_OTHER : ACT_STATE));
}

static void act_restart(void) {
    Member *w = any_workload(false);
    Act *act = act_for(w->name, ACT_STATE);
    act->running = w->asked_start = w->asked_end = true;
    send(compose("Restart", w->name), act);
}

static void act_set(void) {
    char tasks[16], weight[16];
    Member *w = any_workload(false);
    Act *act = act_for(w->name, ACT_SET);
    act->tasks_max = soak.has_pids ? 16 + below(64) : 0;
    act->cpu_weight = soak.has_cpu ? 1 + below(1000) : 0;
    snprintf(tasks, sizeof tasks, "%u", act->tasks_max);
    snprintf(weight, sizeof weight, "%u", act->cpu_weight);
    sd_bus_message *call = compose("Set", w->name);
    int r = sd_bus_message_open_container(call, 'a', "(ss)");
    if (r >= 0 && soak.has_pids)
        r = sd_bus_message_append(call, "(ss)", "TasksMax", tasks);
    if (r >= 0 && soak.has_cpu)
        r = sd_bus_message_append(call, "(ss)", "CPUWeight", weight);
    if (r >= 0)
        r = sd_bus_message_append(call, "(ss)", "TimeoutStopSec", "3s");
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r >= 0)
        r = sd_bus_message_append(call, "b", true);
    if (r < 0)
        die("Set: %s", strerror(-r));
    send(call, act);
}

/* New limits for some, and one that comes or goes. */
static void act_reload(void) {
    for (unsigned i = 0; i < 5; i++) {
        Member *w = any_workload(false);
        w->tasks_max = 16 + below(64);
        w->cpu_weight = 1 + below(1000);
    }
    Member *w = soak.fleet.members + below(soak.fleet.n_policy);
    if (below(2)) {
        w->exists = !w->exists;
        w->asked_end = w->asked_start = true;
        w->cpu_usage = w->cpu_waits = 0;
        w->restarts = 0;
    }
    fleet_write_policy();
    send(compose("Reload", NULL), act_for("", ACT_OTHER));
}

static void act_run(void) {
    Member *w = fleet_add_transient();
    Act *act = act_for(w->name, ACT_RUN);
    char board[128];
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    sd_bus_message *call = compose("Run", w->name);
    act->waits = below(2);
    w->asked_start = true;
    snprintf(board, sizeof board, "%s/board", soak.dir);
    int r = sd_bus_message_append(
            call, "as", 4, soak.work, board, w->name, w->kind == KIND_STEADY ? "steady" : "brief");
    if (r >= 0)
        r = sd_bus_message_append(
                call, "a(ss)", 2, "TimeoutStopSec", "2s", "CollectMode", below(2) ? "inactive" : "inactive-or-failed");
    if (r >= 0)
        r = sd_bus_message_append(call, "asshhhb", 0, "/", null_fd, null_fd, null_fd, act->waits);
    if (r < 0)
        die("Run: %s", strerror(-r));
    send(call, act);
    close_fd(null_fd);
}

static void act_remove(void) {
    for (unsigned i = soak.fleet.n_policy; i < soak.fleet.n; i++) {
        Member *w = soak.fleet.members + i;
        if (w->n_running == 0 && below(3) == 0) {
            send(compose("Remove", w->name), act_for(w->name, ACT_OTHER));
            return;
        }
    }
}

/* From outside: nobody asked the daemon. */
static void act_signal(void) {
    static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGUSR2 };
    Member *w = any_workload(true);
    fleet_learn();
    if (w->n_running != 1)
        return;
    w->signaled = true;
    w->signal = signals[below(ELEMENTSOF(signals))];
    kill(w->running[0], w->signal);
}

static void (*const kinds[])(void) = { act_start, act_start, act_stop, act_stop, act_restart, act_restart, act_restart,
    act_set, act_set, act_reload, act_run, act_run, act_remove, act_signal };

static void act(void) {
    if (n_acts < ACTS_MAX)
        kinds[below(ELEMENTSOF(kinds))]();
}

/* --- rounds ------------------------------------------------------------------------------------------------------ */

static void attend_until(uint64_t until_usec) {
    for (uint64_t now; (now = clock_usec(CLOCK_MONOTONIC)) < until_usec;) {
        int r = sd_bus_process(soak.bus, NULL);
        if (r == 0)
            sd_bus_wait(soak.bus, until_usec - now);
        else if (r < 0)
            die("the daemon does not answer any more: %s (its log: %s/log)", strerror(-r), soak.dir);
    }
    sd_bus_flush(soak.bus);
}

/* What an answer promised is written down, whatever came after it. */
static void check_promise(const Act *act) {
    const Member *w = fleet_find(act->name);
    if (!act->answered || !act->is_latest || !w)
        return;
    if (act->kind == ACT_STATE && w->exists && w->wanted != act->running)
        violation(&soak.tally.others, "%s: was %s, and that is not written down", w->name,
                act->running ? "started" : "stopped");
    if (act->kind == ACT_SET && w->exists &&
            (w->runtime_tasks_max != act->tasks_max || w->runtime_cpu_weight != act->cpu_weight))
        violation(&soak.tally.others, "%s: what was set is not written down", w->name);
}

void churn(uint64_t usec) {
    uint64_t began = clock_usec(CLOCK_MONOTONIC);
    unsigned n = ACTS_MIN + below(ACTS_SPAN);
    n_acts = 0;
    for (unsigned i = 0; i < n; i++) {
        attend_until(began + usec * i / n);
        act();
    }
    attend_until(began + usec);
    daemon_kill();
    fleet_learn();
    fleet_learn_intent();
    for (unsigned i = 0; i < n_acts; i++)
        check_promise(acts + i);
}

void churn_without_daemon(uint64_t usec) {
    unsigned n = below(WITHOUT_MAX);
    for (unsigned i = 0; i < n; i++) {
        usleep((useconds_t) (usec / n));
        act_signal();
    }
    if (n == 0)
        usleep((useconds_t) usec);
}
