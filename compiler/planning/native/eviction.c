/* eviction.c: greedy eviction. Kernels run in order, and whatever is over the budget is dropped on
 * the way: of the values that live, the one whose cost is the least for its bytes and the time
 * since it was touched last (dynamic tensor rematerialization, Kirisame 2021). */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 400

typedef struct {
    tyc_planner *p;
    int64_t budget, bytes;
    int32_t runs, turn, count;
    int32_t *live, *place; /* the storages that live, and where in `live` one stands, or -1 */
    int32_t *touched, *left, *locked;
} eviction;

static void let_go(eviction *e, int32_t s) {
    int32_t at = e->place[s], moved = e->live[--e->count];
    e->live[at] = moved;
    e->place[moved] = at;
    e->place[s] = -1;
    e->bytes -= e->p->graph.size[s];
}

static double score(const eviction *e, int32_t s) {
    const tyc_graph *g = &e->p->graph;
    int32_t k = g->producer[s];
    double cost = g->cost[k];
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++) {
        int32_t r = g->producer[g->reads[i]];
        if (r >= 0 && e->place[g->reads[i]] < 0) cost += g->cost[r];
    }
    return cost / ((double)g->size[s] * (double)(e->runs - e->touched[s] + 1));
}

static bool evict_one(eviction *e) {
    const tyc_graph *g = &e->p->graph;
    int32_t best = -1;
    double least = 0.0;
    for (int32_t i = 0; i < e->count; i++) {
        int32_t s = e->live[i], k = g->producer[s];
        if (e->locked[s] || k < 0 || g->expiry[k] < g->kernels) continue;
        double found = score(e, s);
        if (best >= 0 && (found > least || (found == least && s > best))) continue;
        best = s;
        least = found;
    }
    e->p->work += e->count;
    if (best >= 0) let_go(e, best);
    return best >= 0;
}

static void lock(eviction *e, int32_t k, int32_t change) {
    const tyc_graph *g = &e->p->graph;
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++)
        e->locked[g->reads[i]] += change;
    for (int32_t i = g->write_begin[k]; i < g->write_begin[k + 1]; i++)
        e->locked[g->writes[i]] += change;
}

static void touch(eviction *e, int32_t s, int32_t at) {
    if (e->place[s] < 0) {
        e->place[s] = e->count;
        e->live[e->count++] = s;
        e->bytes += e->p->graph.size[s];
    }
    e->touched[s] = at;
}

static bool run(eviction *e, int32_t k, int32_t depth);

/* Makes again what a kernel reads, and room for what it writes. */
static bool prepare(eviction *e, int32_t k, int32_t depth) {
    const tyc_graph *g = &e->p->graph;
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++) {
        int32_t s = g->reads[i];
        if (e->place[s] >= 0) continue;
        if (g->producer[s] < 0) return false; /* it was read for the last time before this run */
        tyc_drop_key(e->p, (int64_t)e->turn * g->storages + s, true);
        if (!run(e, g->producer[s], depth + 1)) return false;
    }
    int64_t needed = 0;
    for (int32_t i = g->write_begin[k]; i < g->write_begin[k + 1]; i++)
        needed += e->place[g->writes[i]] < 0 ? g->size[g->writes[i]] : 0;
    while (e->bytes + needed > e->budget)
        if (!evict_one(e)) return false;
    return true;
}

static bool run(eviction *e, int32_t k, int32_t depth) {
    const tyc_graph *g = &e->p->graph;
    if (e->runs > g->longest || depth > DEEPEST) return false;
    lock(e, k, 1);
    bool done = prepare(e, k, depth);
    lock(e, k, -1);
    if (!done) return false;
    int32_t at = e->runs++;
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++) touch(e, g->reads[i], at);
    for (int32_t i = g->write_begin[k]; i < g->write_begin[k + 1]; i++) touch(e, g->writes[i], at);
    return true;
}

static void free_dead(eviction *e, int32_t k) {
    const tyc_graph *g = &e->p->graph;
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++) e->left[g->reads[i]]--;
    for (int32_t i = e->count - 1; i >= 0; i--) {
        int32_t s = e->live[i];
        if (e->left[s] <= 0 && e->touched[s] == e->runs - 1) let_go(e, s);
    }
}

static bool run_all(eviction *e) {
    const tyc_graph *g = &e->p->graph;
    for (int32_t i = 0; i < g->read_begin[g->kernels]; i++) e->left[g->reads[i]]++;
    for (int32_t s = 0; s < g->storages; s++) e->place[s] = -1;
    for (e->turn = 0; e->turn < g->kernels; e->turn++) {
        int32_t k = g->order[e->turn];
        if (!run(e, k, 0)) return false;
        free_dead(e, k);
    }
    return true;
}

/* Decides by eviction; what was dropped and made again becomes decisions, which are not played.
 * False without room, or where it takes far too many kernels. */
bool tyc_planner_evict(tyc_planner *p, int64_t budget) {
    size_t storages = (size_t)p->graph.storages;
    eviction e = {p, budget, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL};
    int32_t *numbers = calloc(5 * storages + 1, sizeof *numbers);
    if (numbers == NULL) {
        p->failed = true;
        return false;
    }
    e.live = numbers;
    e.place = numbers + storages;
    e.touched = numbers + 2 * storages;
    e.left = numbers + 3 * storages;
    e.locked = numbers + 4 * storages;
    bool done = run_all(&e);
    free(numbers);
    return done;
}
