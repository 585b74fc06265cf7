/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Runtime intent is policy: what the user starts, stops and runs is written down as drop-ins before anything is done, in
 * the policy's own language, so that a daemon that comes back reads what was wanted like any other file.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash-point.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "supervisor.h"

#define TRANSIENT_DIRECTORY "transient"

enum { FILE_NAME_MAX = NAME_LENGTH_MAX + 32 };

/* Drop-ins are read by name: what a workload is comes before what the user wants of it. */
static void run_file(const char *workload, char buffer[static FILE_NAME_MAX]) {
    snprintf(buffer, FILE_NAME_MAX, "10-run-%s.ini", workload);
}

static void frozen_file(const char *group, char buffer[static FILE_NAME_MAX]) {
    snprintf(buffer, FILE_NAME_MAX, "50-frozen-%s.ini", group);
}

static void set_file(const char *group, char buffer[static FILE_NAME_MAX]) {
    snprintf(buffer, FILE_NAME_MAX, "60-set-%s.ini", group);
}

static void state_file(const char *workload, char buffer[static FILE_NAME_MAX]) {
    snprintf(buffer, FILE_NAME_MAX, "50-state-%s.ini", workload);
}

static int path_of(const SupervisorConfig *config, const char *file, char **ret) {
    return text_printf(ret, "%s/" TRANSIENT_DIRECTORY "/%s", config->runtime_dir, file);
}

int intent_run_path(const SupervisorConfig *config, const char *workload, char **ret) {
    char name[FILE_NAME_MAX];
    run_file(workload, name);
    return path_of(config, name, ret);
}

int intent_set_path(const SupervisorConfig *config, const char *group, char **ret) {
    char name[FILE_NAME_MAX];
    set_file(group, name);
    return path_of(config, name, ret);
}

#define GONE_PREFIX ".gone-"

/* What was a workload's run file, until all else of it has been removed. */
static void gone_file(const char *workload, char buffer[static FILE_NAME_MAX]) {
    snprintf(buffer, FILE_NAME_MAX, GONE_PREFIX "%s", workload);
}

/* What a daemon that died had begun to write or to remove. */
int intent_clear_up(int runtime_fd) {
    _cleanup_(cleanup_closedir) DIR *directory = NULL;
    int r = directory_open(runtime_fd, TRANSIENT_DIRECTORY, &directory);
    if (r < 0)
        return r;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strncmp(entry->d_name, GONE_PREFIX, strlen(GONE_PREFIX)) == 0)
            intent_remove(runtime_fd, entry->d_name + strlen(GONE_PREFIX));
    r = file_clear_up(dirfd(directory));
    return r < 0 ? r : file_clear_up(runtime_fd);
}

int intent_open(const char *runtime_dir, int *ret_fd) {
    int r = directory_make(runtime_dir, 0755);
    if (r < 0)
        return r;
    _cleanup_(cleanup_close) int fd = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (mkdirat(fd, TRANSIENT_DIRECTORY, 0700) < 0 && errno != EEXIST)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int write_file(int runtime_fd, const char *name, const char *text) {
    _cleanup_(cleanup_close) int fd = openat(runtime_fd, TRANSIENT_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : file_replace_at(fd, name, text, 0600);
}

int intent_write_state(int runtime_fd, const char *workload, bool running) {
    char name[FILE_NAME_MAX];
    _cleanup_(cleanup_free) char *text = NULL;
    state_file(workload, name);
    int r = text_printf(&text, "[workload:%s]\nState=%s\n", workload, running ? "running" : "stopped");
    return r < 0 ? r : write_file(runtime_fd, name, text);
}

int intent_write_frozen(int runtime_fd, const Group *group, bool frozen) {
    char name[FILE_NAME_MAX];
    _cleanup_(cleanup_free) char *text = NULL;
    frozen_file(group->name, name);
    int r = text_printf(
            &text, "[%s:%s]\nFrozen=%s\n", group_kind_name(group->kind), group->name, frozen ? "yes" : "no");
    return r < 0 ? r : write_file(runtime_fd, name, text);
}

/* What it is goes first, or a daemon that comes back would start it; its new name says that the rest is to go too. */
void intent_remove(int runtime_fd, const char *workload) {
    static void (*const files[])(const char *, char *) = { state_file, frozen_file, set_file, gone_file };
    char name[FILE_NAME_MAX], gone[FILE_NAME_MAX];
    _cleanup_(cleanup_close) int fd = openat(runtime_fd, TRANSIENT_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run_file(workload, name);
    gone_file(workload, gone);
    renameat(fd, name, fd, gone);
    for (size_t i = 0; i < ELEMENTSOF(files); i++) {
        crash_point("before a drop-in is removed");
        files[i](workload, name);
        unlinkat(fd, name, 0);
    }
}

/* One word in the policy's quoting (words.h reads it back): everything that could mean anything is escaped. */
static void write_quoted(FILE *file, const char *word, const char *doubled) {
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *) word; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (strchr(doubled, *c))
            fprintf(file, "%c%c", *c, *c);
        else if (*c < ' ' || *c == 0x7f)
            fprintf(file, "\\x%02x", *c);
        else
            fputc(*c, file);
    }
    fputc('"', file);
}

static void write_words(FILE *file, const char *key, char *const *words, const char *doubled) {
    fprintf(file, "%s=", key);
    for (size_t i = 0; words[i]; i++) {
        if (i > 0)
            fputc(' ', file);
        write_quoted(file, words[i], doubled);
    }
    fputc('\n', file);
}

static void write_directory(FILE *file, const char *directory) {
    fputs("WorkingDirectory=", file);
    for (const char *c = directory; *c; c++)
        fputs(*c == '%' ? "%%" : (char[]){ *c, '\0' }, file);
    fputc('\n', file);
}

static bool is_one_line(const char *text) {
    for (const unsigned char *c = (const unsigned char *) text; *c; c++)
        if (*c < ' ')
            return false;
    return true;
}

/* Not a section, a comment, or anything else that a line may begin with. */
static bool is_key(const char *text) {
    return *text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == strlen(text);
}

static bool is_continued(const char *text) {
    size_t length = strlen(text);
    return length > 0 && text[length - 1] == '\\';
}

bool intent_settings_are_sound(char *const *settings) {
    for (size_t i = 0; settings && settings[i]; i += 2)
        if (!is_key(settings[i]) || !is_one_line(settings[i + 1]) || is_continued(settings[i + 1]))
            return false;
    return true;
}

static int write_run(FILE *file, const ApiRun *run) {
    fprintf(file, "[workload:%s]\n", run->name);
    write_words(file, "ExecStart", run->arguments, "%$");
    for (size_t i = 0; run->environment && run->environment[i]; i++)
        write_words(file, "Environment", (char *const[]){ run->environment[i], NULL }, "%");
    if (*run->directory)
        write_directory(file, run->directory);
    if (!intent_settings_are_sound(run->settings))
        return -EINVAL;
    for (size_t i = 0; run->settings && run->settings[i]; i += 2)
        fprintf(file, "%s=%s\n", run->settings[i], run->settings[i + 1]);
    return ferror(file) ? -EIO : 0;
}

int intent_write_run(int runtime_fd, const ApiRun *run) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;
    if (!name_is_valid(run->name) || !is_one_line(run->directory))
        return -EINVAL;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return -ENOMEM;
    int r = write_run(file, run);
    if (fclose(file) < 0 && r == 0)
        r = -ENOMEM;
    char name[FILE_NAME_MAX];
    run_file(run->name, name);
    return r < 0 ? r : write_file(runtime_fd, name, text);
}
