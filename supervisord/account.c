/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The CPU account of all groups, a window at each reading of the meters. How long a window is only matters while somebody has
 * to wait for a CPU: then they follow each other at the sampling interval. Otherwise the daemon sleeps, until the kernel says
 * that somebody waits in the tree, and the time asleep is one window.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "model/account.h"
#include "supervisor.h"

#define PRESSURE_FILE "cpu.pressure"
#define PRESSURE_TRIGGER \
    "some 20000 2000000" /* usec; a window of so many is open to daemons without CAP_SYS_RESOURCE */

enum {
    PRESSURE_WORTH_USEC = 20000, /* as in the trigger */
    WAIT_WORTH_PERCENT = 1,      /* of a window: as in the trigger */
    QUIET_WINDOWS_MAX = 10,      /* in a row, and nobody waits any more */
    REST_USEC = 10 * 1000 * 1000 /* between looks, where the kernel does not tell who waits */
};

struct Accounting {
    unsigned quiet_windows;
    uint64_t residual_usec;
    int pressure_fd; /* -1: the kernel does not tell */
    sd_event_source *pressure_source;
    uint64_t pressure_nsec; /* the total when the daemon went to sleep */
    uint64_t until_usec;    /* the end of the last window */
};

/* --- windows ----------------------------------------------------------------------------------------------------- */

int supervisor_read_cpus(const Supervisor *s, CpuSet *ret) {
    char text[CPU_LIST_TEXT_MAX];
    ssize_t n = file_read_at(s->tree.fd, "cpuset.cpus.effective", text, sizeof text);
    if (n <= 0) /* without the controller it is all that there are */
        n = file_read_at(AT_FDCWD, "/sys/devices/system/cpu/online", text, sizeof text);
    return n < 0 ? (int) n : cpu_set_parse(text, ret);
}

/* It may get a slot after it was counted without one. */
static struct account *account_of(const Supervisor *s, LedgerEntry *entry) {
    struct account *lasting = sampler_account(s->sampler, entry->name);
    if (lasting)
        account_move(&entry->account, lasting);
    return lasting ?: &entry->account;
}

static AccountMember member_of(const Supervisor *s, LedgerEntry *entry, uint64_t now) {
    const Sample *sample = ledger_entry_sample(entry);
    const Run *run = &entry->run;
    return (AccountMember){
        .account = account_of(s, entry),
        .sample = sample && sample->at_usec == now ? sample : NULL,
        .started_usec = run->started_usec,
        .ended_usec = run_is_alive(run) && run->main_pid > 0 ? UINT64_MAX : run->ended_usec,
    };
}

static void show(Supervisor *s, const AccountMember members[]) {
    for (size_t i = 0; i < s->policy->n_groups; i++) {
        LedgerEntry *entry = ledger_find(s->ledger, s->policy->groups[i]->name);
        if (!entry || !members[i].sample)
            continue;
        entry->entitled = members[i].entitled;
        account_show(members[i].account, &entry->sample);
    }
}

static int end_window(Supervisor *s, uint64_t now, AccountWindow *ret) {
    const Policy *policy = s->policy;
    _cleanup_(cleanup_free) AccountMember *members = calloc(policy->n_groups + 1, sizeof *members);
    if (!members)
        return -ENOMEM;

    for (size_t i = 0; i < policy->n_groups; i++) {
        LedgerEntry *entry = ledger_find(s->ledger, policy->groups[i]->name);
        if (entry)
            members[i] = member_of(s, entry, now);
    }
    CpuSet cpus;
    int r = supervisor_read_cpus(s, &cpus);
    if (r >= 0)
        r = account_window(policy, members, &(AccountNow){ now, s->started_usec, &cpus }, ret);
    if (r >= 0)
        show(s, members);
    return r;
}

void supervisor_account(Supervisor *s, uint64_t now) {
    Accounting *accounting = s->accounting;
    AccountWindow window;
    int r = end_window(s, now, &window);
    if (r < 0) {
        log_warning("cannot account for CPU time: %s", strerror(-r));
        return;
    }
    accounting->until_usec = now;
    accounting->residual_usec += window.residual_usec;
    if (window.waited_usec * 100 > window.length_usec * WAIT_WORTH_PERCENT)
        accounting->quiet_windows = 0;
    else if (accounting->quiet_windows < QUIET_WINDOWS_MAX)
        accounting->quiet_windows++;
}

void supervisor_account_cut(Supervisor *s) {
    uint64_t now = supervisor_now();
    if (now >= s->accounting->until_usec + s->policy->settings.sample_interval_usec && account_is_wanted(s->policy))
        supervisor_read_meters(s, now);
}

uint64_t supervisor_account_residual(const Supervisor *s) {
    return s->accounting->residual_usec;
}

/* --- sleep ------------------------------------------------------------------------------------------------------- */

static int read_pressure(const Accounting *accounting, uint64_t *ret) {
    char text[256];
    ssize_t n = file_pread(accounting->pressure_fd, text, sizeof text);
    return n < 0 ? (int) n : meter_parse(&meters[METER_CPU_PRESSURE_SOME], text, ret);
}

static void watch_pressure(Accounting *accounting, bool on) {
    if (accounting->pressure_source)
        sd_event_source_set_enabled(accounting->pressure_source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* A trigger may fire once for nothing after it was set, and for what was before the daemon went to sleep. */
static int on_pressure(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Supervisor *s = userdata;
    Accounting *accounting = s->accounting;
    uint64_t now_nsec;
    if (events & EPOLLERR || read_pressure(accounting, &now_nsec) < 0)
        watch_pressure(accounting, false); /* the tree is gone */
    else if (now_nsec >= accounting->pressure_nsec + PRESSURE_WORTH_USEC * NSEC_PER_USEC) {
        accounting->quiet_windows = 0;
        supervisor_wake(s);
    }
    return 0;
}

/* -EOPNOTSUPP, -ENOENT and the like: this kernel does not tell. */
static int open_pressure(Supervisor *s, Accounting *accounting) {
    _cleanup_(cleanup_close) int fd = openat(s->tree.fd, PRESSURE_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || write(fd, PRESSURE_TRIGGER, sizeof PRESSURE_TRIGGER) < 0)
        return -errno;
    int r = sd_event_add_io(s->event, &accounting->pressure_source, fd, EPOLLPRI, on_pressure, s);
    if (r < 0)
        return r;
    sd_event_source_set_description(accounting->pressure_source, "pressure");
    watch_pressure(accounting, false);
    accounting->pressure_fd = TAKE_FD(fd);
    return 0;
}

bool supervisor_account_is_due(const Supervisor *s) {
    return s->accounting->quiet_windows < QUIET_WINDOWS_MAX && account_is_wanted(s->policy);
}

uint64_t supervisor_account_rest(Supervisor *s) {
    Accounting *accounting = s->accounting;
    bool wanted = account_is_wanted(s->policy);
    if (!wanted || !accounting->pressure_source)
        return wanted ? REST_USEC : 0;
    if (read_pressure(accounting, &accounting->pressure_nsec) >= 0)
        watch_pressure(accounting, true);
    return 0;
}

void supervisor_account_wake(Supervisor *s) {
    watch_pressure(s->accounting, false);
}

int supervisor_account_open(Supervisor *s) {
    Accounting *accounting = calloc(1, sizeof *accounting);
    if (!accounting)
        return -ENOMEM;
    *accounting = (Accounting){ .quiet_windows = QUIET_WINDOWS_MAX, .pressure_fd = -1 };
    s->accounting = accounting;
    int r = open_pressure(s, accounting);
    if (r < 0)
        log_info("the kernel does not tell when somebody waits for a CPU (%s); a look each %u s does", strerror(-r),
                REST_USEC / 1000 / 1000);
    supervisor_rest(s);
    return 0;
}

void supervisor_account_free(Supervisor *s) {
    if (!s->accounting)
        return;
    sd_event_source_disable_unref(s->accounting->pressure_source);
    close_fd(s->accounting->pressure_fd);
    free(s->accounting);
    s->accounting = NULL;
}
