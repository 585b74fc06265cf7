/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The largest flow through a network whose edges hold so much each. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ShareFlowEdge {
    size_t from, to;
    uint64_t capacity; /* may be changed before each run */
    uint64_t room;     /* of the last run: what more would pass; of its reverse: what passes */
} ShareFlowEdge;

enum {
    SHARE_FLOW_SOURCE,
    SHARE_FLOW_SINK,
    SHARE_FLOW_VERTICES
}; /* the user's vertices are SHARE_FLOW_VERTICES and up */

typedef struct ShareFlow {
    ShareFlowEdge *edges; /* each followed by its reverse */
    size_t n_edges, n_allocated;
    size_t n_vertices;
    size_t *first;   /* of each vertex: its edges in by_vertex */
    size_t *current; /* the edge at which its search goes on */
    size_t *by_vertex;
    size_t *levels; /* steps from the source, while there is room */
    size_t *work;   /* a queue of vertices, or a path of edges */
} ShareFlow;

/* ret_edge: index in edges; NULL when nobody asks. -ENOMEM */
int share_flow_add(ShareFlow *flow, size_t from, size_t to, uint64_t capacity, size_t *ret_edge);
int share_flow_seal(ShareFlow *flow, size_t n_vertices); /* after the last edge; -ENOMEM */
uint64_t share_flow_run(ShareFlow *flow);
/* After a run: whether more could come that far. What more cannot leave are the edges from these vertices to others. */
bool share_flow_reaches(const ShareFlow *flow, size_t vertex);
void share_flow_done(ShareFlow *flow);
