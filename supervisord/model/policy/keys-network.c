/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Networks, and a workload's place in one. */

#include "model/policy/key.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "model/words.h"

enum {
    PREFIX_LENGTH_MIN = 8,
    /* The smallest subnets with an address beside the gateway's and those that mean something else. */
    PREFIX_LENGTH_MAX_IPV4 = 30,
    PREFIX_LENGTH_MAX_IPV6 = 126,
    MTU_BYTES_MIN = 1280, /* what IPv6 needs */
    MTU_BYTES_MAX = 65535,
    WARM_POOL_MAX = 64, /* some 200 KiB of the kernel's memory each */
};

static const char *network_word(unsigned index) {
    return index < NETWORK_MODES_COUNT ? network_mode_name(index) : NULL;
}

/* Has each word of the text assigned. */
static int assign_words(const Key *key, Draft *draft, const char *text, KeyAssign *assign, const char **ret_problem) {
    for (;;) {
        _cleanup_(cleanup_free) char *word = NULL;

        int r = word_take(&text, &word, ret_problem);
        if (r <= 0)
            return r;
        r = assign(key, draft, word, ret_problem);
        if (r < 0)
            return r;
    }
}

static bool has_name(NetworkMode mode) {
    return mode == NETWORK_BRIDGE || mode == NETWORK_WORKLOAD;
}

/* "host", "bridge:lan", "workload:db" */
static int assign_network_word(const Key *key, Draft *draft, const char *word, const char **ret_problem) {
    Workload *workload = draft->object;
    const char *name;
    unsigned mode;

    int r = key_take_word(key, word, &mode, &name);
    if (r < 0)
        return r;
    if (has_name(mode) ? !name || !*name : name != NULL)
        return -EINVAL;
    if (mode != NETWORK_BRIDGE || workload->wiring.mode != mode)
        draft->network_names = strv_free(draft->network_names);
    workload->wiring.mode = mode;
    if (mode != NETWORK_BRIDGE)
        return name ? strv_push(&draft->network_names, name) : 0;
    r = grow(&workload->wiring.attachments, sizeof(Attachment), strv_length(draft->network_names),
            &draft->attachments_allocated);
    return r < 0 ? r : strv_push(&draft->network_names, name);
}

static int assign_bridge_word(const Key *key, Draft *draft, const char *word, const char **ret_problem) {
    const char *name;
    unsigned mode;

    if (key_take_word(key, word, &mode, &name) < 0 || mode != NETWORK_BRIDGE)
        return -EINVAL;
    return assign_network_word(key, draft, word, ret_problem);
}

/* Only bridges stand beside each other. */
static int assign_network(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    bool several = strpbrk(text, " \t");

    return assign_words(key, draft, text, several ? assign_bridge_word : assign_network_word, ret_problem);
}

/* "10.77.0.2", "10.77.0.2/24" */
static int assign_address_word(const Key *key, Draft *draft, const char *word, const char **ret_problem) {
    static const Address nobody[] = { { .family = AF_INET }, { .family = AF_INET6 } };
    Subnet address = {};
    int r;

    if (strchr(word, '/')) {
        r = address_parse_prefix(word, &address);
        if (r >= 0 && address.prefix_length == 0)
            r = -ERANGE;
    } else
        r = address_parse(word, &address.gateway);
    if (r < 0)
        return r;
    if (address_equal(&address.gateway, nobody) || address_equal(&address.gateway, nobody + 1))
        return -EINVAL;
    r = grow(&draft->addresses, sizeof(Subnet), draft->n_addresses, &draft->addresses_allocated);
    if (r < 0)
        return r;
    draft->addresses[draft->n_addresses++] = address;
    return 0;
}

static int assign_address(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    if (!*text)
        draft->n_addresses = 0;
    return assign_words(key, draft, text, assign_address_word, ret_problem);
}

static const char *gateway_problem(const Network *network, const Subnet *subnet) {
    static const Subnet not_routed[] = {
        { { .family = AF_INET, .bytes = { 0 } }, 8 },
        { { .family = AF_INET, .bytes = { 127 } }, 8 },
        { { .family = AF_INET, .bytes = { 224 } }, 3 },
        { { .family = AF_INET6, .bytes = { 0 } }, 8 },
        { { .family = AF_INET6, .bytes = { 0xfe, 0x80 } }, 10 },
        { { .family = AF_INET6, .bytes = { 0xff } }, 8 },
    };
    const Subnet other = { .gateway = { .family = subnet->gateway.family }, .prefix_length = subnet->prefix_length };

    if (subnet_problem(&other, &subnet->gateway)) /* as of a workload's: neither the first nor the last */
        return "expected the gateway's address with the prefix length, not the address of the network itself or of its "
               "broadcast";
    for (size_t i = 0; i < ELEMENTSOF(not_routed); i++)
        if (subnet_contains(not_routed + i, &subnet->gateway))
            return "loopback, link-local and multicast addresses are no network's";
    if (address_is_set(&network->subnets[address_index(&subnet->gateway)].gateway))
        return "the network has a subnet of this kind already; it may have one of IPv4 and one of IPv6";
    return NULL;
}

/* "10.77.0.1/24" */
static int assign_subnet_word(const Key *key, Draft *draft, const char *word, const char **ret_problem) {
    Network *network = draft->object;
    Subnet subnet;

    int r = address_parse_prefix(word, &subnet);
    if (r < 0)
        return r;
    AddressFamily family = address_index(&subnet.gateway);
    if (subnet.prefix_length < PREFIX_LENGTH_MIN ||
            subnet.prefix_length > (family == ADDRESS_IPV4 ? PREFIX_LENGTH_MAX_IPV4 : PREFIX_LENGTH_MAX_IPV6))
        return -ERANGE;
    *ret_problem = gateway_problem(network, &subnet);
    if (*ret_problem)
        return -EINVAL;
    network->subnets[family] = subnet;
    return 0;
}

static int assign_subnet(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Network *network = draft->object;

    if (!*text)
        memset(network->subnets, 0, sizeof(network->subnets));
    return assign_words(key, draft, text, assign_subnet_word, ret_problem);
}

static int assign_nat(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return parse_bool(text, &((Network *) draft->object)->nat);
}

static int parse_port(const char *text, uint16_t *ret) {
    uint64_t port;

    int r = parse_u64(text, &port);
    if (r < 0)
        return r;
    if (port == 0 || port > UINT16_MAX)
        return -ERANGE;
    *ret = (uint16_t) port;
    return 0;
}

/* "tcp", "udp"; NULL: TCP */
static int parse_protocol(const char *text, bool *ret_udp) {
    *ret_udp = text && strcmp(text, "udp") == 0;
    return !text || *ret_udp || strcmp(text, "tcp") == 0 ? 0 : -EINVAL;
}

/* Cuts what stands before the port off: "10.0.0.1:80" or "[fd00::1]:80" -> the address, and "80"; only "80": none. */
static int take_host(char *text, char **ret_port, Address *ret) {
    char *colon = strrchr(text, ':');

    *ret_port = text;
    if (!colon)
        return 0;
    *colon = '\0';
    *ret_port = colon + 1;
    if (*text == '[' && colon > text && colon[-1] == ']') {
        colon[-1] = '\0';
        return strchr(text, ':') ? address_parse(text + 1, ret) : -EINVAL;
    }
    return strchr(text, ':') ? -EINVAL : address_parse(text, ret);
}

/* "8080:80", "53/udp", "192.0.2.1:8080:80/tcp" */
static int parse_publication(char *text, Publication *ret) {
    Publication publication = {};
    char *protocol = text, *host_port;

    strsep(&protocol, "/");
    char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    int r = parse_protocol(protocol, &publication.udp);
    if (r >= 0)
        r = parse_port(port, &publication.port);
    if (r < 0)
        return r;
    if (colon)
        *colon = '\0';
    r = take_host(text, &host_port, &publication.at);
    if (r >= 0)
        r = parse_port(host_port, &publication.host_port);
    if (r >= 0)
        *ret = publication;
    return r;
}

static int assign_publish_word(const Key *key, Draft *draft, const char *word, const char **ret_problem) {
    _cleanup_(cleanup_free) char *text = strdup(word);
    Wiring *wiring = &((Workload *) draft->object)->wiring;
    Publication publication;

    if (!text)
        return -ENOMEM;
    int r = parse_publication(text, &publication);
    if (r >= 0)
        r = grow(&wiring->publications, sizeof(Publication), wiring->n_publications, &draft->publications_allocated);
    if (r < 0)
        return r;
    wiring->publications[wiring->n_publications++] = publication;
    return 0;
}

static int assign_publish(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    if (!*text)
        ((Workload *) draft->object)->wiring.n_publications = 0;
    return assign_words(key, draft, text, assign_publish_word, ret_problem);
}

const Key keys_network[] = {
    [KEY_NETWORK - KEYS_NETWORK] = {
        .name = "Network",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_network,
        .fallback = "host",
        .expects = "host, private, workload:NAME or bridge:NAME, of which there may be several",
        .word = network_word,
    },
    [KEY_ADDRESS - KEYS_NETWORK] = {
        .name = "Address",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_address,
        .expects = "addresses like 10.77.0.2 or fd77::2",
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
        .list = true,
        .required = true,
        .assign = assign_subnet,
        .expects = "the gateway's address with a prefix length from 8 to 30 (IPv6: to 126), like 10.77.0.1/24",
    },
    [KEY_MTU - KEYS_NETWORK] = {
        .name = "MTU",
        .sections = IN(SECTION_NETWORK),
        .assign = key_assign_number,
        .fallback = "1500",
        .expects = "a number of bytes from 1280 to 65535",
        .offset = offsetof(Network, mtu_bytes),
        .minimum = MTU_BYTES_MIN,
        .maximum = MTU_BYTES_MAX,
    },
    [KEY_NAT - KEYS_NETWORK] = {
        .name = "NAT",
        .sections = IN(SECTION_NETWORK),
        .assign = assign_nat,
        .fallback = "no",
        .expects = "yes or no",
    },
    [KEY_WARM_POOL - KEYS_NETWORK] = {
        .name = "WarmPool",
        .sections = IN(SECTION_NETWORK),
        .assign = key_assign_number,
        .fallback = "2",
        .expects = "a number of namespaces from 0 to 64",
        .offset = offsetof(Network, warm_pool),
        .minimum = 0,
        .maximum = WARM_POOL_MAX,
    },
    [KEY_PUBLISH - KEYS_NETWORK] = {
        .name = "Publish",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_publish,
        .expects = "ports like 8080:80, 53/udp, 192.0.2.1:8080:80/tcp or [fd77::1]:8080:80",
    },
};
