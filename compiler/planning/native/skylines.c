/* skylines.c: packs few buffers by branch and bound: exact where the search ends.
 *
 * Sorted by offset, every buffer of a tight packing lies on the highest of those below it. So each
 * step of the search lays one more buffer on the skyline of those that lie already, never lower
 * than the one before; it turns back where what is left at some time cannot fit beneath the
 * target. */
#include "packing.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t at, area;
    int32_t buffer;
} candidate;

typedef struct {
    tyc_buffer *buffers;
    int32_t count, steps, left;
    int64_t target, work;
    int64_t *floor, *rest; /* by step: what is laid, and what is not yet */
    bool *laid;
    candidate *room; /* of all depths, as is `saved` */
    int64_t *saved;
} search;

static int ascending(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    if (x->area != y->area) return x->area > y->area ? -1 : 1;
    return x->buffer - y->buffer;
}

/* What may be laid next, the lowest first. Something has to lie on the lowest place that is left;
 * what begins above the top of a buffer that could lie below it all may as well come later. */
static int32_t list(search *s, int64_t height, candidate *found) {
    int32_t count = 0, chosen = 0;
    int64_t top = INT64_MAX;
    for (int32_t i = 0; i < s->count; i++) {
        const tyc_buffer *b = s->buffers + i;
        if (s->laid[i]) continue;
        int64_t at = 0;
        for (int32_t t = b->start; t <= b->end; t++) at = s->floor[t] > at ? s->floor[t] : at;
        if (at < height) continue;
        found[count++] = (candidate){at, b->size * (b->end - b->start + 1), i};
        if (at + b->size < top) top = at + b->size;
    }
    for (int32_t n = 0; n < count; n++)
        if (found[n].at < top) found[chosen++] = found[n];
    qsort(found, (size_t)chosen, sizeof *found, ascending);
    return chosen;
}

static bool fits(const search *s, int64_t height) {
    for (int32_t t = 0; t < s->steps; t++) {
        int64_t low = s->floor[t] > height ? s->floor[t] : height;
        if (s->rest[t] && low + s->rest[t] > s->target) return false;
    }
    return true;
}

/* Lays all that is left at `height` or above; true where it fits beneath the target. */
static bool run(search *s, int64_t height) {
    if (s->left == 0) return true;
    s->work -= s->left;
    if (s->work < 0 || !fits(s, height)) return false;
    candidate *found = s->room + (int64_t)(s->count - s->left) * s->count;
    int64_t *before = s->saved + (int64_t)(s->count - s->left) * s->steps;
    int32_t count = list(s, height, found);
    for (int32_t n = 0; n < count && s->work >= 0; n++) {
        tyc_buffer *b = s->buffers + found[n].buffer;
        b->offset = found[n].at;
        s->laid[found[n].buffer] = true;
        s->left--;
        for (int32_t t = b->start; t <= b->end; t++) {
            before[t] = s->floor[t];
            s->floor[t] = b->offset + b->size;
            s->rest[t] -= b->size;
        }
        if (run(s, b->offset)) return true;
        s->laid[found[n].buffer] = false;
        s->left++;
        for (int32_t t = b->start; t <= b->end; t++) {
            s->floor[t] = before[t];
            s->rest[t] += b->size;
        }
    }
    return false;
}

/* Offsets of an arena of at most `target` bytes; false where the search finds none within so much
 * work. Steps are numbers from 0 on without gaps, sizes are not 0. */
bool tyc_pack_skylines(tyc_buffer *buffers, int32_t count, int64_t target, int64_t work) {
    int32_t steps = 1;
    for (int32_t i = 0; i < count; i++)
        if (buffers[i].end >= steps) steps = buffers[i].end + 1;
    search s = {buffers, count, steps, count, target, work, NULL, NULL, NULL, NULL, NULL};
    int64_t *numbers = calloc((size_t)steps * (2 + (size_t)count), sizeof *numbers);
    s.laid = calloc((size_t)count + 1, sizeof *s.laid);
    s.room = malloc(((size_t)count * (size_t)count + 1) * sizeof *s.room);
    bool done = numbers != NULL && s.laid != NULL && s.room != NULL;
    if (done) {
        s.floor = numbers;
        s.rest = numbers + steps;
        s.saved = numbers + 2 * (size_t)steps;
        for (int32_t i = 0; i < count; i++)
            for (int32_t t = buffers[i].start; t <= buffers[i].end; t++)
                s.rest[t] += buffers[i].size;
        done = run(&s, 0);
    }
    free(numbers);
    free(s.laid);
    free(s.room);
    return done;
}
