// SPDX-License-Identifier: GPL-2.0-or-later

/* IPAddressAllow=, IPAddressDeny=: whom packets may go to and come from. The longest prefix that matches decides. */

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "deny.h"

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
    __uint(max_entries, FILTER_PREFIXES_MAX);
    __type(key, struct prefix4);
    __type(value, __u32);
} prefixes4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
    __uint(max_entries, FILTER_PREFIXES_MAX);
    __type(key, struct prefix6);
    __type(value, __u32);
} prefixes6 SEC(".maps");

static __always_inline int allows4(struct __sk_buff *skb, __u32 offset) {
    struct prefix4 key;
    __u32 *verdict;

    key.length = 32;
    if (bpf_skb_load_bytes(skb, offset, key.address, sizeof(key.address)) < 0)
        return DENY;
    verdict = bpf_map_lookup_elem(&prefixes4, &key);
    return verdict ? *verdict : ALLOW;
}

static __always_inline int allows6(struct __sk_buff *skb, __u32 offset) {
    struct prefix6 key;
    __u32 *verdict;

    key.length = 128;
    if (bpf_skb_load_bytes(skb, offset, key.address, sizeof(key.address)) < 0)
        return DENY;
    verdict = bpf_map_lookup_elem(&prefixes6, &key);
    return verdict ? *verdict : ALLOW;
}

static __always_inline int allows(struct __sk_buff *skb, __u32 offset4, __u32 offset6) {
    if (skb->protocol == bpf_htons(ETH_P_IP))
        return allows4(skb, offset4);
    if (skb->protocol == bpf_htons(ETH_P_IPV6))
        return allows6(skb, offset6);
    return ALLOW;
}

SEC("cgroup_skb/ingress")
int filter_ingress(struct __sk_buff *skb) {
    int allowed = allows(skb, offsetof(struct iphdr, saddr), offsetof(struct ipv6hdr, saddr));

    return allowed ? ALLOW : deny(FILTER_ADDRESSES);
}

SEC("cgroup_skb/egress")
int filter_egress(struct __sk_buff *skb) {
    int allowed = allows(skb, offsetof(struct iphdr, daddr), offsetof(struct ipv6hdr, daddr));

    return allowed ? ALLOW : deny(FILTER_ADDRESSES);
}
