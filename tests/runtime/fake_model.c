/* fake_model.c: a library as the compiler emits it, written by hand.
 *
 * y = x * weight + bias for x f32[10,100] and bias f32[]; sum i64[] is the sum over all elements,
 * rounded. The build gives NAME, MANIFEST and, for other libraries, the macros below. */
#include <string.h>

#include "executor.h"
#include "model.h"

#ifndef ABI
#define ABI TYC_ABI_VERSION
#endif
#ifndef FEATURES
#define FEATURES 0
#endif
#ifndef OUTPUTS
#define OUTPUTS 2
#endif
#ifndef EXTERNAL
#define EXTERNAL 0
#endif

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define EXPORTED __attribute__((visibility("default")))

enum { COUNT = 1000 };

typedef struct work {
    const float *x;
    float *y;
    float weight, bias;
} work;

static void scale(void *context, int64_t begin, int64_t end, int32_t worker) {
    work *w = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) w->y[i] = w->x[i] * w->weight + w->bias;
}

static void fake_main(const void *const *inputs, void *const *outputs, void *workspace,
                      const tyc_executor *executor, const void *weights) {
    float *scratch = workspace;
    work w = {inputs[0], scratch, *(const float *)weights, *(const float *)inputs[1]};
    if (executor)
        executor->parallel_for(executor, scale, &w, COUNT);
    else
        scale(&w, 0, COUNT, 0);
    double sum = 0;
    for (int i = 0; i < COUNT; i++) sum += scratch[i];
    memcpy(outputs[0], scratch, COUNT * sizeof(float));
    if (OUTPUTS == 2) *(int64_t *)outputs[1] = (int64_t)sum;
}

static void fake_timed(const void *const *inputs, void *const *outputs, void *workspace,
                       const tyc_executor *executor, const void *weights, int64_t *times) {
    tyc_clock(&times[0]);
    fake_main(inputs, outputs, workspace, executor, weights);
    tyc_clock(&times[1]);
}

static const int64_t shape[] = {10, 100};
static const tyc_tensor_type inputs[] = {{"x", shape, TYC_F32, 2}, {"bias", NULL, TYC_F32, 0}};
static const tyc_tensor_type outputs[] = {{"y", shape, TYC_F32, 2}, {"sum", NULL, TYC_I64, 0}};
_Alignas(TYC_ALIGNMENT) static const float weights[16] = {2.0f};

static const tyc_model model = {
    .abi_version = ABI,
    .num_inputs = 2,
    .num_outputs = OUTPUTS,
    .flags = EXTERNAL ? TYC_MODEL_EXTERNAL_WEIGHTS : 0,
    .name = TEXT(NAME),
    .manifest = MANIFEST,
    .inputs = inputs,
    .outputs = outputs,
    .workspace_bytes = COUNT * sizeof(float),
    .features = FEATURES,
    .features_message = "this library needs a CPU with features that this one lacks",
    .weights = EXTERNAL ? NULL : weights,
    .weights_bytes = sizeof weights,
    .main = fake_main,
    .timed_main = fake_timed,
};

typedef struct fake_inputs fake_inputs;
typedef struct fake_outputs fake_outputs;

EXPORTED tyc_status JOIN(NAME, run)(const fake_inputs *in, const fake_outputs *out,
                                    void *workspace, const tyc_executor *executor) {
    return tyc_model_run(&model, (const void *const *)in, (void *const *)out, workspace, executor);
}

EXPORTED tyc_status JOIN(NAME, profile)(const fake_inputs *in, const fake_outputs *out,
                                        void *workspace, const tyc_executor *executor,
                                        int64_t *times) {
    return tyc_model_profile(&model, (const void *const *)in, (void *const *)out, workspace,
                             executor, times);
}

EXPORTED tyc_status JOIN(NAME, call)(const tyc_tensor *in, size_t num_in, const tyc_tensor *out,
                                     size_t num_out, void *workspace, size_t workspace_bytes,
                                     const tyc_executor *executor) {
    return tyc_model_call(&model, in, num_in, out, num_out, workspace, workspace_bytes, executor);
}

EXPORTED size_t JOIN(NAME, workspace_bytes)(void) { return model.workspace_bytes; }

EXPORTED const char *JOIN(NAME, manifest)(void) { return model.manifest; }

EXPORTED const char *JOIN(NAME, status_message)(tyc_status status) {
    return tyc_model_status_message(&model, status);
}

EXPORTED tyc_status JOIN(NAME, executor_create)(int32_t threads, tyc_executor **out) {
    return tyc_executor_create(threads, out);
}

EXPORTED void JOIN(NAME, executor_destroy)(tyc_executor *executor) {
    tyc_executor_destroy(executor);
}

#if EXTERNAL
EXPORTED tyc_status JOIN(NAME, weights_map)(const char *path, const void **data, size_t *bytes) {
    return tyc_weights_map(path, data, bytes);
}

EXPORTED void JOIN(NAME, weights_unmap)(const void *data, size_t bytes) {
    tyc_weights_unmap(data, bytes);
}
#endif
