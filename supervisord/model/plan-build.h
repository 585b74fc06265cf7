/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How a plan comes about: what the parts of plan_build() share. Private to them; plan.h is the contract. */

#include "model/plan.h"

typedef struct PlanBuilder {
    Plan *plan;
    const Policy *policy;
    const Decision *decision;
    const Node *node;
    const char *only;
    const NodeGroup **in_place; /* by index in the policy: what is where the policy wants it; NULL: nothing; owned */
    uint32_t controllers;       /* that the policy needs, of those that can be had */
} PlanBuilder;

/* The new step is the plan's; it stays valid until the next one is added. path: NULL if the object has none. */
int plan_add_step(PlanBuilder *b, StepKind kind, const char *object, const char *path, Step **ret);
int plan_add_group_step(PlanBuilder *b, StepKind kind, const Group *group, Step **ret);
/* The number of the start that has processes; 0: none has, or there is no such group. */
unsigned plan_populated_leaf(const NodeGroup *found);

/* The parts that are files of their own, in this order. */
int plan_find_controllers(PlanBuilder *b);
int plan_add_freezer(PlanBuilder *b);
int plan_add_tree(PlanBuilder *b);
int plan_add_firewall(PlanBuilder *b);
int plan_add_gone_networks(PlanBuilder *b);
int plan_add_networks(PlanBuilder *b);
/* found: the group where the policy wants it; NULL: it will be made by a step before these. */
int plan_add_limits(PlanBuilder *b, const Group *group, const NodeGroup *found);
int plan_add_filters(PlanBuilder *b, const Group *group, const NodeGroup *found); /* the same */
int plan_add_gone_freezer(PlanBuilder *b);
