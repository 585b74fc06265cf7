/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A companion: a small program of our own that lives in a leaf of the tree, outside of all groups, and outlives the daemon. It
 * ends when it is ready, with 0 or an errno, and goes on as another process, which is nobody's child.
 */

enum { COMPANION_PROCS_FD = 3 }; /* the cgroup.procs that it is to enter */

/*
 * arguments[0] is the program, which lies beside the daemon; fds become its 0 and 1, -1: none. The leaf is the tree's, as the
 * keeper's is: made when it is first needed. -EUSERS: as many as there may be in it are there already.
 */
int companion_start(int tree_fd, const char *leaf, unsigned at_most, char *const *arguments, const int fds[2]);
