/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What should be: the policy, and what the daemon has written down of what was asked. What was: starts and ends as the
 * workloads tell them on the board, and as the kernel tells us, who inherit them when their daemon dies.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strv.h"
#include "tests/soak/soak.h"

enum { INTENT_BYTES_MAX = 4096 };

/* --- the policy -------------------------------------------------------------------------------------------------- */

static void make_workload(Member *w, unsigned i) {
    static const Kind kinds[] = { KIND_STEADY, KIND_STEADY, KIND_STEADY, KIND_STEADY, KIND_AGAIN, KIND_AGAIN,
        KIND_AGAIN, KIND_BRIEF, KIND_BRIEF, KIND_STEADY };
    *w = (Member){ .kind = kinds[i % ELEMENTSOF(kinds)], .exists = true, .wanted = true };
    snprintf(w->name, sizeof w->name, "w%u", i);
    if (i % 10 == 9 && soak.has_networks)
        strcpy(w->network, i % 20 == 9 ? "private" : "bridge:lan");
    w->tasks_max = 16 + chance_below(&soak.chance, 64);
    w->cpu_weight = 1 + chance_below(&soak.chance, 1000);
}

static Member *add(void) {
    Fleet *fleet = &soak.fleet;
    if (fleet->n == fleet->n_allocated) {
        fleet->n_allocated = fleet->n_allocated * 2 + 128;
        fleet->members = reallocarray(fleet->members, fleet->n_allocated, sizeof *fleet->members);
        if (!fleet->members)
            die("out of memory");
    }
    return fleet->members + fleet->n++;
}

void fleet_make(void) {
    for (unsigned i = 0; i < soak.n_workloads; i++)
        make_workload(add(), i);
    soak.fleet.n_policy = soak.fleet.n;
}

Member *fleet_add_transient(void) {
    Member *w = add();
    *w = (Member){ .kind = chance_below(&soak.chance, 3) ? KIND_BRIEF : KIND_STEADY, .transient = true };
    snprintf(w->name, sizeof w->name, "t%u", soak.fleet.n_ran++);
    return w;
}

Member *fleet_find(const char *name) {
    for (unsigned i = 0; i < soak.fleet.n; i++)
        if (strcmp(soak.fleet.members[i].name, name) == 0)
            return soak.fleet.members + i;
    return NULL;
}

static void write_workload(FILE *file, const Member *w, unsigned i) {
    fprintf(file, "[workload:%s]\nSlice=s%u\nExecStart=%s %s/board %s %s\n", w->name, i % 5, soak.work, soak.dir,
            w->name, w->kind == KIND_STEADY ? "steady" : "brief");
    fprintf(file, "StartLimitIntervalSec=0\nTimeoutStopSec=2s\nStandardOutput=null\n");
    if (w->kind == KIND_AGAIN)
        fprintf(file, "Restart=always\nRestartSec=20ms\n");
    if (*w->network)
        fprintf(file, "Network=%s\n", w->network);
    if (soak.has_pids)
        fprintf(file, "TasksMax=%u\n", w->tasks_max);
    if (soak.has_cpu)
        fprintf(file, "CPUWeight=%u\n", w->cpu_weight);
}

void fleet_write_policy(void) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    unsigned id = (unsigned) getpid();
    if (!file)
        die("out of memory");
    if (soak.has_networks)
        fprintf(file, "[network:lan]\nBridge=svs%u\nSubnet=10.%u.%u.1/24\nWarmPool=%d\n", id, 128 + id % 64,
                id / 64 % 256, SPARE_NAMESPACES);
    for (unsigned i = 0; i < 5; i++)
        fprintf(file, "[slice:s%u]\n", i);
    for (unsigned i = 0; i < soak.fleet.n_policy; i++)
        if (soak.fleet.members[i].exists)
            write_workload(file, soak.fleet.members + i, i);
    fclose(file);
    _cleanup_(cleanup_close) int fd = open(soak.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(cleanup_close) int policy_fd = openat(fd, "policy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = policy_fd < 0 ? -errno : file_replace_at(policy_fd, "10-soak.ini", text, 0644);
    if (r < 0)
        die("cannot write the policy: %s", strerror(-r));
}

/* --- what was ---------------------------------------------------------------------------------------------------- */

static void drop_running(Member *w, pid_t pid) {
    for (unsigned i = 0; i < w->n_running; i++)
        if (w->running[i] == pid) {
            w->running[i] = w->running[--w->n_running];
            return;
        }
}

static void learn_start(Member *w, const Event *event) {
    w->before = w->last;
    w->last = (Truth){};
    w->pid = event->pid;
    w->n_starts++;
    w->was_started = true;
    if (w->n_running < RUNNING_MAX)
        w->running[w->n_running++] = event->pid;
}

static void learn_event(const Event *event) {
    Member *w = fleet_find(event->name);
    if (!w)
        return;
    if (!event->end)
        learn_start(w, event);
    else if (event->pid == w->pid && !w->last.reaped) {
        w->last.spontaneous = w->last.known = true;
        w->last.status = event->signaled ? event->code : event->code << 8;
    }
}

static void learn_events(void) {
    uint32_t n = __atomic_load_n(&soak.board->n_events, __ATOMIC_SEQ_CST);
    if (n - soak.n_seen > BOARD_EVENTS)
        die("the board is too small");
    for (; soak.n_seen < n; soak.n_seen++) {
        const Event *event = soak.board->events + soak.n_seen % BOARD_EVENTS;
        for (unsigned i = 0; __atomic_load_n(&event->number, __ATOMIC_SEQ_CST) != soak.n_seen + 1 && i < 1000; i++)
            usleep(100); /* it is just being written, or its writer was killed */
        if (event->number == soak.n_seen + 1)
            learn_event(event);
    }
}

static void learn_reaped(pid_t pid, int status) {
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        Member *w = soak.fleet.members + i;
        drop_running(w, pid);
        if (w->pid != pid || w->last.reaped)
            continue;
        w->last.ended = w->last.known = w->last.reaped = true;
        w->last.status = status & ~0x80; /* a core that was dumped */
        if (!w->last.dead_by_usec)
            w->last.dead_by_usec = clock_usec(CLOCK_REALTIME);
    }
}

/* Between its end, which is told, and its last breath a process may have to wait for a CPU. */
typedef enum Life { ALIVE, ENDING, DEAD } Life;

enum { FLAG_ENDING = 0x4 }; /* PF_EXITING of the kernel's include/linux/sched.h */

static bool read_state(pid_t pid, char *ret_state, unsigned *ret_flags) {
    char path[32], stat[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (file_read_at(AT_FDCWD, path, stat, sizeof stat) < 0)
        return false;
    const char *after_name = strrchr(stat, ')');
    return after_name && sscanf(after_name, ") %c %*d %*d %*d %*d %*d %u", ret_state, ret_flags) == 2;
}

static Life life_of(pid_t pid) {
    unsigned flags;
    char state;
    if (!read_state(pid, &state, &flags) || state == 'Z' || state == 'X')
        return DEAD;
    return flags & FLAG_ENDING ? ENDING : ALIVE;
}

bool fleet_is_asleep(void) {
    unsigned flags;
    char state;
    for (unsigned i = 0; i < soak.fleet.n; i++)
        for (unsigned j = 0; j < soak.fleet.members[i].n_running; j++)
            if (!read_state(soak.fleet.members[i].running[j], &state, &flags) || state != 'S')
                return false;
    return true;
}

void fleet_learn(void) {
    int status;
    learn_events();
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == soak.daemon)
            die("the daemon has ended by itself: status %x (its log: %s/log)", status, soak.dir);
        learn_events(); /* its start may have come after those that were seen */
        learn_reaped(pid, status);
    }
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        Member *w = soak.fleet.members + i;
        for (unsigned j = w->n_running; j-- > 0;) {
            pid_t pid = w->running[j];
            if (kill(pid, 0) == 0 && life_of(pid) != DEAD)
                continue;
            drop_running(w, pid);
            if (pid == w->pid)
                w->last.ended = true;
        }
    }
}

void fleet_note_dead(void) {
    uint64_t before = clock_usec(CLOCK_REALTIME);
    fleet_learn();
    uint64_t after = clock_usec(CLOCK_REALTIME);
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        Member *w = soak.fleet.members + i;
        if (w->last.ended && !w->last.dead_by_usec)
            w->last.dead_by_usec = after;
        else if (!w->last.ended && life_of(w->pid) == ALIVE)
            w->last.alive_at_usec = before;
    }
}

unsigned fleet_alive(const char *network) {
    unsigned n = 0;
    for (unsigned i = 0; i < soak.fleet.n; i++)
        if (soak.fleet.members[i].n_running && (!network || strcmp(soak.fleet.members[i].network, network) == 0))
            n++;
    return n;
}

void fleet_begin_round(void) {
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        Member *w = soak.fleet.members + i;
        w->last.asked |= w->asked_end || w->signaled;
        w->before.asked |= w->asked_end || w->signaled;
        w->asked_start = w->asked_end = w->signaled = false;
        w->n_starts = 0;
        w->was_running = w->n_running > 0;
    }
}

void fleet_forget_gone(void) {
    unsigned n = soak.fleet.n_policy;
    for (unsigned i = n; i < soak.fleet.n; i++)
        if (soak.fleet.members[i].exists || soak.fleet.members[i].n_running)
            soak.fleet.members[n++] = soak.fleet.members[i];
    soak.fleet.n = n;
}

/* --- what is wanted ---------------------------------------------------------------------------------------------- */

static bool read_intent(int fd, const char *prefix, const char *name, char text[static INTENT_BYTES_MAX]) {
    char file[SOAK_NAME_MAX + 32];
    snprintf(file, sizeof file, "%s-%s.ini", prefix, name);
    return file_read_at(fd, file, text, INTENT_BYTES_MAX) >= 0;
}

static unsigned number_after(const char *text, const char *key) {
    const char *found = strstr(text, key);
    return found ? (unsigned) strtoul(found + strlen(key), NULL, 10) : 0;
}

void fleet_learn_intent(void) {
    char path[128], text[INTENT_BYTES_MAX];
    snprintf(path, sizeof path, "%s/transient", soak.runtime_dir);
    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        die("cannot open %s: %s", path, strerror(errno));
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        Member *w = soak.fleet.members + i;
        if (w->transient)
            w->exists = read_intent(fd, "10-run", w->name, text);
        w->wanted = w->exists && !(read_intent(fd, "50-state", w->name, text) && strstr(text, "State=stopped"));
        bool is_set = read_intent(fd, "60-set", w->name, text);
        w->runtime_tasks_max = is_set ? number_after(text, "TasksMax=") : 0;
        w->runtime_cpu_weight = is_set ? number_after(text, "CPUWeight=") : 0;
    }
}
