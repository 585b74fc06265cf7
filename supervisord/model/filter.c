/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What sections say of filters: systemd.resource-control(5)'s way of writing it, read and shown. */

#include "model/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "model/words.h"

enum {
    PORT_MAX = 65535,
    IPV4_BITS = 32,
    IPV6_BITS = 128,
    ACCESS_ALL = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD,
};

static const char blanks[] = " \t";

static const struct {
    const char *name, *key;
} filter_names[FILTERS_COUNT] = {
    [FILTER_DEVICES] = { "devices", "DeviceFilter" },
    [FILTER_ADDRESSES] = { "addresses", "IPAddressFilter" },
    [FILTER_BINDS] = { "binds", "SocketBindFilter" },
};

const char *filter_name(FilterId filter) {
    return filter_names[filter].name;
}

const char *filter_key(FilterId filter) {
    return filter_names[filter].key;
}

const char *device_policy_name(DevicePolicy policy) {
    static const char *const names[DEVICE_POLICIES_COUNT] = {
        [DEVICE_POLICY_AUTO] = "auto",
        [DEVICE_POLICY_CLOSED] = "closed",
        [DEVICE_POLICY_STRICT] = "strict",
    };

    return names[policy];
}

static void forget_devices(Filters *filters) {
    for (size_t i = 0; i < filters->n_devices; i++)
        free(filters->devices[i].specifier);
    filters->n_devices = 0;
}

void filters_done(Filters *filters) {
    forget_devices(filters);
    free(filters->devices);
    free(filters->addresses);
    free(filters->binds);
    *filters = (Filters){};
}

/* --- devices ----------------------------------------------------------------------------------------------------- */

static const struct {
    char letter;
    uint32_t bit;
} accesses[] = { { 'r', DEVICE_READ }, { 'w', DEVICE_WRITE }, { 'm', DEVICE_MKNOD } };

/* "rw"; all of it when nothing is said. */
static int parse_access(const char *text, uint32_t *ret) {
    uint32_t access = 0;

    for (const char *letter = text; *letter; letter++) {
        uint32_t bit = 0;

        for (size_t i = 0; i < ELEMENTSOF(accesses); i++)
            if (accesses[i].letter == *letter)
                bit = accesses[i].bit;
        if (!bit)
            return -EINVAL;
        access |= bit;
    }
    *ret = access ?: ACCESS_ALL;
    return 0;
}

static bool is_device_specifier(const char *text) {
    static const char *const prefixes[] = { "/dev/", "char-", "block-" };

    for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
        size_t length = strlen(prefixes[i]);

        if (strncmp(text, prefixes[i], length) == 0)
            return text[length] && strlen(text) < PATH_MAX && !strstr(text, "/../");
    }
    return false;
}

static int add_device(Filters *filters, const char *specifier, uint32_t access, const char **ret_problem) {
    for (size_t i = 0; i < filters->n_devices; i++)
        if (strcmp(filters->devices[i].specifier, specifier) == 0) {
            filters->devices[i].access |= access;
            return 0;
        }
    if (filters->n_devices == FILTER_RULES_MAX) {
        *ret_problem = "more than 256 devices";
        return -EINVAL;
    }
    int r = grow(&filters->devices, sizeof *filters->devices, filters->n_devices, &filters->n_devices_allocated);
    char *copy = r < 0 ? NULL : strdup(specifier);
    if (!copy)
        return -ENOMEM;
    filters->devices[filters->n_devices++] = (DeviceAllow){ copy, access };
    return 0;
}

int filters_allow_device(Filters *filters, const char *text, const char **ret_problem) {
    _cleanup_(cleanup_free) char *specifier = NULL;
    size_t length = strcspn(text, blanks);
    uint32_t access = 0;

    if (!*text) {
        forget_devices(filters);
        return 0;
    }
    specifier = strndup(text, length);
    if (!specifier)
        return -ENOMEM;
    int r = parse_access(text + length + strspn(text + length, blanks), &access);
    if (r == 0 && !is_device_specifier(specifier))
        r = -EINVAL;
    return r < 0 ? r : add_device(filters, specifier, access, ret_problem);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

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

/* --- binds ------------------------------------------------------------------------------------------------------- */

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

bool filters_deny(const Filters *filters, FilterId filter) {
    bool any = filter == FILTER_DEVICES && (filters->device_policy != DEVICE_POLICY_AUTO || filters->n_devices > 0);

    for (size_t i = 0; filter == FILTER_ADDRESSES && i < filters->n_addresses; i++)
        any = any || !filters->addresses[i].allow;
    for (size_t i = 0; filter == FILTER_BINDS && i < filters->n_binds; i++)
        any = any || !filters->binds[i].allow;
    return any;
}

/* --- for people -------------------------------------------------------------------------------------------------- */

static void show_devices(FILE *out, const Filters *filters) {
    if (filters->device_policy != DEVICE_POLICY_AUTO || filters->n_devices > 0)
        fprintf(out, "%s",
                device_policy_name(filters->n_devices > 0 && filters->device_policy == DEVICE_POLICY_AUTO
                                           ? DEVICE_POLICY_CLOSED
                                           : filters->device_policy));
    for (size_t i = 0; i < filters->n_devices; i++) {
        fprintf(out, ", %s ", filters->devices[i].specifier);
        for (size_t j = 0; j < ELEMENTSOF(accesses); j++)
            if (filters->devices[i].access & accesses[j].bit)
                fputc(accesses[j].letter, out);
    }
}

static void show_address(FILE *out, const void *item) {
    const struct address_rule *rule = item;
    char text[INET6_ADDRSTRLEN];

    inet_ntop(rule->ipv6 ? AF_INET6 : AF_INET, rule->address, text, sizeof text);
    fprintf(out, "%s/%u", text, rule->length);
}

static const char *bind_word(const BindWord *words, uint32_t number) {
    while (words->name && words->number != number)
        words++;
    return words->name;
}

static void show_bind(FILE *out, const void *item) {
    const struct bind_rule *rule = item;

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

static void show_list(FILE *out, const Filters *filters, FilterId filter, bool allow) {
    size_t n = filter == FILTER_ADDRESSES ? filters->n_addresses : filters->n_binds, shown = 0;

    for (size_t i = 0; i < n; i++) {
        bool allowed = filter == FILTER_ADDRESSES ? filters->addresses[i].allow : filters->binds[i].allow;

        if (allowed != allow)
            continue;
        fputs(shown++ > 0 ? " " : allow ? "allow " : ftell(out) > 0 ? ", deny " : "deny ", out);
        if (filter == FILTER_ADDRESSES)
            show_address(out, filters->addresses + i);
        else
            show_bind(out, filters->binds + i);
    }
}

const char *filters_show(const Filters *filters, FilterId filter, char *buffer, size_t size) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    *buffer = '\0';
    if (!out)
        return buffer;
    if (filter == FILTER_DEVICES)
        show_devices(out, filters);
    else {
        show_list(out, filters, filter, true);
        show_list(out, filters, filter, false);
    }
    fclose(out);
    snprintf(buffer, size, "%s", text ?: "");
    free(text);
    return buffer;
}
