/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Leaving root takes the capabilities along; NO_NEW_PRIVS keeps any program from giving them back. */

#include "exporter/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#define USER_DEFAULT "nobody"

int privileges_drop(const char *user, const char *group, const char **ret_problem) {
    if (!user && geteuid() != 0)
        return 0;
    const struct group *entry = getgrnam(group);
    if (!entry) {
        *ret_problem = "there is no such group; see --group";
        return -ESRCH;
    }
    gid_t gid = entry->gr_gid;
    const struct passwd *account = getpwnam(user ? user : USER_DEFAULT);
    if (!account || account->pw_uid == 0) {
        *ret_problem = account ? "that user is root" : "there is no such user; see --user";
        return -ESRCH;
    }
    if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 ||
            setresuid(account->pw_uid, account->pw_uid, account->pw_uid) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        *ret_problem = "not permitted";
        return -errno;
    }
    return 0;
}
