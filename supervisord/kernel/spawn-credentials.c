/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who a workload runs as. A name counts before a number, as systemd has it; a group may be a number that nobody named. */

#include "kernel/spawn-credentials.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"

enum {
    DATABASE_BYTES_MAX = 64 * 1024, /* of one entry: a group may have many members */
    GROUPS_FIRST = 32,              /* more are asked for once more */
};

/* -ESRCH when there is none. */
static int find_user(const char *name, Credentials *credentials) {
    _cleanup_(cleanup_free) char *buffer = malloc(DATABASE_BYTES_MAX);
    struct passwd user, *found = NULL;
    uint64_t uid;

    if (!buffer)
        return -ENOMEM;
    int r = getpwnam_r(name, &user, buffer, DATABASE_BYTES_MAX, &found);
    if (!found && r == 0 && parse_u64(name, &uid) == 0 && uid < UINT32_MAX)
        r = getpwuid_r((uid_t) uid, &user, buffer, DATABASE_BYTES_MAX, &found);
    if (!found)
        return r > 0 ? -r : -ESRCH;
    credentials->uid = user.pw_uid;
    credentials->gid = user.pw_gid;
    credentials->user = strdup(user.pw_name);
    credentials->home = strdup(user.pw_dir);
    credentials->shell = strdup(user.pw_shell);
    return credentials->user && credentials->home && credentials->shell ? 0 : -ENOMEM;
}

static int find_group(const char *name, gid_t *ret) {
    _cleanup_(cleanup_free) char *buffer = malloc(DATABASE_BYTES_MAX);
    struct group group, *found = NULL;
    uint64_t gid;

    if (!buffer)
        return -ENOMEM;
    int r = getgrnam_r(name, &group, buffer, DATABASE_BYTES_MAX, &found);
    if (found)
        *ret = group.gr_gid;
    else if (r == 0 && parse_u64(name, &gid) == 0 && gid < UINT32_MAX)
        *ret = (gid_t) gid;
    else
        return r > 0 ? -r : -ESRCH;
    return 0;
}

static int find_groups_of_user(Credentials *credentials) {
    int n = GROUPS_FIRST;

    for (unsigned attempt = 0; attempt < 2; attempt++) {
        _cleanup_(cleanup_free) gid_t *groups = calloc((size_t) n, sizeof *groups);

        if (!groups)
            return -ENOMEM;
        if (getgrouplist(credentials->user, credentials->gid, groups, &n) >= 0) {
            credentials->groups = TAKE_PTR(groups);
            credentials->n_groups = (size_t) n;
            return 0;
        }
        if (n > NGROUPS_MAX)
            return -E2BIG;
    }
    return -EAGAIN; /* the group database changed meanwhile */
}

static int add_group(Credentials *credentials, gid_t gid) {
    for (size_t i = 0; i < credentials->n_groups; i++)
        if (credentials->groups[i] == gid)
            return 0;
    if (credentials->n_groups >= NGROUPS_MAX)
        return -E2BIG;
    gid_t *larger = reallocarray(credentials->groups, credentials->n_groups + 1, sizeof *larger);
    if (!larger)
        return -ENOMEM;
    credentials->groups = larger;
    credentials->groups[credentials->n_groups++] = gid;
    return 0;
}

static int cannot(const char *what, const char *name, int r, char **ret_message) {
    if (r == -ESRCH)
        text_printf(ret_message, "cannot set %s '%s': no such %s", what, name, what);
    else
        text_printf(ret_message, "cannot set %s '%s': %s", what, name, strerror(-r));
    return r;
}

static int add_supplementary_groups(Credentials *credentials, char *const *names, char **ret_message) {
    for (; names && *names; names++) {
        gid_t gid;
        int r = find_group(*names, &gid);
        if (r == 0)
            r = add_group(credentials, gid);
        if (r < 0)
            return cannot("group", *names, r, ret_message);
    }
    return 0;
}

static int look_up(const Exec *exec, Credentials *credentials, char **ret_message) {
    int r = exec->user ? find_user(exec->user, credentials) : 0;
    if (r < 0)
        return cannot("user", exec->user, r, ret_message);
    r = exec->group ? find_group(exec->group, &credentials->gid) : 0;
    if (r < 0)
        return cannot("group", exec->group, r, ret_message);
    r = exec->user ? find_groups_of_user(credentials) : 0;
    if (r < 0)
        return cannot("user", exec->user, r, ret_message);
    return add_supplementary_groups(credentials, exec->supplementary_groups, ret_message);
}

int credentials_look_up(const Exec *exec, Credentials *ret, char **ret_message) {
    Credentials credentials = {};
    int r = look_up(exec, &credentials, ret_message);

    if (r < 0)
        credentials_done(&credentials);
    else
        *ret = credentials;
    return r;
}

void credentials_done(Credentials *credentials) {
    free(credentials->user);
    free(credentials->home);
    free(credentials->shell);
    free(credentials->groups);
    *credentials = (Credentials){};
}
