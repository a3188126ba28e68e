/* packing.c: packs buffers one after another, each at the tightest gap among those it lives with.
 *
 * Several orders are tried, and the best ones climbed from: a buffer that stands above the bound
 * moves to an earlier turn, as long as that is no worse. Buffers so small that they hardly matter
 * come last. */
#include "packing.h"

#include <stdlib.h>
#include <string.h>

#define ORDERS 7
#define CLIMBED 4
#define SMALL 3000

typedef struct {
    int64_t low, high;
    int32_t start, end, buffer;
} block;

typedef struct {
    block *blocks;  /* by offset */
    int32_t *order; /* the turns of the buffers */
    int32_t *rank;  /* the turn of a buffer */
    int64_t total;
} plan;

typedef struct {
    tyc_planner random; /* for its random numbers alone */
    const tyc_buffer *buffers;
    int32_t count, large; /* the first `large` of an order matter */
    int64_t bound, work;
    plan plans[ORDERS], trial;
} packing;

typedef struct {
    int64_t first, second;
    int32_t buffer;
} entry;

static int ascending(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    if (x->second != y->second) return x->second < y->second ? -1 : 1;
    return x->buffer - y->buffer;
}

static entry entry_of(const tyc_buffer *b, int32_t i, int32_t kind) {
    int64_t length = b->end - b->start + 1, area = b->size / 64 * length;
    switch (kind) {
        case 0: return (entry){-b->size, b->start, i};
        case 1: return (entry){-area, b->start, i};
        case 2: return (entry){-length, -b->size, i};
        case 3: return (entry){b->start, -b->size, i};
        case 4: return (entry){b->end, -b->size, i};
        case 5: return (entry){-b->end, -b->size, i};
        default: return (entry){-b->start, -b->size, i};
    }
}

/* Large buffers by one key, then the small ones by another. */
static bool sort_order(packing *k, int32_t kind, int32_t *order) {
    entry *entries = malloc(((size_t)k->count + 1) * sizeof *entries);
    if (entries == NULL) return false;
    int32_t large = 0, small = k->count;
    for (int32_t i = 0; i < k->count; i++) {
        bool tiny = k->buffers[i].size * SMALL < k->bound;
        entries[tiny ? --small : large++] = entry_of(k->buffers + i, i, tiny ? 0 : kind);
    }
    k->large = large;
    qsort(entries, (size_t)large, sizeof *entries, ascending);
    qsort(entries + large, (size_t)(k->count - large), sizeof *entries, ascending);
    for (int32_t i = 0; i < k->count; i++) order[i] = entries[i].buffer;
    free(entries);
    return true;
}

/* Places a buffer at the tightest gap, or above all; its end. */
static int64_t place(packing *k, plan *p, int32_t *depth, int32_t i) {
    const tyc_buffer *b = k->buffers + i;
    int64_t best = -1, best_gap = 0, end = 0;
    for (int32_t n = 0; n < *depth; n++) {
        const block *other = p->blocks + n;
        if (other->start > b->end || other->end < b->start) continue;
        int64_t gap = other->low - end;
        if (gap >= b->size && (best < 0 || gap < best_gap)) {
            best = end;
            best_gap = gap;
        }
        if (other->high > end) end = other->high;
    }
    k->work -= *depth + 8;
    block found = {best < 0 ? end : best, 0, b->start, b->end, i};
    found.high = found.low + b->size;
    int32_t low = 0, high = *depth;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (p->blocks[middle].low <= found.low) low = middle + 1;
        else high = middle;
    }
    memmove(p->blocks + low + 1, p->blocks + low, (size_t)(*depth - low) * sizeof *p->blocks);
    p->blocks[low] = found;
    ++*depth;
    return found.high;
}

/* Places the turns from `first` up to `last`; false as soon as one ends above `most`. */
static bool place_turns(packing *k, plan *p, int32_t depth, int32_t first, int32_t last,
                        int64_t most) {
    for (int32_t t = first; t < last; t++) {
        int32_t i = p->order[t];
        if (k->buffers[i].size == 0) continue;
        int64_t end = place(k, p, &depth, i);
        if (end > p->total) p->total = end;
        if (end > most) return false;
    }
    return true;
}

static void remember_ranks(const packing *k, plan *p) {
    for (int32_t t = 0; t < k->count; t++) p->rank[p->order[t]] = t;
}

static int32_t blocks_of(const packing *k, const plan *p, int32_t turns) {
    int32_t found = 0;
    for (int32_t t = 0; t < turns; t++) found += k->buffers[p->order[t]].size > 0;
    return found;
}

/* What lay before a turn in a plan, in the trial; how many blocks that is. */
static int32_t keep_before(packing *k, const plan *p, int32_t blocks, int32_t turn) {
    int32_t depth = 0;
    k->trial.total = 0;
    for (int32_t n = 0; n < blocks; n++) {
        if (p->rank[p->blocks[n].buffer] >= turn) continue;
        k->trial.blocks[depth++] = p->blocks[n];
        if (p->blocks[n].high > k->trial.total) k->trial.total = p->blocks[n].high;
    }
    return depth;
}

static void swap(plan *a, plan *b) {
    plan c = *a;
    *a = *b;
    *b = c;
}

/* A block of a plan that ends above the bound, by chance. */
static int32_t high_block(packing *k, const plan *p, int32_t blocks) {
    int64_t count = 0;
    for (int32_t n = 0; n < blocks; n++) count += p->blocks[n].high > k->bound;
    int64_t chosen = tyc_below(&k->random, count);
    for (int32_t n = 0; n < blocks; n++)
        if (p->blocks[n].high > k->bound && chosen-- == 0) return p->blocks[n].buffer;
    return p->blocks[0].buffer;
}

/* Moves large buffers of a plan until it meets the bound, or the work is done. */
static void climb(packing *k, plan *p, int64_t work) {
    int64_t end = k->work - work;
    int32_t blocks = blocks_of(k, p, k->large);
    while (k->work > end && p->total > k->bound && blocks > 0) {
        int32_t from = p->rank[high_block(k, p, blocks)];
        int32_t reach = tyc_below(&k->random, 2) ? from / 2 + 1 : from + 1;
        int32_t to = (int32_t)tyc_below(&k->random, reach);
        memcpy(k->trial.order, p->order, (size_t)k->count * sizeof *p->order);
        int32_t moved = p->order[from];
        memmove(k->trial.order + to + 1, p->order + to, (size_t)(from - to) * sizeof *p->order);
        k->trial.order[to] = moved;
        int32_t depth = keep_before(k, p, blocks, to);
        k->work -= k->count;
        if (!place_turns(k, &k->trial, depth, to, k->large, p->total)) continue;
        remember_ranks(k, &k->trial);
        swap(p, &k->trial);
    }
}

static bool allocate(const packing *k, plan *p) {
    size_t count = (size_t)k->count + 1;
    *p = (plan){malloc(count * sizeof *p->blocks), malloc(count * sizeof *p->order),
                malloc(count * sizeof *p->rank), 0};
    return p->blocks != NULL && p->order != NULL && p->rank != NULL;
}

static void release(plan *p) {
    free(p->blocks);
    free(p->order);
    free(p->rank);
}

/* Plans of all orders, the smallest first. */
static bool begin(packing *k) {
    bool there = allocate(k, &k->trial);
    for (int32_t n = 0; n < ORDERS; n++) there = allocate(k, k->plans + n) && there;
    for (int32_t n = 0; there && n < ORDERS; n++) {
        plan *p = k->plans + n;
        there = sort_order(k, n, p->order);
        if (!there) break;
        remember_ranks(k, p);
        place_turns(k, p, 0, 0, k->large, INT64_MAX);
        for (int32_t m = n; m > 0 && k->plans[m].total < k->plans[m - 1].total; m--)
            swap(k->plans + m, k->plans + m - 1);
    }
    return there;
}

/* Gives the buffers their offsets, and the bytes of the arena; false without memory. */
bool tyc_pack(tyc_buffer *buffers, int32_t count, int64_t bound, int64_t work, int64_t *total) {
    packing k = {.buffers = buffers, .count = count, .bound = bound, .work = work};
    k.random.random = (uint64_t)count;
    bool there = begin(&k);
    plan *best = k.plans;
    for (int32_t n = 0; there && n < CLIMBED && best->total > bound; n++) {
        if (k.work > 0) climb(&k, k.plans + n, k.work / (CLIMBED - n));
        if (k.plans[n].total < best->total) best = k.plans + n;
    }
    if (there) {
        int32_t depth = blocks_of(&k, best, k.large);
        place_turns(&k, best, depth, k.large, count, INT64_MAX);
        for (int32_t n = 0; n < count; n++) buffers[n].offset = 0;
        for (int32_t n = 0, all = blocks_of(&k, best, count); n < all; n++)
            buffers[best->blocks[n].buffer].offset = best->blocks[n].low;
        *total = best->total;
    }
    for (int32_t n = 0; n < ORDERS; n++) release(k.plans + n);
    release(&k.trial);
    return there;
}
