/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Small files, in a directory made for the test. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "unit/check.h"

static char directory[] = "/tmp/test-file-XXXXXX";
static int dir_fd;

static void put(const char *name, const char *text, size_t length) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, length), length);
}

static void test_read(void) {
    char buffer[8];

    put("small", "12345\n", 6);
    CHECK_EQ(file_read_at(dir_fd, "small", buffer, sizeof(buffer)), 5);
    CHECK_STREQ(buffer, "12345");
    put("small", "a\n\n", 3);
    CHECK_EQ(file_read_at(dir_fd, "small", buffer, sizeof(buffer)), 2);
    CHECK_STREQ(buffer, "a\n");
    put("small", "1234567", 7);
    CHECK_EQ(file_read_at(dir_fd, "small", buffer, sizeof(buffer)), 7);
    put("small", "12345678", 8);
    CHECK_EQ(file_read_at(dir_fd, "small", buffer, sizeof(buffer)), -EFBIG);
    put("small", "", 0);
    CHECK_EQ(file_read_at(dir_fd, "small", buffer, sizeof(buffer)), 0);
    CHECK_STREQ(buffer, "");
    CHECK_EQ(file_read_at(dir_fd, "absent", buffer, sizeof(buffer)), -ENOENT);
    CHECK_EQ(file_read_at(AT_FDCWD, directory, buffer, sizeof(buffer)), -EISDIR);
}

static void test_pread_again(void) {
    char buffer[16];

    put("again", "first\n", 6);
    _cleanup_(cleanup_close) int fd = openat(dir_fd, "again", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(file_pread(fd, buffer, sizeof(buffer)), 5);
    put("again", "next\n", 5);
    CHECK_EQ(file_pread(fd, buffer, sizeof(buffer)), 4);
    CHECK_STREQ(buffer, "next");
}

static void check_read_all(size_t file_length, size_t max, int result) {
    _cleanup_(cleanup_free) char *text = NULL, *content = malloc(file_length + 1);
    size_t length = 0;

    memset(content, 'x', file_length);
    put("all", content, file_length);
    CHECK_EQ(file_read_all_at(dir_fd, "all", max, &text, &length), result);
    if (result < 0) {
        CHECK(text == NULL);
        return;
    }
    CHECK_EQ(length, file_length);
    CHECK_EQ(strlen(text), file_length);
}

static void test_read_all(void) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t length;

    check_read_all(0, 0, 0);
    check_read_all(1, 0, -EFBIG);
    check_read_all(100, 100, 0);
    check_read_all(101, 100, -EFBIG);
    check_read_all(4096, 1 << 20, 0);
    check_read_all(3 * 4096 + 1, 1 << 20, 0);
    check_read_all(1 << 20, 1 << 20, 0);
    check_read_all((1 << 20) + 1, 1 << 20, -EFBIG);
    put("all", "a\0b\n", 4);
    CHECK_EQ(file_read_all_at(dir_fd, "all", 100, &text, &length), 0);
    CHECK_EQ(length, 4);
    CHECK_EQ(memcmp(text, "a\0b\n", 5), 0);
}

static void test_fifo_does_not_block(void) {
    char *text;
    size_t length;

    CHECK_EQ(mkfifoat(dir_fd, "fifo", 0600), 0);
    CHECK_EQ(file_read_all_at(dir_fd, "fifo", 100, &text, &length), -ESPIPE);
}

static void test_write(void) {
    char buffer[16];

    put("knob", "", 0);
    CHECK_EQ(file_write_at(dir_fd, "knob", "max"), 0);
    CHECK_EQ(file_read_at(dir_fd, "knob", buffer, sizeof(buffer)), 3);
    CHECK_STREQ(buffer, "max");
    CHECK_EQ(file_write_at(dir_fd, "absent", "max"), -ENOENT);
    CHECK_EQ(file_write_at(AT_FDCWD, "/dev/full", "max"), -ENOSPC);
}

static void test_clear_up(void) {
    char buffer[16];

    put(".half.new", "ha", 2);
    put("half", "whole", 5);
    put(".new", "", 0);
    put("other.new", "", 0);
    CHECK_EQ(file_clear_up(dir_fd), 0);
    CHECK_EQ(file_read_at(dir_fd, ".half.new", buffer, sizeof(buffer)), -ENOENT);
    CHECK_EQ(file_read_at(dir_fd, "half", buffer, sizeof(buffer)), 5);
    CHECK_EQ(file_read_at(dir_fd, ".new", buffer, sizeof(buffer)), 0);
    CHECK_EQ(file_read_at(dir_fd, "other.new", buffer, sizeof(buffer)), 0);
    unlinkat(dir_fd, "half", 0);
    unlinkat(dir_fd, ".new", 0);
    unlinkat(dir_fd, "other.new", 0);
}

static void test_replace(void) {
    char buffer[16], long_name[300];
    struct stat st;

    umask(0077);
    put(".state.new", "left by a crash", 15);
    CHECK_EQ(file_replace_at(dir_fd, "state", "one\n", 0644), 0);
    CHECK_EQ(file_replace_at(dir_fd, "state", "two\n", 0644), 0);
    CHECK_EQ(file_read_at(dir_fd, "state", buffer, sizeof(buffer)), 3);
    CHECK_STREQ(buffer, "two");
    CHECK_EQ(fstatat(dir_fd, "state", &st, 0), 0);
    CHECK_EQ(st.st_mode & 07777, 0644);
    CHECK_EQ(mkdirat(dir_fd, "taken", 0700), 0);
    CHECK_EQ(file_replace_at(dir_fd, "taken", "text", 0644), -EISDIR);
    CHECK_EQ(faccessat(dir_fd, ".taken.new", F_OK, 0), -1);
    CHECK_EQ(faccessat(dir_fd, ".state.new", F_OK, 0), -1);
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    CHECK_EQ(file_replace_at(dir_fd, long_name, "text", 0644), -ENAMETOOLONG);
}

static void test_directory(void) {
    char path[200];
    struct stat st;

    snprintf(path, sizeof(path), "%s/a//b/c/", directory);
    CHECK_EQ(directory_make(path, 0700), 0);
    CHECK_EQ(directory_make(path, 0700), 0);
    CHECK_EQ(fstatat(dir_fd, "a/b/c", &st, 0), 0);
    CHECK(S_ISDIR(st.st_mode));
    CHECK_EQ(directory_make("/", 0700), 0);
    CHECK_EQ(directory_make("relative", 0700), -EINVAL);
    CHECK_EQ(directory_make("", 0700), -EINVAL);
    put("a/file", "", 0);
    snprintf(path, sizeof(path), "%s/a/file", directory);
    CHECK_EQ(directory_make(path, 0700), -ENOTDIR);
    snprintf(path, sizeof(path), "%s/a/file/b", directory);
    CHECK_EQ(directory_make(path, 0700), -ENOTDIR);
}

static void test_flat_key(void) {
    static const char text[] =
            "low 0\nhigh 17\nhigher 18\nmax 18446744073709551615\nbig 18446744073709551616\nodd 1 2\n"
            "word x\n\nlast 9";
    uint64_t value = 42;

    CHECK_EQ(flat_key_u64(text, "hig", &value), -ENODATA);
    CHECK_EQ(flat_key_u64(text, "igh", &value), -ENODATA);
    CHECK_EQ(flat_key_u64(text, "absent", &value), -ENODATA);
    CHECK_EQ(flat_key_u64("", "low", &value), -ENODATA);
    CHECK_EQ(flat_key_u64(text, "odd", &value), -EINVAL);
    CHECK_EQ(flat_key_u64(text, "word", &value), -EINVAL);
    CHECK_EQ(flat_key_u64(text, "big", &value), -ERANGE);
    CHECK_EQ(value, 42);
    CHECK_EQ(flat_key_u64(text, "low", &value), 0);
    CHECK_EQ(value, 0);
    CHECK_EQ(flat_key_u64(text, "high", &value), 0);
    CHECK_EQ(value, 17);
    CHECK_EQ(flat_key_u64(text, "max", &value), 0);
    CHECK(value == UINT64_MAX);
    CHECK_EQ(flat_key_u64(text, "last", &value), 0);
    CHECK_EQ(value, 9);
}

static void remove_all(void) {
    static const char *const names[] = { "small", "again", "all", "fifo", "knob", "state", "a/file" },
                             *const directories[] = { "taken", "a/b/c", "a/b", "a" };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        unlinkat(dir_fd, names[i], 0);
    for (size_t i = 0; i < ELEMENTSOF(directories); i++)
        unlinkat(dir_fd, directories[i], AT_REMOVEDIR);
    CHECK_EQ(rmdir(directory), 0);
    close(dir_fd);
}

int main(void) {
    CHECK(mkdtemp(directory));
    dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(dir_fd >= 0);
    test_read();
    test_pread_again();
    test_read_all();
    test_fifo_does_not_block();
    test_write();
    test_clear_up();
    test_replace();
    test_directory();
    test_flat_key();
    remove_all();
    return 0;
}
