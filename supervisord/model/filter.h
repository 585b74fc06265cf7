/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Filters: what a group's processes may open, talk to and bind to. What a section says becomes rules in the kernel's
 * numbers, in an order and form of their own, and a short canonical text of them: two filters with the same text are the
 * same filter. The text goes into the kernel with the program, so policy and node are compared by it, as limits are.
 *
 * Keys and meaning are systemd.resource-control(5)'s: what is both allowed and denied is allowed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/filter.h"

typedef enum DevicePolicy {
    DEVICE_POLICY_AUTO,   /* closed if there is any DeviceAllow=, else no filter */
    DEVICE_POLICY_CLOSED, /* the usual pseudo devices, and what is allowed */
    DEVICE_POLICY_STRICT, /* what is allowed */
    DEVICE_POLICIES_COUNT,
} DevicePolicy;

typedef struct DeviceAllow {
    char *specifier; /* "/dev/kvm", "char-pts", "block-*" */
    uint32_t access; /* DEVICE_READ, ... */
} DeviceAllow;

/* What a section says of all filters. Zeroed: nothing. */
typedef struct Filters {
    DevicePolicy device_policy;
    DeviceAllow *devices;
    size_t n_devices, n_devices_allocated;
    struct address_rule *addresses; /* IPAddressAllow=, IPAddressDeny= */
    size_t n_addresses, n_addresses_allocated;
    struct bind_rule *binds; /* SocketBindAllow=, SocketBindDeny= */
    size_t n_binds, n_binds_allocated;
} Filters;

void filters_done(Filters *filters);

/*
 * Each takes one assignment and adds to what is there; "" takes back what was given with that key. -EINVAL and perhaps
 * what is wrong with it (static); -ENOMEM.
 */
int filters_allow_device(Filters *filters, const char *text, const char **ret_problem);
int filters_add_addresses(Filters *filters, bool allow, const char *text, const char **ret_problem);
int filters_add_bind(Filters *filters, bool allow, const char *text, const char **ret_problem);

bool filters_deny(const Filters *filters, FilterId filter); /* whether the section denies anything */

const char *device_policy_name(DevicePolicy policy); /* "closed" */
const char *filter_name(FilterId filter);            /* "devices": as a label of metrics and in plans */
const char *filter_key(FilterId filter);             /* "DeviceFilter": its line in `show` */
/* What the section says of one filter, for people: "closed, /dev/kvm rw", "" for nothing. Returns buffer, cut if need be. */
const char *filters_show(const Filters *filters, FilterId filter, char *buffer, size_t size);

/* Which devices a specifier means on this node. */
typedef struct DeviceNumbers {
    char *specifier;
    struct device_rule *rules; /* without access */
    size_t n_rules, n_allocated;
} DeviceNumbers;

void device_numbers_done(DeviceNumbers *numbers);
int device_numbers_add(DeviceNumbers *numbers, uint32_t type, uint32_t major, uint32_t minor); /* -ENOMEM */
/* "char-PATTERN", "block-PATTERN": adds the groups of that name in the text of /proc/devices. -EINVAL: it is a path. */
int device_numbers_of_groups(DeviceNumbers *numbers, const char *devices_text);

typedef struct FilterRules {
    FilterId filter;
    char text[FILTER_TEXT_MAX]; /* "8 rules, DIGEST"; "": no filter, nothing would be denied */
    size_t n;
    union {
        void *items; /* owned */
        struct device_rule *devices;
        struct address_rule *addresses;
        struct bind_rule *binds;
    };
} FilterRules;

void filter_rules_done(FilterRules *rules);
/*
 * The rules that a section comes to. Numbers: of all specifiers, in any order; one that is missing is a device that is not
 * there, and allows nothing. -E2BIG: more than a program takes. -ENOMEM.
 */
int filter_rules_of_devices(const Filters *filters, const DeviceNumbers *numbers, size_t n_numbers, FilterRules *ret);
/* chain: the section and those of the slices above it, n of them: their lists are one list. */
int filter_rules_of_addresses(const Filters *const *chain, size_t n, FilterRules *ret);
int filter_rules_of_binds(const Filters *filters, FilterRules *ret);
