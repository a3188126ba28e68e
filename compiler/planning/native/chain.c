/* chain.c: the best cuts of a chain of stretches, by a dynamic programme over runs of stretches and
 * the room that is left.
 *
 * A run of stretches is kept whole where that fits. Or its first stretch is kept and the rest done
 * with what that leaves. Or a cut in it is kept, the rest behind the cut is done with what that
 * leaves, and the part before the cut is made again and done with all (Rotor, Beaumont 2019). Or
 * the rest behind the cut is kept whole, and the cut is not. */
#include "planner.h"

#include <stdlib.h>

#define NEVER 3.0e38f

typedef struct {
    const tyc_chain *chain;
    float *costs;     /* [pair][slots + 1] */
    int16_t *choices; /* the cut; -1: whole; -2: the first stretch is kept; -2 - n: not the cut n */
} tables;

static int64_t row(const tyc_chain *c, int32_t i, int32_t j) {
    return ((int64_t)i * (c->count + 1) + j) * (c->slots + 1);
}

static int32_t beside(const tyc_chain *c, int32_t i, int32_t j) {
    int32_t most = 0;
    for (int32_t n = i; n < j; n++) most = c->beside[n] > most ? c->beside[n] : most;
    return most;
}

/* Without the room in which its kernels can run, a run of stretches cannot be done. */
static void need_room(tables *t, int32_t i, int32_t j) {
    const tyc_chain *c = t->chain;
    int32_t most = c->first[i];
    for (int32_t n = i + 1; n < j; n++) most = c->later[n] > most ? c->later[n] : most;
    most += c->hold[j - 1];
    for (int32_t m = 0; m < most && m <= c->slots; m++) t->costs[row(c, i, j) + m] = NEVER;
}

static void keep_whole(tables *t, int32_t i, int32_t j) {
    const tyc_chain *c = t->chain;
    float *cost = t->costs + row(c, i, j);
    int16_t *choice = t->choices + row(c, i, j);
    int32_t whole = c->made[j] - c->made[i] + beside(c, i, j);
    for (int32_t m = 0; m <= c->slots; m++) {
        cost[m] = m >= whole ? 0.0f : NEVER;
        choice[m] = -1;
    }
}

static void keep_first(tables *t, int32_t i, int32_t j) {
    const tyc_chain *c = t->chain;
    float *cost = t->costs + row(c, i, j);
    int16_t *choice = t->choices + row(c, i, j);
    const float *rest = t->costs + row(c, i + 1, j);
    int32_t kept = c->made[i + 1] - c->made[i], crosses = c->cross[i * (c->count + 1) + i + 1];
    kept = crosses > kept ? crosses : kept;
    for (int32_t m = kept + c->beside[i]; m <= c->slots; m++) {
        if (rest[m - kept] >= cost[m]) continue;
        cost[m] = rest[m - kept];
        choice[m] = -2;
    }
}

static void cut_at(tables *t, int32_t i, int32_t j, int32_t n) {
    const tyc_chain *c = t->chain;
    float *cost = t->costs + row(c, i, j);
    float again = (float)(c->work[n - 1] - c->work[i] + c->last[n - 1]);
    int16_t *choice = t->choices + row(c, i, j);
    int32_t crosses = c->cross[i * (c->count + 1) + n];
    const float *before = t->costs + row(c, i, n), *behind = t->costs + row(c, n, j) - crosses;
    for (int32_t m = crosses; m <= c->slots; m++) {
        float total = behind[m] + before[m] + again;
        bool better = total < cost[m];
        cost[m] = better ? total : cost[m];
        choice[m] = better ? (int16_t)n : choice[m];
    }
}

static void drop_at(tables *t, int32_t i, int32_t j, int32_t n) {
    const tyc_chain *c = t->chain;
    float *cost = t->costs + row(c, i, j), again = (float)(c->work[n] - c->work[i]);
    int16_t *choice = t->choices + row(c, i, j);
    const float *before = t->costs + row(c, i, n);
    for (int32_t m = c->made[j] - c->made[n] + beside(c, n, j); m <= c->slots; m++) {
        if (before[m] + again >= cost[m]) continue;
        cost[m] = before[m] + again;
        choice[m] = (int16_t)(-2 - n);
    }
}

/* What is kept of stretches i .. j with so many slots at a depth: `cuts[n]` is the depth of the cut
 * before stretch n, or -2 less the depth of one that is not kept; `kept[n]` that of stretch n; -1
 * where there is none. */
static void follow(const tables *t, int32_t i, int32_t j, int32_t room, int32_t depth,
                   int32_t *cuts, int32_t *kept) {
    const tyc_chain *c = t->chain;
    while (i < j) {
        int32_t n = t->choices[row(c, i, j) + room];
        if (n == -1) {
            for (; i < j; i++) kept[i] = depth;
        } else if (n < -2) {
            n = -2 - n;
            follow(t, i, n, room, depth + 1, cuts, kept);
            cuts[n] = -2 - depth;
            for (i = n; i < j; i++) kept[i] = depth;
        } else if (n == -2) {
            int32_t made = c->made[i + 1] - c->made[i];
            int32_t crosses = c->cross[i * (c->count + 1) + i + 1];
            kept[i++] = depth;
            cuts[i] = depth;
            room -= crosses > made ? crosses : made;
        } else {
            follow(t, i, n, room, depth + 1, cuts, kept);
            cuts[n] = depth;
            room -= c->cross[i * (c->count + 1) + n];
            i = n;
        }
    }
}

/* The best cuts for each of `rooms` (numbers of slots): rows of `cuts` and `kept` as `follow` has
 * them, `costs[r]` what runs again, infinite where there are none. False without memory. */
bool tyc_chain_solve(const tyc_chain *c, const int32_t *rooms, int32_t count, int32_t *cuts,
                     int32_t *kept, float *costs) {
    int64_t cells = row(c, c->count, c->count) + c->slots + 1;
    tables t = {c, malloc((size_t)cells * sizeof *t.costs),
                malloc((size_t)cells * sizeof *t.choices)};
    bool there = t.costs != NULL && t.choices != NULL;
    for (int32_t length = 1; there && length <= c->count; length++) {
        for (int32_t i = 0; i + length <= c->count; i++) {
            keep_whole(&t, i, i + length);
            if (length > 1) keep_first(&t, i, i + length);
            for (int32_t n = i + 1; n < i + length; n++) {
                cut_at(&t, i, i + length, n);
                drop_at(&t, i, i + length, n);
            }
            need_room(&t, i, i + length);
        }
    }
    for (int32_t r = 0; there && r < count; r++) {
        int32_t *cut = cuts + (int64_t)r * (c->count + 1), *keep = kept + (int64_t)r * c->count;
        for (int32_t n = 0; n <= c->count; n++) cut[n] = -1;
        for (int32_t n = 0; n < c->count; n++) keep[n] = -1;
        costs[r] = t.costs[row(c, 0, c->count) + rooms[r]];
        if (costs[r] < NEVER) follow(&t, 0, c->count, rooms[r], 0, cut, keep);
    }
    free(t.costs);
    free(t.choices);
    return there;
}
