/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a workload executes, as whom, with what around it: systemd.exec(5). */

#include "model/policy/key.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "model/words.h"

static const char *output_word(unsigned index) {
    return index < OUTPUT_INHERIT ? output_kind_name(index) : NULL;
}

static const char *error_word(unsigned index) {
    return index < OUTPUT_KINDS_COUNT ? output_kind_name(index) : NULL;
}

static const char *input_word(unsigned index) {
    static const char *const words[] = { "null", "file" };

    return index < ELEMENTSOF(words) ? words[index] : NULL;
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

/* "/bin/mkdir /run/x", "-/bin/mkdir /run/x" */
static int assign_commands(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Commands *commands = key_field(key, draft);
    Command command = { .may_fail = *text == '-' };

    if (!*text) {
        commands_done(commands);
        return 0;
    }
    if (commands->n >= COMMANDS_MAX)
        return -ERANGE;
    int r = words_parse_command(text + command.may_fail, &command.arguments, ret_problem);
    if (r < 0)
        return r;
    Command *larger = reallocarray(commands->items, commands->n + 1, sizeof(*larger));
    if (!larger) {
        strv_free(command.arguments);
        return -ENOMEM;
    }
    commands->items = larger;
    commands->items[commands->n++] = command;
    return 0;
}

static int assign_environment(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;

    if (!*text)
        workload->exec.environment = strv_free(workload->exec.environment);
    return words_parse_environment(text, &workload->exec.environment, ret_problem);
}

/* "/etc/default/web", "-/etc/default/web" */
static int assign_environment_file(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    _cleanup_(cleanup_free) char *path = NULL;

    if (!*text) {
        workload->exec.environment_files = strv_free(workload->exec.environment_files);
        return 0;
    }
    int r = key_replace_path(&path, text + (*text == '-'));
    if (r < 0)
        return r;
    if (!path)
        return -EINVAL;
    if (strpbrk(path, "*?[")) {
        *ret_problem = "patterns are not supported; expected the absolute path of one file";
        return -EINVAL;
    }
    if (strv_length(workload->exec.environment_files) >= ENVIRONMENT_FILES_MAX)
        return -ERANGE;
    char *entry;
    r = text_printf(&entry, "%s%s", *text == '-' ? "-" : "", path);
    return r < 0 ? r : strv_consume(&workload->exec.environment_files, entry);
}

static int assign_groups(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    char ***groups = &workload->exec.supplementary_groups, *word;
    int r;

    if (!*text)
        *groups = strv_free(*groups);
    while ((r = word_take(&text, &word, ret_problem)) > 0) {
        _cleanup_(cleanup_free) char *group = word;

        if (!key_is_user(group))
            return -EINVAL;
        if (strv_length(*groups) >= SUPPLEMENTARY_GROUPS_MAX)
            return -ERANGE;
        r = strv_consume(groups, TAKE_PTR(group));
        if (r < 0)
            return r;
    }
    return r;
}

/* "0022", "77" */
static int assign_umask(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;

    if (!*text || strspn(text, "01234567") != strlen(text))
        return -EINVAL;
    unsigned long mask = strtoul(text, NULL, 8);
    if (mask > 0777)
        return -ERANGE;
    workload->exec.umask = mask;
    return 0;
}

/* A word, and behind a colon the path that some of the words want. */
static int take_word_and_path(const Key *key, const char *text, unsigned no_path_mask, unsigned *ret_word, char **path,
        const char **ret_problem) {
    const char *rest;
    unsigned word;

    int r = key_take_word(key, text, &word, &rest);
    if (r < 0)
        return r;
    if (no_path_mask & (1u << word) ? rest != NULL : !rest || !*rest)
        return -EINVAL;
    r = key_replace_path(path, rest ?: "");
    if (r < 0)
        return r;
    *ret_word = word;
    return 0;
}

/* "null", "file:/etc/motd" */
static int assign_input(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    unsigned word;

    return take_word_and_path(key, text, 1, &word, &workload->exec.input_path, ret_problem);
}

/* "journal", "append:/var/log/web.log" */
static int assign_output(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Output *output = key_field(key, draft);
    unsigned kind, without_path = 1u << OUTPUT_JOURNAL | 1u << OUTPUT_NULL | 1u << OUTPUT_INHERIT;

    int r = take_word_and_path(key, text, without_path, &kind, &output->path, ret_problem);
    if (r < 0)
        return r;
    output->kind = kind;
    return 0;
}

static int not_given(const Key *key, const Draft *draft) {
    *(uint64_t *) key_field(key, draft) = AMOUNT_INFINITY;
    return 0;
}

static int assign_log_interval(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return *text ? key_assign_time(key, draft, text, ret_problem) : not_given(key, draft);
}

static int assign_log_burst(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return *text ? key_assign_number(key, draft, text, ret_problem) : not_given(key, draft);
}

const Key keys_exec[] = {
    [KEY_EXEC_START - KEYS_EXEC] = {
        .name = "ExecStart",
        .sections = IN(SECTION_WORKLOAD),
        .specifiers = true,
        .required = true,
        .assign = assign_command,
        .expects = "the absolute path of a program and its arguments",
    },
    [KEY_EXEC_START_PRE - KEYS_EXEC] = {
        .name = "ExecStartPre",
        .sections = IN(SECTION_WORKLOAD),
        .specifiers = true,
        .list = true,
        .assign = assign_commands,
        .expects = "the absolute path of a program and its arguments, with - in front if it may fail",
        .offset = offsetof(Workload, exec.start_pre),
    },
    [KEY_EXEC_START_POST - KEYS_EXEC] = {
        .name = "ExecStartPost",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_commands,
        .expects = "the absolute path of a program and its arguments, with - in front if it may fail",
        .offset = offsetof(Workload, exec.start_post),
    },
    [KEY_EXEC_STOP - KEYS_EXEC] = {
        .name = "ExecStop",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_commands,
        .expects = "the absolute path of a program and its arguments, with - in front if it may fail",
        .offset = offsetof(Workload, exec.stop),
    },
    [KEY_USER - KEYS_EXEC] = {
        .name = "User",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .assign = key_assign_user,
        .expects = "the name or number of a user",
        .offset = offsetof(Workload, exec.user),
    },
    [KEY_WORKING_DIRECTORY - KEYS_EXEC] = {
        .name = "WorkingDirectory",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .assign = key_assign_path,
        .expects = "an absolute path",
        .offset = offsetof(Workload, exec.working_directory),
    },
    [KEY_ENVIRONMENT - KEYS_EXEC] = {
        .name = "Environment",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .list = true,
        .assign = assign_environment,
        .expects = "words of the form NAME=VALUE",
    },
    [KEY_ENVIRONMENT_FILE - KEYS_EXEC] = {
        .name = "EnvironmentFile",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .list = true,
        .assign = assign_environment_file,
        .expects = "the absolute path of a file, with - in front if it need not be there",
    },
    [KEY_GROUP - KEYS_EXEC] = {
        .name = "Group",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .assign = key_assign_user,
        .expects = "the name or number of a group",
        .offset = offsetof(Workload, exec.group),
    },
    [KEY_SUPPLEMENTARY_GROUPS - KEYS_EXEC] = {
        .name = "SupplementaryGroups",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .list = true,
        .assign = assign_groups,
        .expects = "names or numbers of groups",
    },
    [KEY_UMASK - KEYS_EXEC] = {
        .name = "UMask",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = assign_umask,
        .fallback = "0022",
        .expects = "an octal number from 0000 to 0777",
    },
    [KEY_NICE - KEYS_EXEC] = {
        .name = "Nice",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_signed,
        .fallback = "0",
        .expects = "a number from -20 to 19",
        .offset = offsetof(Workload, exec.nice),
        .minimum = (uint64_t) -20,
        .maximum = 19,
    },
    [KEY_IGNORE_SIGPIPE - KEYS_EXEC] = {
        .name = "IgnoreSIGPIPE",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_bool,
        .fallback = "yes",
        .expects = "yes or no",
        .offset = offsetof(Workload, exec.ignore_sigpipe),
    },
    [KEY_OOM_SCORE_ADJUST - KEYS_EXEC] = {
        .name = "OOMScoreAdjust",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_signed,
        .fallback = "0",
        .expects = "a number from -1000 to 1000",
        .offset = offsetof(Workload, exec.oom_score_adjust),
        .minimum = (uint64_t) -1000,
        .maximum = 1000,
    },
    [KEY_STANDARD_INPUT - KEYS_EXEC] = {
        .name = "StandardInput",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .assign = assign_input,
        .fallback = "null",
        .expects = "null or file:/path",
        .word = input_word,
    },
    [KEY_STANDARD_OUTPUT - KEYS_EXEC] = {
        .name = "StandardOutput",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .assign = assign_output,
        .fallback = "journal",
        .expects = "journal, null, file:/path, append:/path or truncate:/path",
        .offset = offsetof(Workload, exec.output),
        .word = output_word,
    },
    [KEY_STANDARD_ERROR - KEYS_EXEC] = {
        .name = "StandardError",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .specifiers = true,
        .assign = assign_output,
        .fallback = "inherit",
        .expects = "inherit, journal, null, file:/path, append:/path or truncate:/path",
        .offset = offsetof(Workload, exec.error),
        .word = error_word,
    },
    [KEY_LOG_RATE_LIMIT_INTERVAL - KEYS_EXEC] = {
        .name = "LogRateLimitIntervalSec",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = assign_log_interval,
        .fallback = "",
        .expects = "a time, or 0 for no limit",
        .offset = offsetof(Workload, exec.log_rate.interval_usec),
        .maximum = AMOUNT_INFINITY - 1,
    },
    [KEY_LOG_RATE_LIMIT_BURST - KEYS_EXEC] = {
        .name = "LogRateLimitBurst",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = assign_log_burst,
        .fallback = "",
        .expects = "a number of lines, or 0 for no limit",
        .offset = offsetof(Workload, exec.log_rate.burst),
        .maximum = AMOUNT_INFINITY - 1,
    },
};
