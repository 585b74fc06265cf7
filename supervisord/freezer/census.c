/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A directory is looked into when the kernel says that something in it or on it has changed, and not else. What the daemon
 * is just making has no mark yet; that it gets one is a change too.
 */

#include "freezer/census.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strv.h"
#include "freezer/reading.h"
#include "kernel/cgroup.h"

enum {
    TREE = 0,
    EVENTS_BYTES_MAX = 16 * 1024, /* in one pass */
    BLIND_LOOK_USEC = 500 * 1000, /* between looks for what the kernel does not tell */
    LEAF_GRACE_USEC = 100 * 1000, /* who is started must come to its exec: the daemon waits for that */
};

/* --- leaves ------------------------------------------------------------------------------------------------------ */

/* What cannot be told to is gone. */
static void make_stand(Leaf *leaf, bool stands) {
    if (leaf->stands != stands)
        file_write_at(leaf->dir_fd, "cgroup.freeze", stands ? "1" : "0");
    leaf->stands = stands;
}

static void leaf_close(Leaf *leaf) {
    make_stand(leaf, false);
    close_fd(leaf->dir_fd);
}

static Leaf *find_leaf(const Member *member, uint64_t id) {
    for (size_t i = 0; i < member->n_leaves; i++)
        if (member->leaves[i].id == id)
            return member->leaves + i;
    return NULL;
}

static int add_leaf(Member *member, uint64_t id, int dir_fd, uint64_t now_usec, Leaf **ret) {
    int r = grow(&member->leaves, sizeof *member->leaves, member->n_leaves, &member->n_leaves_allocated);
    if (r < 0)
        return r;
    *ret = member->leaves + member->n_leaves++;
    **ret = (Leaf){ .id = id, .dir_fd = dir_fd, .since_usec = now_usec };
    return 0;
}

/* One whose end was asked for must be able to end. */
static int note_leaf(Member *member, int parent_fd, const char *name, uint64_t id, uint64_t now_usec) {
    _cleanup_(cleanup_close) int fd = -1;
    Leaf *leaf = find_leaf(member, id);
    CgroupMark mark;
    if (!leaf && cgroup_open(parent_fd, name, &fd) < 0)
        return 0;
    if (cgroup_mark_read(leaf ? leaf->dir_fd : fd, &mark) < 0 || !mark.leaf)
        return 0;
    int r = leaf ? 0 : add_leaf(member, id, fd, now_usec, &leaf);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    leaf->is_found = true;
    member->is_ending = member->is_ending || mark.stopping;
    return 0;
}

static void drop_leaves(Member *member, bool all) {
    size_t n = 0;
    for (size_t i = 0; i < member->n_leaves; i++)
        if (all || !member->leaves[i].is_found)
            leaf_close(member->leaves + i);
        else
            member->leaves[n++] = member->leaves[i];
    member->n_leaves = n;
}

/* --- members ----------------------------------------------------------------------------------------------------- */

static void member_close(Census *census, Member *member) {
    drop_leaves(member, true);
    free(member->leaves);
    if (member->watch >= 0)
        inotify_rm_watch(census->inotify_fd, member->watch);
    close_fd(member->pressure_fd);
    close_fd(member->stat_fd);
    close_fd(member->dir_fd);
}

static int watch(Census *census, int dir_fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
    int id = inotify_add_watch(census->inotify_fd, path, IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR);
    census->is_blind = census->is_blind || id < 0;
    return id;
}

/* Takes dir_fd. */
static int add_member(Census *census, size_t parent, bool is_workload, uint64_t id, int dir_fd) {
    int r = grow(&census->members, sizeof *census->members, census->n, &census->n_members_allocated);
    if (r == 0)
        r = grow(&census->duties, sizeof *census->duties, census->n, &census->n_duties_allocated);
    if (r < 0) {
        close_fd(dir_fd);
        return r;
    }
    Member *member = census->members + census->n;
    *member = (Member){ .id = id, .dir_fd = dir_fd, .stat_fd = -1, .pressure_fd = -1 };
    census->duties[census->n++] = (Duty){ .parent = parent, .is_workload = is_workload };
    if (is_workload)
        reading_begin(member);
    member->watch = watch(census, dir_fd);
    member->is_stale = member->is_found = true;
    return 0;
}

static Member *find_child(const Census *census, size_t parent, uint64_t id) {
    for (size_t i = parent + 1; i < census->n; i++)
        if (census->duties[i].parent == parent && census->members[i].id == id)
            return census->members + i;
    return NULL;
}

static int note_member(Census *census, size_t parent, int parent_fd, const char *name, uint64_t id) {
    _cleanup_(cleanup_close) int fd = -1;
    Member *known = find_child(census, parent, id);
    CgroupMark mark;
    if (known) {
        known->is_found = true;
        return 0;
    }
    if (cgroup_open(parent_fd, name, &fd) < 0 || cgroup_mark_read(fd, &mark) < 0 || mark.leaf)
        return 0;
    return add_member(census, parent, mark.kind == GROUP_WORKLOAD, id, TAKE_FD(fd));
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

typedef struct Look {
    Census *census;
    size_t index;
} Look;

static int on_directory(void *userdata, int parent_fd, const char *name) {
    const Look *look = userdata;
    Census *census = look->census;
    unsigned start, session;
    struct stat status;
    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (!census->duties[look->index].is_workload)
        return note_member(census, look->index, parent_fd, name, status.st_ino);
    return cgroup_leaf_parse(name, &start, &session) < 0
                   ? 0
                   : note_leaf(census->members + look->index, parent_fd, name, status.st_ino, census->now_usec);
}

static int look_into(Census *census, size_t index) {
    Look look = { census, index };
    Member *member = census->members + index;
    member->is_stale = member->is_ending = false;
    reading_settings(member->dir_fd, census->duties + index);
    for (size_t i = 0; i < member->n_leaves; i++)
        member->leaves[i].is_found = false;
    for (size_t i = index + 1; i < census->n; i++)
        if (census->duties[i].parent == index)
            census->members[i].is_found = false;
    int r = cgroup_each(member->dir_fd, on_directory, &look); /* may move members */
    drop_leaves(census->members + index, false);
    return r == -ENOENT || r == -ENODEV ? 0 : r;
}

/* With a member goes what is in it. Who comes later is looked into in the same pass: parents are before children. */
static int look_into_stale(Census *census) {
    for (size_t i = 0; i < census->n; i++) {
        Member *member = census->members + i;
        if (i > TREE && !census->members[census->duties[i].parent].is_found)
            member->is_found = false;
        int r = member->is_found && member->is_stale ? look_into(census, i) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int drop_gone(Census *census) {
    _cleanup_(cleanup_free) size_t *places = calloc(census->n, sizeof *places);
    size_t n = 0;
    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < census->n; i++) {
        if (!census->members[i].is_found) {
            member_close(census, census->members + i);
            continue;
        }
        places[i] = n;
        census->members[n] = census->members[i];
        census->duties[n] = census->duties[i];
        census->duties[n].parent = places[census->duties[i].parent];
        n++;
    }
    census->n = n;
    return 0;
}

static void mark_all_stale(Census *census) {
    for (size_t i = 0; i < census->n; i++)
        census->members[i].is_stale = true;
}

/* What is written on a group that we know is told by its own watch too; a large slice is not looked into for that. */
static bool is_told_twice(const Census *census, size_t index, const struct inotify_event *event) {
    struct stat status;
    return event->mask & IN_ATTRIB && event->len > 0 && !census->duties[index].is_workload &&
           fstatat(census->members[index].dir_fd, event->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           find_child(census, index, status.st_ino);
}

static void take_event(Census *census, const struct inotify_event *event) {
    if (event->mask & IN_Q_OVERFLOW)
        mark_all_stale(census);
    for (size_t i = 0; i < census->n; i++)
        if (census->members[i].watch == event->wd && !is_told_twice(census, i, event))
            census->members[i].is_stale = true;
}

/* True: something has changed. What there is more waits, as it may be made as fast as it is read. */
static bool read_events(Census *census) {
    char buffer[EVENTS_BYTES_MAX] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t length = read(census->inotify_fd, buffer, sizeof buffer);
    if (length <= 0)
        return false;
    for (char *p = buffer; p < buffer + length;) {
        const struct inotify_event *event = (const struct inotify_event *) p;
        take_event(census, event);
        p += sizeof *event + event->len;
    }
    return true;
}

/* True: what the kernel may not have told of is to be looked for now. It may have room for our watches again. */
static bool look_blindly(Census *census) {
    if (!census->is_blind || census->now_usec < census->next_blind_usec)
        return false;
    census->next_blind_usec = census->now_usec + BLIND_LOOK_USEC;
    census->is_blind = false;
    for (size_t i = 0; i < census->n; i++)
        if (census->members[i].watch < 0)
            census->members[i].watch = watch(census, census->members[i].dir_fd);
    mark_all_stale(census);
    return true;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

int census_open(int tree_fd, Census *ret) {
    struct stat status;
    Census census = { .inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
    if (census.inotify_fd < 0 || fstat(tree_fd, &status) < 0) {
        int r = -errno;
        close_fd(census.inotify_fd);
        close_fd(tree_fd);
        return r;
    }
    int r = add_member(&census, TREE, false, status.st_ino, tree_fd);
    if (r < 0)
        census_close(&census);
    else
        *ret = census;
    return r;
}

void census_close(Census *census) {
    for (size_t i = 0; i < census->n; i++)
        member_close(census, census->members + i);
    free(census->members);
    free(census->duties);
    close_fd(census->inotify_fd);
    *census = (Census){ .inotify_fd = -1 };
}

int census_update(Census *census, uint64_t now_usec) {
    if (faccessat(census->members[TREE].dir_fd, "cgroup.procs", F_OK, 0) < 0)
        return -ENODEV;
    census->now_usec = now_usec;
    bool told = read_events(census) || census->members[TREE].is_stale;
    if (!look_blindly(census) && !told)
        return 0;
    int r = look_into_stale(census);
    int dropped = drop_gone(census);
    return r < 0 ? r : dropped < 0 ? dropped : told;
}

bool census_measure(Census *census, uint64_t elapsed_usec) {
    bool any = false;
    for (size_t i = 0; i < census->n; i++)
        if (census->duties[i].is_workload)
            any = reading_usage(census->members + i, census->duties + i, elapsed_usec) || any;
    return any;
}

bool census_has_leaves(const Census *census) {
    for (size_t i = 0; i < census->n; i++)
        if (census->members[i].n_leaves > 0)
            return true;
    return false;
}

bool census_has_processes(const Census *census) {
    bool populated = false;
    for (size_t i = 0; i < census->n && !populated; i++)
        for (size_t j = 0; j < census->members[i].n_leaves && !populated; j++)
            cgroup_populated(census->members[i].leaves[j].dir_fd, &populated);
    return populated;
}

void census_enforce(Census *census) {
    for (size_t i = 0; i < census->n; i++) {
        const Member *member = census->members + i;
        bool stands = census->duties[i].stands = census->duties[i].stands && !member->is_ending;
        for (size_t j = 0; j < member->n_leaves; j++) {
            Leaf *leaf = member->leaves + j;
            make_stand(leaf, stands && census->now_usec >= leaf->since_usec + LEAF_GRACE_USEC);
        }
    }
}
