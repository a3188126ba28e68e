/* Preloaded into a peer: counts the bytes that its heap holds, and remembers the blocks. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>

#define BLOCKS 200000

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static _Atomic long live, peak;
static _Atomic int count, logging;
static void *blocks[BLOCKS];
static long sizes[BLOCKS];

static void add(void *p) {
  if (!p) return;
  long size = (long)malloc_usable_size(p);
  long now = atomic_fetch_add(&live, size) + size, most = atomic_load(&peak);
  while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) {
  }
  if (logging) {
    int i = atomic_fetch_add(&count, 1);
    if (i < BLOCKS) blocks[i] = p, sizes[i] = size;
  }
}

static void sub(void *p) {
  if (!p) return;
  atomic_fetch_sub(&live, (long)malloc_usable_size(p));
  for (int i = 0; logging && i < count && i < BLOCKS; i++)
    if (blocks[i] == p) blocks[i] = NULL;
}

static void *added(void *p) {
  add(p);
  return p;
}

void *malloc(size_t n) { return added(__libc_malloc(n)); }
void *calloc(size_t n, size_t m) { return added(__libc_calloc(n, m)); }
void *memalign(size_t a, size_t n) { return added(__libc_memalign(a, n)); }
void *aligned_alloc(size_t a, size_t n) { return memalign(a, n); }

void *realloc(void *old, size_t n) {
  sub(old);
  void *p = __libc_realloc(old, n);
  add(p ? p : n ? old : NULL);
  return p;
}

int posix_memalign(void **out, size_t a, size_t n) {
  void *p = memalign(a, n);
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}

void free(void *p) {
  sub(p);
  __libc_free(p);
}

long heap_live(void) { return live; }
long heap_peak(void) { return peak; }
void heap_reset(void) { peak = live; }
void heap_log(int on) { logging = on; }
int heap_count(void) { return count < BLOCKS ? count : BLOCKS; }
long heap_size(int i) { return blocks[i] ? sizes[i] : 0; }
