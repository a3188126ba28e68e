/* native_test.c: the C layer from C, to be run plain and under the sanitizers.
 *
 * Prints the number of checks and ends with 0, or names the first check that failed. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "executor.h"
#include "model.h"

static _Atomic int checks;

#define CHECK(condition)                                                          \
    do {                                                                          \
        checks++;                                                                 \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                             \
        }                                                                         \
    } while (0)

enum { MOST = 1000 };

typedef struct counts {
    int runs[MOST]; /* plain on purpose: a race is for ThreadSanitizer to see */
    _Atomic int64_t total;
    _Atomic int parts;
    const tyc_executor *nested;
} counts;

static void count_runs(void *context, int64_t begin, int64_t end, int32_t worker) {
    counts *self = context;
    CHECK(worker >= 0 && begin < end);
    for (int64_t i = begin; i < end; i++) self->runs[i]++;
    self->total += end - begin;
    self->parts++;
}

static void check_cover(const tyc_executor *executor, int64_t count) {
    counts *self = calloc(1, sizeof *self);
    executor->parallel_for(executor, count_runs, self, count);
    for (int64_t i = 0; i < MOST; i++) CHECK(self->runs[i] == (i < count));
    CHECK(self->parts <= 4 * executor->num_workers);
    free(self);
}

static void test_cover(void) {
    for (int threads = 1; threads <= 5; threads++) {
        tyc_executor *executor;
        CHECK(tyc_executor_create(threads, &executor) == TYC_OK);
        CHECK(executor->num_workers == threads && executor->abi_version == TYC_ABI_VERSION);
        for (int64_t count = 0; count <= 13; count++) check_cover(executor, count);
        check_cover(executor, MOST);
        check_cover(executor, -1);
        tyc_executor_destroy(executor);
    }
}

static void mark_begin(void *context, int64_t begin, int64_t end, int32_t worker) {
    (void)worker;
    ((int64_t *)context)[begin] = end;
}

/* Where a range begins and ends is the same in every run, whoever takes it. */
static void test_ranges_are_fixed(void) {
    static const int64_t two[][2] = {{0, 8}, {8, 12}, {12, 16}, {16, 24}, {24, 28}, {28, 32}};
    for (int threads = 2; threads <= 5; threads++) {
        tyc_executor *executor;
        CHECK(tyc_executor_create(threads, &executor) == TYC_OK);
        for (int64_t count = 2; count <= 128; count += 3) {
            int64_t first[128] = {0}, again[128];
            executor->parallel_for(executor, mark_begin, first, count);
            for (int i = 0; i < 20; i++) {
                for (int k = 0; k < 128; k++) again[k] = 0;
                executor->parallel_for(executor, mark_begin, again, count);
                for (int k = 0; k < 128; k++) CHECK(again[k] == first[k]);
            }
        }
        int64_t ends[32] = {0};
        executor->parallel_for(executor, mark_begin, ends, 32);
        for (int i = 0; threads == 2 && i < 6; i++) CHECK(ends[two[i][0]] == two[i][1]);
        tyc_executor_destroy(executor);
    }
}

static void hold_worker(void *context, int64_t begin, int64_t end, int32_t worker) {
    _Atomic int64_t *done = context;
    /* A worker stays in its first range until the caller has done all others. */
    for (int i = 0; worker && *done < 32 - (end - begin) && i < 2000; i++) usleep(1000);
    CHECK(!worker || *done >= 32 - (end - begin));
    *done += end - begin;
}

static void test_ranges_of_a_held_worker_are_taken(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(2, &executor) == TYC_OK);
    for (int i = 0; i < 50; i++) {
        _Atomic int64_t done = 0;
        executor->parallel_for(executor, hold_worker, &done, 32);
        CHECK(done == 32);
    }
    tyc_executor_destroy(executor);
}

static void add_size(void *context, int64_t begin, int64_t end, int32_t worker) {
    (void)worker;
    atomic_fetch_add((_Atomic int64_t *)context, end - begin);
}

static void test_huge_count(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(3, &executor) == TYC_OK);
    _Atomic int64_t total = 0;
    executor->parallel_for(executor, add_size, &total, INT64_MAX);
    CHECK(total == INT64_MAX);
    tyc_executor_destroy(executor);
}

/* Pauses longer than the workers spin make them sleep, so that waking is tested too. */
static void test_sleep_and_wake(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(3, &executor) == TYC_OK);
    for (int i = 0; i < 300; i++) {
        check_cover(executor, 17);
        if (i % 3 == 0) usleep(40 + i % 7 * 10);
        if (i % 50 == 0) usleep(2000);
    }
    tyc_executor_destroy(executor);
}

static void slow_part(void *context, int64_t begin, int64_t end, int32_t worker) {
    if (worker != 0) usleep(3000); /* the caller is done first, and must sleep and be woken */
    add_size(context, begin, end, worker);
}

static void test_slow_worker(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(4, &executor) == TYC_OK);
    _Atomic int64_t total = 0;
    for (int i = 0; i < 10; i++) executor->parallel_for(executor, slow_part, &total, 8);
    CHECK(total == 80);
    tyc_executor_destroy(executor);
}

static void run_nested(void *context, int64_t begin, int64_t end, int32_t worker) {
    counts *self = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) check_cover(self->nested, 20);
}

static void test_nested(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(2, &executor) == TYC_OK);
    counts self = {.nested = executor};
    for (int i = 0; i < 50; i++) executor->parallel_for(executor, run_nested, &self, 6);
    tyc_executor_destroy(executor);
}

static void *call_often(void *executor) {
    for (int i = 0; i < 200; i++) check_cover(executor, 31);
    return NULL;
}

static void test_many_callers(void) {
    pthread_t threads[4];
    tyc_executor *executor;
    CHECK(tyc_executor_create(3, &executor) == TYC_OK);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, call_often, executor);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    tyc_executor_destroy(executor);
}

static void test_fork(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(3, &executor) == TYC_OK);
    pid_t child = fork();
    if (child == 0) {
        counts *self = calloc(1, sizeof *self);
        executor->parallel_for(executor, count_runs, self, 10);
        CHECK(self->parts == 1 && self->total == 10);
        tyc_executor_destroy(executor);
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    check_cover(executor, 10);
    tyc_executor_destroy(executor);
}

static void test_default_threads(void) {
    tyc_executor *executor;
    CHECK(tyc_executor_create(2, NULL) == TYC_ERROR_ARGUMENT);
    setenv("TYC_NUM_THREADS", "3", 1);
    CHECK(tyc_executor_create(0, &executor) == TYC_OK && executor->num_workers == 3);
    tyc_executor_destroy(executor);
    setenv("TYC_NUM_THREADS", "many", 1);
    CHECK(tyc_executor_create(0, &executor) == TYC_OK && executor->num_workers >= 1);
    tyc_executor_destroy(executor);
    tyc_executor_destroy(NULL);
}

static void double_it(const void *const *inputs, void *const *outputs, void *workspace,
                      const tyc_executor *executor, const void *weights) {
    (void)executor;
    memset(workspace, 0, 64);
    *(float *)outputs[0] = *(const float *)inputs[0] * *(const float *)weights;
}

static void double_timed(const void *const *inputs, void *const *outputs, void *workspace,
                         const tyc_executor *executor, const void *weights, int64_t *times) {
    tyc_clock(&times[0]);
    double_it(inputs, outputs, workspace, executor, weights);
    tyc_clock(&times[1]);
}

static const int64_t shape[] = {1, 1};
static const tyc_tensor_type in_type = {"x", shape, TYC_F32, 2};
static const tyc_tensor_type out_type = {"y", NULL, TYC_F32, 0};
_Alignas(64) static const float weights[16] = {2};
_Alignas(64) static unsigned char workspace[128];

static tyc_model make_model(void) {
    return (tyc_model){TYC_ABI_VERSION, 1, 1, 0, "m", "{}", &in_type, &out_type, 64, 0,
                       "needs more", weights, sizeof weights, double_it, double_timed};
}

static void test_run_statuses(void) {
    tyc_model model = make_model(), changed = model;
    float x = 4, y = 0;
    const void *in[] = {&x, NULL};
    void *out[] = {&y};
    tyc_executor foreign = {TYC_ABI_VERSION + 1, 1, NULL, NULL};
    CHECK(tyc_model_run(&model, in, out, workspace, NULL) == TYC_OK && y == 8);
    CHECK(tyc_model_run(&model, in, out, workspace, &foreign) == TYC_ERROR_ABI);
    foreign.abi_version = TYC_ABI_VERSION;
    CHECK(tyc_model_run(&model, in, out, workspace, &foreign) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_run(&model, in, out, workspace + 8, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_run(&model, in, out, NULL, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_run(&model, NULL, out, workspace, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_run(&model, in, NULL, workspace, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_run(&model, in + 1, out, workspace, NULL) == TYC_ERROR_ARGUMENT);
    changed.features = UINT64_C(1) << 62;
    CHECK(tyc_model_run(&changed, NULL, NULL, NULL, NULL) == TYC_ERROR_CPU);
    changed = model;
    changed.features = tyc_cpu_features();
    CHECK(tyc_model_run(&changed, in, out, workspace, NULL) == TYC_OK);
    changed.abi_version++;
    CHECK(tyc_model_run(&changed, in, out, workspace, NULL) == TYC_ERROR_ABI);
    for (tyc_status s = -1; s < 12; s++) CHECK(strlen(tyc_model_status_message(&model, s)) > 1);
    CHECK(!strcmp(tyc_model_status_message(&model, TYC_ERROR_CPU), "needs more"));
}

static void test_profile(void) {
    tyc_model model = make_model();
    float x = 4, y = 0;
    const void *in[] = {&x};
    void *out[] = {&y};
    int64_t times[2] = {0, 0};
    CHECK(tyc_model_profile(&model, in, out, workspace, NULL, times) == TYC_OK && y == 8);
    CHECK(times[0] > 0 && times[1] >= times[0]);
    CHECK(tyc_model_profile(&model, in, out, workspace, NULL, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_profile(&model, in, out, NULL, NULL, times) == TYC_ERROR_ARGUMENT);
}

static void test_choice(void) {
    const uint64_t wide = UINT64_C(1) << TYC_CPU_AVX512F, middle = UINT64_C(1) << TYC_CPU_AVX2;
    const uint64_t narrow = UINT64_C(1) << TYC_CPU_SSE42;
    tyc_model models[3] = {make_model(), make_model(), make_model()};
    models[0].features = wide | middle | narrow;
    models[1].features = middle | narrow;
    models[2].features = narrow;
    const tyc_model *versions[] = {&models[0], &models[1], &models[2]};
    CHECK(tyc_model_choose(versions, 3, wide | middle | narrow) == &models[0]);
    CHECK(tyc_model_choose(versions, 3, ~UINT64_C(0)) == &models[0]);
    CHECK(tyc_model_choose(versions, 3, middle | narrow) == &models[1]);
    CHECK(tyc_model_choose(versions, 3, wide | narrow) == &models[2]);
    CHECK(tyc_model_choose(versions, 3, narrow) == &models[2]);
    CHECK(tyc_model_choose(versions, 3, 0) == &models[2]);
    CHECK(tyc_model_choose(versions + 2, 1, 0) == &models[2]);
    models[2].features = UINT64_C(1) << 62; /* what no CPU has */
    CHECK(tyc_model_fitting(versions + 2, 1) == &models[2]);
    CHECK(tyc_model_run(tyc_model_fitting(versions + 2, 1), NULL, NULL, NULL, NULL)
          == TYC_ERROR_CPU);
}

static void test_call_statuses(void) {
    tyc_model model = make_model();
    float x = 4, y = 0;
    const int64_t wrong[] = {1, 2};
    tyc_tensor in = {&x, TYC_F32, 2, shape}, out = {&y, TYC_F32, 0, NULL}, bad = in;
    CHECK(tyc_model_call(&model, &in, 1, &out, 1, workspace, 64, NULL) == TYC_OK && y == 8);
    CHECK(tyc_model_call(&model, &in, 1, &out, 1, workspace, 63, NULL) == TYC_ERROR_WORKSPACE);
    CHECK(tyc_model_call(&model, &in, 2, &out, 1, workspace, 64, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_call(&model, &in, 1, &out, 0, workspace, 64, NULL) == TYC_ERROR_ARGUMENT);
    CHECK(tyc_model_call(&model, NULL, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_ARGUMENT);
    bad.dtype = TYC_F64;
    CHECK(tyc_model_call(&model, &bad, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_DTYPE);
    bad = (tyc_tensor){&x, TYC_F32, 2, wrong};
    CHECK(tyc_model_call(&model, &bad, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_SHAPE);
    bad.rank = 1;
    CHECK(tyc_model_call(&model, &bad, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_SHAPE);
    bad = (tyc_tensor){&x, TYC_F32, 2, NULL};
    CHECK(tyc_model_call(&model, &bad, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_ARGUMENT);
    bad = (tyc_tensor){NULL, TYC_F32, 2, shape};
    CHECK(tyc_model_call(&model, &bad, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_ARGUMENT);
}

static void test_call_external(void) {
    tyc_model model = make_model();
    model.flags = TYC_MODEL_EXTERNAL_WEIGHTS;
    model.weights = NULL;
    float x = 3, y = 0;
    int64_t bytes = sizeof weights;
    tyc_tensor in[] = {{&x, TYC_F32, 2, shape}, {(void *)(uintptr_t)weights, TYC_U8, 1, &bytes}};
    tyc_tensor out = {&y, TYC_F32, 0, NULL};
    CHECK(tyc_model_call(&model, in, 2, &out, 1, workspace, 64, NULL) == TYC_OK && y == 6);
    CHECK(tyc_model_call(&model, in, 1, &out, 1, workspace, 64, NULL) == TYC_ERROR_ARGUMENT);
    bytes--;
    CHECK(tyc_model_call(&model, in, 2, &out, 1, workspace, 64, NULL) == TYC_ERROR_SHAPE);
}

static tyc_status map_file(const char *path, const char *header, size_t header_bytes,
                           size_t data_bytes) {
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < 8; i++) fputc((int)(header_bytes >> (8 * i) & 255), file);
    fprintf(file, "%-56s", header);
    for (size_t i = 0; i < data_bytes; i++) fputc((int)i, file);
    fclose(file);
    const void *data = NULL;
    size_t bytes = 0;
    tyc_status status = tyc_weights_map(path, &data, &bytes);
    if (status == TYC_OK) {
        CHECK((uintptr_t)data % 64 == 0 && bytes == data_bytes);
        for (size_t i = 0; i < bytes; i++) CHECK(((const unsigned char *)data)[i] == (i & 255));
        tyc_weights_unmap(data, bytes);
    }
    return status;
}

static void test_weights(const char *path) {
    static const char header[] = "{\"w\":{\"data_offsets\": [0, 100]}}";
    const void *data;
    size_t bytes;
    CHECK(map_file(path, header, 56, 100) == TYC_OK);
    CHECK(map_file(path, header, 56, 99) == TYC_ERROR_IO);
    CHECK(map_file(path, header, 56, 101) == TYC_ERROR_IO);
    CHECK(map_file(path, header, 48, 100) == TYC_ERROR_IO);
    CHECK(map_file(path, header, (size_t)-9, 100) == TYC_ERROR_IO);
    CHECK(map_file(path, "{\"w\":{\"data_offsets\":[0,99999999999999999999]}}", 56, 0)
          == TYC_ERROR_IO);
    CHECK(map_file(path, "{\"w\":{\"data_offsets\"", 56, 0) == TYC_ERROR_IO);
    CHECK(tyc_weights_map("/nonexistent", &data, &bytes) == TYC_ERROR_IO);
    CHECK(tyc_weights_map("/", &data, &bytes) == TYC_ERROR_IO);
    CHECK(tyc_weights_map("/dev/null", &data, &bytes) == TYC_ERROR_IO);
    CHECK(tyc_weights_map(NULL, &data, &bytes) == TYC_ERROR_ARGUMENT);
    tyc_weights_unmap(NULL, 0);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    test_cover();
    test_ranges_are_fixed();
    test_ranges_of_a_held_worker_are_taken();
    test_huge_count();
    test_sleep_and_wake();
    test_slow_worker();
    test_nested();
    test_many_callers();
    test_fork();
    test_default_threads();
    test_run_statuses();
    test_profile();
    test_choice();
    test_call_statuses();
    test_call_external();
    test_weights(arguments[1]);
    printf("%d checks\n", checks);
    return 0;
}
