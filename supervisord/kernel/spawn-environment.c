/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What comes later counts: what every workload gets, then Environment=, then the files in their order. */

#include "kernel/spawn-environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strv.h"
#include "model/environment-file.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

__attribute__((format(printf, 2, 3))) static int environment_set(char ***environment, const char *format, ...) {
    char *assignment;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&assignment, format, arguments);
    va_end(arguments);
    return length < 0 ? -ENOMEM : strv_consume_assignment(environment, assignment);
}

/* JOURNAL_STREAM= tells a payload that its stderr is the journal, so that it may speak the journal's own protocol. */
static int environment_set_journal(char ***environment, int journal_fd) {
    struct stat st;

    if (journal_fd < 0 || fstat(journal_fd, &st) < 0)
        return 0;
    return environment_set(environment, "JOURNAL_STREAM=%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
}

/* Who has none gets none, as systemd has it. */
static bool is_shell(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    return *name && strcmp(name, "nologin") != 0 && strcmp(name, "false") != 0 && strcmp(name, "true") != 0;
}

static int environment_set_user(char ***environment, const Credentials *credentials) {
    int r = environment_set(environment, "HOME=%s", credentials->home);

    if (r == 0)
        r = environment_set(environment, "LOGNAME=%s", credentials->user);
    if (r == 0)
        r = environment_set(environment, "USER=%s", credentials->user);
    if (r == 0 && is_shell(credentials->shell))
        r = environment_set(environment, "SHELL=%s", credentials->shell);
    return r;
}

static int environment_set_basics(
        char ***environment, const SpawnSpec *spec, const Credentials *credentials, int journal_fd) {
    char invocation[INVOCATION_TEXT_SIZE];
    int r = credentials->user ? environment_set_user(environment, credentials) : 0;

    if (r == 0)
        r = environment_set(environment, "PATH=" PATH_DEFAULT);
    if (r == 0)
        r = environment_set(environment, "INVOCATION_ID=%s", invocation_format(spec->invocation, invocation));
    if (r == 0)
        r = environment_set_journal(environment, journal_fd);
    if (r == 0 && spec->notify_socket)
        r = environment_set(environment, "NOTIFY_SOCKET=%s", spec->notify_socket);
    for (char **assignment = spec->workload->exec.environment; r == 0 && assignment && *assignment; assignment++)
        r = environment_set(environment, "%s", *assignment);
    return r;
}

/* entry: a path, with `-` in front if it need not be there. */
static int environment_set_file(char ***environment, const char *entry, char **ret_message) {
    _cleanup_(cleanup_free) char *text = NULL;
    const char *path = entry + (*entry == '-'), *problem;
    unsigned line;
    size_t length;
    int r = file_read_all_at(AT_FDCWD, path, ENVIRONMENT_FILE_BYTES_MAX, &text, &length);

    if (r < 0 && *entry == '-')
        return 0;
    if (r < 0) {
        text_printf(ret_message, "cannot read EnvironmentFile=%s: %s", path, strerror(-r));
        return r;
    }
    r = environment_file_parse(text, length, environment, &line, &problem);
    if (r == -EINVAL)
        text_printf(ret_message, "EnvironmentFile=%s, line %u: %s", path, line, problem);
    return r;
}

int spawn_environment(
        const SpawnSpec *spec, const Credentials *credentials, int journal_fd, char ***ret, char **ret_message) {
    _cleanup_(cleanup_strv_free) char **environment = NULL;
    int r = environment_set_basics(&environment, spec, credentials, journal_fd);

    for (char **file = spec->workload->exec.environment_files; r == 0 && file && *file; file++)
        r = environment_set_file(&environment, *file, ret_message);
    if (r == 0)
        *ret = TAKE_PTR(environment);
    return r;
}
