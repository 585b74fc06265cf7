/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Dinic's algorithm, without recursion: shortest ways first, each round all of one length. */

#include "model/share-flow.h"

#include <errno.h>
#include <stdlib.h>

static const size_t UNREACHED = SIZE_MAX;

int share_flow_add(ShareFlow *flow, size_t from, size_t to, uint64_t capacity, size_t *ret_edge) {
    if (flow->n_edges + 2 > flow->n_allocated) {
        size_t n = flow->n_allocated > 0 ? 2 * flow->n_allocated : 64;
        ShareFlowEdge *edges = reallocarray(flow->edges, n, sizeof *edges);
        if (!edges)
            return -ENOMEM;
        flow->edges = edges;
        flow->n_allocated = n;
    }
    if (ret_edge)
        *ret_edge = flow->n_edges;
    flow->edges[flow->n_edges++] = (ShareFlowEdge){ .from = from, .to = to, .capacity = capacity };
    flow->edges[flow->n_edges++] = (ShareFlowEdge){ .from = to, .to = from };
    return 0;
}

/* A counting sort of edges by where they begin. */
int share_flow_seal(ShareFlow *flow, size_t n_vertices) {
    flow->n_vertices = n_vertices;
    flow->first = calloc(n_vertices + 2, sizeof *flow->first);
    flow->current = calloc(n_vertices, sizeof *flow->current);
    flow->by_vertex = calloc(flow->n_edges + 1, sizeof *flow->by_vertex);
    flow->levels = calloc(n_vertices, sizeof *flow->levels);
    flow->work = calloc(n_vertices, sizeof *flow->work);
    if (!flow->first || !flow->current || !flow->by_vertex || !flow->levels || !flow->work)
        return -ENOMEM;

    size_t *begin = flow->first + 1;
    for (size_t i = 0; i < flow->n_edges; i++)
        begin[flow->edges[i].from + 1]++;
    for (size_t i = 1; i <= n_vertices; i++)
        begin[i] += begin[i - 1];
    for (size_t i = 0; i < flow->n_edges; i++)
        flow->by_vertex[begin[flow->edges[i].from]++] = i;
    return 0;
}

static bool find_levels(ShareFlow *flow) {
    size_t head = 0, tail = 0;

    for (size_t i = 0; i < flow->n_vertices; i++)
        flow->levels[i] = UNREACHED;
    flow->levels[SHARE_FLOW_SOURCE] = 0;
    flow->work[tail++] = SHARE_FLOW_SOURCE;
    while (head < tail) {
        size_t vertex = flow->work[head++];

        for (size_t i = flow->first[vertex]; i < flow->first[vertex + 1]; i++) {
            const ShareFlowEdge *edge = flow->edges + flow->by_vertex[i];
            if (edge->room == 0 || flow->levels[edge->to] != UNREACHED)
                continue;
            flow->levels[edge->to] = flow->levels[vertex] + 1;
            flow->work[tail++] = edge->to;
        }
    }
    return flow->levels[SHARE_FLOW_SINK] != UNREACHED;
}

/* The next edge from a vertex that leads on. */
static bool find_edge(ShareFlow *flow, size_t vertex, size_t *ret) {
    for (; flow->current[vertex] < flow->first[vertex + 1]; flow->current[vertex]++) {
        size_t at = flow->by_vertex[flow->current[vertex]];
        const ShareFlowEdge *edge = flow->edges + at;

        if (edge->room > 0 && flow->levels[edge->to] == flow->levels[vertex] + 1) {
            *ret = at;
            return true;
        }
    }
    return false;
}

/* As much as passes along the path of n edges; *ret: how many of them, from the source on, still have room. */
static uint64_t push(ShareFlow *flow, size_t n, size_t *ret) {
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < n; i++)
        if (flow->edges[flow->work[i]].room < least)
            least = flow->edges[flow->work[i]].room;
    for (size_t i = n; i-- > 0;) {
        flow->edges[flow->work[i]].room -= least;
        flow->edges[flow->work[i] ^ 1].room += least;
        if (flow->edges[flow->work[i]].room == 0)
            *ret = i;
    }
    return least;
}

/* All that passes by ways along which levels rise. */
static uint64_t push_all(ShareFlow *flow) {
    size_t vertex = SHARE_FLOW_SOURCE, n = 0, edge;
    uint64_t sum = 0;

    for (size_t i = 0; i < flow->n_vertices; i++)
        flow->current[i] = flow->first[i];
    for (;;) {
        if (vertex == SHARE_FLOW_SINK) {
            sum += push(flow, n, &n);
            vertex = flow->edges[flow->work[n]].from;
        } else if (find_edge(flow, vertex, &edge)) {
            flow->work[n++] = edge;
            vertex = flow->edges[edge].to;
        } else if (n > 0) {
            flow->levels[vertex] = UNREACHED;
            vertex = flow->edges[flow->work[--n]].from;
        } else
            return sum;
    }
}

uint64_t share_flow_run(ShareFlow *flow) {
    uint64_t sum = 0;

    for (size_t i = 0; i < flow->n_edges; i++)
        flow->edges[i].room = flow->edges[i].capacity;
    while (find_levels(flow))
        sum += push_all(flow);
    return sum;
}

bool share_flow_reaches(const ShareFlow *flow, size_t vertex) {
    return flow->levels[vertex] != UNREACHED;
}

void share_flow_done(ShareFlow *flow) {
    free(flow->edges);
    free(flow->first);
    free(flow->current);
    free(flow->by_vertex);
    free(flow->levels);
    free(flow->work);
    *flow = (ShareFlow){ 0 };
}
