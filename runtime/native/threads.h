/* threads.h: what the thread pool needs of the operating system: events, and to know of a fork. */
#ifndef TYC_THREADS_H
#define TYC_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A number that one thread waits on and others change. Zero-initialised is ready to use. */
typedef struct tyc_event {
    _Atomic uint32_t value;
    _Atomic uint32_t sleepers; /* 1 while the waiting thread is, or is about to be, asleep */
} tyc_event;

/* Sets the number while nobody waits. */
void tyc_event_set(tyc_event *event, uint32_t value);

/* Adds to the number and wakes the thread that waits; what was written before is seen by it. */
void tyc_event_add(tyc_event *event, uint32_t increment);

/* Returns when the number is no longer `seen`: spins for some 50 microseconds, then sleeps. */
void tyc_event_wait_change(tyc_event *event, uint32_t seen);

/* Returns when the number is zero, waiting likewise. */
void tyc_event_wait_zero(tyc_event *event);

/* Tells a process from the children that it forks. */
typedef struct tyc_fork_mark {
    const volatile uint32_t *page; /* 1 in the creator, 0 in a child; null: compare process ids */
    int32_t creator;
} tyc_fork_mark;

bool tyc_fork_mark_create(tyc_fork_mark *mark);
void tyc_fork_mark_destroy(tyc_fork_mark *mark);
bool tyc_fork_mark_is_child(const tyc_fork_mark *mark);

/* TYC_NUM_THREADS if it is a positive number, else the number of CPUs this process may run on. */
int32_t tyc_default_threads(void);

#endif /* TYC_THREADS_H */
