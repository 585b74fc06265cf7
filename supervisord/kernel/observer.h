/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of observe() share. Private to them; observe.h is the contract. */

#include "kernel/observe.h"

typedef struct Observer {
    const Tree *tree;
    Links *links;
    const Programs *programs;
    const Policy *policy;
    const char *only;
    GroupVisit *visit; /* NULL: all is read */
    void *visit_userdata;
    Node *node;
    size_t groups_allocated;
} Observer;

/* Of the knobs of these controllers. */
int observe_limits(int dir_fd, uint32_t controllers, NodeGroup *group);
/* What the kernel does not list for a device that the policy names is simply not limited: an absent line, not an absent file. */
int observe_unlimited_devices(const Observer *o, int dir_fd, NodeGroup *group);
int observe_limits_of_freezer(const Observer *o, int dir_fd, NodeGroup *group);
int observe_filters(const Observer *o, int dir_fd, NodeGroup *group);
int observe_device_numbers(Observer *o);
int observe_networks(Observer *o);
int observe_firewall(Observer *o);
int observe_freezer(Observer *o);
/* What stands on a group's directory; NULL: the knob is not the freezer's, or nobody looks at it. */
const char *observe_freezer_setting(const Observer *o, int dir_fd, const Knob *knob, char *buffer, size_t size);
/* What shapes the network of a workload that runs, as a setting of its group. */
int observe_egress(const Observer *o, NodeGroup *group, const NodeLeaf *leaf);
