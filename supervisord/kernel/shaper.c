/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The token bucket on each ethN of a workload's namespace. The messages are built here and not by libnl's tbf, which knows
 * 32-bit rates only and rounds the burst to microseconds: what is read back is what was set. tc-tbf(8).
 *
 * A queue inside the sender's own namespace pushes back on its sockets before it drops, so TCP holds the rate. The price:
 * a workload that is given CAP_NET_ADMIN can take its own shaper away, which shows when it is read back.
 */

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "kernel/links.h"

enum {
    BURST_BYTES_MIN = 72 * 1024, /* a GSO frame of 64 KiB and the headers of its segments */
    BURST_USEC = 4000,           /* a timer may be that late without loss of rate */
    QUEUE_USEC = 100 * 1000,
    QUEUE_BYTES_MAX = 64 * 1024 * 1024,
};

typedef struct Shaper {
    int ifindex;
    bool found;
    uint64_t bytes_per_sec;
    uint64_t overlimits, drops;
} Shaper;

static uint32_t bytes_within(uint64_t bytes_per_sec, uint64_t usec) {
    uint64_t most = QUEUE_BYTES_MAX * USEC_PER_SEC / usec;
    return (bytes_per_sec < most ? bytes_per_sec : most) * usec / USEC_PER_SEC;
}

static int tc_message(int type, int flags, int ifindex, struct nl_msg **ret) {
    struct tcmsg tc = { .tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex, .tcm_parent = TC_H_ROOT };
    _cleanup_(cleanup_nlmsg_free) struct nl_msg *message = nlmsg_alloc_simple(type, flags);

    if (!message || nlmsg_append(message, &tc, sizeof(tc), NLMSG_ALIGNTO) < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(message);
    return 0;
}

static int shaper_put(struct nl_msg *message, uint64_t bytes_per_sec) {
    uint32_t burst = bytes_within(bytes_per_sec, BURST_USEC);
    if (burst < BURST_BYTES_MIN)
        burst = BURST_BYTES_MIN;

    struct tc_tbf_qopt parameters = {
        .rate.linklayer = TC_LINKLAYER_ETHERNET,
        .rate.rate = bytes_per_sec < UINT32_MAX ? bytes_per_sec : UINT32_MAX,
        .limit = bytes_within(bytes_per_sec, QUEUE_USEC) + burst,
    };

    NLA_PUT_STRING(message, TCA_KIND, "tbf");
    struct nlattr *options = nla_nest_start(message, TCA_OPTIONS);
    if (!options)
        goto nla_put_failure;
    NLA_PUT(message, TCA_TBF_PARMS, sizeof(parameters), &parameters);
    NLA_PUT_U64(message, TCA_TBF_RATE64, bytes_per_sec);
    NLA_PUT_U32(message, TCA_TBF_BURST, burst);
    nla_nest_end(message, options);
    return 0;

nla_put_failure:
    return -EMSGSIZE;
}

static int shaper_install(struct nl_sock *socket, int ifindex, uint64_t bytes_per_sec) {
    _cleanup_(cleanup_nlmsg_free) struct nl_msg *message = NULL;

    int r = tc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, ifindex, &message);
    if (r < 0)
        return r;
    r = shaper_put(message, bytes_per_sec);
    if (r < 0)
        return r;
    return links_result(nl_send_sync(socket, TAKE_PTR(message)));
}

static int shaper_remove(struct nl_sock *socket, int ifindex) {
    struct nl_msg *message;

    int r = tc_message(RTM_DELQDISC, 0, ifindex, &message);
    if (r < 0)
        return r;
    r = links_result(nl_send_sync(socket, message));
    return r == -ENOENT ? 0 : r;
}

static void shaper_read_rate(struct nlattr *options, Shaper *shaper) {
    struct nlattr *attributes[TCA_TBF_MAX + 1];

    if (!options || nla_parse_nested(attributes, TCA_TBF_MAX, options, NULL) < 0)
        return;
    if (attributes[TCA_TBF_RATE64]) /* only where 32 bits do not do */
        shaper->bytes_per_sec = nla_get_u64(attributes[TCA_TBF_RATE64]);
    else if (attributes[TCA_TBF_PARMS]) {
        struct tc_tbf_qopt parameters = { 0 };

        nla_memcpy(&parameters, attributes[TCA_TBF_PARMS], sizeof(parameters));
        shaper->bytes_per_sec = parameters.rate.rate;
    }
}

static void shaper_read_counters(struct nlattr *statistics, Shaper *shaper) {
    struct nlattr *attributes[TCA_STATS_MAX + 1];
    struct gnet_stats_queue queue = { 0 };

    if (!statistics || nla_parse_nested(attributes, TCA_STATS_MAX, statistics, NULL) < 0 ||
            !attributes[TCA_STATS_QUEUE])
        return;
    nla_memcpy(&queue, attributes[TCA_STATS_QUEUE], sizeof(queue));
    shaper->overlimits = queue.overlimits;
    shaper->drops = queue.drops;
}

/* One qdisc of the dump. */
static int shaper_meet(struct nl_msg *message, void *userdata) {
    struct tcmsg *tc = nlmsg_data(nlmsg_hdr(message));
    struct nlattr *attributes[TCA_MAX + 1];
    Shaper *shaper = userdata;

    if (nlmsg_parse(nlmsg_hdr(message), sizeof(*tc), attributes, TCA_MAX, NULL) < 0 ||
            tc->tcm_ifindex != shaper->ifindex || tc->tcm_parent != TC_H_ROOT || !attributes[TCA_KIND] ||
            nla_strcmp(attributes[TCA_KIND], "tbf") != 0)
        return NL_OK;

    shaper->found = true;
    shaper_read_rate(attributes[TCA_OPTIONS], shaper);
    shaper_read_counters(attributes[TCA_STATS2], shaper);
    return NL_OK;
}

static int shaper_read(struct nl_sock *socket, Shaper *shaper) {
    _cleanup_(cleanup_nlmsg_free) struct nl_msg *message = NULL;

    int r = tc_message(RTM_GETQDISC, NLM_F_DUMP, shaper->ifindex, &message);
    if (r < 0)
        return r;
    r = links_result(nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, shaper_meet, shaper));
    if (r < 0)
        return r;
    r = links_result(nl_send_auto(socket, message));
    if (r < 0)
        return r;
    return links_result(nl_recvmsgs_default(socket));
}

/* Calls act for each ethN of the namespace until one fails; -ENODEV if there is none. */
static int for_each_interface(
        int namespace_fd, int (*act)(struct nl_sock *socket, int ifindex, void *userdata), void *userdata) {
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *socket = NULL;

    int r = links_socket_open(namespace_fd, &socket);
    for (unsigned i = 0; r >= 0 && i < ATTACHMENTS_MAX; i++) {
        _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;
        char name[IFNAMSIZ];

        snprintf(name, sizeof(name), "eth%u", i);
        r = links_find(socket, name, &link);
        if (r == -ENODEV && i > 0)
            return 0;
        if (r >= 0)
            r = act(socket, rtnl_link_get_ifindex(link), userdata);
    }
    return r;
}

static int set_rate(struct nl_sock *socket, int ifindex, void *userdata) {
    const uint64_t *bytes_per_sec = userdata;

    if (*bytes_per_sec == AMOUNT_INFINITY)
        return shaper_remove(socket, ifindex);
    return shaper_install(socket, ifindex, *bytes_per_sec);
}

static int add_rate(struct nl_sock *socket, int ifindex, void *userdata) {
    Shaper shaper = { .ifindex = ifindex };
    uint64_t *loosest = userdata;

    int r = shaper_read(socket, &shaper);
    if (r < 0)
        return r;
    uint64_t rate = shaper.found ? shaper.bytes_per_sec : AMOUNT_INFINITY;
    if (rate > *loosest)
        *loosest = rate;
    return 0;
}

static int add_counters(struct nl_sock *socket, int ifindex, void *userdata) {
    Shaper shaper = { .ifindex = ifindex }, *sum = userdata;

    int r = shaper_read(socket, &shaper);
    if (r < 0)
        return r;
    sum->found |= shaper.found;
    sum->overlimits += shaper.overlimits;
    sum->drops += shaper.drops;
    return 0;
}

int links_egress_set(Links *links, int namespace_fd, uint64_t bytes_per_sec) {
    if (bytes_per_sec == 0)
        return -EINVAL;
    return for_each_interface(namespace_fd, set_rate, &bytes_per_sec);
}

int links_egress_get(Links *links, int namespace_fd, uint64_t *ret_bytes_per_sec) {
    uint64_t loosest = 0;

    int r = for_each_interface(namespace_fd, add_rate, &loosest);
    if (r < 0)
        return r;
    *ret_bytes_per_sec = loosest;
    return 0;
}

int links_egress_witness(Links *links, int namespace_fd, uint64_t *ret_overlimits, uint64_t *ret_drops) {
    Shaper sum = { 0 };

    int r = for_each_interface(namespace_fd, add_counters, &sum);
    if (r < 0)
        return r;
    if (!sum.found)
        return -ENODATA;

    *ret_overlimits = sum.overlimits;
    *ret_drops = sum.drops;
    return 0;
}
