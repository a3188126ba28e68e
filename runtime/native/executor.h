/* executor.h: the thread pool that a library offers as a tyc_executor. */
#ifndef TYC_EXECUTOR_H
#define TYC_EXECUTOR_H

#include "tyc.h"

/* More threads than this are never made, whatever is asked for. */
#define TYC_MAX_THREADS 1024

/* Makes a pool of `threads` workers, the calling thread counted. `threads` <= 0 asks for as many as
 * the environment variable TYC_NUM_THREADS says, or else as the CPUs that this process may use.
 *
 * Worker w of n owns the indices [count*w/n, count*(w+1)/n), in at most four ranges that are always
 * the same; the caller is worker 0. Who is done takes whole ranges of others. A loop that is
 * started while the pool runs another one (by a second host thread, or inside a task) runs on its
 * caller alone. So does every loop in a child that was forked from the pool's process, where the
 * threads do not exist. */
tyc_status tyc_executor_create(int32_t threads, tyc_executor **out);

/* Ends the pool's threads and frees it; no loop may be running. Null is allowed. */
void tyc_executor_destroy(tyc_executor *executor);

#endif /* TYC_EXECUTOR_H */
