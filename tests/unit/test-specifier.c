/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Specifiers: what each stands for, and that nothing else is one. */

#include "model/specifier.h"

#include <errno.h>

#include "base/cleanup.h"
#include "unit/check.h"

/* NULL: refused */
static void check_expanded(const Specifiers *specifiers, const char *text, const char *expected) {
    _cleanup_(cleanup_free) char *expanded = NULL;
    const char *problem = NULL;

    int r = specifiers_expand(specifiers, text, &expanded, &problem);
    CHECK_EQ(r, expected ? 0 : -EINVAL);
    CHECK_STREQ(expanded, expected);
    CHECK_EQ(problem == NULL, expected != NULL);
}

int main(void) {
    static const Specifiers plain = { .name = "web", .host = "node" };
    static const Specifiers instance = { .name = "web@eu@1", .user = "www-data", .host = "node.example.org" };

    check_expanded(&plain, "", "");
    check_expanded(&plain, "none at all", "none at all");
    check_expanded(&plain, "100%% of %%n", "100% of %n");
    check_expanded(&plain, "%n|%N|%p|%i|%u|%H", "web|web|web||root|node");
    check_expanded(&instance, "%n|%N|%p|%i|%u|%H", "web@eu@1|web@eu@1|web|eu@1|www-data|node.example.org");
    check_expanded(&instance, "/var/log/%p/%i.log", "/var/log/web/eu@1.log");
    check_expanded(&plain, "%n%n%n", "webwebweb");
    check_expanded(&plain, "%", NULL);
    check_expanded(&plain, "ends in %", NULL);
    check_expanded(&plain, "%%%", NULL);
    check_expanded(&plain, "%h", NULL);
    check_expanded(&plain, "% n", NULL);
    return 0;
}
