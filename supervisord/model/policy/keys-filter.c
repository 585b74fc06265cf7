/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the processes of a slice or workload may open, talk to and bind to. */

#include "model/policy/key.h"

static const char *device_policy_word(unsigned index) {
    return index < DEVICE_POLICIES_COUNT ? device_policy_name(index) : NULL;
}

static int assign_device_policy(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return key_take_sole_word(key, text, &draft->group->filters.device_policy);
}

static int assign_device_allow(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return filters_allow_device(&draft->group->filters, text, ret_problem);
}

static int assign_address_allow(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return filters_add_addresses(&draft->group->filters, true, text, ret_problem);
}

static int assign_address_deny(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return filters_add_addresses(&draft->group->filters, false, text, ret_problem);
}

static int assign_bind_allow(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return filters_add_bind(&draft->group->filters, true, text, ret_problem);
}

static int assign_bind_deny(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return filters_add_bind(&draft->group->filters, false, text, ret_problem);
}

#define EXPECTS_PREFIXES "IP addresses with or without prefix length, any, localhost, link-local or multicast"
#define EXPECTS_BIND "[ipv4:|ipv6:][tcp:|udp:] and a port from 1 to 65535, a range like 1024-65535, or any"

const Key keys_filter[] = {
    [KEY_DEVICE_POLICY - KEYS_FILTER] = {
        .name = "DevicePolicy",
        .sections = IN_GROUPS,
        .assign = assign_device_policy,
        .fallback = "auto",
        .expects = "auto, closed or strict",
        .word = device_policy_word,
    },
    [KEY_DEVICE_ALLOW - KEYS_FILTER] = {
        .name = "DeviceAllow",
        .sections = IN_GROUPS,
        .specifiers = true,
        .list = true,
        .assign = assign_device_allow,
        .expects = "a path below /dev/, or char- or block- and the name of a device group, and any of r, w and m",
    },
    [KEY_IP_ADDRESS_ALLOW - KEYS_FILTER] = {
        .name = "IPAddressAllow",
        .sections = IN_GROUPS,
        .list = true,
        .assign = assign_address_allow,
        .expects = EXPECTS_PREFIXES,
    },
    [KEY_IP_ADDRESS_DENY - KEYS_FILTER] = {
        .name = "IPAddressDeny",
        .sections = IN_GROUPS,
        .list = true,
        .assign = assign_address_deny,
        .expects = EXPECTS_PREFIXES,
    },
    [KEY_SOCKET_BIND_ALLOW - KEYS_FILTER] = {
        .name = "SocketBindAllow",
        .sections = IN_GROUPS,
        .list = true,
        .assign = assign_bind_allow,
        .expects = EXPECTS_BIND,
    },
    [KEY_SOCKET_BIND_DENY - KEYS_FILTER] = {
        .name = "SocketBindDeny",
        .sections = IN_GROUPS,
        .list = true,
        .assign = assign_bind_deny,
        .expects = EXPECTS_BIND,
    },
};
