/* executor.c: a thread pool that spins a little, then sleeps.
 *
 * The items of a loop are dealt out before it starts: each worker owns a share, contiguous, and cut
 * into a few pieces, each half of what is left. A worker runs its own pieces in order, so that what
 * a kernel keeps from one item for the next and what lies in the core's caches stay useful; then it
 * takes the last pieces of shares whose workers are not that far, because the system does not run
 * them, or they sleep. Where pieces begin depends on nothing but the numbers of items and workers.
 *
 *   count = 32 for two workers      |    8    |  4 |  4 |    8    |  4 |  4 |
 *                                    worker 0 ->      <- worker 1, when done
 *
 *   caller                                     worker w
 *     write loop, pending = pieces
 *     left[each share] = its pieces
 *     mailbox[w].calls += 1         ------->     sees calls change
 *     claim and run pieces                       claim and run pieces
 *     wait for pending == 0         <-------     pending -= 1 after each
 *
 * A claim takes the first or the last piece that is left of a share by compare-and-swap; from then
 * on the loop cannot end before that piece has, and its fields may be read without a lock. A worker
 * that wakes late, of whatever loop it was called for, claims of the one that is there, or nothing.
 *
 * Sleeping is by futex, asked of the kernel directly: glibc keeps two versions of the condition
 * variables, and a library linked without glibc's stubs may be given the older one. A sleeper
 * first says that it will sleep, then looks again; a waker first changes the number, then looks for
 * sleepers. Both in sequentially consistent order: one of them sees the other, and no wake-up is
 * lost. */
#define _GNU_SOURCE
#include "executor.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "threads.h"

/* Kernels keep their scratch on the stack. */
#define STACK_BYTES (8u << 20)

/* More pieces of a share balance better, fewer claims and starts cost less; a kernel whose items
 * share work wants some of them together. compiler/schedules/cost.py counts on these numbers. */
#define MOST_PIECES 4
#define LEAST_ITEMS 4

#define CACHE_LINE 64

typedef struct pool pool;

typedef struct mailbox {
    _Alignas(CACHE_LINE) tyc_event calls;
    _Atomic uint64_t left; /* pieces of the share: the first in the lower half, the end above */
    pool *pool;
    int32_t worker;
    pthread_t thread;
} mailbox;

struct pool {
    tyc_executor base;
    tyc_fork_mark mark;
    int32_t started; /* threads that exist, the creator not counted */

    /* The loop being run: written by the caller before it sets what is left. */
    tyc_task task;
    void *context;
    int64_t count;
    int32_t shares;
    uint32_t pieces; /* of a share */
    _Atomic bool stop;

    _Alignas(CACHE_LINE) _Atomic int busy;
    _Alignas(CACHE_LINE) tyc_event pending;
    mailbox mailboxes[]; /* one a worker; nobody calls the first, the caller's */
};

/* floor(count * part / parts), without the product, which may not fit. */
static int64_t split(int64_t count, int32_t part, int32_t parts) {
    return count / parts * part + count % parts * part / parts;
}

/* Where a piece of a share begins: it takes half of the rest, and the last piece all of it. */
static int64_t begin_of(const pool *self, int32_t share, uint32_t piece) {
    int64_t end = split(self->count, share + 1, self->shares);
    if (piece == self->pieces) return end;
    return end - ((end - split(self->count, share, self->shares)) >> piece);
}

/* Claims the first piece that is left of a share, or the last; false when none is. */
static bool claim(mailbox *box, bool first, uint32_t *piece) {
    uint64_t seen = atomic_load_explicit(&box->left, memory_order_acquire), next;
    do {
        uint32_t begin = (uint32_t)seen, end = (uint32_t)(seen >> 32);
        if (begin == end) return false;
        *piece = first ? begin : end - 1;
        next = first ? seen + 1 : seen - (UINT64_C(1) << 32);
    } while (!atomic_compare_exchange_weak_explicit(&box->left, &seen, next, memory_order_acq_rel,
                                                    memory_order_acquire));
    return true;
}

static void run_pieces(pool *self, int32_t worker) {
    uint32_t piece;
    for (int32_t i = 0; i < self->base.num_workers; i++) {
        int32_t share = (worker + i) % self->base.num_workers;
        while (claim(&self->mailboxes[share], i == 0, &piece)) {
            int64_t begin = begin_of(self, share, piece), end = begin_of(self, share, piece + 1);
            self->task(self->context, begin, end, worker);
            tyc_event_add(&self->pending, UINT32_MAX);
        }
    }
}

static void *work(void *argument) {
    mailbox *self = argument;
    pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        tyc_event_wait_change(&self->calls, seen);
        /* A call that comes in between is answered by the claims below: its loop is there. */
        seen = atomic_load_explicit(&self->calls.value, memory_order_acquire);
        if (atomic_load_explicit(&pool->stop, memory_order_acquire)) return NULL;
        run_pieces(pool, self->worker);
    }
}

static uint32_t pieces_of(int64_t items) {
    uint32_t pieces = 1;
    while (pieces < MOST_PIECES && items >> pieces >= LEAST_ITEMS) pieces++;
    return pieces;
}

static void run_shared(pool *self, tyc_task task, void *context, int64_t count) {
    int32_t shares = count < self->base.num_workers ? (int32_t)count : self->base.num_workers;
    uint32_t pieces = pieces_of(count / shares);
    self->task = task;
    self->context = context;
    self->count = count;
    self->shares = shares;
    self->pieces = pieces;
    tyc_event_set(&self->pending, pieces * (uint32_t)shares);
    /* Nothing was left of any share, so that nobody has claimed since the last loop ended. */
    for (int32_t s = 0; s < shares; s++)
        atomic_store_explicit(&self->mailboxes[s].left, (uint64_t)pieces << 32,
                              memory_order_release);
    for (int32_t w = 1; w < shares; w++) tyc_event_add(&self->mailboxes[w].calls, 1);
    run_pieces(self, 0);
    tyc_event_wait_zero(&self->pending);
}

static void parallel_for(const tyc_executor *executor, tyc_task task, void *context,
                         int64_t count) {
    pool *self = executor->state;
    if (count <= 0) return;
    bool alone = count == 1 || self->base.num_workers == 1 || tyc_fork_mark_is_child(&self->mark);
    if (alone || atomic_exchange_explicit(&self->busy, 1, memory_order_acquire)) {
        task(context, 0, count, 0);
        return;
    }
    run_shared(self, task, context, count);
    atomic_store_explicit(&self->busy, 0, memory_order_release);
}

static bool start_thread(pool *self, int32_t worker, const pthread_attr_t *attributes) {
    mailbox *box = &self->mailboxes[worker];
    box->pool = self;
    box->worker = worker;
    return pthread_create(&box->thread, attributes, work, box) == 0;
}

/* The threads are born with all signals blocked: a host's handlers run on its own threads. */
static bool start_threads(pool *self) {
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return false;
    bool good = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (good && self->started < self->base.num_workers - 1) {
        good = start_thread(self, self->started + 1, &attributes);
        if (good) self->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return good;
}

static pool *allocate(int32_t threads) {
    size_t bytes = sizeof(pool) + (size_t)threads * sizeof(mailbox);
    void *memory = NULL;
    if (posix_memalign(&memory, CACHE_LINE, bytes)) return NULL;
    pool *self = memory;
    *self = (pool){.base = {TYC_ABI_VERSION, threads, parallel_for, self}};
    for (int32_t w = 0; w < threads; w++) self->mailboxes[w] = (mailbox){.pool = self};
    return self;
}

tyc_status tyc_executor_create(int32_t threads, tyc_executor **out) {
    if (!out) return TYC_ERROR_ARGUMENT;
    *out = NULL;
    if (threads <= 0) threads = tyc_default_threads();
    if (threads > TYC_MAX_THREADS) threads = TYC_MAX_THREADS;
    pool *self = allocate(threads);
    if (!self) return TYC_ERROR_RESOURCE;
    if (!tyc_fork_mark_create(&self->mark) || !start_threads(self)) {
        tyc_executor_destroy(&self->base);
        return TYC_ERROR_RESOURCE;
    }
    *out = &self->base;
    return TYC_OK;
}

void tyc_executor_destroy(tyc_executor *executor) {
    if (!executor) return;
    pool *self = executor->state;
    if (!tyc_fork_mark_is_child(&self->mark)) {
        atomic_store_explicit(&self->stop, true, memory_order_release);
        for (int32_t w = 1; w <= self->started; w++) tyc_event_add(&self->mailboxes[w].calls, 1);
        for (int32_t w = 1; w <= self->started; w++) pthread_join(self->mailboxes[w].thread, NULL);
    }
    tyc_fork_mark_destroy(&self->mark);
    free(self);
}
