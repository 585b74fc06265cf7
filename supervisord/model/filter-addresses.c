/* SPDX-License-Identifier: GPL-2.0-or-later */

/* IPAddressAllow=, IPAddressDeny=: lists of prefixes. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "model/filter-internal.h"

enum {
    IPV4_BITS = 32,
    IPV6_BITS = 128,
};

static const char blanks[] = " \t";

static void clear_host_bits(struct address_rule *rule) {
    for (unsigned bit = rule->length; bit < IPV6_BITS; bit++)
        rule->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* "10.0.0.0/8", "::1": bits after the prefix do not count. */
static int parse_prefix(char *text, struct address_rule *ret) {
    char *slash = strchr(text, '/');
    struct address_rule rule = {};
    uint64_t length;

    if (slash)
        *slash = '\0';
    rule.ipv6 = strchr(text, ':') != NULL;
    if (inet_pton(rule.ipv6 ? AF_INET6 : AF_INET, text, rule.address) != 1)
        return -EINVAL;
    length = rule.ipv6 ? IPV6_BITS : IPV4_BITS;
    if (slash && (parse_u64(slash + 1, &length) < 0 || length > (rule.ipv6 ? IPV6_BITS : IPV4_BITS)))
        return -EINVAL;
    rule.length = length;
    clear_host_bits(&rule);
    *ret = rule;
    return 0;
}

static int add_address(Filters *filters, bool allow, const char *text, const char **ret_problem) {
    char copy[INET6_ADDRSTRLEN + sizeof "/128"];
    struct address_rule rule;

    if (strlen(text) >= sizeof copy || parse_prefix(strcpy(copy, text), &rule) < 0)
        return -EINVAL;
    if (filters->n_addresses == FILTER_PREFIXES_MAX) {
        *ret_problem = "more than 1024 prefixes";
        return -EINVAL;
    }
    int r = grow(
            &filters->addresses, sizeof *filters->addresses, filters->n_addresses, &filters->n_addresses_allocated);
    if (r < 0)
        return r;
    rule.allow = allow;
    filters->addresses[filters->n_addresses++] = rule;
    return 0;
}

static const struct {
    const char *name, *ipv4, *ipv6;
} address_words[] = {
    { "any", "0.0.0.0/0", "::/0" },
    { "localhost", "127.0.0.0/8", "::1/128" },
    { "link-local", "169.254.0.0/16", "fe80::/64" },
    { "multicast", "224.0.0.0/4", "ff00::/8" },
};

static int add_address_word(Filters *filters, bool allow, const char *text, const char **ret_problem) {
    for (size_t i = 0; i < ELEMENTSOF(address_words); i++)
        if (strcmp(address_words[i].name, text) == 0) {
            int r = add_address(filters, allow, address_words[i].ipv4, ret_problem);
            return r < 0 ? r : add_address(filters, allow, address_words[i].ipv6, ret_problem);
        }
    return add_address(filters, allow, text, ret_problem);
}

static void forget_addresses(Filters *filters, bool allow) {
    size_t kept = 0;

    for (size_t i = 0; i < filters->n_addresses; i++)
        if (filters->addresses[i].allow != allow)
            filters->addresses[kept++] = filters->addresses[i];
    filters->n_addresses = kept;
}

int filters_add_addresses(Filters *filters, bool allow, const char *text, const char **ret_problem) {
    _cleanup_(cleanup_free) char *words = strdup(text);
    int r = 0;

    if (!words)
        return -ENOMEM;
    if (!*text)
        forget_addresses(filters, allow);
    for (char *cursor = words, *word; r == 0 && (word = strsep(&cursor, blanks));)
        if (*word)
            r = add_address_word(filters, allow, word, ret_problem);
    return r;
}

static bool address_allows(const Filters *filters, size_t i) {
    return filters->addresses[i].allow;
}

static void show_address(const Filters *filters, size_t i, FILE *out) {
    const struct address_rule *rule = filters->addresses + i;
    char text[INET6_ADDRSTRLEN];

    inet_ntop(rule->ipv6 ? AF_INET6 : AF_INET, rule->address, text, sizeof text);
    fprintf(out, "%s/%u", text, rule->length);
}

bool filters_deny_addresses(const Filters *filters) {
    for (size_t i = 0; i < filters->n_addresses; i++)
        if (!filters->addresses[i].allow)
            return true;
    return false;
}

void filters_show_addresses(const Filters *filters, FILE *out) {
    filters_show_list(filters, &(FilterList){ filters->n_addresses, address_allows, show_address }, out);
}
