/* executor.c: a thread pool that spins a little, then sleeps.
 *
 * Each thread has a mailbox of its own, whose number rises when there is a loop for it to share.
 * Only the threads that take part are called, and the caller returns only when all of these are
 * done: no other thread ever looks at a loop, so the loop's fields need no lock.
 *
 *   caller                                  worker w
 *     write loop, pending = n - 1
 *     mailbox[w].calls += 1      ------->     sees calls change, reads loop
 *     run range 0                             run range w
 *     wait for pending == 0      <-------     pending -= 1
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

    /* The loop being run: written by the caller before it calls the workers. */
    tyc_task task;
    void *context;
    int64_t count;
    int32_t parts;
    bool stop;

    _Alignas(CACHE_LINE) _Atomic int busy;
    _Alignas(CACHE_LINE) tyc_event pending;
    mailbox mailboxes[]; /* one a worker; the first, the caller's, is not used */
};

/* floor(count * part / parts), without the product, which may not fit. */
static int64_t split(int64_t count, int32_t part, int32_t parts) {
    return count / parts * part + count % parts * part / parts;
}

static void run_part(const pool *self, int32_t part) {
    int64_t begin = split(self->count, part, self->parts);
    int64_t end = split(self->count, part + 1, self->parts);
    self->task(self->context, begin, end, part);
}

static void *work(void *argument) {
    mailbox *self = argument;
    pool *pool = self->pool;
    for (uint32_t seen = 0;; seen++) {
        tyc_event_wait_change(&self->calls, seen);
        if (pool->stop) return NULL;
        run_part(pool, self->worker);
        tyc_event_add(&pool->pending, UINT32_MAX);
    }
}

static void run_shared(pool *self, tyc_task task, void *context, int64_t count) {
    self->task = task;
    self->context = context;
    self->count = count;
    self->parts = count < self->base.num_workers ? (int32_t)count : self->base.num_workers;
    tyc_event_set(&self->pending, (uint32_t)self->parts - 1);
    for (int32_t w = 1; w < self->parts; w++) tyc_event_add(&self->mailboxes[w].calls, 1);
    run_part(self, 0);
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
        self->stop = true;
        for (int32_t w = 1; w <= self->started; w++) tyc_event_add(&self->mailboxes[w].calls, 1);
        for (int32_t w = 1; w <= self->started; w++) pthread_join(self->mailboxes[w].thread, NULL);
    }
    tyc_fork_mark_destroy(&self->mark);
    free(self);
}
