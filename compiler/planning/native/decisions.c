/* decisions.c: the planner's life, and its bits: what is dropped, what is made before it is needed,
 * with a journal to take changes back. A key is turn * storages + storage. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

static void *zeros(int64_t count, int64_t bytes) {
    return calloc((size_t)(count > 0 ? count : 1), (size_t)bytes);
}

static void release(tyc_planner *p) {
    tyc_list *lists[] = {&p->journal, &p->kernels, &p->profile, &p->lives, &p->gaps, &p->agains,
                         &p->read_lives, &p->takeovers, &p->drops, &p->keys, &p->order, &p->room,
                         &p->found};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]->data);
    int32_t *numbers[] = {p->turn, p->wants, p->last, p->last_turn, p->life,
                          p->seen, p->again, p->stack, p->batch};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) free(numbers[i]);
    free(p->dropped);
    free(p->wanted);
    free(p);
}

void tyc_planner_destroy(tyc_planner *p) {
    if (p != NULL) release(p);
}

/* NULL without memory. */
tyc_planner *tyc_planner_create(const tyc_graph *graph) {
    tyc_planner *p = zeros(1, sizeof *p);
    if (p == NULL) return NULL;
    p->graph = *graph;
    int32_t n = graph->kernels, s = graph->storages;
    p->words = (s + 63) / 64;
    p->dropped = zeros(n * p->words, 8);
    p->wanted = zeros(n * p->words, 8);
    p->wants = zeros(n, 4);
    p->turn = zeros(n, 4);
    p->again = zeros(n, 4);
    p->batch = zeros(n, 4);
    p->last = zeros(s, 4);
    p->last_turn = zeros(s, 4);
    p->life = zeros(s, 4);
    p->seen = zeros(s, 4);
    p->stack = zeros((int64_t)s + 1, 4);
    bool there = p->dropped && p->wanted && p->wants && p->turn && p->again && p->batch &&
                 p->last && p->last_turn && p->life && p->seen && p->stack;
    if (!there) {
        release(p);
        return NULL;
    }
    for (int32_t t = 0; t < n; t++) p->turn[graph->order[t]] = t;
    return p;
}

bool tyc_is_dropped(const tyc_planner *p, int32_t storage, int32_t turn) {
    return p->dropped[turn * p->words + storage / 64] >> (storage % 64) & 1;
}

static void flip(tyc_planner *p, int64_t key, bool want) {
    int64_t turn = key / p->graph.storages, storage = key % p->graph.storages;
    uint64_t *word = (want ? p->wanted : p->dropped) + turn * p->words + storage / 64;
    *word ^= (uint64_t)1 << (storage % 64);
    if (want) p->wants[turn] += *word >> (storage % 64) & 1 ? 1 : -1;
}

void tyc_drop_key(tyc_planner *p, int64_t key, bool dropped) {
    int64_t storages = p->graph.storages;
    if (tyc_is_dropped(p, (int32_t)(key % storages), (int32_t)(key / storages)) == dropped) return;
    flip(p, key, false);
    TYC_PUSH(p, &p->journal, int64_t, key * 2);
}

void tyc_want_key(tyc_planner *p, int64_t key, bool wanted) {
    int64_t turn = key / p->graph.storages, storage = key % p->graph.storages;
    if ((p->wanted[turn * p->words + storage / 64] >> (storage % 64) & 1) == wanted) return;
    flip(p, key, true);
    TYC_PUSH(p, &p->journal, int64_t, key * 2 + 1);
}

void tyc_undo(tyc_planner *p, int64_t mark) {
    while (p->journal.count > mark) {
        int64_t entry = TYC_AT(p->journal, int64_t)[--p->journal.count];
        flip(p, entry / 2, entry & 1);
    }
}

/* The decisions: keys * 2, and * 2 + 1 for what is wanted. */
void tyc_planner_load(tyc_planner *p, const int64_t *entries, int64_t count) {
    memset(p->dropped, 0, (size_t)(p->graph.kernels * p->words) * 8);
    memset(p->wanted, 0, (size_t)(p->graph.kernels * p->words) * 8);
    memset(p->wants, 0, (size_t)p->graph.kernels * 4);
    p->journal.count = 0;
    for (int64_t i = 0; i < count; i++) flip(p, entries[i] / 2, entries[i] & 1);
}

static void store(tyc_planner *p, const uint64_t *bits, int64_t kind) {
    for (int64_t i = 0; i < p->graph.kernels * p->words; i++) {
        for (uint64_t word = bits[i]; word; word &= word - 1) {
            int64_t storage = i % p->words * 64 + __builtin_ctzll(word);
            TYC_PUSH(p, &p->found, int64_t,
                     (i / p->words * p->graph.storages + storage) * 2 + kind);
        }
    }
}

/* How many entries `tyc_planner_load` needs to come back to these decisions; they lie at `found`
 * until the next call. */
int64_t tyc_planner_store(tyc_planner *p, const int64_t **found) {
    p->found.count = 0;
    store(p, p->dropped, 0);
    store(p, p->wanted, 1);
    *found = p->found.data;
    return p->failed ? -1 : p->found.count;
}
