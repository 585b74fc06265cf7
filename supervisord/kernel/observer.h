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
    Node *node;
    size_t groups_allocated;
} Observer;

int observe_filters(const Observer *o, int dir_fd, NodeGroup *group);
int observe_device_numbers(Observer *o);
int observe_networks(Observer *o);
int observe_firewall(Observer *o);
/* What shapes the network of a workload that runs, as a setting of its group. */
int observe_egress(const Observer *o, NodeGroup *group, const NodeLeaf *leaf);
