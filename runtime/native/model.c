/* model.c: the checks between a host's call and a model's code. */
#define _GNU_SOURCE
#include "model.h"

#include <stdbool.h>
#include <time.h>

#include "cpu.h"

const tyc_model *tyc_model_choose(const tyc_model *const *versions, size_t count,
                                  uint64_t features) {
    for (size_t i = 0; i + 1 < count; i++)
        if (!(versions[i]->features & ~features)) return versions[i];
    return versions[count - 1];
}

const tyc_model *tyc_model_fitting(const tyc_model *const *versions, size_t count) {
    return tyc_model_choose(versions, count, tyc_cpu_features());
}

static bool aligned(const void *pointer) { return ((uintptr_t)pointer & (TYC_ALIGNMENT - 1)) == 0; }

static bool external_weights(const tyc_model *model) {
    return (model->flags & TYC_MODEL_EXTERNAL_WEIGHTS) != 0;
}

/* Weights in a file are one input more, after the model's own. */
static size_t count_inputs(const tyc_model *model) {
    return (size_t)model->num_inputs + external_weights(model);
}

static bool any_null(const void *const *pointers, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!pointers[i]) return true;
    return false;
}

static const void *weights_of(const tyc_model *model, const void *const *inputs) {
    return external_weights(model) ? inputs[model->num_inputs] : model->weights;
}

static tyc_status check_run(const tyc_model *model, const void *const *inputs,
                            void *const *outputs, const void *workspace,
                            const tyc_executor *executor) {
    if (model->features & ~tyc_cpu_features()) return TYC_ERROR_CPU;
    if (model->abi_version != TYC_ABI_VERSION) return TYC_ERROR_ABI;
    if (executor && executor->abi_version != TYC_ABI_VERSION) return TYC_ERROR_ABI;
    if (executor && (!executor->parallel_for || executor->num_workers < 1))
        return TYC_ERROR_ARGUMENT;

    size_t num_inputs = count_inputs(model);
    if (!outputs || (!inputs && num_inputs)) return TYC_ERROR_ARGUMENT;
    if (any_null(inputs, num_inputs)) return TYC_ERROR_ARGUMENT;
    if (any_null((const void *const *)outputs, model->num_outputs)) return TYC_ERROR_ARGUMENT;
    if (model->workspace_bytes && !workspace) return TYC_ERROR_ARGUMENT;
    if (!aligned(workspace) || !aligned(weights_of(model, inputs))) return TYC_ERROR_ARGUMENT;
    return TYC_OK;
}

tyc_status tyc_model_run(const tyc_model *model, const void *const *inputs, void *const *outputs,
                         void *workspace, const tyc_executor *executor) {
    tyc_status status = check_run(model, inputs, outputs, workspace, executor);
    if (status) return status;
    model->main(inputs, outputs, workspace, executor, weights_of(model, inputs));
    return TYC_OK;
}

tyc_status tyc_model_profile(const tyc_model *model, const void *const *inputs,
                             void *const *outputs, void *workspace, const tyc_executor *executor,
                             int64_t *times) {
    tyc_status status = check_run(model, inputs, outputs, workspace, executor);
    if (status) return status;
    if (!times) return TYC_ERROR_ARGUMENT;
    model->timed_main(inputs, outputs, workspace, executor, weights_of(model, inputs), times);
    return TYC_OK;
}

void tyc_clock(int64_t *time) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *time = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static tyc_status check_tensor(const tyc_tensor *tensor, const tyc_tensor_type *type) {
    if (tensor->dtype != type->dtype) return TYC_ERROR_DTYPE;
    if (tensor->rank != type->rank) return TYC_ERROR_SHAPE;
    if (type->rank && !tensor->shape) return TYC_ERROR_ARGUMENT;
    for (int32_t d = 0; d < type->rank; d++)
        if (tensor->shape[d] != type->shape[d]) return TYC_ERROR_SHAPE;
    return TYC_OK;
}

static tyc_status check_tensors(const tyc_tensor *tensors, const tyc_tensor_type *types,
                                size_t count) {
    for (size_t i = 0; i < count; i++) {
        tyc_status status = check_tensor(&tensors[i], &types[i]);
        if (status) return status;
    }
    return TYC_OK;
}

static tyc_status check_weights(const tyc_model *model, const tyc_tensor *tensor) {
    int64_t shape = (int64_t)model->weights_bytes;
    tyc_tensor_type type = {"weights", &shape, TYC_U8, 1};
    return check_tensor(tensor, &type);
}

static tyc_status check_call(const tyc_model *model, const tyc_tensor *inputs, size_t num_inputs,
                             const tyc_tensor *outputs, size_t num_outputs) {
    if (num_inputs != count_inputs(model) || num_outputs != model->num_outputs)
        return TYC_ERROR_ARGUMENT;
    if (num_inputs > TYC_MODEL_MAX_TENSORS || num_outputs > TYC_MODEL_MAX_TENSORS)
        return TYC_ERROR_ARGUMENT;
    if ((!inputs && num_inputs) || !outputs) return TYC_ERROR_ARGUMENT;

    tyc_status status = check_tensors(inputs, model->inputs, model->num_inputs);
    if (status) return status;
    if (external_weights(model)) status = check_weights(model, &inputs[model->num_inputs]);
    return status ? status : check_tensors(outputs, model->outputs, num_outputs);
}

tyc_status tyc_model_call(const tyc_model *model, const tyc_tensor *inputs, size_t num_inputs,
                          const tyc_tensor *outputs, size_t num_outputs, void *workspace,
                          size_t workspace_bytes, const tyc_executor *executor) {
    tyc_status status = check_call(model, inputs, num_inputs, outputs, num_outputs);
    if (status) return status;
    if (workspace_bytes < model->workspace_bytes) return TYC_ERROR_WORKSPACE;

    /* Bounded by TYC_MODEL_MAX_TENSORS; one more, because an array of no elements is not C. */
    const void *input_data[num_inputs + 1];
    void *output_data[num_outputs + 1];
    for (size_t i = 0; i < num_inputs; i++) input_data[i] = inputs[i].data;
    for (size_t i = 0; i < num_outputs; i++) output_data[i] = outputs[i].data;
    return tyc_model_run(model, input_data, output_data, workspace, executor);
}

const char *tyc_model_status_message(const tyc_model *model, tyc_status status) {
    switch (status) {
    case TYC_OK: return "ok";
    case TYC_ERROR_CPU:
        return model->features_message ? model->features_message
                                       : "this CPU lacks a feature that the library was built for";
    case TYC_ERROR_ABI:
        return "library and executor have different ABI versions; recompile the older one";
    case TYC_ERROR_ARGUMENT:
        return "an argument is null, the number of tensors is wrong, or the workspace or the "
               "weights are not 64-byte aligned";
    case TYC_ERROR_SHAPE: return "a tensor's rank or shape is not the one in the manifest";
    case TYC_ERROR_DTYPE: return "a tensor's element type is not the one in the manifest";
    case TYC_ERROR_WORKSPACE: return "the workspace is smaller than workspace_bytes() says";
    case TYC_ERROR_RESOURCE: return "the system gave no thread or no memory";
    case TYC_ERROR_IO:
        return "the weights file is missing, unreadable, truncated, not safetensors, or its data "
               "is not 64-byte aligned";
    default: return "unknown status";
    }
}
