/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* IPv4 and IPv6 addresses and the subnets that they are in: plain values. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN + 4 }; /* with a prefix length */

/* A network has at most one subnet, and a workload on it one address, of each. */
typedef enum AddressFamily {
    ADDRESS_IPV4,
    ADDRESS_IPV6,
    ADDRESS_FAMILIES_COUNT,
} AddressFamily;

typedef struct Address {
    sa_family_t family; /* AF_INET or AF_INET6; AF_UNSPEC: none */
    uint8_t bytes[16];  /* network byte order; four of them for IPv4 */
} Address;

/* "10.77.0.1/24": the gateway's address says which subnet it is. */
typedef struct Subnet {
    Address gateway; /* none: no such subnet */
    unsigned prefix_length;
} Subnet;

bool address_is_set(const Address *address);
size_t address_size(const Address *address);             /* 4 or 16 bytes */
AddressFamily address_index(const Address *address);     /* of one that is set */
int address_parse(const char *text, Address *ret);       /* -EINVAL */
int address_parse_prefix(const char *text, Subnet *ret); /* the length is a must; -EINVAL, -ERANGE */
bool address_equal(const Address *a, const Address *b);
const char *address_format(const Address *address, char *buffer, size_t size);
const char *subnet_format(const Subnet *subnet, char *buffer, size_t size); /* "10.77.0.1/24" */

bool subnet_equal(const Subnet *a, const Subnet *b);
bool subnet_contains(const Subnet *subnet, const Address *address);
bool subnets_overlap(const Subnet *a, const Subnet *b);
/* What an address in the subnet must not be: "is the gateway of"; NULL: a workload may have it. */
const char *subnet_problem(const Subnet *subnet, const Address *address);
/* The hosts of a subnet by number, from 0 to this one: all that differ in the last 62 bits. */
uint64_t subnet_last_host(const Subnet *subnet);
Address subnet_host(const Subnet *subnet, uint64_t number);
