/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loading: finds the files, lets them be read into drafts and checked, and puts what comes out in order. A policy comes
 * out only when nothing at all was wrong.
 */

#include "model/policy-load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "model/policy-check.h"
#include "model/policy-draft.h"

DEFINE_CLEANUP(DIR *, closedir);

#define complain(load, path, ...) diagnostics_add((load)->drafts.diagnostics, path, 0, NULL, NULL, __VA_ARGS__)

typedef struct Load {
    char **files; /* all read so far: drafts point to their names */
    Drafts drafts;
} Load;

static void load_done(Load *load) {
    policy_unref(load->drafts.policy);
    drafts_done(&load->drafts);
    strv_free(load->files);
}

static int load_file(Load *load, const char *path, bool transient) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t length;

    int r = strv_push(&load->files, path);
    if (r < 0)
        return r;
    const char *file = load->files[strv_length(load->files) - 1];
    drafts_begin_file(&load->drafts, file, transient);
    r = file_read_all_at(AT_FDCWD, file, POLICY_FILE_BYTES_MAX, &text, &length);
    if (r >= 0)
        return policy_read(file, text, length, load->drafts.diagnostics, &drafts_calls, &load->drafts);
    if (r == -ENOMEM)
        return r;
    if (r == -EFBIG)
        complain(load, file, "the file is larger than %d bytes", POLICY_FILE_BYTES_MAX);
    else
        complain(load, file, "cannot read the file: %s", strerror(-r));
    return 0;
}

static bool is_policy_file(const char *name) {
    size_t length = strlen(name), suffix = strlen(".ini");

    return name[0] != '.' && length > suffix && strcmp(name + length - suffix, ".ini") == 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The paths of the directory's policy files, by name; -E2BIG if there are more than POLICY_FILES_MAX. */
static int list_files(const char *directory, char ***ret) {
    _cleanup_(cleanup_strv_free) char **paths = NULL;
    _cleanup_(cleanup_closedir) DIR *stream = opendir(directory);
    const struct dirent *entry;
    size_t n = 0;

    if (!stream)
        return -errno;
    while (errno = 0, (entry = readdir(stream))) {
        char *path;

        if (!is_policy_file(entry->d_name))
            continue;
        if (n++ == POLICY_FILES_MAX)
            return -E2BIG;
        int r = text_printf(&path, "%s/%s", directory, entry->d_name);
        if (r >= 0)
            r = strv_consume(&paths, path);
        if (r < 0)
            return r;
    }
    if (errno != 0)
        return -errno;
    if (n > 0)
        qsort(paths, n, sizeof(char *), compare_names);
    *ret = TAKE_PTR(paths);
    return 0;
}

static int load_files(Load *load, char *const *paths, bool transient) {
    for (size_t i = 0; paths && paths[i]; i++) {
        int r = load_file(load, paths[i], transient);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load_directory(Load *load, const char *directory, bool transient) {
    _cleanup_(cleanup_strv_free) char **paths = NULL;

    int r = list_files(directory, &paths);
    if (r == -ENOMEM)
        return r;
    if (r == -E2BIG)
        complain(load, directory, "more than %d policy files", POLICY_FILES_MAX);
    else if (r < 0 && !(transient && r == -ENOENT))
        complain(load, directory, "cannot read the directory: %s", strerror(-r));
    return load_files(load, paths, transient);
}

static int load_sources(Load *load, const PolicySources *sources) {
    if (sources->files)
        return load_files(load, sources->files, false);
    int r = load_directory(load, sources->directory, false);
    if (r < 0 || !sources->transient_directory)
        return r;
    return load_directory(load, sources->transient_directory, true);
}

/* After its parents; policy_check() has seen to it that they are few and end. */
static void place_group(Group *group, Group **placed, size_t *n_placed) {
    if (group->parent)
        place_group(group->parent, placed, n_placed);
    if (group->index < *n_placed && placed[group->index] == group)
        return;
    group->index = *n_placed;
    placed[(*n_placed)++] = group;
}

static int order_groups(Policy *policy) {
    Group **placed = calloc(policy->n_groups + 1, sizeof(Group *));
    size_t n_placed = 0;

    if (!placed)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_groups; i++)
        place_group(policy->groups[i], placed, &n_placed);
    free(policy->groups);
    policy->groups = placed;
    return 0;
}

int policy_load(const PolicySources *sources, const LimitScale *scale, Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(load_done) Load load = { .drafts = { .scale = scale, .diagnostics = diagnostics } };
    Policy *policy = load.drafts.policy = calloc(1, sizeof(Policy));

    if (!policy)
        return -ENOMEM;
    policy->n_references = 1;
    int r = drafts_begin(&load.drafts);
    if (r >= 0)
        r = load_sources(&load, sources);
    if (r < 0)
        return r;
    drafts_drop_orphans(&load.drafts);
    policy_check(policy, load.drafts.items, load.drafts.n_items, diagnostics);
    if (diagnostics_any(diagnostics))
        return -EBADMSG;
    r = order_groups(policy);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(load.drafts.policy);
    return 0;
}

LimitScale limit_scale_of_host(void) {
    uint64_t page_bytes = sysconf(_SC_PAGESIZE);

    return (LimitScale){ .memory_total_bytes = sysconf(_SC_PHYS_PAGES) * page_bytes, .page_bytes = page_bytes };
}
