/* threads.c: events on futexes, fork detection, and how many threads to use. Linux only. */
#define _GNU_SOURCE
#include "threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NANOSECONDS 50000
#define PAUSES_A_LOOK_AT_THE_CLOCK 32

static void pause_cpu(void) {
#if defined(__x86_64__)
    __asm__ volatile("pause");
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* `yield` does nothing on most cores */
#endif
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Whether the number became other than `seen` (or zero, for `want_zero`) while spinning. */
static bool done(tyc_event *event, uint32_t seen, bool want_zero) {
    uint32_t value = atomic_load_explicit(&event->value, memory_order_seq_cst);
    return want_zero ? value == 0 : value != seen;
}

static bool spin(tyc_event *event, uint32_t seen, bool want_zero) {
    for (int64_t end = 0;;) {
        for (int i = 0; i < PAUSES_A_LOOK_AT_THE_CLOCK; i++) {
            if (done(event, seen, want_zero)) return true;
            pause_cpu();
        }
        int64_t time = now();
        if (!end) end = time + SPIN_NANOSECONDS;
        if (time >= end) return false;
    }
}

static void wait(tyc_event *event, uint32_t seen, bool want_zero) {
    if (spin(event, seen, want_zero)) return;
    atomic_store_explicit(&event->sleepers, 1, memory_order_seq_cst);
    while (!done(event, seen, want_zero)) {
        if (want_zero) seen = atomic_load_explicit(&event->value, memory_order_seq_cst);
        if (want_zero && seen == 0) break;
        syscall(SYS_futex, &event->value, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    atomic_store_explicit(&event->sleepers, 0, memory_order_seq_cst);
}

void tyc_event_set(tyc_event *event, uint32_t value) {
    atomic_store_explicit(&event->value, value, memory_order_seq_cst);
}

void tyc_event_add(tyc_event *event, uint32_t increment) {
    atomic_fetch_add_explicit(&event->value, increment, memory_order_seq_cst);
    if (atomic_load_explicit(&event->sleepers, memory_order_seq_cst))
        syscall(SYS_futex, &event->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void tyc_event_wait_change(tyc_event *event, uint32_t seen) { wait(event, seen, false); }

void tyc_event_wait_zero(tyc_event *event) { wait(event, 0, true); }

/* A page that the kernel clears in children (Linux 4.14): looking at it costs a load, where asking
 * for the process id costs a system call in every loop. */
bool tyc_fork_mark_create(tyc_fork_mark *mark) {
    mark->creator = (int32_t)getpid();
    mark->page = NULL;
    size_t bytes = (size_t)getauxval(AT_PAGESZ);
    void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
    if (madvise(page, bytes, MADV_WIPEONFORK)) {
        munmap(page, bytes);
        return true;
    }
    *(uint32_t *)page = 1;
    mark->page = page;
    return true;
}

void tyc_fork_mark_destroy(tyc_fork_mark *mark) {
    if (mark->page) munmap((void *)(uintptr_t)mark->page, (size_t)getauxval(AT_PAGESZ));
}

bool tyc_fork_mark_is_child(const tyc_fork_mark *mark) {
    if (mark->page) return *mark->page == 0;
    return mark->creator != (int32_t)getpid();
}

/* Asked of the kernel directly: glibc's wrapper has two versions with different arguments. */
static int32_t usable_cpus(void) {
    static const int bits = CHAR_BIT * sizeof(unsigned long);
    unsigned long mask[1024 / (CHAR_BIT * sizeof(unsigned long)) * 8] = {0};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int32_t count = 0;
    for (long i = 0; i < bytes * CHAR_BIT; i++) count += mask[i / bits] >> (i % bits) & 1;
    return count > 0 ? count : 1;
}

int32_t tyc_default_threads(void) {
    const char *text = getenv("TYC_NUM_THREADS");
    int32_t number = 0;
    if (text)
        for (; *text >= '0' && *text <= '9' && number < 100000; text++)
            number = number * 10 + (*text - '0');
    return text && !*text && number > 0 ? number : usable_cpus();
}
