/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * cgroup v2 directories, always by descriptor and name. Knows marks (identity in xattrs) and life cycle; knows no
 * limits. Documentation/admin-guide/cgroup-v2.rst.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/parse.h"
#include "model/invocation.h"
#include "model/policy.h"

/*
 * What we write on our directories, so that the kernel is the database: one line of text in trusted.supervisord,
 * versioned.
 */
typedef struct CgroupMark {
    GroupKind kind; /* of NAME/; a leaf has `leaf` set */
    bool leaf;
    char name[NAME_LENGTH_MAX + 1];
    uint32_t slot;             /* NAME/: meter slot or SLOT_NONE */
    uint64_t restarts;         /* NAME/: how often its workload was started again by us */
    Invocation invocation;     /* leaf */
    pid_t main_pid;            /* leaf, after the spawn; 0 before */
    bool stopping;             /* leaf: its end was asked for, by SIGTERM or soon */
    uint64_t main_start_ticks; /* leaf, after the spawn: /proc/PID/stat field 22 */
    uint64_t recipe;           /* leaf: of its workload when it was started; 0: not known */
    uint64_t oom_kills;        /* leaf: that NAME/ had counted when it was started; MARK_UNKNOWN: not known */
    int report;                /* leaf, after the spawn: the report's descriptor in the child, until it has exec'ed */
} CgroupMark;

#define MARK_UNKNOWN UINT64_MAX

enum { CGROUP_MARK_TEXT_MAX = 512 };

/* "v=1 kind=workload name=web slot=12", "v=1 leaf=1 name=web invocation=... pid=4711 start=123456". -ENOSPC */
int cgroup_mark_format(const CgroupMark *mark, char *buffer, size_t size);
/* Strict, except that keys it does not know are passed over as long as the version is ours. -EBADMSG */
int cgroup_mark_parse(const char *text, CgroupMark *ret);

/* The errno of the kernel where trusted.* is refused: -EPERM, -EOPNOTSUPP. */
int cgroup_mark_write(int dir_fd, const CgroupMark *mark);
/* -ENODATA: not ours; -EBADMSG: ours but not understood (a newer schema). */
int cgroup_mark_read(int dir_fd, CgroupMark *ret);

/* Writes down that the end of a leaf's processes is asked for, so that a daemon that comes back does not take it for their own. */
int cgroup_mark_stopping(int leaf_fd);

/* What is to be remembered of NAME/'s workload while it does not run: a line of text, which is model/past's. */
int cgroup_past_write(int dir_fd, const char *text);
int cgroup_past_read(int dir_fd, char *buffer, size_t size); /* -ENODATA: nothing */

/* A setting that is the freezer's, by the file name of its knob; "" text: takes it away. Reading: -ENODATA. */
int cgroup_setting_write(int dir_fd, const char *file, const char *text);
int cgroup_setting_read(int dir_fd, const char *file, char *buffer, size_t size);

/* Leaves are named by number: "7" is start 7, "x0000beef" session 0xbeef. */
enum { LEAF_NAME_SIZE = 16 };
const char *cgroup_leaf_name(
        unsigned start, unsigned session, char buffer[static LEAF_NAME_SIZE]);       /* session 0: the start's */
int cgroup_leaf_parse(const char *name, unsigned *ret_start, unsigned *ret_session); /* -EINVAL */

int cgroup_open(int parent_fd, const char *name, int *ret_fd);
/* Creates and opens; an existing directory is opened (ret_created tells). */
int cgroup_make(int parent_fd, const char *name, int *ret_fd, bool *ret_created);
const char *cgroup_make_error(int error); /* strerror(), in the words of cgroup v2 where it has a meaning of its own */
enum { CGROUP_NESTING_MAX = 64 };         /* levels that a payload may make in its leaf, for us to look into */

/*
 * 0 when it is not there; -EBUSY while populated. Takes what the payload made inside with it, but nothing that
 * carries a mark.
 */
int cgroup_remove(int parent_fd, const char *name);
/* Visits the directories in dir_fd, until one visit returns something else than 0. Hidden ones are left out. */
typedef int CgroupVisit(void *userdata, int dir_fd, const char *name);
/* Its cpu.weight, and those of all that are beside it together. -ENOENT: nothing weighs it. */
int cgroup_weights(int dir_fd, uint64_t *ret_own, uint64_t *ret_beside);
int cgroup_each(int dir_fd, CgroupVisit *visit, void *userdata);
int cgroup_id(int dir_fd, uint64_t *ret);
int cgroup_controllers(int dir_fd, uint32_t *ret_available, uint32_t *ret_enabled);
/* For its children: the same as what is available in each of them. */
int cgroup_enabled_controllers(int dir_fd, uint32_t *ret);
/* Enables for the children; a controller that is already enabled costs nothing. */
int cgroup_controllers_enable(int dir_fd, uint32_t mask);
int cgroup_populated(int dir_fd, bool *ret);
/* Waits until nothing is left in it; -ETIMEDOUT. Blocks: worker thread only. */
int cgroup_wait_empty(int dir_fd, uint64_t timeout_usec);
/* Whether it was told to stand still. */
int cgroup_frozen(int dir_fd, bool *ret);
/*
 * Tells it, and when it is to stand still waits until all of it does; -ETIMEDOUT: not yet, but it will. Blocks: worker
 * thread only.
 */
int cgroup_freeze(int dir_fd, bool frozen, uint64_t timeout_usec);
/* cgroup.kill. Only for leaves: a later clone3 into a killed directory can die at birth. */
int cgroup_kill(int dir_fd);
/* The number after key in memory.events and the like of this directory; -ENODATA, -ENOENT. */
int cgroup_flat_u64(int dir_fd, const char *file, const char *key, uint64_t *ret);
