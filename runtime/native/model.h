/* model.h: the constant description of a model that the compiler emits into a library, and the
 * functions that its exported thunks call. Internal: nothing here is visible outside the library.
 *
 * The compiler writes both structs as LLVM data. Their layout is fixed by the assertions below and,
 * where addresses have 64 bits, is mirrored in `tyc.runtime.abi`. They never leave their library:
 * what crosses its boundary stands in tyc.h, and only that changes TYC_ABI_VERSION. */
#ifndef TYC_MODEL_H
#define TYC_MODEL_H

#include "tyc.h"

/* The weights are no part of the library. The inputs struct of NAME_run then has one more, last
 * field `const void *weights`, and NAME_call takes one more, last input: u8[weights_bytes]. */
#define TYC_MODEL_EXTERNAL_WEIGHTS 1u

/* tyc_model_call refuses more tensors than this on one side: its stack holds their pointers. */
#define TYC_MODEL_MAX_TENSORS 4096

typedef struct tyc_tensor_type {
    const char *name;
    const int64_t *shape; /* null for a scalar */
    int32_t dtype;
    int32_t rank;
} tyc_tensor_type;

typedef void (*tyc_model_main)(const void *const *inputs, void *const *outputs, void *workspace,
                               const tyc_executor *executor, const void *weights);

/* The same steps, timed: the clock before the first one in times[0], after step i in times[i + 1].
 * A function of its own, so that a run that is not timed asks nothing. */
typedef void (*tyc_model_timed_main)(const void *const *inputs, void *const *outputs,
                                     void *workspace, const tyc_executor *executor,
                                     const void *weights, int64_t *times);

typedef struct tyc_model {
    uint32_t abi_version;
    uint32_t num_inputs;
    uint32_t num_outputs;
    uint32_t flags;
    const char *name;
    const char *manifest;
    const tyc_tensor_type *inputs;
    const tyc_tensor_type *outputs;
    uint64_t workspace_bytes;
    uint64_t features; /* a set of cpu.h's bits that the code needs */
    const char *features_message;
    const void *weights; /* null when external or when there are none */
    uint64_t weights_bytes;
    tyc_model_main main;
    tyc_model_timed_main timed_main;
} tyc_model;

#if UINTPTR_MAX > UINT32_MAX
_Static_assert(sizeof(tyc_tensor_type) == 24, "layout");
_Static_assert(offsetof(tyc_tensor_type, shape) == 8, "layout");
_Static_assert(offsetof(tyc_tensor_type, dtype) == 16, "layout");
_Static_assert(offsetof(tyc_tensor_type, rank) == 20, "layout");
_Static_assert(sizeof(tyc_model) == 104, "layout");
_Static_assert(offsetof(tyc_model, name) == 16, "layout");
_Static_assert(offsetof(tyc_model, manifest) == 24, "layout");
_Static_assert(offsetof(tyc_model, inputs) == 32, "layout");
_Static_assert(offsetof(tyc_model, outputs) == 40, "layout");
_Static_assert(offsetof(tyc_model, workspace_bytes) == 48, "layout");
_Static_assert(offsetof(tyc_model, features) == 56, "layout");
_Static_assert(offsetof(tyc_model, features_message) == 64, "layout");
_Static_assert(offsetof(tyc_model, weights) == 72, "layout");
_Static_assert(offsetof(tyc_model, weights_bytes) == 80, "layout");
_Static_assert(offsetof(tyc_model, main) == 88, "layout");
_Static_assert(offsetof(tyc_model, timed_main) == 96, "layout");
#else
_Static_assert(sizeof(tyc_tensor_type) == 16 && sizeof(tyc_model) == 72, "layout");
#endif

/* The first of the versions of a model whose features are all among `features`; the last one where
 * there is none: the versions stand from the most demanding to the least, and it says what it
 * needs. A function of its arguments alone: nothing is stored, nothing is locked. */
const tyc_model *tyc_model_choose(const tyc_model *const *versions, size_t count,
                                  uint64_t features);

/* The version for this CPU, whose features are asked once and then remembered. */
const tyc_model *tyc_model_fitting(const tyc_model *const *versions, size_t count);

/* Checks CPU, ABI versions, pointers and alignment, in this order, then runs the model. `inputs`
 * and `outputs` are the generated structs seen as arrays of pointers. A null `outputs` is always
 * refused, so that a host can ask whether a library fits its CPU without running it. */
tyc_status tyc_model_run(const tyc_model *model, const void *const *inputs, void *const *outputs,
                         void *workspace, const tyc_executor *executor);

/* As tyc_model_run, with the clock's nanoseconds before the first step and after each one. */
tyc_status tyc_model_profile(const tyc_model *model, const void *const *inputs,
                             void *const *outputs, void *workspace, const tyc_executor *executor,
                             int64_t *times);

/* Nanoseconds of a clock that never goes back. */
void tyc_clock(int64_t *time);

/* As tyc_model_run, after comparing every tensor and the workspace's size with the model's. */
tyc_status tyc_model_call(const tyc_model *model, const tyc_tensor *inputs, size_t num_inputs,
                          const tyc_tensor *outputs, size_t num_outputs, void *workspace,
                          size_t workspace_bytes, const tyc_executor *executor);

/* What a status means, in static memory; never null. */
const char *tyc_model_status_message(const tyc_model *model, tyc_status status);

/* Maps a safetensors file and yields the address and size of its data part. The file's header is
 * padded (with spaces, as the format allows) so that the data is TYC_ALIGNMENT-aligned. */
tyc_status tyc_weights_map(const char *path, const void **data, size_t *bytes);

/* Undoes tyc_weights_map, given the address and size that it gave. */
void tyc_weights_unmap(const void *data, size_t bytes);

#endif /* TYC_MODEL_H */
