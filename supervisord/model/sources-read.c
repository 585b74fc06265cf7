/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which files a policy is made of, by systemd's rules: all directories are listed first, then sorted by name, so that of
 * the same name the one in the strongest directory comes first and the others are left out.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "model/sources.h"

#define FILE_SUFFIX ".ini"
#define DROP_INS_SUFFIX FILE_SUFFIX ".d"
#define DROP_IN_SUFFIX ".conf"

/* One name found in a directory. */
typedef struct Entry {
    char *path;
    const char *name;  /* within path */
    const char *owner; /* of a drop-in: the file it belongs to, an entry's name */
    size_t rank;       /* of the directory, 0 is the strongest */
} Entry;

typedef struct Entries {
    Entry *items;
    size_t n_items, allocated;
} Entries;

static void entries_done(Entries *entries) {
    for (size_t i = 0; i < entries->n_items; i++)
        free(entries->items[i].path);
    free(entries->items);
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), suffix_length = strlen(suffix);

    return name[0] != '.' && length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static int entries_add(Entries *entries, const char *directory, const char *name, const char *owner, size_t rank) {
    char *path;

    int r = grow(&entries->items, sizeof(Entry), entries->n_items, &entries->allocated);
    if (r >= 0)
        r = text_printf(&path, "%s/%s", directory, name);
    if (r < 0)
        return r;
    entries->items[entries->n_items++] = (Entry){ path, path + strlen(path) - strlen(name), owner, rank };
    return 0;
}

/* All names in the directory with the suffix. -ENOENT; -E2BIG: too many. */
static int list(Entries *entries, const char *directory, const char *suffix, const char *owner, size_t rank) {
    _cleanup_(cleanup_closedir) DIR *stream = opendir(directory);
    const struct dirent *entry;

    if (!stream)
        return -errno;
    while (errno = 0, (entry = readdir(stream))) {
        if (!ends_with(entry->d_name, suffix))
            continue;
        if (entries->n_items == POLICY_FILES_MAX)
            return -E2BIG;
        int r = entries_add(entries, directory, entry->d_name, owner, rank);
        if (r < 0)
            return r;
    }
    return -errno;
}

/* A directory that cannot be listed is reported; -ENOMEM, or -ENOENT, which is not. */
static int list_or_complain(Entries *entries, const char *directory, const char *suffix, const char *owner, size_t rank,
        Diagnostics *diagnostics) {
    int r = list(entries, directory, suffix, owner, rank);

    if (r == -ENOMEM || r == -ENOENT)
        return r;
    if (r == -E2BIG)
        diagnostics_add(diagnostics, directory, 0, NULL, NULL, "more than %d policy files", POLICY_FILES_MAX);
    else if (r < 0)
        diagnostics_add(diagnostics, directory, 0, NULL, NULL, "cannot read the directory: %s", strerror(-r));
    return 0;
}

static int compare_owners(const Entry *a, const Entry *b) {
    return a->owner ? strcmp(a->owner, b->owner) : 0;
}

static int compare_entries(const void *a, const void *b) {
    const Entry *first = a, *second = b;
    int order = strcmp(first->name, second->name);

    if (order == 0)
        order = compare_owners(first, second);
    return order != 0 ? order : (first->rank > second->rank) - (first->rank < second->rank);
}

/* By name; of those with the same name and owner only the strongest stays. */
static void choose(Entries *entries) {
    size_t n = 0;

    if (entries->n_items > 0)
        qsort(entries->items, entries->n_items, sizeof(Entry), compare_entries);
    for (size_t i = 0; i < entries->n_items; i++) {
        Entry *entry = &entries->items[i], *last = n > 0 ? &entries->items[n - 1] : NULL;

        if (last && strcmp(last->name, entry->name) == 0 && compare_owners(last, entry) == 0)
            free(entry->path);
        else
            entries->items[n++] = *entry;
    }
    entries->n_items = n;
}

static int list_files(Entries *entries, char *const *directories, Diagnostics *diagnostics) {
    bool found = false;

    for (size_t rank = 0; directories[rank]; rank++) {
        int r = list_or_complain(entries, directories[rank], FILE_SUFFIX, NULL, rank, diagnostics);
        if (r == -ENOMEM)
            return r;
        found = found || r == 0;
    }
    if (!found)
        diagnostics_add(diagnostics, directories[0], 0, NULL, NULL, "cannot read the directory: %s", strerror(ENOENT));
    choose(entries);
    return 0;
}

/* The file in the list, by name; NULL: none. */
static const Entry *find(const Entries *files, const char *name) {
    for (size_t i = 0; i < files->n_items; i++)
        if (strcmp(files->items[i].name, name) == 0)
            return &files->items[i];
    return NULL;
}

/* Those in one NAME.ini.d, if there is a NAME.ini that counts. */
static int list_drop_ins_of(
        Entries *drop_ins, const Entries *files, const Entry *directory, size_t rank, Diagnostics *diagnostics) {
    _cleanup_(cleanup_free) char *name = strndup(directory->name, strlen(directory->name) - strlen(".d"));

    if (!name)
        return -ENOMEM;
    const Entry *owner = find(files, name);
    if (!owner)
        return 0;
    int r = list_or_complain(drop_ins, directory->path, DROP_IN_SUFFIX, owner->name, rank, diagnostics);
    return r == -ENOENT ? 0 : r; /* it went away just now */
}

static int list_drop_ins(Entries *drop_ins, const Entries *files, char *const *directories, Diagnostics *diagnostics) {
    int r = 0;

    for (size_t rank = 0; directories[rank] && r >= 0; rank++) {
        _cleanup_(entries_done) Entries found = {};

        r = list(&found, directories[rank], DROP_INS_SUFFIX, NULL, rank);
        if (r != -ENOMEM) /* all else was reported with the files */
            r = 0;
        for (size_t i = 0; i < found.n_items && r >= 0; i++)
            r = list_drop_ins_of(drop_ins, files, &found.items[i], rank, diagnostics);
    }
    choose(drop_ins);
    return r;
}

/* Reads them, and leaves those in the list that are not masked. */
static int read_all(Sources *sources, SourceKind kind, Entries *entries, Diagnostics *diagnostics) {
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < entries->n_items; i++) {
        Entry entry = entries->items[i];

        if (r >= 0)
            r = sources_read_file(sources, kind, entry.path, diagnostics);
        if (r > 0)
            entries->items[n++] = entry;
        else
            free(entry.path);
    }
    entries->n_items = n;
    return r < 0 ? r : 0;
}

int sources_read_directories(Sources *sources, char *const *directories, Diagnostics *diagnostics) {
    _cleanup_(entries_done) Entries files = {}, drop_ins = {};

    int r = list_files(&files, directories, diagnostics);
    if (r >= 0)
        r = read_all(sources, SOURCE_FILE, &files, diagnostics);
    if (r >= 0)
        r = list_drop_ins(&drop_ins, &files, directories, diagnostics);
    return r < 0 ? r : read_all(sources, SOURCE_DROP_IN, &drop_ins, diagnostics);
}

int sources_read_transient(Sources *sources, const char *directory, Diagnostics *diagnostics) {
    _cleanup_(entries_done) Entries files = {};

    int r = list_or_complain(&files, directory, FILE_SUFFIX, NULL, 0, diagnostics);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    choose(&files);
    return read_all(sources, SOURCE_TRANSIENT, &files, diagnostics);
}
