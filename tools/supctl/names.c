/* SPDX-License-Identifier: GPL-2.0-or-later */

/* No name holds a symbol that makes a pattern, so what is meant can always be told. */

#include "tools/supctl/names.h"

#include <fnmatch.h>
#include <string.h>

#include "base/strv.h"
#include "tools/supctl/client.h"
#include "tools/supctl/report.h"
#include "tools/supctl/text.h"

static bool is_pattern(const char *text) {
    return strpbrk(text, "*?[");
}

static bool has_pattern(char *const *arguments) {
    while (*arguments && !is_pattern(*arguments))
        arguments++;
    return *arguments;
}

/* The exit status. */
static int add_matches(const char *pattern, ArgumentKind kind, const Listing *listing, char ***names) {
    size_t n_matches = 0;

    for (size_t i = 0; i < listing->n_entries; i++) {
        const Status *status = &listing->entries[i];

        if ((kind == ARGUMENTS_WORKLOADS && !status_is_workload(status)) || fnmatch(pattern, status->name, 0) != 0)
            continue;
        n_matches++;
        if (!strv_has(*names, status->name) && strv_push(names, status->name) < 0)
            return complain_memory();
    }
    if (n_matches > 0)
        return EXIT_SUCCESS;
    complain("%s: matches no %sworkload (`supctl list` shows all)", pattern,
            kind == ARGUMENTS_WORKLOADS ? "" : "slice or ");
    return EXIT_NO_SUCH;
}

static int fetch_listing(const Options *options, Listing *ret) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int status = client_open(options, &bus);

    return status == EXIT_SUCCESS ? listing_fetch(bus, ret) : status;
}

int names_expand(const Options *options, ArgumentKind kind, char *const *arguments, char ***ret) {
    _cleanup_(cleanup_strv_free) char **names = NULL;
    _cleanup_(listing_done) Listing listing = { 0 };
    int status = has_pattern(arguments) ? fetch_listing(options, &listing) : EXIT_SUCCESS;

    for (char *const *argument = arguments; status == EXIT_SUCCESS && *argument; argument++)
        if (is_pattern(*argument))
            status = add_matches(*argument, kind, &listing, &names);
        else if (strv_push(&names, *argument) < 0)
            status = complain_memory();
    if (status == EXIT_SUCCESS)
        *ret = TAKE_PTR(names);
    return status;
}
