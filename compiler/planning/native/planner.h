/* planner.h: decisions about what is kept, and the sequences of kernels that they come to.
 *
 * Kernels run once in a fixed order; turn t is the first run of the t-th of them. What a turn needs
 * and what was dropped since its last use is made again before it. A decision is a bit for a
 * storage and a turn: set, the storage is not kept from its last use to that turn. All sums are of
 * doubles in a fixed order, all choices by counters and one generator: the same plans on every
 * machine. */
#ifndef TYC_PLANNER_H
#define TYC_PLANNER_H

#include <stdbool.h>
#include <stdint.h>

/* What the caller holds for as long as the planner lives. Lists of kernel k are
 * `reads[read_begin[k] .. read_begin[k + 1])`. */
typedef struct {
    int32_t kernels, storages, longest;
    const int64_t *size;      /* bytes of a storage */
    const double *cost;       /* of a kernel */
    const int32_t *order;     /* the kernel of a turn */
    const int32_t *expiry;    /* the last turn before which a kernel may run again; -1: none */
    const int32_t *producer;  /* the kernel that can run again for a storage, or -1 */
    const uint8_t *joined;    /* whether several kernels write a storage together */
    const int32_t *read_begin, *reads, *write_begin, *writes;
    const int32_t *pair_begin, *pair_from, *pair_to; /* storages that may share bytes */
} tyc_graph;

/* A rule of cuts (checkpoints.py): which decisions hold where none was made. */
typedef struct {
    const int32_t *level;   /* of a storage */
    const int32_t *segment; /* [level][turn], for levels from 0 on */
    const uint8_t *cheap;   /* of a storage: made again wherever it is wanted on the way back */
    int32_t top, middle, near;
} tyc_rule;

/* A run of bytes of one storage: positions of its first and last touch. */
typedef struct {
    int32_t storage, start, end;
    int32_t uses;   /* reads */
    int32_t turn;   /* that it was made again for, or -1 */
    int32_t before; /* the life of the same storage before this one, or -1 */
    double price;   /* what making it again cost, with all that ran for it alone */
    bool given, taken;
} tyc_life;

/* A storage between two uses at positions `begin` and `end`; `turn` needs it, and it lived. */
typedef struct {
    int32_t storage, turn, begin, end;
} tyc_gap;

/* A kernel that ran again at a position; its lives are `lives[life .. life + writes)`. */
typedef struct {
    int32_t kernel, turn, at, life, read;
} tyc_again;

typedef struct {
    int32_t at, from, to;
    int64_t size;
} tyc_takeover;

typedef struct {
    double cost;
    int64_t saved;
    int32_t begin, end; /* of its keys */
    double rank;
} tyc_drop;

typedef struct {
    void *data;
    int64_t count, capacity;
} tyc_list;

typedef struct {
    tyc_graph graph;
    int32_t *turn; /* of a kernel's first run */
    int64_t words; /* of one turn's bits */
    uint64_t *dropped, *wanted;
    int32_t *wants;    /* how many bits of `wanted` a turn has */
    tyc_list journal;  /* int64: bits that were changed, the kind in the lowest */
    const tyc_rule *rule;

    /* The sequence of the last play. */
    int32_t count;
    int64_t peak, work;
    double extra;
    tyc_list kernels, profile, lives, gaps, agains, read_lives, takeovers;

    /* By storage, while playing: position and turn of the last touch, and the life. */
    int32_t *last, *last_turn, *life;
    int32_t *seen, *again, stamp, *stack, *batch;

    tyc_list drops, keys, order, room, found;
    uint64_t random;
    bool failed;
} tyc_planner;

/* A way out as a chain of stretches; bytes are in slots. */
typedef struct {
    int32_t count, slots;
    const double *work;    /* [count + 1]: cost of all stretches before one */
    const double *last;    /* [count]: cost of one again when what crosses its end is there */
    const int32_t *made;   /* [count + 1]: what is saved and made before a stretch */
    const int32_t *beside; /* [count]: what lives beside what is saved while on the way back */
    const int32_t *cross;  /* [count + 1][count + 1]: what is made from i on and crosses j */
    const int32_t *first;  /* [count]: what a kernel of it touches that is made in it */
    const int32_t *later;  /* [count]: what a kernel of it touches */
    const int32_t *hold;   /* [count]: the least that lives beside what is saved on the way back */
} tyc_chain;

/* What the last play came to. */
typedef struct {
    const int32_t *kernels;
    const int64_t *profile;
    int64_t peak, work;
    double extra;
    int32_t count, failed;
} tyc_result;

/* lists.c */
bool tyc_reserve(tyc_planner *p, tyc_list *list, int64_t count, int64_t bytes);
#define TYC_PUSH(p, list, type, value) \
    (tyc_reserve((p), (list), (list)->count + 1, sizeof(type)) \
         ? (void)(((type *)(list)->data)[(list)->count++] = (value)) : (void)0)
#define TYC_AT(list, type) ((type *)(list).data)
double tyc_uniform(tyc_planner *p, double low, double high);
int64_t tyc_below(tyc_planner *p, int64_t count);

/* decisions.c */
tyc_planner *tyc_planner_create(const tyc_graph *graph);
void tyc_planner_destroy(tyc_planner *p);
void tyc_planner_load(tyc_planner *p, const int64_t *entries, int64_t count);
int64_t tyc_planner_store(tyc_planner *p, const int64_t **found);
bool tyc_is_dropped(const tyc_planner *p, int32_t storage, int32_t turn);
void tyc_drop_key(tyc_planner *p, int64_t key, bool dropped);
void tyc_want_key(tyc_planner *p, int64_t key, bool wanted);
void tyc_undo(tyc_planner *p, int64_t mark);

/* replay.c */
bool tyc_play(tyc_planner *p);
void tyc_price(tyc_planner *p);

/* drops.c */
void tyc_find_drops(tyc_planner *p, int32_t at, int32_t most);
void tyc_sort_drops(tyc_planner *p, double low, double high);

/* fill.c */
void tyc_fill(tyc_planner *p, int64_t budget, double low, double high);

/* search.c */
bool tyc_planner_play(tyc_planner *p, const tyc_rule *rule);
void tyc_planner_fill(tyc_planner *p, int64_t budget);
bool tyc_planner_bring_down(tyc_planner *p, int64_t budget, int32_t rounds, int32_t parts);
void tyc_planner_improve(tyc_planner *p, int64_t budget, int64_t work, uint64_t seed);
void tyc_planner_result(const tyc_planner *p, tyc_result *found);

/* eviction.c */
bool tyc_planner_evict(tyc_planner *p, int64_t budget);

/* chain.c */
bool tyc_chain_solve(const tyc_chain *c, const int32_t *rooms, int32_t count, int32_t *cuts,
                     int32_t *kept, float *costs);

#endif
