/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The freezer goes on without us; while we are here, we see to it that one runs as long as the policy wants one. What is to be
 * done when it dies is a plan's: whoever stands goes on, and another starts.
 */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/freezer.h"
#include "supervisor.h"

/* Who dies sooner than this is started anew after a pause of as long. */
enum { SOON_USEC = 1000 * 1000 };

static void start_another(Supervisor *s, bool soon) {
    log_warning("the freezer has ended: whoever it made stand goes on, and another is started");
    ledger_journal(s->ledger, supervisor_now(), "", "the freezer has ended");
    if (soon)
        supervisor_decide_at(s, supervisor_now() + SOON_USEC);
    else
        supervisor_converge(s, &(Converge){});
}

static int on_end(sd_event_source *source, int pidfd, uint32_t events, void *userdata) {
    Supervisor *s = userdata;
    supervisor_freezer_forget(s);
    if (s->policy->settings.scheduler == SCHEDULER_FREEZE)
        start_another(s, supervisor_now() < s->freezer_since_usec + SOON_USEC);
    return 0;
}

static int follow(Supervisor *s, int pidfd) {
    int r = sd_event_add_io(s->event, &s->freezer_source, pidfd, EPOLLIN, on_end, s);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(s->freezer_source, true);
    if (r < 0)
        supervisor_freezer_forget(s);
    return r;
}

void supervisor_freezer_follow(Supervisor *s, bool just_started) {
    _cleanup_(cleanup_close) int pidfd = -1;
    if (s->freezer_source || s->policy->settings.scheduler != SCHEDULER_FREEZE)
        return;
    int r = freezer_open(s->tree.fd, &pidfd);
    if (r == -ESRCH && just_started)
        start_another(s, true);
    if (r == -ESRCH)
        return;
    if (r == 0)
        r = follow(s, pidfd);
    if (r < 0) {
        log_warning("cannot watch the freezer: %s", strerror(-r));
        return;
    }
    TAKE_FD(pidfd);
    s->freezer_since_usec = supervisor_now();
}

void supervisor_freezer_forget(Supervisor *s) {
    s->freezer_source = sd_event_source_disable_unref(s->freezer_source);
}
