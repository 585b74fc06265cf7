/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Small files. Everything is opened close-on-exec; nothing waits for a writer on the other side of a FIFO. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/crash-point.h"
#include "base/parse.h"

enum { READ_CHUNK_BYTES = 4096 };

static int open_for_read(int dir_fd, const char *name) {
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

/* Fills buffer from offset until it is full or the file ends. */
static ssize_t pread_full(int fd, char *buffer, size_t size, size_t offset) {
    size_t length = 0;

    while (length < size) {
        ssize_t n = TEMP_FAILURE_RETRY(pread(fd, buffer + length, size - length, offset + length));
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += n;
    }
    return length;
}

ssize_t file_pread(int fd, char *buffer, size_t size) {
    ssize_t length = pread_full(fd, buffer, size, 0);

    if (length < 0)
        return length;
    if ((size_t) length == size)
        return -EFBIG;
    if (length > 0 && buffer[length - 1] == '\n')
        length--;
    buffer[length] = '\0';
    return length;
}

ssize_t file_read_at(int dir_fd, const char *name, char *buffer, size_t size) {
    _cleanup_(cleanup_close) int fd = open_for_read(dir_fd, name);

    return fd < 0 ? fd : file_pread(fd, buffer, size);
}

int file_read_all_at(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_length) {
    _cleanup_(cleanup_close) int fd = open_for_read(dir_fd, name);
    _cleanup_(cleanup_free) char *text = NULL;
    size_t length = 0;

    if (fd < 0)
        return fd;
    for (size_t room = 0; length == room;) {
        room += READ_CHUNK_BYTES;
        char *larger = realloc(text, room + 1);
        if (!larger)
            return -ENOMEM;
        text = larger;

        ssize_t n = pread_full(fd, text + length, room - length, length);
        if (n < 0)
            return n;
        length += n;
        if (length > max)
            return -EFBIG;
    }
    text[length] = '\0';
    *ret_text = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}

int file_write_at(int dir_fd, const char *name, const char *text) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    size_t length = strlen(text);

    if (fd < 0)
        return -errno;

    ssize_t n = write(fd, text, length);
    if (n < 0)
        return -errno;
    return (size_t) n == length ? 0 : -EIO;
}

static int write_full(int fd, const char *text) {
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, text, left));
        if (n < 0)
            return -errno;
        text += n;
        left -= n;
    }
    return 0;
}

static int write_fresh(int dir_fd, const char *name, const char *text, mode_t mode) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0)
        return -errno;
    int r = write_full(fd, text);
    if (r < 0)
        return r;
    return fchmod(fd, mode) < 0 ? -errno : 0; /* regardless of the umask */
}

#define FRESH_SUFFIX ".new"

static bool is_fresh(const char *name) {
    size_t length = strlen(name), suffix = strlen(FRESH_SUFFIX);

    return *name == '.' && length > suffix && strcmp(name + length - suffix, FRESH_SUFFIX) == 0;
}

int file_clear_up(int dir_fd) {
    _cleanup_(cleanup_closedir) DIR *directory = NULL;
    int r = directory_open(dir_fd, ".", &directory);

    if (r < 0)
        return r;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (is_fresh(entry->d_name))
            unlinkat(dir_fd, entry->d_name, 0);
    return 0;
}

int file_replace_at(int dir_fd, const char *name, const char *text, mode_t mode) {
    char fresh[NAME_MAX + 1];

    /* Always the same name, so that what a crash leaves behind is gone with the next write. */
    int length = snprintf(fresh, sizeof(fresh), ".%s" FRESH_SUFFIX, name);
    if ((size_t) length >= sizeof(fresh))
        return -ENAMETOOLONG;
    unlinkat(dir_fd, fresh, 0);
    int r = write_fresh(dir_fd, fresh, text, mode);
    crash_point("file written");
    if (r >= 0 && renameat(dir_fd, fresh, dir_fd, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir_fd, fresh, 0);
    crash_point("file replaced");
    return r;
}

int directory_open(int dir_fd, const char *name, DIR **ret) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (!directory)
        return -errno;
    TAKE_FD(fd);
    *ret = directory;
    return 0;
}

int directory_make(const char *path, mode_t mode) {
    struct stat st;

    if (path[0] != '/')
        return -EINVAL;

    _cleanup_(cleanup_free) char *prefix = strdup(path);
    if (!prefix)
        return -ENOMEM;
    for (char *end = prefix; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char separator = *end;

        *end = '\0';
        if (mkdir(prefix, mode) < 0 && errno != EEXIST)
            return -errno;
        *end = separator;
    }
    if (stat(path, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int flat_key_u64(const char *text, const char *key, uint64_t *ret) {
    size_t key_length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        uint64_t value;

        if (*line == '\n')
            line++;
        if (strncmp(line, key, key_length) != 0 || line[key_length] != ' ')
            continue;
        line += key_length + 1;
        int r = parse_digits(&line, &value);
        if (r < 0)
            return r;
        if (*line && *line != '\n')
            return -EINVAL;
        *ret = value;
        return 0;
    }
    return -ENODATA;
}
