/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Small files by directory descriptor and name: cgroup files, /proc files, drop-ins. */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

/* Reads the whole file into buffer, NUL-terminated, without its trailing newline. Length, or -errno; -EFBIG if it does not fit. */
ssize_t file_read_at(int dir_fd, const char *name, char *buffer, size_t size);
/* The same from the start of an open descriptor (pread): for files that are read again and again. */
ssize_t file_pread(int fd, char *buffer, size_t size);
/* Writes text in one write(2), as kernel files want it. */
int file_write_at(int dir_fd, const char *name, const char *text);
/* Writes beside and renames over: a reader sees the old or the new file, whole. Not synced: for files that end with the boot. */
int file_replace_at(int dir_fd, const char *name, const char *text, mode_t mode);
/* Removes from a directory what file_replace_at() had not come to rename before its process died. */
int file_clear_up(int dir_fd);
/* Reads a file of any size up to max bytes into a fresh string; -EFBIG above, the length may count NUL bytes inside. */
int file_read_all_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length);
/* To read what is in it; name "." for dir_fd itself. */
int directory_open(int dir_fd, const char *name, DIR **ret);
DEFINE_CLEANUP(DIR *, closedir);
/* mkdir -p of an absolute path; existing directories are left as they are. */
int directory_make(const char *path, mode_t mode);

/* The number after "key " on a line of its own in a flat-keyed file (cpu.stat, memory.events); -ENODATA if there is none. */
int flat_key_u64(const char *text, const char *key, uint64_t *ret);
