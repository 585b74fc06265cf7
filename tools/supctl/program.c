/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The protocol carries UTF-8 only: a command that is not is refused, a variable that is not is left out. */

#include "tools/supctl/program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strv.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

enum { SIGNAL_STATUS = 128 }; /* the shell's rule: 128 + signal number */

char *program_find(const char *name, const char *directory) {
    const char *path = getenv("PATH");
    char *found = NULL;

    if (*name == '/')
        return strdup(name);
    if (strchr(name, '/'))
        return text_printf(&found, "%s/%s", directory, name) < 0 ? NULL : found;
    for (size_t length; path && *path; path += length + (path[length] == ':')) {
        length = strcspn(path, ":");
        if (length == 0 || *path != '/')
            continue;
        if (text_printf(&found, "%.*s/%s", (int) length, path, name) < 0)
            return NULL;
        if (access(found, X_OK) == 0)
            return found;
        free(found);
        found = NULL;
    }
    return NULL;
}

int program_check(char *const *command) {
    for (; *command; command++)
        if (!text_is_utf8(*command)) {
            complain("%s: not UTF-8", *command);
            return EXIT_USAGE;
        }
    return EXIT_SUCCESS;
}

int program_environment(char *const *inherited, char *const *given, char ***ret) {
    _cleanup_(cleanup_strv_free) char **environment = NULL;
    char *const *lists[] = { inherited, given };

    for (size_t i = 0; i < ELEMENTSOF(lists); i++)
        for (char *const *variable = lists[i]; variable && *variable; variable++)
            if (!text_is_utf8(*variable))
                complain("%.*s: left out of the environment: its value is not UTF-8", (int) strcspn(*variable, "="),
                        *variable);
            else if (strv_push(&environment, *variable) < 0)
                return complain_memory();
    *ret = TAKE_PTR(environment);
    return 0;
}

int program_status(const char *name, int known, int is_signaled, int code, int is_oom_killed) {
    if (!known) {
        complain("%s: has ended, but how is not known", name);
        return EXIT_FAILURE;
    }
    if (is_oom_killed)
        complain("%s: was killed for want of memory (see MemoryMax= in `supctl show %s`)", name, name);
    return is_signaled ? SIGNAL_STATUS + code : code;
}
