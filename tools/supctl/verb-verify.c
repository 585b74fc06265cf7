/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * verify: policy files checked without daemon or root, by the very code that loads them. Each directory, or list of them,
 * is a policy of its own; the files together are one.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strv.h"
#include "model/policy/load.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

#define POLICY_DIRECTORIES "/etc/supervisord:/run/supervisord/policy:/usr/lib/supervisord" /* those of the daemon */

static void print_policy(const Policy *policy) {
    size_t n_slices = 0;

    for (size_t i = 0; i < policy->n_groups; i++)
        n_slices += policy->groups[i]->kind == GROUP_SLICE;
    printf("ok: slices %zu, workloads %zu, networks %zu\n", n_slices, policy->n_groups - n_slices, policy->n_networks);
}

static int verify(const PolicyPaths *paths) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = { 0 };
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    HostFacts facts = host_facts_read();
    int r = policy_load(paths, &facts, &diagnostics, &policy);

    for (size_t i = 0; i < diagnostics.n_lines; i++)
        text_print_line(stderr, "", diagnostics.lines[i]);
    if (diagnostics.n_dropped > 0)
        complain("%zu more errors", diagnostics.n_dropped);
    if (r < 0 && r != -EBADMSG)
        complain("cannot load the policy: %s", strerror(-r));
    if (r < 0)
        return EXIT_FAILURE;
    print_policy(policy);
    return EXIT_SUCCESS;
}

static bool is_directory(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* "/etc/supervisord:/usr/lib/supervisord" are one policy. */
static int verify_directories(const char *list) {
    _cleanup_(cleanup_strv_free) char **directories = NULL;

    if (strv_split(&directories, list, ':') < 0)
        return complain_memory();
    return verify(&(PolicyPaths){ .directories = directories });
}

static bool is_directories(const char *argument) {
    _cleanup_(cleanup_free) char *first = strndup(argument, strcspn(argument, ":"));

    return is_directory(argument) || (first && is_directory(first));
}

int verb_verify(const Options *options, char **arguments) {
    _cleanup_(cleanup_strv_free) char **files = NULL;
    int status = EXIT_SUCCESS;

    if (!*arguments)
        return verify_directories(POLICY_DIRECTORIES);
    for (char **path = arguments; *path; path++)
        if (!is_directories(*path)) {
            if (strv_push(&files, *path) < 0)
                return complain_memory();
        } else if (verify_directories(*path) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
    if (files && verify(&(PolicyPaths){ .files = files }) != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    return status;
}
