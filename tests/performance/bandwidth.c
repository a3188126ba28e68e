/* bandwidth.c: how fast a thread reads memory, and STREAM's triad, on arrays too long to cache. */
#include <stddef.h>

typedef float vector __attribute__((vector_size(32), aligned(32)));

/* The sum of n floats, n a multiple of 128: sixteen sums, so that additions do not wait. */
float read_all(const float *x, size_t n) {
    vector sums[16] = {0};
    const vector *at = (const vector *)x;
    for (size_t i = 0; i < n / 8; i += 16)
        for (int k = 0; k < 16; k++) sums[k] += at[i + k];
    for (int k = 1; k < 16; k++) sums[0] += sums[k];
    float total = 0;
    for (int k = 0; k < 8; k++) total += sums[0][k];
    return total;
}

/* a[i] = b[i] + s * c[i] for n floats, n a multiple of 8. */
void triad(float *a, const float *b, const float *c, float s, size_t n) {
    for (size_t i = 0; i < n / 8; i++)
        ((vector *)a)[i] = ((const vector *)b)[i] + s * ((const vector *)c)[i];
}
