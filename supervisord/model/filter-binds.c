/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SocketBindAllow=, SocketBindDeny=: families, protocols and ports. */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "model/filter-internal.h"

enum { PORT_MAX = 65535 };

typedef struct BindWord {
    const char *name;
    uint32_t number;
} BindWord;

static const BindWord families[] = { { "ipv4", AF_INET }, { "ipv6", AF_INET6 }, {} };
static const BindWord protocols[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, {} };

/* Takes the part at the cursor if it is one of the words. */
static void take_bind_word(const char **cursor, const BindWord *words, uint32_t *ret) {
    size_t length = *cursor ? strcspn(*cursor, ":") : 0;

    for (; length > 0 && words->name; words++)
        if (strlen(words->name) == length && memcmp(words->name, *cursor, length) == 0) {
            *ret = words->number;
            *cursor = (*cursor)[length] ? *cursor + length + 1 : NULL;
            return;
        }
}

/* "80", "1024-65535", "any" */
static int parse_ports(const char *text, struct bind_rule *rule) {
    uint64_t first, last;

    if (strcmp(text, "any") == 0)
        return 0;
    int r = parse_digits(&text, &first);
    if (r < 0)
        return r;
    last = first;
    if (*text && (*text != '-' || parse_u64(text + 1, &last) < 0))
        return -EINVAL;
    if (first == 0 || last > PORT_MAX || first > last)
        return -ERANGE;
    rule->port_first = first;
    rule->port_last = last;
    return 0;
}

/* [ipv4|ipv6:][tcp|udp:][PORT|FIRST-LAST|any]: what is not said is any, port 0 (the kernel's choice) too. */
static int parse_bind(const char *text, struct bind_rule *ret) {
    struct bind_rule rule = { .port_last = PORT_MAX };
    const char *cursor = text;

    take_bind_word(&cursor, families, &rule.family);
    take_bind_word(&cursor, protocols, &rule.protocol);
    int r = cursor ? parse_ports(cursor, &rule) : 0;
    if (r < 0)
        return r;
    *ret = rule;
    return 0;
}

static void forget_binds(Filters *filters, bool allow) {
    size_t kept = 0;

    for (size_t i = 0; i < filters->n_binds; i++)
        if (filters->binds[i].allow != allow)
            filters->binds[kept++] = filters->binds[i];
    filters->n_binds = kept;
}

int filters_add_bind(Filters *filters, bool allow, const char *text, const char **ret_problem) {
    struct bind_rule rule;

    if (!*text) {
        forget_binds(filters, allow);
        return 0;
    }
    int r = parse_bind(text, &rule);
    if (r < 0)
        return r;
    if (filters->n_binds == FILTER_RULES_MAX) {
        *ret_problem = "more than 256 rules";
        return -EINVAL;
    }
    r = grow(&filters->binds, sizeof *filters->binds, filters->n_binds, &filters->n_binds_allocated);
    if (r < 0)
        return r;
    rule.allow = allow;
    filters->binds[filters->n_binds++] = rule;
    return 0;
}

static const char *bind_word(const BindWord *words, uint32_t number) {
    while (words->name && words->number != number)
        words++;
    return words->name;
}

static bool bind_allows(const Filters *filters, size_t i) {
    return filters->binds[i].allow;
}

static void show_bind(const Filters *filters, size_t i, FILE *out) {
    const struct bind_rule *rule = filters->binds + i;

    if (rule->family)
        fprintf(out, "%s:", bind_word(families, rule->family));
    if (rule->protocol)
        fprintf(out, "%s:", bind_word(protocols, rule->protocol));
    if (rule->port_first == 0)
        fprintf(out, "any");
    else if (rule->port_first == rule->port_last)
        fprintf(out, "%u", rule->port_first);
    else
        fprintf(out, "%u-%u", rule->port_first, rule->port_last);
}

bool filters_deny_binds(const Filters *filters) {
    for (size_t i = 0; i < filters->n_binds; i++)
        if (!filters->binds[i].allow)
            return true;
    return false;
}

void filters_show_binds(const Filters *filters, FILE *out) {
    filters_show_list(filters, &(FilterList){ filters->n_binds, bind_allows, show_bind }, out);
}
