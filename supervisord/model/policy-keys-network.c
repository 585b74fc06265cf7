/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Networks, and a workload's place in one. */

#include "model/policy-key.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"

enum {
    PREFIX_LENGTH_MIN = 8,
    PREFIX_LENGTH_MAX = 30, /* the smallest subnet with an address beside the gateway's */
};

static const char *network_word(unsigned index) {
    return index < NETWORK_MODES_COUNT ? network_mode_name(index) : NULL;
}

/* "host", "bridge:lan" */
static int assign_network(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    const char *name;
    unsigned mode;

    int r = key_take_word(key, text, &mode, &name);
    if (r < 0)
        return r;
    if (mode == NETWORK_BRIDGE ? !name || !*name : name != NULL)
        return -EINVAL;
    r = key_replace(&draft->network_name, name);
    if (r < 0)
        return r;
    workload->network_mode = mode;
    return 0;
}

/* "10.77.0.2", "10.77.0.2/24" */
static int assign_address(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    uint32_t address = 0;
    unsigned length = 0;
    int r = 0;

    if (strchr(text, '/')) {
        r = parse_ipv4_prefix(text, &address, &length);
        if (r >= 0 && length == 0)
            r = -ERANGE;
    } else if (*text)
        r = parse_ipv4(text, &address);
    if (r < 0)
        return r;
    if (*text && address == 0)
        return -EINVAL;
    workload->address = address;
    draft->address_length = length;
    return 0;
}

/* "10.77.0.1/24" */
static int assign_subnet(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Network *network = draft->object;
    uint32_t gateway = 0;
    unsigned length = 0;

    if (*text) {
        int r = parse_ipv4_prefix(text, &gateway, &length);
        if (r < 0)
            return r;
        if (length < PREFIX_LENGTH_MIN || length > PREFIX_LENGTH_MAX)
            return -ERANGE;
        uint32_t host_mask = UINT32_MAX >> length, host = ntohl(gateway) & host_mask;
        if (host == 0 || host == host_mask) {
            *ret_problem =
                    "expected the gateway's address with the prefix length, not the address of the network itself "
                    "or of its broadcast";
            return -EINVAL;
        }
    }
    network->gateway = gateway;
    network->prefix_length = length;
    return 0;
}

const Key keys_network[] = {
    [KEY_NETWORK - KEYS_NETWORK] = {
        .name = "Network",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_network,
        .fallback = "host",
        .expects = "host, private or bridge:NAME",
        .word = network_word,
    },
    [KEY_ADDRESS - KEYS_NETWORK] = {
        .name = "Address",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_address,
        .expects = "an IPv4 address like 10.77.0.2",
    },
    [KEY_BRIDGE - KEYS_NETWORK] = {
        .name = "Bridge",
        .sections = IN(SECTION_NETWORK),
        .required = true,
        .assign = key_assign_interface,
        .expects = "the name of a network interface, of at most 15 letters, digits and _ . -",
        .offset = offsetof(Network, bridge),
    },
    [KEY_SUBNET - KEYS_NETWORK] = {
        .name = "Subnet",
        .sections = IN(SECTION_NETWORK),
        .required = true,
        .assign = assign_subnet,
        .expects = "the gateway's IPv4 address with a prefix length from 8 to 30, like 10.77.0.1/24",
    },
};
