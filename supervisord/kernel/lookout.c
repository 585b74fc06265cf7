/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * inotify on cgroup directories: IN_CLOSE_WRITE comes for writers in user space only, so that what the kernel changes by
 * itself (memory.events, cgroup.events) wakes nobody who has not asked for that very file.
 */

#include "kernel/lookout.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "model/policy.h"

enum { WATCHES_MAX = 2 * GROUPS_MAX + 64 }; /* a directory and a file of each group, and what is above the tree */

typedef struct Watched {
    int id;
    char *name;
    char *file; /* NULL: the event says which */
} Watched;

struct Lookout {
    int fd;
    Watched *items;
    size_t n, n_allocated;
};

int lookout_new(Lookout **ret) {
    Lookout *lookout = calloc(1, sizeof *lookout);
    if (!lookout)
        return -ENOMEM;
    lookout->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (lookout->fd < 0) {
        free(lookout);
        return -errno;
    }
    *ret = lookout;
    return 0;
}

static void watched_done(Watched *watched) {
    free(watched->name);
    free(watched->file);
}

Lookout *lookout_free(Lookout *lookout) {
    if (!lookout)
        return NULL;
    for (size_t i = 0; i < lookout->n; i++)
        watched_done(lookout->items + i);
    close_fd(lookout->fd);
    free(lookout->items);
    free(lookout);
    return NULL;
}

int lookout_fd(const Lookout *lookout) {
    return lookout->fd;
}

static Watched *find(const Lookout *lookout, int id) {
    for (size_t i = lookout->n; i-- > 0;)
        if (lookout->items[i].id == id)
            return lookout->items + i;
    return NULL;
}

static int add(Lookout *lookout, const char *path, uint32_t mask, const char *name, const char *file) {
    if (lookout->n >= WATCHES_MAX)
        return -ENOSPC;
    int r = grow(&lookout->items, sizeof *lookout->items, lookout->n, &lookout->n_allocated);
    if (r < 0)
        return r;
    Watched watched = { .name = strdup(name), .file = file ? strdup(file) : NULL };
    if (!watched.name || (file && !watched.file))
        r = -ENOMEM;
    else if ((watched.id = inotify_add_watch(lookout->fd, path, mask)) < 0)
        r = -errno;
    if (r < 0 || find(lookout, watched.id)) {
        watched_done(&watched);
        return r;
    }
    lookout->items[lookout->n++] = watched;
    return 0;
}

int lookout_add(Lookout *lookout, const char *name, int dir_fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
    return add(lookout, path, IN_CLOSE_WRITE | IN_ONLYDIR, name, NULL);
}

int lookout_add_file(Lookout *lookout, const char *name, int dir_fd, const char *file) {
    char path[64 + NAME_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir_fd, file);
    return add(lookout, path, IN_MODIFY, name, file);
}

static void forget(Lookout *lookout, Watched *watched) {
    watched_done(watched);
    *watched = lookout->items[--lookout->n];
}

static void tell(Lookout *lookout, const struct inotify_event *event, LookoutCall *call, void *userdata) {
    Watched *watched = find(lookout, event->wd);
    if (!watched)
        return;
    if (event->mask & IN_IGNORED)
        forget(lookout, watched);
    else if (watched->file)
        call(watched->name, watched->file, userdata);
    else if (event->len > 0)
        call(watched->name, event->name, userdata);
}

int lookout_read(Lookout *lookout, LookoutCall *call, void *userdata) {
    char buffer[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    int r = 0;
    for (;;) {
        ssize_t length = read(lookout->fd, buffer, sizeof buffer);
        if (length <= 0)
            return length < 0 && errno != EAGAIN ? -errno : r;
        for (char *p = buffer; p < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *) p;
            if (event->mask & IN_Q_OVERFLOW)
                r = -EOVERFLOW;
            else
                tell(lookout, event, call, userdata);
            p += sizeof *event + event->len;
        }
    }
}
