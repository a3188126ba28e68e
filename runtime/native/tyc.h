/* tyc.h: what a host program shares with every library that tyc makes.
 *
 * A generated model header embeds this text, so that one header is all a host needs; the guard
 * keeps two such headers in one file from defining anything twice. Only types and numbers stand
 * here: a library exports nothing but functions that begin with its model's name, say `resnet18`:
 *
 *   tyc_status  resnet18_run(const resnet18_inputs *, const resnet18_outputs *, void *workspace,
 *                            const tyc_executor *);
 *   tyc_status  resnet18_call(const tyc_tensor *inputs, size_t num_inputs,
 *                             const tyc_tensor *outputs, size_t num_outputs,
 *                             void *workspace, size_t workspace_bytes, const tyc_executor *);
 *   size_t      resnet18_workspace_bytes(void);
 *   const char *resnet18_manifest(void);
 *   const char *resnet18_status_message(tyc_status);
 *   tyc_status  resnet18_executor_create(int32_t threads, tyc_executor **);
 *   void        resnet18_executor_destroy(tyc_executor *);
 *   tyc_status  resnet18_profile(const resnet18_inputs *, const resnet18_outputs *,
 *                                void *workspace, const tyc_executor *, int64_t *times);
 *   tyc_status  resnet18_weights_map(const char *path, const void **data, size_t *bytes);
 *   void        resnet18_weights_unmap(const void *data, size_t bytes);
 *
 * (the last two only where the weights stand in a file beside the library).
 *
 * The caller owns all memory. The workspace is TYC_ALIGNMENT-aligned and belongs to one run at a
 * time; a run keeps no state, so threads may share a library when each brings its own workspace.
 * Outputs do not overlap inputs, unless the manifest says that an output aliases an input. */
#ifndef TYC_H
#define TYC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TYC_ABI_VERSION 1
#define TYC_ALIGNMENT 64

/* What a function of a library answers: zero, or the reason for which it did nothing. */
typedef int32_t tyc_status;

enum {
    TYC_OK = 0,
    TYC_ERROR_CPU = 1,       /* the CPU lacks a feature that the library was built for */
    TYC_ERROR_ABI = 2,       /* library, runtime and executor are of different ABI versions */
    TYC_ERROR_ARGUMENT = 3,  /* null pointer, wrong count, or memory not TYC_ALIGNMENT-aligned */
    TYC_ERROR_SHAPE = 4,     /* a tensor's rank or shape is not the model's */
    TYC_ERROR_DTYPE = 5,     /* a tensor's element type is not the model's */
    TYC_ERROR_WORKSPACE = 6, /* the workspace is smaller than NAME_workspace_bytes() */
    TYC_ERROR_RESOURCE = 7,  /* the system gave no thread or no memory */
    TYC_ERROR_IO = 8         /* the weights file is missing, unreadable, truncated or misaligned */
};

/* Element types. Zero is none of them, so that a forgotten field is refused. */
enum {
    TYC_F32 = 1,
    TYC_F64 = 2,
    TYC_F16 = 3,
    TYC_BF16 = 4,
    TYC_I1 = 5, /* bool: one byte, 0 or 1 */
    TYC_I8 = 6,
    TYC_I16 = 7,
    TYC_I32 = 8,
    TYC_I64 = 9,
    TYC_U8 = 10,
    TYC_U16 = 11,
    TYC_U32 = 12,
    TYC_U64 = 13
};

/* A dense, row-major tensor in the caller's memory. */
typedef struct tyc_tensor {
    void *data;
    int32_t dtype;
    int32_t rank;
    const int64_t *shape; /* `rank` sizes; may be null for a scalar */
} tyc_tensor;

/* A piece of a loop: runs the indices [begin, end) as worker `worker` of [0, num_workers). */
typedef void (*tyc_task)(void *context, int64_t begin, int64_t end, int32_t worker);

/* Something that runs loops in parallel; a host may bring its own.
 *
 * parallel_for runs every index of [0, count) exactly once, in contiguous ranges, and returns when
 * all are done. Two ranges that run at the same time have different worker numbers. Results of a
 * library do not depend on how the range was split. */
typedef struct tyc_executor {
    uint32_t abi_version; /* TYC_ABI_VERSION */
    int32_t num_workers;
    void (*parallel_for)(const struct tyc_executor *self, tyc_task task, void *context,
                         int64_t count);
    void *state;
} tyc_executor;

#ifdef __cplusplus
}
#endif

#endif /* TYC_H */
