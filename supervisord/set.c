/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * `supctl set`: one drop-in for each group, which later calls amend. It is made in memory and parsed with all the rest
 * first, so that nothing is written that does not hold. What holds until the next boot is laid over the policy; what is to
 * last longer is a drop-in in the strongest policy directory, and part of the policy as loaded from now on.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "supervisor.h"

/* Both kinds of sources as they will be. */
typedef struct Amendment {
    Sources files, transient;
} Amendment;

static void amendment_done(Amendment *amendment) {
    sources_done(&amendment->files);
    sources_done(&amendment->transient);
}

static bool is_of(const char *line, size_t length, const char *key) {
    size_t key_length = strlen(key);
    return length > key_length && strncmp(line, key, key_length) == 0 && line[key_length] == '=';
}

static bool is_replaced(const char *line, size_t length, char *const *settings) {
    for (size_t i = 0; settings[i]; i += 2)
        if (is_of(line, length, settings[i]))
            return true;
    return false;
}

/* What the drop-in said before, but for these keys. */
static void keep_others(FILE *file, const char *text, char *const *settings) {
    for (size_t length; *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (!is_replaced(text, length, settings))
            fprintf(file, "%.*s\n", (int) length, text);
    }
}

/* A key without value is what the files say again. */
static void add_settings(FILE *file, char *const *settings) {
    for (size_t i = 0; settings[i]; i += 2)
        if (*settings[i + 1])
            fprintf(file, "%s=%s\n", settings[i], settings[i + 1]);
}

static int amended_text(const Group *group, const char *before, char *const *settings, char **ret) {
    size_t size;
    char *text;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return -ENOMEM;
    if (!before)
        fprintf(file, "[%s:%s]\n", group_kind_name(group->kind), group->name);
    keep_others(file, before ?: "", settings);
    add_settings(file, settings);
    if (fclose(file) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

static int amend(Sources *sources, SourceKind kind, const Group *group, const char *path, char *const *settings) {
    _cleanup_(cleanup_free) char *text = NULL;
    const Source *before = sources_find(sources, path);
    int r = amended_text(group, before ? before->text : NULL, settings, &text);
    return r < 0 ? r : sources_put(sources, kind, path, text);
}

int supervisor_lay_over(const Supervisor *s, Sources *transient, const Group *group, char *const *settings) {
    _cleanup_(cleanup_free) char *path = NULL;
    int r = intent_set_path(s->config, group->name, &path);
    return r < 0 ? r : amend(transient, SOURCE_TRANSIENT, group, path, settings);
}

/* A key that is to last is not hidden by what was set until the next boot. */
static int give_way(Sources *transient, const Group *group, const char *path, char *const *settings) {
    _cleanup_(cleanup_strv_free) char **without_values = NULL;
    for (size_t i = 0; settings[i]; i += 2) {
        int r = strv_push(&without_values, settings[i]);
        if (r >= 0)
            r = strv_push(&without_values, "");
        if (r < 0)
            return r;
    }
    return sources_find(transient, path) ? amend(transient, SOURCE_TRANSIENT, group, path, without_values) : 0;
}

/* Beside the file that the group is in, or among its drop-ins, by name in the strongest directory. 99: what is set last
 * is not hidden by what administrators and packages have there. */
static int lasting_path(const Supervisor *s, const Group *group, char **ret) {
    char directory[PATH_MAX], *slash;
    if ((size_t) snprintf(directory, sizeof directory, "%s", group->origin.file) >= sizeof directory)
        return -ENAMETOOLONG;
    slash = strrchr(directory, '/');
    bool in_drop_in = strcmp(strrchr(slash, '.') ?: "", ".conf") == 0;
    if (in_drop_in) {
        *slash = '\0';
        slash = strrchr(directory, '/');
    }
    return text_printf(
            ret, "%s%s%s/99-set-%s.conf", s->config->policy_dirs[0], slash, in_drop_in ? "" : ".d", group->name);
}

static int write_source(const Sources *sources, const char *path, mode_t mode) {
    const Source *source = sources_find(sources, path);
    const char *slash = strrchr(path, '/');
    _cleanup_(cleanup_free) char *directory = strndup(path, slash - path);
    if (!directory)
        return -ENOMEM;
    int r = directory_make(directory, 0755);
    if (r < 0)
        return r;
    _cleanup_(cleanup_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return source ? file_replace_at(fd, slash + 1, source->text, mode) : 0;
}

/* What somebody has edited since it was loaded must not be lost to what we remember of it. */
static int check_unchanged(const Supervisor *s, const char *path, Diagnostics *diagnostics) {
    _cleanup_(cleanup_free) char *text = NULL;
    const Source *loaded = sources_find(&s->sources, path);
    size_t length;
    int r = file_read_all_at(AT_FDCWD, path, POLICY_FILE_BYTES_MAX, &text, &length);
    if (r < 0 && r != -ENOENT)
        return r;
    if (strcmp(r == 0 ? text : "", loaded ? loaded->text : "") == 0)
        return 0;
    diagnostics_add(diagnostics, path, 0, NULL, NULL, "changed since it was loaded (`supctl reload` first)");
    return -EBADMSG;
}

static int try_out(Supervisor *s, const Group *group, const ApiSet *set, Amendment *amendment, const char *overlay,
        const char *lasting) {
    int r = set->runtime ? amend(&amendment->transient, SOURCE_TRANSIENT, group, overlay, set->settings)
                         : amend(&amendment->files, SOURCE_DROP_IN, group, lasting, set->settings);
    return r < 0 || set->runtime ? r : give_way(&amendment->transient, group, overlay, set->settings);
}

int supervisor_set(Supervisor *s, const Group *group, const ApiSet *set, Diagnostics *diagnostics) {
    _cleanup_(amendment_done) Amendment amendment = {};
    _cleanup_(cleanup_free) char *overlay = NULL, *lasting = NULL;
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    int r = intent_set_path(s->config, group->name, &overlay);
    if (r >= 0)
        r = lasting_path(s, group, &lasting);
    if (r >= 0 && !set->runtime && (r = check_unchanged(s, lasting, diagnostics)) < 0)
        return r;
    if (r >= 0)
        r = supervisor_copy_sources(s, &amendment.files, &amendment.transient, diagnostics);
    if (r >= 0)
        r = try_out(s, group, set, &amendment, overlay, lasting);
    if (r >= 0)
        r = supervisor_parse(s, &amendment.files, &amendment.transient, &s->facts, diagnostics, &policy);
    if (r == -EBADMSG) /* what was given is wrong, and not a file, which will never be */
        diagnostics_hide_place(diagnostics, set->runtime ? overlay : lasting);
    if (r >= 0 && !set->runtime)
        r = write_source(&amendment.files, lasting, 0644);
    if (r >= 0)
        r = write_source(&amendment.transient, overlay, 0600);
    return r < 0 ? r : supervisor_replace(s, &amendment.files, TAKE_PTR(policy));
}
