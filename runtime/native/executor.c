/* executor.c: a thread pool that spins a little, then sleeps.
 *
 * A loop is cut into chunks, a few for each thread, and whoever is free claims the next one: on a
 * busy machine a thread that the system does not run costs nothing but its share of the speed. The
 * caller claims chunks too and returns when all are done; a worker that wakes late finds none left.
 *
 *   caller                                     worker w
 *     write loop, pending = chunks
 *     ticket = (loop number, 0)
 *     mailbox[w].calls += 1         ------->     sees calls change
 *     claim and run chunks                       claim and run chunks
 *     wait for pending == 0         <-------     pending -= 1 after each
 *
 * A claim adds one to the ticket by compare-and-swap, so that it is of one loop only; from then on
 * the loop cannot end before that chunk has, and its fields may be read without a lock.
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

/* More chunks balance better, fewer claims cost less. */
#define CHUNKS_PER_WORKER 8

#define CACHE_LINE 64

typedef struct pool pool;

typedef struct mailbox {
    _Alignas(CACHE_LINE) tyc_event calls;
    pool *pool;
    int32_t worker;
    pthread_t thread;
} mailbox;

struct pool {
    tyc_executor base;
    tyc_fork_mark mark;
    int32_t started; /* threads that exist, the creator not counted */

    /* The loop being run: written by the caller before it sets the ticket. */
    tyc_task task;
    void *context;
    int64_t count;
    uint32_t chunks;
    _Atomic bool stop;

    /* The loop's number in the upper half, the next chunk that nobody has claimed in the lower. */
    _Alignas(CACHE_LINE) _Atomic uint64_t ticket;
    _Atomic uint32_t limit; /* chunks of the loop; the claimers' copy */

    _Alignas(CACHE_LINE) _Atomic int busy;
    _Alignas(CACHE_LINE) tyc_event pending;
    mailbox mailboxes[]; /* one a worker; the first, the caller's, is not used */
};

/* floor(count * part / parts), without the product, which may not fit. */
static int64_t split(int64_t count, uint32_t part, uint32_t parts) {
    return count / parts * part + count % parts * part / parts;
}

/* Claims a chunk of the current loop; false when none is left. */
static bool claim(pool *self, uint32_t *chunk) {
    uint64_t seen = atomic_load_explicit(&self->ticket, memory_order_acquire);
    do {
        *chunk = (uint32_t)seen;
        /* A limit of a later loop is harmless: the exchange below then fails. */
        if (*chunk >= atomic_load_explicit(&self->limit, memory_order_acquire)) return false;
    } while (!atomic_compare_exchange_weak_explicit(&self->ticket, &seen, seen + 1,
                                                    memory_order_acq_rel, memory_order_acquire));
    return true;
}

static void run_chunks(pool *self, int32_t worker) {
    uint32_t chunk;
    while (claim(self, &chunk)) {
        int64_t begin = split(self->count, chunk, self->chunks);
        int64_t end = split(self->count, chunk + 1, self->chunks);
        self->task(self->context, begin, end, worker);
        tyc_event_add(&self->pending, UINT32_MAX);
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
        run_chunks(pool, self->worker);
    }
}

static void run_shared(pool *self, tyc_task task, void *context, int64_t count) {
    int64_t most = (int64_t)CHUNKS_PER_WORKER * self->base.num_workers;
    uint32_t chunks = (uint32_t)(count < most ? count : most);
    uint64_t number = (atomic_load_explicit(&self->ticket, memory_order_relaxed) >> 32) + 1;
    self->task = task;
    self->context = context;
    self->count = count;
    self->chunks = chunks;
    tyc_event_set(&self->pending, chunks);
    /* With the old ticket, which stands at the old limit or above, no late worker can claim: the
     * new number comes with the new limit. */
    atomic_store_explicit(&self->ticket, number << 32 | UINT32_MAX, memory_order_release);
    atomic_store_explicit(&self->limit, chunks, memory_order_release);
    atomic_store_explicit(&self->ticket, number << 32, memory_order_release);
    int32_t called = self->base.num_workers;
    if ((uint32_t)called > chunks) called = (int32_t)chunks;
    for (int32_t w = 1; w < called; w++) tyc_event_add(&self->mailboxes[w].calls, 1);
    run_chunks(self, 0);
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
