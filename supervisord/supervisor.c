/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Life of the daemon: open what it works on, take up what an earlier one left, converge, and then only react. Going away
 * stops nothing: what was written to the node holds without us.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/strv.h"
#include "converge.h"
#include "supervisor.h"

enum {
    LOCK_ATTEMPTS = 20, /* times LOCK_PAUSE_USEC: a second */
    LOCK_PAUSE_USEC = 50 * 1000,
};

uint64_t supervisor_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

ApplyTarget supervisor_target(const Supervisor *s) {
    return (ApplyTarget){ .tree = &s->tree, .links = s->links, .pool = s->pool, .programs = s->programs };
}

Run *supervisor_run_of(Supervisor *s, const char *workload) {
    LedgerEntry *entry = ledger_find(s->ledger, workload);
    return entry ? &entry->run : NULL;
}

bool supervisor_is_alive(Supervisor *s, const char *workload) {
    const Run *run = supervisor_run_of(s, workload);
    return run && run_is_alive(run);
}

void supervisor_tell_ready(const Supervisor *s) {
    sd_notifyf(false, "READY=1\nSTATUS=%zu slices and workloads, tree at %s", s->policy->n_groups, s->tree.path);
}

/* As Type=notify-reload wants it. Who reloads over the control socket waits for the answer, and needs no such words. */
static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    Supervisor *s = userdata;
    Diagnostics diagnostics = {};
    sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, supervisor_now());
    int r = supervisor_reload(s, &diagnostics);
    if (r < 0) {
        supervisor_log_diagnostics(&diagnostics);
        log_error("the policy is not replaced: %s", r == -EBADMSG ? "it has errors" : strerror(-r));
        supervisor_tell_ready(s);
    } else
        supervisor_converge(s, &(Converge){ .repair = true, .reloading = true });
    diagnostics_done(&diagnostics);
    return 0;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

/*
 * A lock of the process: flock() would be held on by a child that has not come to exec when the daemon is killed. One that
 * was just killed may still be on its way out.
 */
static int take_lock(int lock_fd) {
    for (unsigned i = 0; fcntl(lock_fd, F_SETLK, &(struct flock){ .l_type = F_WRLCK }) < 0; i++) {
        if ((errno != EAGAIN && errno != EACCES) || i == LOCK_ATTEMPTS)
            return -errno;
        usleep(LOCK_PAUSE_USEC);
    }
    return 0;
}

static int open_runtime(Supervisor *s) {
    int r = intent_open(s->config->runtime_dir, &s->runtime_fd);
    if (r < 0) {
        log_error("cannot open %s: %s", s->config->runtime_dir, strerror(-r));
        return r;
    }
    s->lock_fd = openat(s->runtime_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    r = s->lock_fd < 0 ? -errno : take_lock(s->lock_fd);
    if (r < 0) {
        log_error(r == -EAGAIN || r == -EACCES ? "another supervisord holds %s/lock" : "cannot lock %s/lock",
                s->config->runtime_dir);
        return r;
    }
    return 0;
}

static int clear_up_runtime(Supervisor *s) {
    int r = intent_clear_up(s->runtime_fd);
    if (r < 0)
        log_warning("cannot clear up in %s: %s", s->config->runtime_dir, strerror(-r));
    return 0;
}

static int open_tree(Supervisor *s) {
    _cleanup_(cleanup_free) char *message = NULL;
    int r = s->config->tree_unit ? tree_open_unit(&s->tree, s->config->tree_unit, &message)
                                 : tree_open_path(&s->tree, s->config->tree_path, &message);
    if (r < 0)
        log_error("%s", message ? message : strerror(-r));
    else if (!tree_is_kept(&s->tree))
        log_warning("the keeper of %s is gone; its tree is used on", s->tree.unit);
    return r;
}

/*
 * What a newer daemon has written may mean what we do not know: to change any of it could end what runs. So we go before
 * we have changed anything; what runs needs neither of us.
 */
static int refuse_newer(Supervisor *s) {
    unsigned layout = programs_newer_layout(s->config->pin_dir), schema = tree_schema(&s->tree);
    if (layout > ABI_VERSION)
        log_error("the eBPF maps in %s have layout %u of a newer supervisord, this one knows %d", s->config->pin_dir,
                layout, ABI_VERSION);
    if (schema > TREE_SCHEMA)
        log_error("what is written on %s has schema %u of a newer supervisord, this one knows %d", s->tree.path, schema,
                TREE_SCHEMA);
    if (layout > ABI_VERSION || schema > TREE_SCHEMA) {
        log_error(
                "nothing is changed, and what runs goes on: start the newer supervisord again, or restart the machine");
        return -EPROTONOSUPPORT;
    }
    int r = tree_schema_note(&s->tree);
    if (r < 0)
        log_warning("cannot note the schema on %s: %s", s->tree.path, strerror(-r));
    return 0;
}

static void log_programs(Supervisor *s) {
    ProgramState states[PROGRAM_STATES_MAX];
    size_t n = programs_states(s->programs, states, PROGRAM_STATES_MAX);
    for (size_t i = 0; i < n && i < PROGRAM_STATES_MAX; i++)
        if (!states[i].loaded && states[i].needed)
            log_notice("eBPF program %s is not loaded: %s", states[i].name, states[i].reason);
}

static int open_programs(Supervisor *s) {
    if (s->config->no_bpf)
        return 0;
    ProgramsConfig config = {
        .pin_dir = s->config->pin_dir, .tree_fd = s->tree.fd, .slots_max = s->policy->settings.workloads_max
    };
    int r = programs_open(&config, &s->programs);
    if (r < 0) {
        log_warning("no eBPF meters: %s", strerror(-r));
        return 0; /* the daemon runs without */
    }
    log_programs(s);
    log_info("eBPF maps for %u workloads take %" PRIu64 " KiB", programs_slots_max(s->programs),
            programs_map_bytes(s->programs) / 1024);
    r = s->config->measure_programs ? programs_measure(s->programs, true) : 0;
    if (r < 0)
        log_warning("cannot measure eBPF programs: %s", strerror(-r));
    return 0;
}

static int open_models(Supervisor *s) {
    int r = ledger_new(&s->ledger);
    if (r == 0)
        r = links_open(s->config->instance, s->config->runtime_dir, &s->links);
    if (r == 0)
        r = pool_new(s->links, &s->pool);
    if (r == 0)
        r = sampler_new(s->programs, &s->sampler);
    if (r < 0)
        log_error("cannot start: %s", strerror(-r));
    return r;
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    worker_dispatch(((Supervisor *) userdata)->worker);
    return 0;
}

static int open_worker(Supervisor *s) {
    int r = worker_new(&s->worker);
    if (r >= 0)
        r = sd_event_add_io(s->event, &s->worker_source, worker_fd(s->worker), EPOLLIN, on_worker, s);
    if (r < 0)
        log_error("cannot start the worker: %s", strerror(-r));
    return r < 0 ? r : 0;
}

static int control_path(const SupervisorConfig *config, char **ret) {
    return text_printf(ret, "%s/control", config->runtime_dir);
}

static int open_api(Supervisor *s) {
    _cleanup_(cleanup_free) char *path = NULL;
    ApiBackend backend = supervisor_backend(s);
    int r = control_path(s->config, &path);
    if (r >= 0)
        r = api_new(s->event, path, TAKE_FD(s->keep.socket_fd), s->config->control_group,
                s->tree.path + strlen(s->tree.mount), &backend, &s->api);
    if (r < 0)
        log_error("cannot listen on %s/control: %s", s->config->runtime_dir, strerror(-r));
    return r;
}

static int open_event(Supervisor *s) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader of our messages that went away */
    signal(SIGCHLD, SIG_DFL); /* ignored, the kernel would reap in our place */
    int r = sd_event_default(&s->event);
    if (r >= 0)
        r = sd_event_add_signal(s->event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(s->event, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(s->event, NULL, SIGHUP, on_reload_signal, s);
    if (r >= 0)
        r = sd_event_set_watchdog(s->event, true);
    if (r < 0)
        log_error("cannot make an event loop: %s", strerror(-r));
    return r < 0 ? r : 0;
}

/* Three descriptors a workload. What the workloads get was saved before main (kernel/spawn-setup.c). */
static int raise_limits(Supervisor *s) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return -errno;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        return -errno;
    return 0;
}

static int open_keep(Supervisor *s) {
    _cleanup_(cleanup_free) char *path = NULL;
    int r = control_path(s->config, &path);
    if (r >= 0)
        r = keep_open(path, &s->keep);
    if (r < 0)
        log_error("cannot take what the service manager has kept: %s", strerror(-r));
    for (char **name = s->keep.strangers; name && *name; name++)
        log_warning("closed what the service manager has passed as '%s': it does not listen at %s", *name, path);
    return r;
}

static int open_node(Supervisor *s) {
    int r = supervisor_come_back(s);
    if (r < 0)
        log_error("cannot read back what holds: %s", strerror(-r));
    return r;
}

int supervisor_new(const SupervisorConfig *config, Supervisor **ret) {
    _cleanup_(cleanup_supervisor_free) Supervisor *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (Supervisor){ .config = config,
        .runtime_fd = -1,
        .lock_fd = -1,
        .tree = TREE_NULL,
        .keep = KEEP_NULL,
        .started_usec = supervisor_now() };

    static int (*const parts[])(Supervisor *) = {
        raise_limits,
        open_keep,
        open_event,
        open_runtime,
        open_tree,
        refuse_newer,
        clear_up_runtime,
        supervisor_open_policy,
        open_programs,
        open_models,
        supervisor_drift_open,
        supervisor_account_open,
        open_node,
        open_worker,
        open_api,
    };
    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        int r = parts[i](s);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(s);
    return 0;
}

Supervisor *supervisor_free(Supervisor *s) {
    if (!s)
        return NULL;
    sd_event_source_disable_unref(s->worker_source);
    sd_event_source_disable_unref(s->tick_source);
    s->worker = worker_free(s->worker); /* what was begun is finished, and told */
    supervisor_drift_free(s);
    supervisor_account_free(s);
    supervisor_freezer_forget(s);
    if (s->ledger)
        supervisor_watches_free(s);
    supervisor_waiters_free(s);
    supervisor_sessions_free(s);
    sd_event_source_disable_unref(s->decide_source);
    sd_event_source_disable_unref(s->tend_source);
    api_free(s->api);
    sampler_free(s->sampler);
    programs_close(s->programs);
    pool_free(s->pool);
    links_close(s->links);
    ledger_free(s->ledger);
    tree_done(&s->tree);
    policy_unref(s->policy);
    sources_done(&s->sources);
    free(s->last_reload.errors);
    keep_done(&s->keep);
    close_fd(s->lock_fd);
    close_fd(s->runtime_fd);
    sd_event_unref(s->event);
    free(s);
    return NULL;
}

/* Transient workloads that ended while nobody was looking. */
static void collect_ended(Supervisor *s) {
    size_t cursor = 0;
    for (LedgerEntry *entry; (entry = ledger_next(s->ledger, &cursor));)
        supervisor_collect(s, entry->name);
}

int supervisor_run(Supervisor *s) {
    collect_ended(s);
    supervisor_converge(s, &(Converge){});
    supervisor_drift_look(s);
    supervisor_tell_ready(s);
    log_info("supervisord %s, tree at %s", PROJECT_VERSION, s->tree.path);
    int r = sd_event_loop(s->event);
    sd_notify(false, "STOPPING=1");
    return r;
}
