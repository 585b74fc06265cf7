/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Coming back: what an earlier daemon left running is taken up where it is. Nothing that holds is changed; the plan that
 * follows holds only what is missing.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/strv.h"
#include "kernel/apply.h"
#include "kernel/cgroup.h"
#include "kernel/observe.h"
#include "kernel/spawn.h"

/* Clock ticks since boot, as /proc/PID/stat has them, on the monotonic clock (they differ by time spent in suspend only). */
static uint64_t usec_of_ticks(uint64_t ticks) {
    return ticks * 1000000 / sysconf(_SC_CLK_TCK);
}

static void bind_slot(const ApplyTarget *target, int fd, uint64_t id, uint32_t slot, SlotRole role) {
    if (target->programs && slot != SLOT_NONE)
        programs_bind(target->programs, fd, id, slot, role);
}

static void adopt_slot(const ApplyTarget *target, const Node *node, int fd, const NodeGroup *group) {
    const NodeGroup *parent = group->parent ? node_group(node, group->parent) : NULL;
    if (!target->programs || group->slot == SLOT_NONE)
        return;
    programs_slot_claim(target->programs, group->slot);
    programs_slot_bequeath(
            target->programs, group->slot, parent && parent->slot != SLOT_NONE ? parent->slot : SLOT_OTHER);
    bind_slot(target, fd, group->cgroup_id, group->slot, SLOT_ROLE_OWNER);
}

void exit_look_up(Programs *programs, const Invocation *invocation, Exit *exit) {
    struct exit_record record;
    if (!programs || programs_exit_read(programs, invocation->bytes, &record) < 0)
        return;
    exit_set_status(exit, record.status);
    exit->at_usec = record.exit_nsec / NSEC_PER_USEC;
    exit->oom_killed = exit->oom_killed || record.oom_killed;
}

/* As the kernel has counted it for the workload since this start; a record says it of the main process only. */
static bool is_oom_hit(int group_fd, const NodeLeaf *leaf) {
    uint64_t kills;
    return leaf->oom_kills_before != MARK_UNKNOWN &&
           cgroup_flat_u64(group_fd, "memory.events", "oom_kill", &kills) == 0 && kills > leaf->oom_kills_before;
}

/* What the main process left behind, as it would have been had we been there. */
static void kill_rest(int group_fd, const char *name) {
    _cleanup_(cleanup_close) int fd = -1;
    if (cgroup_open(group_fd, name, &fd) == 0)
        cgroup_kill(fd);
}

void exit_register(Programs *programs, const Process *process, uint64_t start_ticks, const Invocation *invocation) {
    if (!programs || programs_exit_register(programs, process->pid, start_ticks, invocation->bytes) < 0)
        keep_process(invocation, process->pidfd);
}

void exit_forget(Programs *programs, pid_t pid, const Invocation *invocation) {
    if (programs)
        programs_exit_forget(programs, pid, invocation->bytes);
    keep_forget(invocation);
}

/* Whoever has inherited it may be about to reap it. */
static void ask_pidfd(int pidfd, Exit *exit) {
    if (pidfd < 0 || process_tell_exit(pidfd, exit) != -EAGAIN)
        return;
    poll(&(struct pollfd){ .fd = pidfd }, 1, REAP_PATIENCE_MSEC); /* EPOLLHUP */
    process_tell_exit(pidfd, exit);
}

static void adopt_exit(const ApplyTarget *target, const Keep *keep, int group_fd, const NodeLeaf *leaf, Exit *exit) {
    exit->oom_killed = is_oom_hit(group_fd, leaf);
    exit_look_up(target->programs, &leaf->invocation, exit);
    if (!exit->known)
        ask_pidfd(keep_find(keep, &leaf->invocation), exit);
}

static void adopt_process(
        const ApplyTarget *target, const Keep *keep, const NodeLeaf *leaf, bool executed, Start *start) {
    if (keep_find(keep, &leaf->invocation) < 0) /* once more: the daemon before us may have had fewer means */
        exit_register(target->programs, &start->process, leaf->main_start_ticks, &leaf->invocation);
    start->process.oom_kills_before =
            leaf->oom_kills_before != MARK_UNKNOWN ? leaf->oom_kills_before : process_oom_kills(start->process.leaf_fd);
    if (leaf->report > 0 && !executed)
        spawn_report_adopt(leaf->main_pid, start->process.pidfd, leaf->report, &start->report_fd);
}

/* Who waited for a session is gone with the daemon before us; it goes on, and ends with its workload. */
static void adopt_session(const ApplyTarget *target, int group_fd, const NodeGroup *group, const NodeLeaf *leaf) {
    _cleanup_(cleanup_close) int fd = -1;
    char name[LEAF_NAME_SIZE];
    if (cgroup_open(group_fd, cgroup_leaf_name(0, leaf->number, name), &fd) == 0)
        bind_slot(target, fd, leaf->cgroup_id, group->slot, SLOT_ROLE_LEAF);
}

static int adopt_leaf(const ApplyTarget *target, const Keep *keep, int group_fd, const NodeGroup *group,
        const NodeLeaf *leaf, Starts *starts) {
    char name[LEAF_NAME_SIZE];
    cgroup_leaf_name(leaf->number, 0, name);
    if (leaf->main_pid == 0) { /* died at the barrier with the daemon that made it: never a start */
        kill_rest(group_fd, name);
        return 0;
    }
    int r = grow(&starts->items, sizeof *starts->items, starts->n, &starts->n_allocated);
    if (r < 0)
        return r;
    int leaf_fd;
    if (cgroup_open(group_fd, name, &leaf_fd) < 0)
        return 0;
    bind_slot(target, leaf_fd, leaf->cgroup_id, group->slot, SLOT_ROLE_LEAF);

    Start start = {
        .name = strdup(group->name),
        .invocation = leaf->invocation,
        .leaf = leaf->number,
        .stopping = leaf->stopping,
        .process = PROCESS_NULL,
        .report_fd = -1,
        .started_usec = usec_of_ticks(leaf->main_start_ticks),
    };
    if (!start.name) {
        close_fd(leaf_fd);
        return -ENOMEM;
    }
    bool executed;
    if (process_adopt(&start.process, leaf->main_pid, leaf->main_start_ticks, leaf_fd, &executed) < 0) {
        kill_rest(group_fd, name);
        adopt_exit(target, keep, group_fd, leaf, &start.exit);
    } else
        adopt_process(target, keep, leaf, executed, &start);
    starts->items[starts->n++] = start;
    return 0;
}

/* Of all leaves, in order: each record is looked for. */
typedef struct Invocations {
    Invocation *items;
    size_t n, n_allocated;
} Invocations;

static int by_bytes(const void *left, const void *right) {
    return memcmp(left, right, INVOCATION_SIZE);
}

static bool has_leaf(const uint8_t invocation[static INVOCATION_SIZE], const void *userdata) {
    const Invocations *known = userdata;
    return known->n > 0 && bsearch(invocation, known->items, known->n, sizeof *known->items, by_bytes);
}

static void sweep_known(Programs *programs, const Keep *keep, const Invocations *known) {
    if (programs)
        programs_exits_sweep(programs, has_leaf, known);
    for (size_t i = 0; i < keep->n; i++)
        if (!has_leaf(keep->items[i].invocation.bytes, known))
            keep_forget(&keep->items[i].invocation);
}

/* The daemon before us may have died between removing a leaf and forgetting its exit. */
static void sweep_exits(Programs *programs, const Keep *keep, const Node *node) {
    Invocations known = {};
    int r = 0;
    for (size_t i = 0; r == 0 && i < node->n_groups; i++)
        for (size_t j = 0; r == 0 && j < node->groups[i].n_leaves; j++) {
            r = grow(&known.items, sizeof *known.items, known.n, &known.n_allocated);
            if (r == 0)
                known.items[known.n++] = node->groups[i].leaves[j].invocation;
        }
    if (known.n > 0)
        qsort(known.items, known.n, sizeof *known.items, by_bytes);
    if (r == 0) /* else they may all stay */
        sweep_known(programs, keep, &known);
    free(known.items);
}

typedef struct Adoption {
    const ApplyTarget *target;
    const Keep *keep;
    Starts starts;
    AdoptVisit *visit;
    void *visit_userdata;
} Adoption;

static int adopt_group(void *userdata, const Node *node, const NodeGroup *group, int fd) {
    Adoption *adoption = userdata;
    int r = 0;
    adopt_slot(adoption->target, node, fd, group);
    for (size_t i = 0; i < group->n_sessions; i++)
        adopt_session(adoption->target, fd, group, group->sessions + i);
    for (size_t i = 0; r == 0 && i < group->n_leaves; i++)
        r = adopt_leaf(adoption->target, adoption->keep, fd, group, group->leaves + i, &adoption->starts);
    if (r == 0)
        adoption->visit(adoption->visit_userdata, group, fd);
    return r;
}

int adopt(const ApplyTarget *target, const Keep *keep, AdoptVisit *visit, void *userdata, Starts *ret) {
    Adoption adoption = { .target = target, .keep = keep, .visit = visit, .visit_userdata = userdata };
    Node node = {};
    int r = observe_presence(target->tree, adopt_group, &adoption, &node);
    if (r < 0) {
        starts_done(&adoption.starts);
        return r;
    }
    sweep_exits(target->programs, keep, &node);
    if (target->programs)
        programs_slots_recover(target->programs);
    node_done(&node);
    *ret = adoption.starts;
    return 0;
}
