/* replay.c: plays decisions back: the sequence, the bytes at each position, lives and gaps. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

static bool kept_by_rule(const tyc_planner *p, int32_t storage, int32_t last, int32_t turn) {
    const tyc_rule *rule = p->rule;
    int32_t level = rule->level[storage];
    if (level == 0 && turn > rule->middle && rule->cheap[storage]) return turn - last <= rule->near;
    if (level >= rule->top) return true;
    const int32_t *row = rule->segment + (int64_t)level * p->graph.kernels;
    return row[last] == row[turn];
}

/* Whether a storage has to be made again for a turn. */
static bool missing(tyc_planner *p, int32_t s, int32_t turn) {
    int32_t r = p->graph.producer[s];
    if (r < 0 || p->last_turn[s] >= turn || turn > p->graph.expiry[r]) return false;
    if (tyc_is_dropped(p, s, turn)) return true;
    if (p->rule == NULL || kept_by_rule(p, s, p->last_turn[s], turn)) return false;
    tyc_drop_key(p, (int64_t)turn * p->graph.storages + s, true);
    return true;
}

static int32_t push(tyc_planner *p, int32_t s, int32_t depth) {
    if (p->seen[s] == p->stamp) return depth;
    p->seen[s] = p->stamp;
    p->stack[depth] = s;
    return depth + 1;
}

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The turns of the kernels that run again before a turn, ascending, in `batch`. */
static int32_t gather(tyc_planner *p, int32_t turn) {
    const tyc_graph *g = &p->graph;
    int32_t k = g->order[turn], depth = 0, count = 0;
    p->stamp++;
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++)
        depth = push(p, g->reads[i], depth);
    for (int64_t w = 0; p->wants[turn] && w < p->words; w++) {
        for (uint64_t word = p->wanted[turn * p->words + w]; word; word &= word - 1)
            depth = push(p, (int32_t)(w * 64 + __builtin_ctzll(word)), depth);
    }
    while (depth > 0) {
        int32_t s = p->stack[--depth];
        if (!missing(p, s, turn)) continue;
        int32_t r = g->producer[s];
        if (p->again[r] == p->stamp) continue;
        p->again[r] = p->stamp;
        p->batch[count++] = p->turn[r];
        for (int32_t i = g->read_begin[r]; i < g->read_begin[r + 1]; i++)
            depth = push(p, g->reads[i], depth);
    }
    if (count > 1) qsort(p->batch, (size_t)count, sizeof *p->batch, ascending);
    return count;
}

static void read(tyc_planner *p, int32_t s, int32_t at, int32_t turn) {
    if (p->life[s] < 0) return;
    tyc_life *life = TYC_AT(p->lives, tyc_life) + p->life[s];
    if (at - p->last[s] > 1 && p->last_turn[s] < turn) {
        tyc_gap gap = {s, turn, p->last[s], at};
        TYC_PUSH(p, &p->gaps, tyc_gap, gap);
    }
    life->end = at;
    life->uses++;
    p->last[s] = at;
    p->last_turn[s] = turn;
}

static void write(tyc_planner *p, int32_t s, int32_t at, int32_t turn, bool again) {
    if (p->life[s] >= 0 && p->graph.joined[s]) {
        TYC_AT(p->lives, tyc_life)[p->life[s]].end = at;
    } else {
        tyc_life life = {s, at, at, 0, again ? turn : -1, p->life[s], 0.0, false, false};
        p->life[s] = (int32_t)p->lives.count;
        TYC_PUSH(p, &p->lives, tyc_life, life);
    }
    p->last[s] = at;
    p->last_turn[s] = turn;
}

static void run(tyc_planner *p, int32_t k, int32_t turn, bool again) {
    const tyc_graph *g = &p->graph;
    int32_t at = p->count++;
    TYC_PUSH(p, &p->kernels, int32_t, k);
    int32_t first = (int32_t)p->read_lives.count;
    for (int32_t i = g->read_begin[k]; i < g->read_begin[k + 1]; i++) {
        read(p, g->reads[i], at, turn);
        if (again) TYC_PUSH(p, &p->read_lives, int32_t, p->life[g->reads[i]]);
    }
    if (again) {
        tyc_again found = {k, turn, at, (int32_t)p->lives.count, first};
        TYC_PUSH(p, &p->agains, tyc_again, found);
        p->extra += g->cost[k];
    }
    for (int32_t i = g->write_begin[k]; i < g->write_begin[k + 1]; i++)
        write(p, g->writes[i], at, turn, again);
    for (int32_t i = g->pair_begin[k]; i < g->pair_begin[k + 1]; i++) {
        int32_t a = g->pair_from[i], b = g->pair_to[i];
        tyc_takeover found = {at, p->life[a], p->life[b], g->size[b]};
        if (found.from >= 0 && found.to >= 0) TYC_PUSH(p, &p->takeovers, tyc_takeover, found);
    }
}

static void sum_up(tyc_planner *p) {
    if (!tyc_reserve(p, &p->profile, (int64_t)p->count + 1, sizeof(int64_t))) return;
    int64_t *profile = p->profile.data, live = 0;
    tyc_life *lives = p->lives.data;
    memset(profile, 0, (size_t)(p->count + 1) * sizeof *profile);
    for (int64_t i = 0; i < p->lives.count; i++) {
        int64_t size = p->graph.size[lives[i].storage];
        profile[lives[i].start] += size;
        profile[lives[i].end + 1] -= size;
    }
    for (int32_t i = 0; i < p->count; i++) profile[i] = live += profile[i];
    for (int64_t i = 0; i < p->takeovers.count; i++) {
        tyc_takeover t = TYC_AT(p->takeovers, tyc_takeover)[i];
        tyc_life *a = lives + t.from, *b = lives + t.to;
        if (a->end != t.at || b->start != t.at || a->given || b->taken) continue;
        a->given = b->taken = true;
        profile[t.at] -= t.size;
    }
    p->peak = 0;
    for (int32_t i = 0; i < p->count; i++) p->peak = profile[i] > p->peak ? profile[i] : p->peak;
}

/* Plays the decisions; false where the sequence is far too long. */
bool tyc_play(tyc_planner *p) {
    const tyc_graph *g = &p->graph;
    size_t bytes = (size_t)g->storages * sizeof *p->last;
    memset(p->last, -1, bytes);
    memset(p->last_turn, -1, bytes);
    memset(p->life, -1, bytes);
    if (p->stamp > 1 << 30) {
        memset(p->seen, 0, bytes);
        memset(p->again, 0, (size_t)g->kernels * sizeof *p->again);
        p->stamp = 0;
    }
    p->count = 0;
    p->extra = 0.0;
    tyc_list *lists[] = {&p->kernels, &p->lives, &p->gaps, &p->agains, &p->read_lives,
                         &p->takeovers};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) lists[i]->count = 0;
    for (int32_t t = 0; t < g->kernels && !p->failed; t++) {
        int32_t again = gather(p, t);
        if (p->count + again > g->longest) {
            p->work += p->count;
            return false;
        }
        for (int32_t i = 0; i < again; i++) run(p, g->order[p->batch[i]], t, true);
        run(p, g->order[t], t, false);
    }
    p->work += p->count;
    if (!p->failed) sum_up(p);
    return !p->failed;
}

/* What each run beyond the first costs with all that runs for it alone, at its lives. */
void tyc_price(tyc_planner *p) {
    const tyc_graph *g = &p->graph;
    tyc_life *lives = p->lives.data;
    for (int64_t i = 0; i < p->agains.count; i++) {
        tyc_again a = TYC_AT(p->agains, tyc_again)[i];
        const int32_t *reads = TYC_AT(p->read_lives, int32_t) + a.read;
        double price = g->cost[a.kernel];
        for (int32_t j = 0; j < g->read_begin[a.kernel + 1] - g->read_begin[a.kernel]; j++) {
            if (reads[j] < 0) continue;
            tyc_life *life = lives + reads[j];
            if (life->turn == a.turn && life->uses == 1) price += life->price;
        }
        int32_t writes = g->write_begin[a.kernel + 1] - g->write_begin[a.kernel];
        for (int32_t j = 0; j < writes; j++) lives[a.life + j].price = price;
    }
}
