/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the filter programs and the daemon share. A filter is loaded for one group, with maps of its own: its rules, and
 * who it is. Both are filled before it is attached and never changed: other rules are another program.
 */

#include <linux/types.h>

typedef enum FilterId {
    FILTER_DEVICES,
    FILTER_ADDRESSES,
    FILTER_BINDS,
    FILTERS_COUNT,
} FilterId;

enum {
    FILTER_TEXT_MAX = 64,
    FILTER_RULES_MAX = 256, /* of devices, of binds; the verifier walks as many rounds */
    FILTER_PREFIXES_MAX = 1024,
    DEVICE_BLOCK = 1, /* as in struct bpf_cgroup_dev_ctx */
    DEVICE_CHAR = 2,
    DEVICE_MKNOD = 1,
    DEVICE_READ = 2,
    DEVICE_WRITE = 4,
};

#define DEVICE_NUMBER_ANY (~0U)

/* Who a filter is. Not known to the program but for the slot under which it counts. */
struct filter_identity {
    __u64 build; /* a hash of the program */
    __u32 slot;
    __u32 pad;
    char text[FILTER_TEXT_MAX]; /* canonical, of its rules */
};

/* How often each filter of a group has said no, by slot. */
struct filter_denials {
    __u64 count[FILTERS_COUNT];
};

struct device_rule {
    __u32 type;
    __u32 major;
    __u32 minor;
    __u32 access; /* DEVICE_MKNOD, ... that it allows */
};

/* The longest prefix decides; none: allowed. */
struct address_rule {
    __u8 ipv6;
    __u8 length; /* bits */
    __u8 allow;
    __u8 pad;
    __u8 address[16]; /* an IPv4 address is the first four */
};

struct prefix4 {
    __u32 length;
    __u8 address[4];
};

struct prefix6 {
    __u32 length;
    __u8 address[16];
};

/* The first that matches decides; none: allowed. */
struct bind_rule {
    __u32 family;   /* AF_INET, AF_INET6; 0: both */
    __u32 protocol; /* IPPROTO_TCP, IPPROTO_UDP; 0: both */
    __u32 port_first;
    __u32 port_last;
    __u32 allow;
};
