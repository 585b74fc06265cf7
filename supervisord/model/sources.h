/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Sources: the texts that a policy is made of, as they were read at one time, in the order that counts. They are kept, so
 * that what the user wants at run time is laid over the policy as it was loaded, not over files that somebody is editing.
 */

#include "base/strv.h"
#include "model/diagnostics.h"

enum {
    POLICY_FILES_MAX = 1024, /* files, and drop-ins, of one policy */
    POLICY_FILE_BYTES_MAX = 1024 * 1024,
    POLICY_BYTES_MAX =
            32 * 1024 * 1024, /* of all files: they are held in memory, and copied to the runtime directory */
};

typedef enum SourceKind {
    SOURCE_FILE,      /* a section stands once in all of these */
    SOURCE_DROP_IN,   /* may also say more of what others say */
    SOURCE_TRANSIENT, /* the same, of what is wanted at run time */
    SOURCE_KINDS_COUNT,
} SourceKind;

typedef struct Source {
    SourceKind kind;
    char *path;
    char *text; /* length bytes and a NUL */
    size_t length;
} Source;

typedef struct Sources {
    Source *items;
    size_t n_items, allocated;
    size_t n_bytes;
} Sources;

void sources_done(Sources *sources);

/* Reads one file at the end of the sources: 1; 0: it is empty, or what is wrong with it was reported; -ENOMEM. */
int sources_read_file(Sources *sources, SourceKind kind, const char *path, Diagnostics *diagnostics);

/*
 * All *.ini of the directories, by name, then their drop-ins NAME.ini.d/ *.conf, by name. Of files with the same name only
 * that in the first of the directories counts; an empty one, or a link to /dev/null, masks: nothing is read of it, nor of
 * its drop-ins. Directories that are not there are passed over, unless none is. -ENOMEM; all else goes to diagnostics.
 */
int sources_read_directories(Sources *sources, char *const *directories, Diagnostics *diagnostics);

/* The *.ini of what is wanted at run time, by name; the directory need not be there. */
int sources_read_transient(Sources *sources, const char *directory, Diagnostics *diagnostics);

/* At the end. Takes the text, length bytes and a NUL, also on failure. */
int sources_append(Sources *sources, SourceKind kind, const char *path, char *text, size_t length);
const Source *sources_find(const Sources *sources, const char *path); /* NULL: there is none */
/* Instead of the source with this path, or as a new one in its place by name among those of its kind. -ENOMEM, -EFBIG. */
int sources_put(Sources *sources, SourceKind kind, const char *path, const char *text);
int sources_copy(const Sources *sources, Sources *ret);
/* A copy without what they say of other workloads. Lines have other numbers in it. -ENOMEM. */
int sources_narrow(const Sources *sources, const char *workload, Sources *ret);

/* As one text, which sources_from_text() makes the same sources of; -EBADMSG if the text, length bytes and a NUL, is not that. */
int sources_to_text(const Sources *sources, char **ret);
int sources_from_text(const char *text, size_t length, Sources *ret);
