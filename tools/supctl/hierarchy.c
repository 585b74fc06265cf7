/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Links entries to first child and next sibling, then walks from the top. Entries that reach no top (their slices form a
 * ring, which no sound daemon reports) come last, so that nothing is ever left out.
 */

#include "tools/supctl/hierarchy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct Node {
    size_t parent, first_child, next_sibling; /* NO_ENTRY: none */
    bool visited;
} Node;

typedef struct Walk {
    Node *nodes; /* one for each entry and, behind them, one for the top */
    HierarchyRow *rows;
    size_t n_rows;
} Walk;

static int compare_names(const void *a, const void *b) {
    const Status *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static size_t find_slice(const Listing *listing, const Status **by_name, const char *slice) {
    const Status key = { .name = slice }, *key_address = &key;
    const Status **found = bsearch(&key_address, by_name, listing->n_entries, sizeof(*by_name), compare_names);

    return found ? (size_t) (*found - listing->entries) : NO_ENTRY;
}

/* Backwards, so that each list of siblings comes out in the order of the listing. */
static void link_nodes(const Listing *listing, const Status **by_name, Node *nodes) {
    size_t top = listing->n_entries;

    for (size_t i = 0; i <= top; i++)
        nodes[i] = (Node){ .parent = NO_ENTRY, .first_child = NO_ENTRY, .next_sibling = NO_ENTRY };
    for (size_t i = top; i-- > 0;) {
        nodes[i].parent = find_slice(listing, by_name, listing->entries[i].slice);

        Node *parent = &nodes[nodes[i].parent == NO_ENTRY ? top : nodes[i].parent];

        nodes[i].next_sibling = parent->first_child;
        parent->first_child = i;
    }
}

static void walk_children(Walk *walk, const Node *parent, unsigned depth) {
    for (size_t i = parent->first_child; i != NO_ENTRY; i = walk->nodes[i].next_sibling) {
        Node *node = &walk->nodes[i];

        node->visited = true;
        walk->rows[walk->n_rows++] = (HierarchyRow){
            .entry = i,
            .parent = node->parent,
            .depth = depth,
            .last = node->next_sibling == NO_ENTRY,
        };
        walk_children(walk, node, depth + 1);
    }
}

int hierarchy_build(const Listing *listing, HierarchyRow **ret) {
    size_t n = listing->n_entries;
    _cleanup_(cleanup_free) const Status **by_name = calloc(n + 1, sizeof(*by_name));
    _cleanup_(cleanup_free) Node *nodes = calloc(n + 1, sizeof(*nodes));
    Walk walk = { .nodes = nodes, .rows = calloc(n + 1, sizeof(HierarchyRow)) };

    if (!by_name || !nodes || !walk.rows) {
        free(walk.rows);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++)
        by_name[i] = &listing->entries[i];
    qsort(by_name, n, sizeof(*by_name), compare_names);
    link_nodes(listing, by_name, nodes);
    walk_children(&walk, &nodes[n], 0);
    for (size_t i = 0; i < n; i++)
        if (!nodes[i].visited)
            walk.rows[walk.n_rows++] = (HierarchyRow){ .entry = i, .parent = NO_ENTRY, .last = true };
    *ret = walk.rows;
    return 0;
}
