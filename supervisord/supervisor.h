/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Supervisor: wires policy, ledger, worker, meters and faces to one event loop. Its parts, a file each: supervisor.c
 * (life), recall.c (what an earlier daemon left), reload.c (the running policy), snapshot.c (sampling, metrics),
 * converge.c (one funnel for every change), settle.c (what came of it), tend.c (what is made ready for later), drift.c
 * (what others write), freeze.c (the freezer), watch.c (running workloads: starts, exits), ending.c (their ends and stops), command.c (what
 * runs beside a start and for it), session.c (for people), waiter.c (who waits), control.c (what the control socket
 * asks for), question.c (what it asks the node), transient.c (what people run), set.c (what they set),
 * what-if.c (what would be if they did), intent.c
 * (runtime intent as drop-ins).
 */

#include <systemd/sd-event.h>

#include "kernel/apply.h"
#include "kernel/sampler.h"
#include "kernel/worker.h"
#include "model/governor.h"
#include "model/policy/load.h"
#include "serve/api.h"

typedef struct SupervisorConfig {
    const char *instance;    /* names everything below by default: "supervisord" */
    char **policy_dirs;      /* the strongest first */
    const char *runtime_dir; /* control socket, lock, transient drop-ins */
    const char *tree_unit;   /* NULL: no systemd */
    const char *tree_path;   /* used when tree_unit is NULL */
    const char *pin_dir;
    const char *control_group; /* group that may read */
    bool no_bpf;
    bool measure_programs; /* have the kernel time each run of an eBPF program */
} SupervisorConfig;

/* How the last attempt to load the policy's files went. */
typedef struct LastReload {
    bool ok;
    char *errors;          /* NULL: none */
    uint64_t success_usec; /* of the last that was successful; 0: none of this daemon */
} LastReload;

typedef struct Watch Watch;
typedef struct DriftWatch DriftWatch;
typedef struct Waiter Waiter;
typedef struct Session Session;
typedef struct Accounting Accounting;
typedef struct Supervisor Supervisor;

struct Supervisor {
    const SupervisorConfig *config;
    sd_event *event;
    int runtime_fd; /* config->runtime_dir */
    int lock_fd;
    Keep keep; /* until it is used */
    Policy *policy;
    Sources sources; /* of the policy: its files as they were when they were loaded */
    HostFacts facts; /* as they were then */
    Ledger *ledger;
    Tree tree;
    Links *links;       /* worker thread's, once it runs */
    Pool *pool;         /* the same */
    Programs *programs; /* NULL: no eBPF */
    Sampler *sampler;
    Worker *worker;
    Api *api;
    Watch *watches;
    Waiter *waiters;
    Session *sessions;
    DriftWatch *drift;
    Accounting *accounting;
    bool all_stopped; /* no workload is wanted until the next reload */
    sd_event_source *worker_source, *tick_source, *decide_source, *tend_source, *freezer_source;
    bool is_ticking;                                     /* at the sampling interval; else it rests */
    uint64_t started_usec, sampled_usec, asked_usec;     /* asked: for meters */
    uint64_t lateness[HISTOGRAM_BUCKETS], lateness_nsec; /* of ticks */
    uint64_t scrape_nsec;                                /* that the last snapshot took; 0: there was none */
    LastReload last_reload;
    uint64_t freezer_since_usec; /* that we have followed the freezer */
    uint64_t bridge_look_usec;   /* until the next look at a bridge that has to go; 0: there is none */
};

int supervisor_new(const SupervisorConfig *config, Supervisor **ret); /* logs why it failed */
Supervisor *supervisor_free(Supervisor *supervisor);
DEFINE_CLEANUP(Supervisor *, supervisor_free);
int supervisor_run(Supervisor *supervisor);

uint64_t supervisor_now(void); /* CLOCK_MONOTONIC, usec */
/* To the service manager: what should hold has been asked of the node. */
void supervisor_tell_ready(const Supervisor *supervisor);
ApplyTarget supervisor_target(const Supervisor *supervisor);
Run *supervisor_run_of(Supervisor *supervisor, const char *workload);   /* NULL: not in the ledger */
bool supervisor_is_alive(Supervisor *supervisor, const char *workload); /* starting, running or stopping */

/* --- reload.c --- */

int supervisor_open_policy(Supervisor *supervisor); /* logs why it failed */
/* The policy and runtime drop-ins as they are in their files now. */
int supervisor_read_policy(Supervisor *supervisor, Diagnostics *diagnostics, Policy **ret);
/* Reads the policy's files anew; the running policy stays on failure. Workloads that failed to start get another try. */
int supervisor_reload(Supervisor *supervisor, Diagnostics *diagnostics);
/*
 * Lays what the runtime drop-ins now say of the slice or workload over the policy's files as they were when they were
 * loaded. Of a workload that others do not depend on, nothing else is parsed.
 */
int supervisor_overlay(Supervisor *supervisor, const char *name, Diagnostics *diagnostics);
/* Copies of the sources as loaded, and of the runtime drop-ins as they are. */
int supervisor_copy_sources(
        Supervisor *supervisor, Sources *ret_files, Sources *ret_transient, Diagnostics *diagnostics);
/* What they say, with the addresses that are leased now: not yet the running policy. */
int supervisor_parse(Supervisor *supervisor, const Sources *files, const Sources *transient, const HostFacts *facts,
        Diagnostics *diagnostics, Policy **ret);
/* Takes both: they are the policy from now on. Fails when no copy could be kept of them, and is done all the same. */
int supervisor_replace(Supervisor *supervisor, Sources *files, Policy *policy);
/* What they say of the slice, workload or network, or of all for "": policy_list(). */
int supervisor_list(Supervisor *supervisor, const char *name, Diagnostics *diagnostics, char **ret);
/* The same of the files as they are now. */
int supervisor_list_files(Supervisor *supervisor, const char *name, Diagnostics *diagnostics, char **ret);
/* Nothing waits for a start that is not wanted any more. */
void supervisor_end_backoffs(Supervisor *supervisor);
void supervisor_log_diagnostics(const Diagnostics *diagnostics);

/* --- snapshot.c --- */

/*
 * For who asks: reads all meters now, unless that was done a moment ago. They are read again at each of the policy's sampling
 * intervals, until nobody has asked for some of them.
 */
void supervisor_sample(Supervisor *supervisor);
void supervisor_read_meters(Supervisor *supervisor, uint64_t now_usec); /* unless that was done a moment ago */
/* For whoever sees that there is something to measure: the same, but nobody has asked. */
void supervisor_wake(Supervisor *supervisor);
/* Before the policy is replaced: what was until now is told by the one that held. */
void supervisor_end_window(Supervisor *supervisor, const Policy *next);
/* Unless it ticks: what wakes us up again is as the policy now says. */
void supervisor_rest(Supervisor *supervisor);
/* The metrics of this moment. */
int supervisor_snapshot(Supervisor *supervisor, ExpositionFormat format, char **ret_text, size_t *ret_size);

/* --- account.c --- */

int supervisor_account_open(Supervisor *supervisor);
void supervisor_account_free(Supervisor *supervisor);
/* All meters have been read at this time: a window of the CPU account ends. */
void supervisor_account(Supervisor *supervisor, uint64_t now_usec);
/* A workload is about to start or has just ended: so ends the window, unless it has only begun. */
void supervisor_account_cut(Supervisor *supervisor);
/* Whether windows are to go on following each other. */
bool supervisor_account_is_due(const Supervisor *supervisor);
/* They do not: returns after what time to look, 0 for never. Until supervisor_account_wake(), the kernel may wake us. */
uint64_t supervisor_account_rest(Supervisor *supervisor);
void supervisor_account_wake(Supervisor *supervisor);
int supervisor_read_cpus(const Supervisor *supervisor, CpuSet *ret); /* that the tree may use now: they come and go */
uint64_t supervisor_account_residual(const Supervisor *supervisor);  /* usec by which windows did not add up, summed */

/* --- converge.c --- */

typedef struct Converge {
    const char *only;        /* one object, NULL: all */
    bool repair;             /* also what somebody else has set, and the policy leaves alone */
    bool dry_run;            /* answer with the plan, change nothing */
    bool reloading;          /* tell the service manager when it is done */
    Policy *policy;          /* of a dry run; NULL: the running one */
    ApiCall *call;           /* answered with the plan's lines; NULL */
    const ApplyStdio *stdio; /* duplicated; NULL */
    const ApiExec *exec;     /* to run in `only`, too; copied; NULL */
    ApiCall *exec_call;      /* answered when that has ended; NULL: it is the watch's (watch.h) */
} Converge;

/* Has the worker observe, plan and apply. A failure is logged (and answered). */
void supervisor_converge(Supervisor *supervisor, const Converge *converge);
/* Decides about everything again, at that time at the latest. */
void supervisor_decide_at(Supervisor *supervisor, uint64_t wake_usec);
/* Something has become of a workload (NULL: of any) whose network others share: of those that are yet to start in it. */
void supervisor_converge_guests(Supervisor *supervisor, const char *owner);
/* Follows the group's meters from now on. */
void supervisor_follow(
        Supervisor *supervisor, const char *name, const char *parent, int dir_fd, uint64_t cgroup_id, uint32_t slot);

/* --- tend.c --- */

/* Has the worker tend the pool of namespaces, once there is nothing else to do. */
void supervisor_tend_soon(Supervisor *supervisor);

/* --- drift.c --- */

int supervisor_drift_open(Supervisor *supervisor);
void supervisor_drift_free(Supervisor *supervisor);
/* Notices from now on who writes to the group's files. */
void supervisor_drift_follow(Supervisor *supervisor, const char *name, int dir_fd);
/* After a plan for the group: what is left of its drift, if it had any; what its policy wants to be noticed. */
void supervisor_drift_settle(Supervisor *supervisor, const Group *group);
/* Looks at everything, soon. */
void supervisor_drift_look(Supervisor *supervisor);
const uint64_t *supervisor_drift_counts(const Supervisor *supervisor); /* by KnobId: how often each was found */

/* --- freeze.c --- */

/* After each plan, which has just started one or not: the one that runs, if the policy wants one. */
void supervisor_freezer_follow(Supervisor *supervisor, bool just_started);
void supervisor_freezer_forget(Supervisor *supervisor);

/* --- recall.c --- */

/* Notes on its cgroup what is known of a workload that does not run. */
void supervisor_remember(Supervisor *supervisor, const char *workload);
/* Takes up what a daemon before this one has left: what runs, what has ended, what it has noted. */
int supervisor_come_back(Supervisor *supervisor);

/* --- watch.c --- */

#define OOM_EVENTS "memory.events"
/* The kernel has written to OOM_EVENTS of the workload: OOMPolicy=stop ends it if a process of its was killed. */
void supervisor_on_oom(Supervisor *supervisor, const char *workload);

/* It ended at the barrier with the daemon that made it: never a start. */
bool supervisor_is_abandoned(const Exit *exit);
/*
 * The leaf of a start is gone, and with it the need of its exit record: until then a daemon that comes back must find out
 * how it ended. The worker may see the end of a start before the watch does, which is then still to be told.
 */
void supervisor_forget_exit(Supervisor *supervisor, const char *workload, const Invocation *invocation);
/* How a start ended is told to its run, log and journal, and noted. */
void supervisor_note_exit(Supervisor *supervisor, const char *workload, const Exit *exit);
/* Takes the process of a start; says so to run and waiters. */
void supervisor_watch(Supervisor *supervisor, Start *start);
/* It never came to be what was to be started: so says why. */
void supervisor_start_failed(Supervisor *supervisor, const char *workload, const char *why, bool timed_out);
/*
 * SIGTERM now, SIGKILL after TimeoutStopSec=. False: it does not run.
 * planned: a plan asks for it and goes on once it has ended.
 */
bool supervisor_stop(Supervisor *supervisor, const char *workload, bool planned);
/* A signal to the main process; -ESRCH: it does not run. */
int supervisor_signal(Supervisor *supervisor, const char *workload, int signal);
void supervisor_watches_free(Supervisor *supervisor);
/* Stops everything that runs; the call is answered when all of it has ended. */
void supervisor_stop_all(Supervisor *supervisor, ApiCall *call);

/* --- session.c --- */

/* A command that lives as long as the plan that runs it. */
typedef struct SessionCommand {
    unsigned session;
    Workload workload; /* shallow: the policy's, but for what is owned below */
    char **arguments, **environment, *user, *directory;
} SessionCommand;

int session_command_new(const Group *group, const ApiExec *exec, SessionCommand *ret);
void session_command_done(SessionCommand *command);

/* Runs it; the call is answered when it has ended. */
void supervisor_exec(Supervisor *supervisor, const ApiExec *exec, ApiCall *call);
/* It did not come about, or cannot be told of: says so to who asked for it. */
__attribute__((format(printf, 6, 7))) void session_failed(Supervisor *supervisor, const char *workload,
        unsigned session, ApiCall *call, const char *error, const char *format, ...);
/* Takes the process of a session that a plan has started. */
void supervisor_attend(Supervisor *supervisor, Start *start, ApiCall *call);
int supervisor_signal_session(Supervisor *supervisor, const char *workload, unsigned session, int signal);
void supervisor_sessions_free(Supervisor *supervisor);

/* --- waiter.c --- */

#define WAIT_FOR_ALL "" /* no workload has this name: whoever waits for all to end */

typedef enum WaitFor { /* bits */
    WAIT_STARTED = 1 << 0,
    WAIT_ENDED = 1 << 1,
    WAIT_RUN_STARTED = 1 << 2, /* as above, with Run's answer */
    WAIT_RUN_ENDED = 1 << 3,
    WAIT_EXIT = 1 << 4, /* an end, with how it ended */
} WaitFor;

/* Answers the call when it has come to pass. */
void supervisor_wait(Supervisor *supervisor, const char *workload, WaitFor what, ApiCall *call);
void supervisor_notify_started(Supervisor *supervisor, const char *workload);
/* True: one of them had asked to run it. */
bool supervisor_notify_start_failed(Supervisor *supervisor, const char *workload, const char *why);
void supervisor_notify_ended(Supervisor *supervisor, const char *workload);
/* Answers those who wait for an end that is there, or for a start that will not come any more. */
void supervisor_settle_waiters(Supervisor *supervisor);
void supervisor_drop_forsaken(Supervisor *supervisor); /* whose caller is gone */
void supervisor_waiters_free(Supervisor *supervisor);

/* --- question.c --- */

void supervisor_answer_show(Supervisor *supervisor, const char *name, ApiCall *call);
void supervisor_answer_check(Supervisor *supervisor, ApiCall *call);
/* No change of the node, but to find all processes takes its time. */
void supervisor_answer_kill(Supervisor *supervisor, const ApiKill *order, ApiCall *call);

/* --- control.c --- */

ApiBackend supervisor_backend(Supervisor *supervisor);
/* Why a policy was not taken; r: what reading it returned. */
void supervisor_answer_diagnostics(ApiCall *call, int r, const Diagnostics *diagnostics);

/* --- transient.c --- */

/* The call is answered when it has started or, if it is to be waited for, ended. */
void supervisor_run_transient(Supervisor *supervisor, const ApiRun *run, ApiCall *call);
/* One that has failed, and stayed. */
void supervisor_remove_transient(Supervisor *supervisor, const char *workload, ApiCall *call);
/*
 * A transient workload that has ended for good is taken out of the policy and off the node: true. One that has failed may
 * stay to be seen (CollectMode=). Else false.
 */
bool supervisor_collect(Supervisor *supervisor, const char *workload);

/* --- set.c --- */

/* Amends the policy and writes down what was amended. -EBADMSG: the diagnostics say what is wrong, and nothing was done. */
int supervisor_set(Supervisor *supervisor, const Group *group, const ApiSet *set, Diagnostics *diagnostics);

/* Has the runtime drop-ins say these keys of the group, beside what they say of it. Nothing is written. */
int supervisor_lay_over(const Supervisor *supervisor, Sources *transient, const Group *group, char *const *settings);

/* --- what-if.c --- */

/* changes: name, key, value, ... */
void supervisor_answer_what_if(Supervisor *supervisor, char *const *changes, ApiCall *call);

/* --- intent.c --- */

/* Values that come over the socket: a line end, or a backslash before it, would make another key of what follows. */
bool intent_settings_are_sound(char *const *settings);

int intent_open(const char *runtime_dir, int *ret_fd); /* made if it is not there, 0700 */
int intent_clear_up(int runtime_fd);                   /* what a daemon that died had begun to write or to remove */
int intent_write_state(int runtime_fd, const char *workload, bool running);
int intent_write_frozen(int runtime_fd, const Group *group, bool frozen);
int intent_run_path(const SupervisorConfig *config, const char *workload, char **ret);
int intent_set_path(const SupervisorConfig *config, const char *group, char **ret);
int intent_write_run(int runtime_fd, const ApiRun *run);
void intent_remove(int runtime_fd, const char *workload);
