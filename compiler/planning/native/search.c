/* search.c: brings decisions down to a budget, and improves those that fit one. */
#include "planner.h"

#include <string.h>

#define PATIENCE 12
#define MOST_AGAIN 400
#define MOST_AGAIN_AT_ONCE 64

static int32_t highest(const tyc_planner *p) {
    const int64_t *profile = p->profile.data;
    int32_t at = 0;
    for (int32_t i = 1; i < p->count; i++) at = profile[i] > profile[at] ? i : at;
    return at;
}

/* Drops keys of the cheapest at the highest position until about `bytes` are saved. */
static bool drop_at_peak(tyc_planner *p, int64_t bytes, double low, double high) {
    tyc_find_drops(p, highest(p), MOST_AGAIN);
    tyc_sort_drops(p, low, high);
    int64_t mark = p->journal.count;
    const tyc_drop *drops = p->drops.data;
    for (int64_t i = 0; i < p->drops.count && bytes > 0; i++) {
        int64_t before = p->journal.count;
        for (int32_t j = drops[i].begin; j < drops[i].end; j++)
            tyc_drop_key(p, TYC_AT(p->keys, int64_t)[j], true);
        if (p->journal.count - before == drops[i].end - drops[i].begin) bytes -= drops[i].saved;
    }
    return p->journal.count > mark;
}

/* Of decisions that were just played, those that fit the budget, or the lowest on the way there;
 * they are played. True where they fit. A part at a time: what is dropped changes what the rest
 * costs. */
static bool lower(tyc_planner *p, int64_t budget, int32_t rounds, int32_t parts, double low,
                  double high) {
    int64_t best = p->journal.count, least = p->peak;
    for (int32_t round = 0, waited = 0; round < rounds && waited <= PATIENCE; round++, waited++) {
        if (least <= budget || p->failed) break;
        int64_t excess = p->peak - budget, step = p->peak / 50;
        int64_t wanted = excess / parts;
        if (wanted < step) wanted = excess < step ? excess : step;
        if (!drop_at_peak(p, wanted, low, high) || !tyc_play(p)) break;
        if (p->peak >= least) continue;
        least = p->peak;
        best = p->journal.count;
        waited = -1;
    }
    if (p->journal.count > best) {
        tyc_undo(p, best);
        tyc_play(p);
    }
    return p->peak <= budget;
}

bool tyc_planner_bring_down(tyc_planner *p, int64_t budget, int32_t rounds, int32_t parts) {
    return lower(p, budget, rounds, parts, 1.0, 1.0);
}

/* A position, mostly one where the budget is tight. */
static int32_t tight_position(tyc_planner *p, int64_t budget) {
    static const double SHARES[] = {0.97, 0.97, 0.5};
    const int64_t *profile = p->profile.data;
    double least = (double)budget * SHARES[tyc_below(p, 3)];
    int64_t count = 0;
    for (int32_t i = 0; i < p->count; i++) count += (double)profile[i] > least;
    int64_t chosen = tyc_below(p, count);
    for (int32_t i = 0; i < p->count; i++)
        if ((double)profile[i] > least && chosen-- == 0) return i;
    return 0;
}

static bool loosen(tyc_planner *p, int64_t budget) {
    tyc_find_drops(p, tight_position(p, budget), MOST_AGAIN_AT_ONCE);
    tyc_sort_drops(p, 0.5, 2.0);
    int64_t mark = p->journal.count;
    double share = tyc_uniform(p, 0.0, 1.0);
    int64_t count = (int64_t)((double)p->drops.count * 0.3 * share * share * share);
    for (int64_t i = 0; i < (count > 1 ? count : 1) && i < p->drops.count; i++) {
        tyc_drop drop = TYC_AT(p->drops, tyc_drop)[i];
        for (int32_t j = drop.begin; j < drop.end; j++)
            tyc_drop_key(p, TYC_AT(p->keys, int64_t)[j], true);
    }
    return p->journal.count > mark;
}

/* Keeps what some run made again, though there may be no room, and makes room elsewhere. */
static bool force(tyc_planner *p, int64_t budget) {
    if (p->agains.count == 0) return false;
    tyc_price(p);
    const tyc_again *chosen = NULL;
    double most = -1.0;
    for (int32_t i = 0; i < 3; i++) {
        const tyc_again *a = TYC_AT(p->agains, tyc_again) + tyc_below(p, p->agains.count);
        double price = TYC_AT(p->lives, tyc_life)[a->life].price;
        if (price <= most) continue;
        chosen = a;
        most = price;
    }
    const tyc_graph *g = &p->graph;
    int64_t turn = (int64_t)chosen->turn * g->storages;
    for (int32_t i = g->write_begin[chosen->kernel]; i < g->write_begin[chosen->kernel + 1]; i++)
        tyc_drop_key(p, turn + g->writes[i], false);
    return tyc_play(p) && lower(p, budget, 10, 1, 0.4, 2.5);
}

static bool change(tyc_planner *p, int64_t budget) {
    if (tyc_below(p, 2)) return force(p, budget);
    return loosen(p, budget) && tyc_play(p) && p->peak <= budget;
}

/* Drops some of what is kept where the budget is tight, or keeps something and makes room for it,
 * and fills the room again, until so many positions were played; leaves the best decisions played.
 * A little worse may lead to better; far from the best it begins there again. */
void tyc_planner_improve(tyc_planner *p, int64_t budget, int64_t work, uint64_t seed) {
    p->random = seed;
    p->journal.count = 0;
    double best = p->extra, now = p->extra;
    int64_t begin = p->work, best_mark = 0;
    while (p->work - begin < work && !p->failed) {
        int64_t mark = p->journal.count;
        double heat = 0.1 * (1.0 - (double)(p->work - begin) / (double)work);
        p->work += p->count;
        bool accepted = change(p, budget);
        if (accepted) {
            tyc_fill(p, budget, 0.7, 1.4);
            accepted = p->extra <= now * tyc_uniform(p, 1.0, 1.0 + heat);
        }
        if (accepted) {
            now = p->extra;
        } else {
            tyc_undo(p, mark);
            tyc_play(p);
        }
        if (now < best) {
            best = now;
            best_mark = p->journal.count = 0;
        } else if (now > 1.15 * best || p->journal.count > 4 * p->graph.kernels + 4096) {
            tyc_undo(p, best_mark);
            tyc_play(p);
            now = p->extra;
        }
    }
    tyc_undo(p, best_mark);
    tyc_play(p);
}

/* Plays the decisions; with a rule, those that it makes become decisions. */
bool tyc_planner_play(tyc_planner *p, const tyc_rule *rule) {
    p->rule = rule;
    bool done = tyc_play(p);
    p->rule = NULL;
    return done;
}

void tyc_planner_fill(tyc_planner *p, int64_t budget) { tyc_fill(p, budget, 1.0, 1.0); }

void tyc_planner_result(const tyc_planner *p, tyc_result *found) {
    *found = (tyc_result){p->kernels.data, p->profile.data, p->peak, p->work, p->extra, p->count,
                          p->failed};
}
