/* lists.c: lists that grow, and random numbers that are the same everywhere. */
#include "planner.h"

#include <stdlib.h>

bool tyc_reserve(tyc_planner *p, tyc_list *list, int64_t count, int64_t bytes) {
    if (count <= list->capacity) return true;
    int64_t capacity = list->capacity * 2 > count ? list->capacity * 2 : count + 64;
    void *data = realloc(list->data, (size_t)(capacity * bytes));
    if (data == NULL) {
        p->failed = true;
        return false;
    }
    list->data = data;
    list->capacity = capacity;
    return true;
}

/* SplitMix64 (Steele 2014). */
static uint64_t next(tyc_planner *p) {
    uint64_t x = p->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

double tyc_uniform(tyc_planner *p, double low, double high) {
    return low + (high - low) * ((double)(next(p) >> 11) * 0x1p-53);
}

int64_t tyc_below(tyc_planner *p, int64_t count) {
    return count > 0 ? (int64_t)(next(p) % (uint64_t)count) : 0;
}
