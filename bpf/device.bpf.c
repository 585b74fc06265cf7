// SPDX-License-Identifier: GPL-2.0-or-later

/* DevicePolicy=, DeviceAllow=: opening and making device nodes. What no rule allows is denied. */

#include "deny.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_RDONLY_PROG);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct device_rule);
} device_rules SEC(".maps");

struct question {
    __u32 type, major, minor;
    __u32 access; /* what no rule has allowed yet */
};

static bool is_about(const struct device_rule *rule, const struct question *question) {
    return rule->type == question->type && (rule->major == DEVICE_NUMBER_ANY || rule->major == question->major) &&
           (rule->minor == DEVICE_NUMBER_ANY || rule->minor == question->minor);
}

/* Ends after the last rule, or when nothing is left to ask. */
static long ask_rule(__u32 i, struct question *question) {
    struct device_rule *rule = bpf_map_lookup_elem(&device_rules, &i);

    if (!rule)
        return 1;
    if (is_about(rule, question))
        question->access &= ~rule->access;
    return question->access == 0;
}

/* By bpf_loop(): an open-coded loop takes the verifier 40 ms for each group. */
SEC("cgroup/dev")
int filter_device(struct bpf_cgroup_dev_ctx *device) {
    struct question question;

    question.type = device->access_type & 0xffff;
    question.access = device->access_type >> 16;
    question.major = device->major;
    question.minor = device->minor;
    bpf_loop(FILTER_RULES_MAX, ask_rule, &question, 0);
    return question.access ? deny(FILTER_DEVICES) : ALLOW;
}
