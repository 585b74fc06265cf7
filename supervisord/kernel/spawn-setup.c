/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The part of a start that may allocate, ask the user database and talk to the journal. systemd.exec(5) is the
 * measure.
 */

#include "kernel/spawn-setup.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "base/parse.h"
#include "base/strv.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

enum {
    PASSWD_BYTES_MAX = 16 * 1024, /* of one entry of the user database */
    GROUPS_FIRST = 32,            /* more are asked for once more */
};

/* --- environment ------------------------------------------------------------------------------------------------ */

/* Takes assignment. A later one of the same name takes the place of the earlier. */
static int environment_consume(char ***environment, char *assignment) {
    size_t name_length = strcspn(assignment, "=") + 1;

    for (char **old = *environment; old && *old; old++)
        if (strncmp(*old, assignment, name_length) == 0) {
            free(*old);
            *old = assignment;
            return 0;
        }
    return strv_consume(environment, assignment);
}

__attribute__((format(printf, 2, 3))) static int environment_set(char ***environment, const char *format, ...) {
    char *assignment;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&assignment, format, arguments);
    va_end(arguments);
    return length < 0 ? -ENOMEM : environment_consume(environment, assignment);
}

/* JOURNAL_STREAM= tells a payload that its stderr is the journal, so that it may speak the journal's own protocol. */
static int environment_set_journal(char ***environment, int journal_fd) {
    struct stat st;

    if (journal_fd < 0 || fstat(journal_fd, &st) < 0)
        return 0;
    return environment_set(environment, "JOURNAL_STREAM=%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
}

static int environment_set_user(char ***environment, const struct passwd *user) {
    int r = environment_set(environment, "HOME=%s", user->pw_dir);

    if (r == 0)
        r = environment_set(environment, "LOGNAME=%s", user->pw_name);
    if (r == 0)
        r = environment_set(environment, "USER=%s", user->pw_name);
    if (r == 0)
        r = environment_set(environment, "SHELL=%s", user->pw_shell);
    return r;
}

static int set_environment(SpawnSetup *setup, const SpawnSpec *spec) {
    char invocation[INVOCATION_TEXT_SIZE];
    int r = environment_set(&setup->environment, "PATH=" PATH_DEFAULT);

    if (r == 0)
        r = environment_set(&setup->environment, "INVOCATION_ID=%s", invocation_format(spec->invocation, invocation));
    if (r == 0)
        r = environment_set_journal(&setup->environment, setup->journal_fd);
    if (r == 0 && spec->notify_socket)
        r = environment_set(&setup->environment, "NOTIFY_SOCKET=%s", spec->notify_socket);
    for (char **assignment = spec->workload->exec.environment; r == 0 && assignment && *assignment; assignment++)
        r = environment_set(&setup->environment, "%s", *assignment);
    setup->child.environment = setup->environment;
    return r;
}

/* --- user ------------------------------------------------------------------------------------------------------- */

/* By name, else by number. -ESRCH when there is none. */
static int find_user(const char *name, struct passwd *ret, char *buffer, size_t size) {
    struct passwd *found = NULL;
    uint64_t uid;
    int r = getpwnam_r(name, ret, buffer, size, &found);

    if (!found && r == 0 && parse_u64(name, &uid) == 0 && uid < UINT32_MAX)
        r = getpwuid_r((uid_t) uid, ret, buffer, size, &found);
    if (found)
        return 0;
    return r > 0 ? -r : -ESRCH;
}

static int find_groups(const struct passwd *user, gid_t **ret_groups, size_t *ret_n) {
    int n = GROUPS_FIRST;

    for (unsigned attempt = 0; attempt < 2; attempt++) {
        _cleanup_(cleanup_free) gid_t *groups = calloc((size_t) n, sizeof *groups);

        if (!groups)
            return -ENOMEM;
        if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) >= 0) {
            *ret_groups = TAKE_PTR(groups);
            *ret_n = (size_t) n;
            return 0;
        }
        if (n > NGROUPS_MAX)
            return -E2BIG;
    }
    return -EAGAIN; /* the group database changed meanwhile */
}

static int look_up_user(SpawnSetup *setup, const char *name) {
    struct passwd user;
    char buffer[PASSWD_BYTES_MAX];
    int r = find_user(name, &user, buffer, sizeof buffer);

    if (r == 0)
        r = find_groups(&user, &setup->groups, &setup->child.n_groups);
    if (r == 0)
        r = environment_set_user(&setup->environment, &user);
    if (r < 0)
        return r;
    setup->child.user = name;
    setup->child.uid = user.pw_uid;
    setup->child.gid = user.pw_gid;
    setup->child.groups = setup->groups;
    return 0;
}

static int set_user(SpawnSetup *setup, const char *name, char **ret_message) {
    int r = name ? look_up_user(setup, name) : 0;

    if (r < 0)
        text_printf(ret_message, "cannot set user '%s': %s", name, r == -ESRCH ? "no such user" : strerror(-r));
    return r;
}

/* --- standard input and output ---------------------------------------------------------------------------------- */

/* Where no journal listens, output goes where the daemon's own messages go. */
static int journal_source(SpawnSetup *setup, const char *identifier) {
    if (setup->journal_fd < 0)
        setup->journal_fd = sd_journal_stream_fd(identifier, LOG_INFO, true);
    return setup->journal_fd >= 0 ? setup->journal_fd : STDERR_FILENO;
}

static int output_source(SpawnSetup *setup, const SpawnSpec *spec) {
    switch (spec->workload->exec.output) {
    case OUTPUT_JOURNAL:
        return journal_source(setup, spec->name);
    case OUTPUT_NULL:
        return setup->null_fd;
    default:
        setup->child.output_path = spec->workload->exec.output_path;
        setup->child.output_flags = spec->workload->exec.output == OUTPUT_APPEND ? O_APPEND : 0;
        return -1;
    }
}

static int set_stdio(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message) {
    setup->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (setup->null_fd < 0) {
        int r = -errno;

        text_printf(ret_message, "cannot open /dev/null: %s", strerror(-r));
        return r;
    }
    for (int i = 0; i < 3; i++)
        if (spec->stdio[i] >= 0)
            setup->child.stdio[i] = spec->stdio[i];
        else
            setup->child.stdio[i] = i == STDIN_FILENO ? setup->null_fd : output_source(setup, spec);
    return 0;
}

int spawn_setup(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message) {
    const Workload *workload = spec->workload;

    setup->child.namespace_fd = spec->namespace_fd;
    setup->child.drop_net_admin = workload->network_mode != NETWORK_HOST;
    setup->child.arguments = workload->exec.arguments;
    setup->child.executable = workload->exec.arguments[0];
    setup->child.working_directory = workload->exec.working_directory ?: "/";

    int r = set_stdio(setup, spec, ret_message);
    if (r == 0)
        r = set_user(setup, workload->exec.user, ret_message);
    return r == 0 ? set_environment(setup, spec) : r;
}

void spawn_setup_done(SpawnSetup *setup) {
    strv_free(setup->environment);
    free(setup->groups);
    close_fd(setup->null_fd);
    close_fd(setup->journal_fd);
    *setup = (SpawnSetup) SPAWN_SETUP_NULL;
}
