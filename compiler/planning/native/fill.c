/* fill.c: keeps what was made again and has room, the most saved for its bytes first. */
#include "planner.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    double rank;
    int32_t again; /* the run that would not be */
} choice;

static int by_rank(const void *a, const void *b) {
    const choice *x = a, *y = b;
    if (x->rank != y->rank) return x->rank > y->rank ? -1 : 1;
    return x->again - y->again;
}

static int32_t writes(const tyc_planner *p, int32_t kernel) {
    return p->graph.write_begin[kernel + 1] - p->graph.write_begin[kernel];
}

/* What of a run has to be kept so that it need not be: the life, or NULL. */
static const tyc_life *wanted(const tyc_planner *p, const tyc_again *a, int32_t i) {
    const tyc_life *life = TYC_AT(p->lives, tyc_life) + a->life + i;
    return life->uses > 0 && life->before >= 0 ? life : NULL;
}

static void list_choices(tyc_planner *p, double low, double high) {
    p->order.count = 0;
    for (int32_t i = 0; i < (int32_t)p->agains.count; i++) {
        const tyc_again *a = TYC_AT(p->agains, tyc_again) + i;
        int64_t bytes = 0;
        double saved = 0.0;
        for (int32_t j = 0; j < writes(p, a->kernel); j++) {
            const tyc_life *life = wanted(p, a, j);
            if (life == NULL) continue;
            bytes += p->graph.size[life->storage];
            saved = life->price;
        }
        double noise = low < high ? tyc_uniform(p, low, high) : 1.0;
        choice found = {bytes ? saved / (double)bytes * noise : 0.0, i};
        if (bytes) TYC_PUSH(p, &p->order, choice, found);
    }
    if (p->order.count > 1)
        qsort(p->order.data, (size_t)p->order.count, sizeof(choice), by_rank);
}

static bool has_room(const int64_t *profile, int32_t begin, int32_t end, int64_t most) {
    int64_t found = INT64_MIN;
    for (int32_t i = begin; i < end; i++) found = profile[i] > found ? profile[i] : found;
    return begin >= end || found <= most;
}

/* Takes the bytes of a run's results from the room between their last touch and the run; false,
 * and nothing taken, where there is none. */
static bool take(tyc_planner *p, int64_t *profile, const tyc_again *a, int64_t budget) {
    const tyc_life *lives = p->lives.data;
    for (int32_t j = 0, n = writes(p, a->kernel); j < n; j++) {
        const tyc_life *life = wanted(p, a, j);
        if (life == NULL) continue;
        int32_t begin = lives[life->before].end + 1;
        int64_t size = p->graph.size[life->storage];
        bool fits = has_room(profile, begin, a->at, budget - size);
        for (int32_t i = begin; fits && i < a->at; i++) profile[i] += size;
        if (fits) continue;
        while (j-- > 0) {
            const tyc_life *other = wanted(p, a, j);
            if (other == NULL) continue;
            for (int32_t i = lives[other->before].end + 1; i < a->at; i++)
                profile[i] -= p->graph.size[other->storage];
        }
        return false;
    }
    return true;
}

/* The keys of what fits at once, in `keys`. */
static void choose(tyc_planner *p, int64_t budget, double low, double high) {
    tyc_price(p);
    list_choices(p, low, high);
    p->keys.count = 0;
    if (!tyc_reserve(p, &p->room, p->count, sizeof(int64_t))) return;
    int64_t *profile = p->room.data;
    memcpy(profile, p->profile.data, (size_t)p->count * sizeof *profile);
    for (int64_t i = 0; i < p->order.count; i++) {
        const tyc_again *a = TYC_AT(p->agains, tyc_again) + TYC_AT(p->order, choice)[i].again;
        if (!take(p, profile, a, budget)) continue;
        for (int32_t j = 0; j < writes(p, a->kernel); j++) {
            const tyc_life *life = wanted(p, a, j);
            int64_t turn = (int64_t)a->turn * p->graph.storages;
            if (life != NULL) TYC_PUSH(p, &p->keys, int64_t, turn + life->storage);
        }
    }
}

/* Of decisions that were just played, those with all kept that has room; they are played. */
void tyc_fill(tyc_planner *p, int64_t budget, double low, double high) {
    for (bool better = true; better && !p->failed;) {
        double extra = p->extra;
        int64_t mark = p->journal.count;
        choose(p, budget, low, high);
        int64_t count = p->keys.count;
        for (better = false; count > 0 && !better; count /= 2) {
            for (int64_t i = 0; i < count; i++)
                tyc_drop_key(p, TYC_AT(p->keys, int64_t)[i], false);
            better = tyc_play(p) && p->peak <= budget && p->extra < extra;
            if (!better) tyc_undo(p, mark);
        }
        if (!better && mark == p->journal.count && p->keys.count > 0) tyc_play(p);
    }
}
