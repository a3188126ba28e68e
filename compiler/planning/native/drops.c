/* drops.c: what may be dropped of the values that live at a position, and what that costs.
 *
 * A value that the kernel there does not touch may be made again before its next use, by its kernel
 * and those of what that reads and what no longer lives then. */
#include "planner.h"

#include <stdlib.h>

/* The position of the last touch of what a storage holds before `end`, or -1. */
static int32_t lasts_until(const tyc_planner *p, int32_t s, int32_t end) {
    const tyc_life *lives = p->lives.data;
    int32_t i = p->life[s];
    while (i >= 0 && lives[i].start >= end) i = lives[i].before;
    return i < 0 ? -1 : lives[i].end;
}

typedef struct {
    int32_t at, kernels, most;
    tyc_gap gap;
    tyc_drop drop;
} closure;

/* Adds the kernel that makes a storage again; false where it may not run. */
static bool include(tyc_planner *p, closure *c, int32_t s, int32_t k) {
    if (p->graph.expiry[k] < c->gap.turn || c->kernels >= c->most) return false;
    TYC_PUSH(p, &p->keys, int64_t, (int64_t)c->gap.turn * p->graph.storages + s);
    if (p->again[k] == p->stamp) return true;
    p->again[k] = p->stamp;
    p->batch[c->kernels++] = k;
    c->drop.cost += p->graph.cost[k];
    return true;
}

/* Whether the gap can be dropped, with the keys and what it comes to in `c->drop`. */
static bool close(tyc_planner *p, closure *c) {
    const tyc_graph *g = &p->graph;
    p->stamp++;
    c->kernels = 0;
    c->drop = (tyc_drop){0.0, g->size[c->gap.storage], (int32_t)p->keys.count, 0, 0.0};
    if (!include(p, c, c->gap.storage, g->producer[c->gap.storage])) return false;
    for (int32_t i = 0; i < c->kernels; i++) {
        int32_t k = p->batch[i];
        for (int32_t j = g->read_begin[k]; j < g->read_begin[k + 1]; j++) {
            int32_t s = g->reads[j], again = g->producer[s];
            if (p->seen[s] == p->stamp || lasts_until(p, s, c->gap.end) >= c->at) continue;
            p->seen[s] = p->stamp;
            if (again < 0 || g->expiry[again] < c->gap.turn)
                c->drop.saved -= g->size[s];
            else if (!include(p, c, s, again))
                return false;
        }
    }
    c->drop.end = (int32_t)p->keys.count;
    return c->drop.saved > 0;
}

/* The drops at a position, of at most so many kernels each, in `drops`; their keys in `keys`. */
void tyc_find_drops(tyc_planner *p, int32_t at, int32_t most) {
    closure c = {at, 0, most, {0, 0, 0, 0}, {0.0, 0, 0, 0, 0.0}};
    if (most > p->graph.kernels) c.most = p->graph.kernels;
    p->drops.count = p->keys.count = 0;
    for (int64_t i = 0; i < p->gaps.count && !p->failed; i++) {
        c.gap = TYC_AT(p->gaps, tyc_gap)[i];
        if (c.gap.begin >= at || at >= c.gap.end || p->graph.producer[c.gap.storage] < 0) continue;
        int64_t mark = p->keys.count;
        if (close(p, &c))
            TYC_PUSH(p, &p->drops, tyc_drop, c.drop);
        else
            p->keys.count = mark;
    }
}

static int by_rank(const void *a, const void *b) {
    const tyc_drop *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The cheapest for their bytes first, with noise between the factors. */
void tyc_sort_drops(tyc_planner *p, double low, double high) {
    tyc_drop *drops = p->drops.data;
    for (int64_t i = 0; i < p->drops.count; i++) {
        double noise = low < high ? tyc_uniform(p, low, high) : 1.0;
        drops[i].rank = drops[i].cost / (double)drops[i].saved * noise;
    }
    if (p->drops.count > 1) qsort(drops, (size_t)p->drops.count, sizeof *drops, by_rank);
}
