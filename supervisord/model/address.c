/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Arithmetic on addresses of both families is done in one 128-bit number, so that none of it is there twice. */

#include "model/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

enum { HOST_BITS_MAX = 62 };

typedef unsigned __int128 Number;

bool address_is_set(const Address *address) {
    return address->family != AF_UNSPEC;
}

size_t address_size(const Address *address) {
    return address->family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

AddressFamily address_index(const Address *address) {
    return address->family == AF_INET6 ? ADDRESS_IPV6 : ADDRESS_IPV4;
}

static unsigned address_bits(const Address *address) {
    return 8 * address_size(address);
}

int address_parse(const char *text, Address *ret) {
    Address address = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

    if (inet_pton(address.family, text, address.bytes) != 1)
        return -EINVAL;
    *ret = address;
    return 0;
}

int address_parse_prefix(const char *text, Subnet *ret) {
    const char *slash = strchr(text, '/');
    char address_text[ADDRESS_TEXT_MAX];
    Subnet subnet;
    uint64_t length;

    if (!slash || (size_t) (slash - text) >= sizeof(address_text))
        return -EINVAL;
    *(char *) mempcpy(address_text, text, slash - text) = '\0';
    int r = address_parse(address_text, &subnet.gateway);
    if (r >= 0)
        r = parse_u64(slash + 1, &length);
    if (r < 0)
        return r;
    if (length > address_bits(&subnet.gateway))
        return -ERANGE;
    subnet.prefix_length = length;
    *ret = subnet;
    return 0;
}

bool address_equal(const Address *a, const Address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, address_size(a)) == 0;
}

const char *address_format(const Address *address, char *buffer, size_t size) {
    if (!inet_ntop(address->family, address->bytes, buffer, size))
        *buffer = '\0';
    return buffer;
}

const char *subnet_format(const Subnet *subnet, char *buffer, size_t size) {
    size_t length = strlen(address_format(&subnet->gateway, buffer, size));

    snprintf(buffer + length, size - length, "/%u", subnet->prefix_length);
    return buffer;
}

static Number address_number(const Address *address) {
    Number number = 0;

    for (size_t i = 0; i < address_size(address); i++)
        number = number << 8 | address->bytes[i];
    return number;
}

static Address address_with_number(sa_family_t family, Number number) {
    Address address = { .family = family };

    for (size_t i = address_size(&address); i-- > 0; number >>= 8)
        address.bytes[i] = (uint8_t) number;
    return address;
}

/* Ones where hosts of one subnet may differ. */
static Number host_mask(const Subnet *subnet) {
    unsigned bits = address_bits(&subnet->gateway) - subnet->prefix_length;
    return bits >= 128 ? ~(Number) 0 : ((Number) 1 << bits) - 1;
}

bool subnet_equal(const Subnet *a, const Subnet *b) {
    return address_equal(&a->gateway, &b->gateway) && a->prefix_length == b->prefix_length;
}

bool subnet_contains(const Subnet *subnet, const Address *address) {
    Number differing = address_number(&subnet->gateway) ^ address_number(address);
    return subnet->gateway.family == address->family && (differing & ~host_mask(subnet)) == 0;
}

/* Of two that overlap, the larger holds the gateway of the smaller. */
bool subnets_overlap(const Subnet *a, const Subnet *b) {
    if (!address_is_set(&a->gateway) || !address_is_set(&b->gateway))
        return false;
    return a->prefix_length < b->prefix_length ? subnet_contains(a, &b->gateway) : subnet_contains(b, &a->gateway);
}

const char *subnet_problem(const Subnet *subnet, const Address *address) {
    Number host = address_number(address) & host_mask(subnet);

    if (address_equal(address, &subnet->gateway))
        return "is the gateway of";
    if (host == 0)
        return address->family == AF_INET ? "is the network address of" : "is the anycast address of";
    if (address->family == AF_INET && host == host_mask(subnet))
        return "is the broadcast address of";
    return NULL;
}

uint64_t subnet_last_host(const Subnet *subnet) {
    Number mask = host_mask(subnet);
    uint64_t most = (UINT64_C(1) << HOST_BITS_MAX) - 1;
    return mask < most ? (uint64_t) mask : most;
}

Address subnet_host(const Subnet *subnet, uint64_t number) {
    Number prefix = address_number(&subnet->gateway) & ~host_mask(subnet);
    return address_with_number(subnet->gateway.family, prefix | number);
}
