/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Lookout: who else writes to our cgroups. The kernel says which file of a directory was written to and closed, by whom
 * ever, us included; it says nothing, and costs nothing, while nobody does. Loop thread.
 */

typedef struct Lookout Lookout;

/* Told of each write, with the name that the directory was given. */
typedef void LookoutCall(const char *name, const char *file, void *userdata);

int lookout_new(Lookout **ret); /* -EMFILE: too many users of inotify on this machine */
Lookout *lookout_free(Lookout *lookout);
int lookout_fd(const Lookout *lookout); /* readable: lookout_read() */
/* Files of a directory, written by user space. Ends by itself with the directory. -ENOSPC: too many, of ours or of all users. */
int lookout_add(Lookout *lookout, const char *name, int dir_fd);
/* One file that the kernel itself changes, like memory.events. */
int lookout_add_file(Lookout *lookout, const char *name, int dir_fd, const char *file);
/* -EOVERFLOW: some were missed. */
int lookout_read(Lookout *lookout, LookoutCall *call, void *userdata);
