/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ports are entries of maps, so that a packet is looked up once, however many there are; networks, which are few, are
 * rules. All of it is one table that is replaced in one transaction. nft(8).
 */

#include "model/firewall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static const struct Family {
    const char *name, *type;
} families[ADDRESS_FAMILIES_COUNT] = {
    [ADDRESS_IPV4] = { "ip", "ipv4_addr" },
    [ADDRESS_IPV6] = { "ip6", "ipv6_addr" },
};

/* The address that a publication leads to, of the first interface that has one of this family; NULL: none has. */
static const Address *publication_target(const Wiring *wiring, AddressFamily family) {
    for (size_t i = 0; i < wiring->n_attachments; i++)
        if (address_is_set(wiring->attachments[i].addresses + family))
            return wiring->attachments[i].addresses + family;
    return NULL;
}

static const char *protocol_name(const Publication *publication) {
    return publication->udp ? "udp" : "tcp";
}

/* One that says at which address comes before one that holds at all. */
static const struct Map {
    const char *name;
    AddressFamily family;
    bool at_address;
} maps[] = {
    { "published_at4", ADDRESS_IPV4, true },
    { "published4", ADDRESS_IPV4, false },
    { "published_at6", ADDRESS_IPV6, true },
    { "published6", ADDRESS_IPV6, false },
};

static bool belongs(const struct Map *map, const Publication *publication) {
    if (!map->at_address)
        return !address_is_set(&publication->at);
    return address_is_set(&publication->at) && address_index(&publication->at) == map->family;
}

static void print_elements(FILE *out, const struct Map *map, const Wiring *wiring) {
    const Address *target = publication_target(wiring, map->family);
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < wiring->n_publications && target; i++) {
        const Publication *publication = wiring->publications + i;

        if (!belongs(map, publication))
            continue;
        fprintf(out, "            ");
        if (map->at_address)
            fprintf(out, "%s . ", address_format(&publication->at, text, sizeof(text)));
        fprintf(out, "%s . %u : %s . %u,\n", protocol_name(publication), publication->host_port,
                address_format(target, text, sizeof(text)), publication->port);
    }
}

/* The wiring of a workload that publishes; NULL of others. */
static const Wiring *publisher(const Group *group) {
    return group->workload && group->workload->wiring.n_publications > 0 ? &group->workload->wiring : NULL;
}

static bool has_elements(const Policy *policy, const struct Map *map) {
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Wiring *wiring = publisher(policy->groups[i]);

        for (size_t j = 0; wiring && publication_target(wiring, map->family) && j < wiring->n_publications; j++)
            if (belongs(map, wiring->publications + j))
                return true;
    }
    return false;
}

static void print_map(FILE *out, const Policy *policy, const struct Map *map) {
    const char *type = families[map->family].type;

    fprintf(out, "    map %s {\n        type %s%sinet_proto . inet_service : %s . inet_service\n", map->name,
            map->at_address ? type : "", map->at_address ? " . " : "", type);
    if (has_elements(policy, map)) {
        fprintf(out, "        elements = {\n");
        for (size_t i = 0; i < policy->n_groups; i++)
            if (publisher(policy->groups[i]))
                print_elements(out, map, publisher(policy->groups[i]));
        fprintf(out, "        }\n");
    }
    fprintf(out, "    }\n");
}

static void print_publish(FILE *out) {
    fprintf(out, "    chain publish {\n");
    for (size_t i = 0; i < ELEMENTSOF(maps); i++) {
        const char *family = families[maps[i].family].name;

        fprintf(out, "        dnat %s to ", family);
        if (maps[i].at_address)
            fprintf(out, "%s daddr . ", family);
        fprintf(out, "meta l4proto . th dport map @%s\n", maps[i].name);
    }
    /* What the host sends itself by loopback stays there: with such a source it could not leave it. */
    fprintf(out, "    }\n"
                 "    chain prerouting {\n"
                 "        type nat hook prerouting priority -100; policy accept;\n"
                 "        fib daddr type local jump publish\n"
                 "    }\n"
                 "    chain output {\n"
                 "        type nat hook output priority -100; policy accept;\n"
                 "        ip daddr 127.0.0.0/8 return\n"
                 "        ip6 daddr ::1 return\n"
                 "        fib daddr type local jump publish\n"
                 "    }\n");
}

/* The network itself, for the prefix of nft: the gateway's address will do, nft masks it. */
static void print_subnet_rules(FILE *out, const Network *network, AddressFamily family, bool publishes) {
    const char *name = families[family].name;
    char subnet[ADDRESS_TEXT_MAX];

    if (!address_is_set(&network->subnets[family].gateway))
        return;
    subnet_format(network->subnets + family, subnet, sizeof(subnet));
    if (publishes) /* to a neighbour by way of the host: the answer must come back that way too */
        fprintf(out, "        ct status dnat %s saddr %s %s daddr %s masquerade\n", name, subnet, name, subnet);
    if (network->nat)
        fprintf(out, "        %s saddr %s oifname != \"%s\" masquerade\n", name, subnet, network->bridge);
}

static bool publishes(const Policy *policy) {
    for (size_t i = 0; i < policy->n_groups; i++)
        if (publisher(policy->groups[i]))
            return true;
    return false;
}

static bool translates(const Policy *policy) {
    for (size_t i = 0; i < policy->n_networks; i++)
        if (policy->networks[i]->nat)
            return true;
    return false;
}

static void print_rules(FILE *out, const Policy *policy) {
    bool any_published = publishes(policy);

    for (size_t i = 0; i < ELEMENTSOF(maps) && any_published; i++)
        print_map(out, policy, maps + i);
    if (any_published)
        print_publish(out);
    fprintf(out, "    chain postrouting {\n"
                 "        type nat hook postrouting priority 100; policy accept;\n");
    for (size_t i = 0; i < policy->n_networks; i++)
        for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
            print_subnet_rules(out, policy->networks[i], family, any_published);
    fprintf(out, "    }\n");
}

int firewall_rules(const Policy *policy, char **ret) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size;

    if (!publishes(policy) && !translates(policy)) {
        *ret = NULL;
        return 0;
    }
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    print_rules(out, policy);
    if (fclose(out) != 0)
        return -ENOMEM;
    *ret = TAKE_PTR(text);
    return 0;
}

const char *firewall_seal(const char *rules, char seal[static FIREWALL_SEAL_SIZE]) {
    *seal = '\0';
    if (rules)
        snprintf(seal, FIREWALL_SEAL_SIZE, "%016" PRIx64, hash_bytes(HASH_START, rules, strlen(rules)));
    return seal;
}

static void print_word(FILE *out, const char *name, const Publication *publication) {
    char text[ADDRESS_TEXT_MAX] = "";

    if (address_is_set(&publication->at))
        address_format(&publication->at, text, sizeof(text));
    fprintf(out, "%spublish %s%s%s %u to %s", ftello(out) > 0 ? "; " : "", text, *text ? " " : "",
            protocol_name(publication), publication->host_port, name);
    if (publication->port != publication->host_port)
        fprintf(out, " at %u", publication->port);
}

int firewall_words(const Policy *policy, char **ret) {
    size_t size;
    FILE *out = open_memstream(ret, &size);

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_networks; i++)
        if (policy->networks[i]->nat)
            fprintf(out, "%smasquerade %s", ftello(out) > 0 ? "; " : "", policy->networks[i]->name);
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Wiring *wiring = publisher(policy->groups[i]);

        for (size_t j = 0; wiring && j < wiring->n_publications; j++)
            print_word(out, policy->groups[i]->name, wiring->publications + j);
    }
    return fclose(out) == 0 ? 0 : -ENOMEM;
}
