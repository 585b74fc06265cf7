/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The soak: a daemon that is killed at random instants while much is asked of it and much goes on, and a look at
 * everything each time it has come back. soak.c (rounds), fleet.c (what should be, and what was), daemon.c (the daemon and
 * calls to it), churn.c (what is asked of it), check.c (what it says), traces.c (what is on the node).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "tests/soak/board.h"
#include "tests/soak/chance.h"

enum {
    SOAK_NAME_MAX = 32,
    RUNNING_MAX = 8, /* main processes of one workload at one time that are told of; one is right */
};

typedef enum Kind {
    KIND_STEADY, /* stays; Restart=no */
    KIND_BRIEF,  /* ends by itself; Restart=no */
    KIND_AGAIN,  /* ends by itself; Restart=always */
} Kind;

/* How a start ended: what a wait status would say, and how well that is known. */
typedef struct Truth {
    bool ended;
    bool known;             /* it said so itself, or we have reaped it */
    bool reaped;            /* and that is how */
    int status;             /* as waitpid() has it */
    bool spontaneous;       /* it said that it would */
    bool asked;             /* somebody asked for an end in a round that is over */
    uint64_t dead_by_usec;  /* it was seen dead then, CLOCK_REALTIME; 0: not looked */
    uint64_t alive_at_usec; /* and alive then */
} Truth;

typedef struct Member {
    char name[SOAK_NAME_MAX];
    Kind kind;
    bool transient;
    bool exists, wanted;                            /* as the files say once the daemon is dead */
    char network[SOAK_NAME_MAX];                    /* Network= */
    unsigned tasks_max, cpu_weight;                 /* as the policy says */
    unsigned runtime_tasks_max, runtime_cpu_weight; /* as `set --runtime` says; 0: nothing */
    /* Since the last check. */
    bool asked_start, asked_end, signaled;
    int signal; /* the last that we sent */
    unsigned n_starts;
    bool was_running;
    /* Ever. */
    bool was_started;
    pid_t running[RUNNING_MAX]; /* main processes that have begun and not been seen to end */
    unsigned n_running;
    pid_t pid; /* of the last start */
    Truth last, before;
    /* What the daemon said last. */
    double cpu_usage, cpu_waits;
    uint64_t restarts;
} Member;

typedef struct Fleet {
    Member *members;
    unsigned n, n_allocated, n_policy; /* those of the policy come first */
    unsigned n_ran;                    /* transient ones ever */
} Fleet;

typedef struct Tally {
    unsigned deaths, duplicates, steps_back, leaks, wrong_exits, others;
    unsigned unknown_exits, untold_exits, right_exits, right_times;
} Tally;

typedef struct Soak {
    unsigned kills, n_workloads, life_msec, pause_msec;
    uint64_t seed;
    bool keeps_going, verbose;
    const char *supervisord, *work; /* programs */
    char instance[SOAK_NAME_MAX], dir[64], runtime_dir[64], pin_dir[64], cgroup_dir[256];
    bool has_pids, has_cpu, has_networks;
    Chance chance;
    Board *board;
    uint32_t n_seen; /* events of the board */
    Fleet fleet;
    pid_t daemon;
    sd_bus *bus;
    uint64_t away_usec, back_usec; /* CLOCK_REALTIME: the daemon was killed, and another started */
    unsigned round, n_pins, n_base_fds;
    uint64_t missed_exits; /* runs of the program that remembers them, which the kernel has left out */
    Tally tally;
} Soak;

extern Soak soak;

_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...);
uint64_t clock_usec(clockid_t clock);
/* One more of the kind that is counted there: says so. */
__attribute__((format(printf, 2, 3))) void violation(unsigned *counter, const char *format, ...);

/* --- fleet.c --- */

void fleet_make(void);
void fleet_write_policy(void);
Member *fleet_find(const char *name); /* NULL */
Member *fleet_add_transient(void);
void fleet_learn(void);        /* of events on the board, and of children that ended */
void fleet_learn_intent(void); /* what the dead daemon had written down */
void fleet_note_dead(void);    /* of those that have ended by now */
void fleet_begin_round(void);
unsigned fleet_alive(const char *network); /* how many run in it; NULL: in any */
bool fleet_is_asleep(void);                /* nobody is about to end who has not heard yet that it is calm */
void fleet_forget_gone(void);              /* transient ones that are no more */

/* --- daemon.c --- */

void daemon_start(void);
void daemon_kill(void);
void daemon_stop(void);
/* The reply, or NULL and what was said is in the error. */
sd_bus_message *daemon_ask(sd_bus_error *error, const char *method, const char *types, ...);
sd_bus_message *daemon_must(const char *method, const char *types, ...);

/* --- churn.c --- */

void churn(uint64_t usec); /* for so long; returns when it is time to kill */
void churn_without_daemon(uint64_t usec);

/* --- check.c, traces.c --- */

enum { SPARE_NAMESPACES = 2 }; /* of the one network */

void check_settle(void);         /* until nothing is on its way any more */
bool networks_are_settled(void); /* what has ended is gone, and what is kept ready is ready */
unsigned count_links(void);
void check_all(void);
void check_traces(void);
uint64_t traces_missed_runs(const char *program); /* of eBPF */
void check_empty(void);                           /* nothing is left */
