/* packing.h: buffers with known lifetimes in one arena. */
#ifndef TYC_PACKING_H
#define TYC_PACKING_H

#include "planner.h"

/* `size` bytes, from step `start` to step `end`, both included. */
typedef struct {
    int64_t size, offset;
    int32_t start, end;
} tyc_buffer;

/* packing.c */
bool tyc_pack(tyc_buffer *buffers, int32_t count, int64_t bound, int64_t work, int64_t *total);

/* skylines.c */
bool tyc_pack_skylines(tyc_buffer *buffers, int32_t count, int64_t target, int64_t work);

#endif
