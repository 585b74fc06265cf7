/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which layouts of maps are pinned side by side, each in a directory "vN". A layout is whole once its map `abi` says its
 * own number, which is the last thing that is written of it: until then the one before it is what counts, and goes on
 * counting. So whenever a daemon dies there is exactly one newest whole layout, and all else may go.
 */

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash-point.h"
#include "base/file.h"
#include "kernel/programs-internal.h"

char *layout_dir(const char *root, unsigned layout) {
    char *path;

    return asprintf(&path, "%s/v%u", root, layout) < 0 ? NULL : path;
}

/* The value may be of any size: only its beginning is known. */
static bool is_whole(const char *root, unsigned layout) {
    _cleanup_(cleanup_free) char *dir = layout_dir(root, layout), *value = NULL;
    _cleanup_(cleanup_close) int fd = dir ? pin_get(dir, "", map_rows[MAP_ABI].name) : -ENOMEM;
    struct bpf_map_info info;
    uint32_t version, zero = 0;

    if (fd < 0 || map_info(fd, &info) < 0 || info.value_size < sizeof(version) || info.key_size != sizeof(zero))
        return false;
    value = malloc(info.value_size);
    if (!value || bpf_map_lookup_elem(fd, &zero, value) < 0)
        return false;
    memcpy(&version, value, sizeof(version));
    return version == layout;
}

static unsigned layout_of(const char *name) {
    char again[32];
    unsigned layout;

    if (sscanf(name, "v%9u", &layout) != 1)
        return 0;
    snprintf(again, sizeof(again), "v%u", layout);
    return strcmp(again, name) == 0 ? layout : 0;
}

static DIR *open_root(const char *root) {
    return root ? opendir(root) : NULL;
}

static unsigned newest_whole(const char *root, unsigned min, unsigned max) {
    _cleanup_(cleanup_closedir) DIR *directory = open_root(root);
    unsigned newest = 0;

    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        unsigned layout = layout_of(entry->d_name);

        if (layout >= min && layout <= max && layout > newest && is_whole(root, layout))
            newest = layout;
    }
    return newest;
}

unsigned programs_newer_layout(const char *pin_dir) {
    return newest_whole(pin_dir, ABI_VERSION + 1, UINT_MAX);
}

unsigned layout_before(const char *root) {
    return newest_whole(root, 1, ABI_VERSION - 1);
}

bool layout_is_whole(const char *root) {
    return is_whole(root, ABI_VERSION);
}

void layouts_sweep(const char *root) {
    _cleanup_(cleanup_closedir) DIR *directory = open_root(root);
    bool ours = is_whole(root, ABI_VERSION);

    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        unsigned layout = layout_of(entry->d_name);
        _cleanup_(cleanup_free) char *dir = NULL;

        if (layout == 0 || layout == ABI_VERSION || (is_whole(root, layout) && (layout > ABI_VERSION || !ours)))
            continue;
        dir = layout_dir(root, layout);
        if (dir)
            pins_remove(dir);
    }
}
