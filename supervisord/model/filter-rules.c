/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From what sections say to rules: sorted, merged, and without what makes no difference, so that policies that mean the
 * same come to the same text, and programs have as little to walk as can be.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/filter.h"

/* What DevicePolicy=closed means to systemd: Documentation/admin-guide/devices.txt has the numbers. */
static const struct device_rule pseudo_devices[] = {
    { DEVICE_CHAR, 1, 3, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* null */
    { DEVICE_CHAR, 1, 5, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* zero */
    { DEVICE_CHAR, 1, 7, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* full */
    { DEVICE_CHAR, 1, 8, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* random */
    { DEVICE_CHAR, 1, 9, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* urandom */
    { DEVICE_CHAR, 5, 0, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* tty */
    { DEVICE_CHAR, 5, 2, DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD },    /* ptmx */
    { DEVICE_CHAR, 136, DEVICE_NUMBER_ANY, DEVICE_READ | DEVICE_WRITE }, /* pts */
};

void filter_rules_done(FilterRules *rules) {
    free(rules->items);
    *rules = (FilterRules){};
}

/* FNV-1a. */
static uint64_t digest(const void *items, size_t size) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *) items)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Takes the rules, also when it fails. */
static int finish(FilterRules *rules, size_t item_size, size_t max, FilterRules *ret) {
    if (rules->n > max) {
        filter_rules_done(rules);
        return -E2BIG;
    }
    snprintf(rules->text, sizeof rules->text, "%zu %s, %016" PRIx64, rules->n, rules->n == 1 ? "rule" : "rules",
            digest(rules->items, rules->n * item_size));
    *ret = *rules;
    return 0;
}

/* For filters that without rules deny nothing. */
static int finish_unless_empty(FilterRules *rules, size_t item_size, size_t max, FilterRules *ret) {
    if (rules->n > 0)
        return finish(rules, item_size, max, ret);
    FilterId filter = rules->filter;
    filter_rules_done(rules);
    *ret = (FilterRules){ .filter = filter };
    return 0;
}

/* --- devices ----------------------------------------------------------------------------------------------------- */

static int compare_devices(const void *left, const void *right) {
    const struct device_rule *a = left, *b = right;

    return a->type != b->type     ? (a->type > b->type) - (a->type < b->type)
           : a->major != b->major ? (a->major > b->major) - (a->major < b->major)
                                  : (a->minor > b->minor) - (a->minor < b->minor);
}

static void merge_devices(FilterRules *rules) {
    size_t kept = 0;

    qsort(rules->devices, rules->n, sizeof *rules->devices, compare_devices);
    for (size_t i = 0; i < rules->n; i++)
        if (kept > 0 && compare_devices(rules->devices + kept - 1, rules->devices + i) == 0)
            rules->devices[kept - 1].access |= rules->devices[i].access;
        else
            rules->devices[kept++] = rules->devices[i];
    rules->n = kept;
}

static const DeviceNumbers *numbers_of(const DeviceNumbers *numbers, size_t n, const char *specifier) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(numbers[i].specifier, specifier) == 0)
            return numbers + i;
    return NULL;
}

static size_t count_devices(const Filters *filters, const DeviceNumbers *numbers, size_t n_numbers) {
    size_t n = ELEMENTSOF(pseudo_devices);

    for (size_t i = 0; i < filters->n_devices; i++) {
        const DeviceNumbers *found = numbers_of(numbers, n_numbers, filters->devices[i].specifier);
        n += found ? found->n_rules : 0;
    }
    return n;
}

int filter_rules_of_devices(const Filters *filters, const DeviceNumbers *numbers, size_t n_numbers, FilterRules *ret) {
    FilterRules rules = { .filter = FILTER_DEVICES };

    if (!filters_deny(filters, FILTER_DEVICES)) {
        *ret = rules;
        return 0;
    }
    rules.devices = calloc(count_devices(filters, numbers, n_numbers), sizeof *rules.devices);
    if (!rules.devices)
        return -ENOMEM;
    if (filters->device_policy != DEVICE_POLICY_STRICT) {
        memcpy(rules.devices, pseudo_devices, sizeof pseudo_devices);
        rules.n = ELEMENTSOF(pseudo_devices);
    }
    for (size_t i = 0; i < filters->n_devices; i++) {
        const DeviceNumbers *found = numbers_of(numbers, n_numbers, filters->devices[i].specifier);
        for (size_t j = 0; found && j < found->n_rules; j++) {
            rules.devices[rules.n] = found->rules[j];
            rules.devices[rules.n++].access = filters->devices[i].access;
        }
    }
    merge_devices(&rules);
    return finish(&rules, sizeof *rules.devices, FILTER_RULES_MAX, ret);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

/* What contains stands before what is in it, and of the same what is allowed. */
static int compare_addresses(const void *left, const void *right) {
    const struct address_rule *a = left, *b = right;
    int order = a->ipv6 != b->ipv6 ? a->ipv6 - b->ipv6 : memcmp(a->address, b->address, sizeof a->address);

    return order ?: a->length - b->length ?: b->allow - a->allow;
}

/* Accepts NULL. */
static bool contains(const struct address_rule *outer, const struct address_rule *inner) {
    if (!outer || outer->ipv6 != inner->ipv6 || outer->length > inner->length)
        return false;
    unsigned bytes = outer->length / 8, bits = outer->length % 8;
    return memcmp(outer->address, inner->address, bytes) == 0 &&
           (bits == 0 || (outer->address[bytes] ^ inner->address[bytes]) >> (8 - bits) == 0);
}

/*
 * Allowed goes over denied, whatever is longer: so nothing in an allowed prefix counts, nor a denied one in another, nor
 * an allowed one in none. What is left goes two deep, and its longest prefix decides.
 */
static void prune_addresses(FilterRules *rules) {
    struct address_rule allowed, denied, *in_allowed = NULL, *in_denied = NULL;
    size_t kept = 0;

    qsort(rules->addresses, rules->n, sizeof *rules->addresses, compare_addresses);
    for (size_t i = 0; i < rules->n; i++) {
        struct address_rule rule = rules->addresses[i];

        if (contains(in_allowed, &rule) || (!rule.allow && contains(in_denied, &rule)))
            continue;
        if (!rule.allow || contains(in_denied, &rule))
            rules->addresses[kept++] = rule;
        if (rule.allow) {
            allowed = rule;
            in_allowed = &allowed;
        } else {
            denied = rule;
            in_denied = &denied;
        }
    }
    rules->n = kept;
}

int filter_rules_of_addresses(const Filters *const *chain, size_t n, FilterRules *ret) {
    FilterRules rules = { .filter = FILTER_ADDRESSES };
    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += chain[i]->n_addresses;
    rules.addresses = calloc(total + 1, sizeof *rules.addresses);
    if (!rules.addresses)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < chain[i]->n_addresses; j++)
            rules.addresses[rules.n++] = chain[i]->addresses[j];
    prune_addresses(&rules);
    return finish_unless_empty(&rules, sizeof *rules.addresses, FILTER_PREFIXES_MAX, ret);
}

/* --- binds ------------------------------------------------------------------------------------------------------- */

/* What is allowed stands first. */
static int compare_binds(const void *left, const void *right) {
    const struct bind_rule *a = left, *b = right;

    return a->allow != b->allow ? (a->allow < b->allow) - (a->allow > b->allow) : memcmp(a, b, sizeof *a);
}

int filter_rules_of_binds(const Filters *filters, FilterRules *ret) {
    FilterRules rules = { .filter = FILTER_BINDS };
    size_t n_denied = 0;

    rules.binds = calloc(filters->n_binds + 1, sizeof *rules.binds);
    if (!rules.binds)
        return -ENOMEM;
    if (filters->n_binds > 0)
        memcpy(rules.binds, filters->binds, filters->n_binds * sizeof *rules.binds);
    qsort(rules.binds, filters->n_binds, sizeof *rules.binds, compare_binds);
    for (size_t i = 0; i < filters->n_binds; i++) {
        if (rules.n == 0 || compare_binds(rules.binds + rules.n - 1, rules.binds + i) != 0)
            rules.binds[rules.n++] = rules.binds[i];
        n_denied += !rules.binds[rules.n - 1].allow;
    }
    if (n_denied == 0)
        rules.n = 0;
    return finish_unless_empty(&rules, sizeof *rules.binds, FILTER_RULES_MAX, ret);
}
