/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `top` knows, how much of it each slice and workload uses, and in which order they stand. */

#include <stdint.h>

#include "tools/supctl/hierarchy.h"
#include "tools/supctl/report.h"
#include "tools/supctl/usage.h"

typedef enum TopSort {
    TOP_SORT_POLICY, /* the order of the policy */
    TOP_SORT_NAME,
    TOP_SORT_CPU,
    TOP_SORT_MEMORY,
    TOP_SORT_IO,
    TOP_SORT_NETWORK,
    TOP_SORT_WAIT,
    TOP_SORTS_COUNT,
} TopSort;

#define TOP_SORT_NAMES "policy|name|cpu|mem|io|net|wait"

typedef struct TopData {
    Listing listing;
    UsageTable earlier, later; /* the two newest samplings that differ in time */
    BoundsTable bounds;
} TopData;

typedef struct TopView {
    TopSort sort;  /* of siblings, or of all when it is flat */
    bool is_flat;  /* workloads alone, not as a tree */
    bool is_live;  /* on a screen: with history */
    size_t width;  /* of the screen; 0: as wide as it takes, with all columns */
    size_t first;  /* row at the top */
    size_t n_rows; /* at most */
} TopView;

void top_data_done(TopData *data);

const char *top_sort_name(TopSort sort);
TopSort top_sort_by_name(const char *name); /* TOP_SORTS_COUNT: there is none */
TopSort top_sort_by_key(int key);           /* the letter that chooses it; TOP_SORTS_COUNT: none does */

size_t top_count(const TopData *data, const TopView *view); /* rows that there are */

/* Now, in base units, a second where they are counters; NAN: not known. */
double top_rate(const TopData *data, const char *name, MeterId id);
double top_cpu(const TopData *data, const char *name);
double top_memory(const TopData *data, const char *name);
double top_io(const TopData *data, const char *name);
double top_network(const TopData *data, const char *name);
double top_wait(const TopData *data, const char *name);

/* Entries in the order wanted, and the rows of their tree or list. */
typedef struct TopOrder {
    Listing sorted; /* entries owned, the reply not */
    HierarchyRow *rows;
    size_t n_rows;
} TopOrder;

int top_order_build(const TopData *data, const TopView *view, TopOrder *ret); /* -ENOMEM */
void top_order_done(TopOrder *order);
