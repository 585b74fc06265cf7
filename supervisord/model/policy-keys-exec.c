/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a workload executes, as whom, with what around it: systemd.exec(5). */

#include "model/policy-key.h"

#include <errno.h>

#include "model/words.h"

static const char *output_word(unsigned index) {
    return index < OUTPUT_KINDS_COUNT ? output_kind_name(index) : NULL;
}

static int assign_command(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    char **arguments = NULL;

    int r = *text ? words_parse_command(text, &arguments, ret_problem) : 0;
    if (r < 0)
        return r;
    strv_free(workload->exec.arguments);
    workload->exec.arguments = arguments;
    return 0;
}

static int assign_environment(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;

    if (!*text)
        workload->exec.environment = strv_free(workload->exec.environment);
    return words_parse_environment(text, &workload->exec.environment, ret_problem);
}

/* "journal", "append:/var/log/web.log" */
static int assign_output(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    const char *path;
    unsigned kind;

    int r = key_take_word(key, text, &kind, &path);
    if (r < 0)
        return r;
    bool wants_path = kind == OUTPUT_FILE || kind == OUTPUT_APPEND;
    if (wants_path ? !path || !*path : path != NULL)
        return -EINVAL;
    r = key_replace_path(&workload->exec.output_path, path ? path : "", ret_problem);
    if (r < 0)
        return r;
    workload->exec.output = kind;
    return 0;
}

const Key keys_exec[] = {
    [KEY_EXEC_START - KEYS_EXEC] = {
        .name = "ExecStart",
        .sections = IN(SECTION_WORKLOAD),
        .required = true,
        .assign = assign_command,
        .expects = "the absolute path of a program and its arguments",
    },
    [KEY_USER - KEYS_EXEC] = {
        .name = "User",
        .sections = IN(SECTION_WORKLOAD),
        .assign = key_assign_user,
        .expects = "the name or number of a user",
        .offset = offsetof(Workload, exec.user),
    },
    [KEY_WORKING_DIRECTORY - KEYS_EXEC] = {
        .name = "WorkingDirectory",
        .sections = IN(SECTION_WORKLOAD),
        .assign = key_assign_path,
        .expects = "an absolute path",
        .offset = offsetof(Workload, exec.working_directory),
    },
    [KEY_ENVIRONMENT - KEYS_EXEC] = {
        .name = "Environment",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_environment,
        .expects = "words of the form NAME=VALUE",
    },
    [KEY_STANDARD_OUTPUT - KEYS_EXEC] = {
        .name = "StandardOutput",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_output,
        .fallback = "journal",
        .expects = "journal, null, file:/path or append:/path",
        .word = output_word,
    },
};
