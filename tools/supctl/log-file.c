/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Read by offset, a block at a time: neither a huge file nor an endless line takes more memory than one line's. */

#include "tools/supctl/log-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BLOCK_BYTES = 4096,
    LINE_BYTES_MAX = 64 * 1024, /* a longer line is printed in pieces */
};

struct LogFile {
    int fd;
    off_t offset; /* of what is read next */
    size_t used;  /* of line: read, but not printed, as its end has not been seen */
    char line[LINE_BYTES_MAX + 1];
};

LogFile *log_file_free(LogFile *file) {
    if (file)
        close_fd(file->fd);
    free(file);
    return NULL;
}

int log_file_open(const char *path, LogFile **ret) {
    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    LogFile *file;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    file = malloc(sizeof(*file));
    if (!file)
        return -ENOMEM;
    file->fd = TAKE_FD(fd);
    file->offset = 0;
    file->used = 0;
    *ret = file;
    return 0;
}

/* Goes backwards over n line ends; the one at the very end of the file ends the last line. */
int log_file_seek(LogFile *file, uint64_t n_last) {
    char block[BLOCK_BYTES];
    off_t end = lseek(file->fd, 0, SEEK_END);
    off_t start = end > 0 ? end - 1 : 0;
    ssize_t n;

    file->offset = end;
    if (end < 0 || n_last == 0)
        return end < 0 ? -errno : 0;
    file->offset = 0;
    while (n_last < UINT64_MAX && start > 0) {
        off_t from = start > BLOCK_BYTES ? start - BLOCK_BYTES : 0;

        n = pread(file->fd, block, (size_t) (start - from), from);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t i = n; i-- > 0;)
            if (block[i] == '\n' && --n_last == 0) {
                file->offset = from + i + 1;
                return 0;
            }
        start = from;
    }
    return 0;
}

static void print_line(LogFile *file, size_t length, LogPrintLine *print, void *userdata) {
    file->line[length] = '\0';
    print(file->line, userdata);
}

/* Prints the complete lines of what is read, and moves the rest to the front. */
static void print_lines(LogFile *file, LogPrintLine *print, void *userdata) {
    size_t start = 0;
    char *end;

    while ((end = memchr(file->line + start, '\n', file->used - start))) {
        *end = '\0';
        print(file->line + start, userdata);
        start = (size_t) (end - file->line) + 1;
    }
    file->used -= start;
    memmove(file->line, file->line + start, file->used);
    if (file->used == LINE_BYTES_MAX)
        log_file_print_rest(file, print, userdata);
}

int log_file_print(LogFile *file, LogPrintLine *print, void *userdata) {
    struct stat st;
    ssize_t n;

    if (fstat(file->fd, &st) < 0)
        return -errno;
    if (st.st_size < file->offset) {
        file->offset = 0;
        file->used = 0;
    }
    while ((n = pread(file->fd, file->line + file->used, LINE_BYTES_MAX - file->used, file->offset)) > 0) {
        file->offset += n;
        file->used += (size_t) n;
        print_lines(file, print, userdata);
    }
    return n < 0 ? -errno : 0;
}

void log_file_print_rest(LogFile *file, LogPrintLine *print, void *userdata) {
    if (file->used > 0)
        print_line(file, file->used, print, userdata);
    file->used = 0;
}
