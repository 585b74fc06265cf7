// SPDX-License-Identifier: GPL-2.0-or-later

/* SocketBindAllow=, SocketBindDeny=: bind() to a port. The first rule that matches decides. */

#include <bpf/bpf_endian.h>

#include "deny.h"

enum {
    INET = 2, /* AF_INET, AF_INET6: no header has them that is not user space's alone */
    INET6 = 10,
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_RDONLY_PROG);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bind_rule);
} bind_rules SEC(".maps");

struct question {
    __u32 family, protocol, port;
    __u32 allowed;
};

static bool is_about(const struct bind_rule *rule, const struct question *question) {
    return (!rule->family || rule->family == question->family) &&
           (!rule->protocol || rule->protocol == question->protocol) && question->port >= rule->port_first &&
           question->port <= rule->port_last;
}

/* Ends after the last rule, or at the one that decides. */
static long ask_rule(__u32 i, struct question *question) {
    struct bind_rule *rule = bpf_map_lookup_elem(&bind_rules, &i);

    if (!rule)
        return 1;
    if (!is_about(rule, question))
        return 0;
    question->allowed = rule->allow;
    return 1;
}

static __always_inline int filter(struct bpf_sock_addr *socket, __u32 family) {
    struct question question;

    question.family = family;
    question.protocol = socket->protocol;
    question.port = bpf_ntohs(socket->user_port);
    question.allowed = 1;
    bpf_loop(FILTER_RULES_MAX, ask_rule, &question, 0);
    return question.allowed ? ALLOW : deny(FILTER_BINDS);
}

SEC("cgroup/bind4")
int filter_bind4(struct bpf_sock_addr *socket) {
    return filter(socket, INET);
}

SEC("cgroup/bind6")
int filter_bind6(struct bpf_sock_addr *socket) {
    return filter(socket, INET6);
}
