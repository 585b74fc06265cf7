// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * Network bytes and packets by slot, at the IP level, attached once at the tree's root.
 *
 * A large TCP or UDP segment passes here once and is cut up later (GSO), or was put together from several (GRO). It is
 * counted as the packets that the wire has, with a copy of the headers for each but the first. The programs may be
 * interrupted by themselves (a process sends, a softirq acknowledges), so even per-CPU counters need atomic adds.
 */

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "lookup.h"

enum {
    ALLOW = 1,
};

static __always_inline __u32 transport_header_bytes(struct __sk_buff *skb, __u32 offset, __u8 protocol) {
    struct tcphdr tcp;

    if (protocol == IPPROTO_UDP)
        return sizeof(struct udphdr);
    if (protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)) < 0)
        return 0;
    return tcp.doff * 4;
}

static __always_inline __u32 header_bytes(struct __sk_buff *skb) {
    struct ipv6hdr ip6;
    struct iphdr ip4;

    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        if (bpf_skb_load_bytes(skb, 0, &ip4, sizeof(ip4)) < 0)
            return 0;
        return ip4.ihl * 4 + transport_header_bytes(skb, ip4.ihl * 4, ip4.protocol);
    }
    if (bpf_skb_load_bytes(skb, 0, &ip6, sizeof(ip6)) < 0)
        return 0;
    return sizeof(ip6) + transport_header_bytes(skb, sizeof(ip6), ip6.nexthdr);
}

/* The kernel trusts a guest's gso_size but not always fills in gso_segs. */
static __always_inline __u32 segments_of(struct __sk_buff *skb, __u32 headers) {
    if (skb->gso_segs)
        return skb->gso_segs;
    return skb->len > headers ? (skb->len - headers + skb->gso_size - 1) / skb->gso_size : 1;
}

static __always_inline struct cgroup_slot *slot_of_skb(struct __sk_buff *skb) {
    struct cgroup_slot *found = slot_of_cgroup_id(bpf_skb_cgroup_id(skb));
    __u32 zero = 0;
    struct abi *a;

    if (found)
        return found;
    a = bpf_map_lookup_elem(&abi, &zero);
    if (!a || !a->tree_id)
        return NULL;
    for (int i = NESTING_MAX; i > 0 && !found; i--)
        found = slot_of_cgroup_id(bpf_skb_ancestor_cgroup_id(skb, a->tree_level + i));
    return found;
}

static __always_inline struct slot *count_skb(struct __sk_buff *skb, __u64 *ret_bytes, __u64 *ret_packets) {
    struct cgroup_slot *found = slot_of_skb(skb);

    *ret_bytes = skb->len;
    *ret_packets = 1;
    if (!found)
        return NULL;
    if (skb->gso_size) {
        __u32 headers = header_bytes(skb);

        *ret_packets = segments_of(skb, headers);
        *ret_bytes += (*ret_packets - 1) * headers;
    }
    return counters_of(found);
}

SEC("cgroup_skb/ingress")
int net_receive(struct __sk_buff *skb) {
    __u64 bytes, packets;
    struct slot *slot = count_skb(skb, &bytes, &packets);

    if (slot) {
        __sync_fetch_and_add(&slot->receive_bytes, bytes);
        __sync_fetch_and_add(&slot->receive_packets, packets);
    }
    return ALLOW;
}

SEC("cgroup_skb/egress")
int net_transmit(struct __sk_buff *skb) {
    __u64 bytes, packets;
    struct slot *slot = count_skb(skb, &bytes, &packets);

    if (slot) {
        __sync_fetch_and_add(&slot->transmit_bytes, bytes);
        __sync_fetch_and_add(&slot->transmit_packets, packets);
    }
    return ALLOW;
}
