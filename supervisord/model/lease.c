/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A workload's place in a pool is a hash of its name; the next one that is free if another has it. Who came first is what
 * the leases of before say; without them, who has the lower name.
 */

#include "model/lease.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/parse.h"

/* Addresses that are taken: networks do not overlap, so that an address alone says whose it is. */
typedef struct Taken {
    Address *slots; /* a power of two, at most half of them used */
    size_t n_slots;
} Taken;

static Address *taken_slot(const Taken *taken, const Address *address) {
    uint64_t at = hash_bytes(HASH_START, address->bytes, address_size(address));

    for (at ^= at >> 32;; at++) {
        Address *slot = taken->slots + (at & (taken->n_slots - 1));
        if (!address_is_set(slot) || address_equal(slot, address))
            return slot;
    }
}

static bool is_taken(const Taken *taken, const Address *address) {
    return address_is_set(taken_slot(taken, address));
}

static void take(const Taken *taken, const Address *address) {
    *taken_slot(taken, address) = *address;
}

static int taken_begin(const Policy *policy, Taken *ret) {
    size_t n = 0, n_slots = 2;

    for (size_t i = 0; i < policy->n_groups; i++)
        if (policy->groups[i]->workload)
            n += ADDRESS_FAMILIES_COUNT * policy->groups[i]->workload->wiring.n_attachments;
    while (n_slots < 2 * (n + 1))
        n_slots *= 2;
    *ret = (Taken){ .slots = calloc(n_slots, sizeof(Address)), .n_slots = n_slots };
    return ret->slots ? 0 : -ENOMEM;
}

static void take_given(const Policy *policy, const Taken *taken) {
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Workload *workload = policy->groups[i]->workload;

        for (size_t j = 0; workload && j < workload->wiring.n_attachments; j++)
            for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
                if (address_is_set(workload->wiring.attachments[j].addresses + family))
                    take(taken, workload->wiring.attachments[j].addresses + family);
    }
}

static void lease(const Taken *taken, Attachment *attachment, const Address *address) {
    AddressFamily family = address_index(address);

    attachment->addresses[family] = *address;
    attachment->leased[family] = true;
    take(taken, address);
}

static bool is_free(const Taken *taken, const Subnet *subnet, const Address *address) {
    return !subnet_problem(subnet, address) && !is_taken(taken, address);
}

static Attachment *attachment_of(const Policy *policy, const char *workload_name, const char *network_name) {
    const Group *group = policy_group(policy, workload_name);
    const Wiring *wiring = group && group->workload ? &group->workload->wiring : NULL;

    for (size_t i = 0; wiring && i < wiring->n_attachments; i++)
        if (strcmp(wiring->attachments[i].network->name, network_name) == 0)
            return wiring->attachments + i;
    return NULL;
}

static void renew(const Policy *policy, const Taken *taken, const char *line) {
    char workload[NAME_LENGTH_MAX + 1], network[NAME_LENGTH_MAX + 1], text[ADDRESS_TEXT_MAX];
    Attachment *attachment;
    Address address;

    _Static_assert(NAME_LENGTH_MAX == 64 && ADDRESS_TEXT_MAX > 49, "so wide are the fields");
    if (sscanf(line, "%64s %64s %49s", workload, network, text) != 3 || address_parse(text, &address) < 0 ||
            !(attachment = attachment_of(policy, workload, network)))
        return;
    const Subnet *subnet = attachment->network->subnets + address_index(&address);
    if (!address_is_set(attachment->addresses + address_index(&address)) && subnet_contains(subnet, &address) &&
            is_free(taken, subnet, &address))
        lease(taken, attachment, &address);
}

/* From its own place on. Of as many as are taken, and those that nobody may have, one more is free, or none is. */
static bool find_free(const Taken *taken, const Subnet *subnet, const char *name, Address *ret) {
    uint64_t place = hash_bytes(HASH_START, name, strlen(name)), last = subnet_last_host(subnet);

    place ^= place >> 32;
    for (uint64_t i = 0; i <= last && i < taken->n_slots + 3; i++) {
        Address address = subnet_host(subnet, (place + i) & last);
        if (is_free(taken, subnet, &address)) {
            *ret = address;
            return true;
        }
    }
    return false;
}

static void complete(const Taken *taken, const Group *group, Attachment *attachment, Diagnostics *diagnostics) {
    const Network *network = attachment->network;

    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++) {
        const Subnet *subnet = network->subnets + family;
        char section[NAME_LENGTH_MAX + sizeof("workload:")], text[ADDRESS_TEXT_MAX];
        Address address;

        if (!address_is_set(&subnet->gateway) || address_is_set(attachment->addresses + family))
            continue;
        if (find_free(taken, subnet, group->name, &address)) {
            lease(taken, attachment, &address);
            continue;
        }
        snprintf(section, sizeof(section), "workload:%s", group->name);
        diagnostics_add(diagnostics, group->origin.file, group->origin.line, section, "Network",
                "network '%s' has no address left in %s", network->name, subnet_format(subnet, text, sizeof(text)));
    }
}

int leases_assign(Policy *policy, const char *former, Diagnostics *diagnostics) {
    Taken taken;

    int r = taken_begin(policy, &taken);
    if (r < 0)
        return r;
    take_given(policy, &taken);
    for (const char *line = former; line && *line; line += *line == '\n') {
        renew(policy, &taken, line);
        line = strchrnul(line, '\n');
    }
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Workload *workload = policy->by_name[i]->workload;

        for (size_t j = 0; workload && j < workload->wiring.n_attachments; j++)
            complete(&taken, policy->by_name[i], workload->wiring.attachments + j, diagnostics);
    }
    free(taken.slots);
    return 0;
}

static void print_leases(FILE *out, const Group *group) {
    for (size_t i = 0; i < group->workload->wiring.n_attachments; i++) {
        const Attachment *attachment = group->workload->wiring.attachments + i;

        for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++) {
            char text[ADDRESS_TEXT_MAX];

            if (attachment->leased[family])
                fprintf(out, "%s %s %s\n", group->name, attachment->network->name,
                        address_format(attachment->addresses + family, text, sizeof(text)));
        }
    }
}

int leases_format(const Policy *policy, char **ret) {
    size_t size;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_groups; i++)
        if (policy->by_name[i]->workload)
            print_leases(out, policy->by_name[i]);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}
