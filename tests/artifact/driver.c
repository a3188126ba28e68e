/* Runs the models of spec.h as a host program does: alone, many times, from many threads.
 *
 * spec.h, written by the test, has `static const struct spec specs[]`. Prints "ok" at the end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tyc.h"

#define MOST 8
#define CALLERS 8

struct spec {
    const char *library, *name, *inputs, *outputs, *weights;
    int num_inputs, num_outputs;
    size_t input_bytes[MOST], output_bytes[MOST];
};
#include "spec.h"
#define MODELS (int)(sizeof specs / sizeof specs[0])

typedef tyc_status run_fn(void *const *, void *const *, void *, const tyc_executor *);

struct model {
    run_fn *run;
    size_t workspace_bytes;
    void *inputs[MOST + 1];
    void *wanted[MOST];
};
static struct model models[MODELS];
static tyc_executor *executor;

#define CHECK(claim) \
    do { \
        if (!(claim)) { \
            fprintf(stderr, "line %d: not %s\n", __LINE__, #claim); \
            exit(1); \
        } \
    } while (0)

#ifdef COUNT_ALLOCATIONS
static _Atomic long allocations;
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t n) { allocations++; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { allocations++; return __libc_calloc(n, m); }
void *memalign(size_t a, size_t n) { allocations++; return __libc_memalign(a, n); }
#else
static const long allocations = 0;
#endif

static void *symbol(void *library, const char *name, const char *stem) {
    char text[256];
    snprintf(text, sizeof text, "%s_%s", name, stem);
    return dlsym(library, text);
}

/* Exactly as many bytes as the model may touch: a sanitizer sees one more. */
static void *room(size_t bytes) {
    void *made = NULL;
    CHECK(posix_memalign(&made, TYC_ALIGNMENT, bytes ? bytes : 1) == 0);
    return made;
}

static void run(const struct model *m, const struct spec *s, const tyc_executor *e, void **outputs,
                void *workspace) {
    for (int i = 0; i < s->num_outputs; i++) memset(outputs[i], 0xA5, s->output_bytes[i]);
    memset(workspace, 0xA5, m->workspace_bytes);
    CHECK(m->run(m->inputs, outputs, workspace, e) == TYC_OK);
    for (int i = 0; i < s->num_outputs; i++)
        CHECK(memcmp(outputs[i], m->wanted[i], s->output_bytes[i]) == 0);
}

static void load(struct model *m, const struct spec *s) {
    void *library = dlopen(s->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    m->run = (run_fn *)symbol(library, s->name, "run");
    m->workspace_bytes = ((size_t(*)(void))symbol(library, s->name, "workspace_bytes"))();
    FILE *file = fopen(s->inputs, "rb");
    CHECK(file);
    for (int i = 0; i < s->num_inputs; i++) {
        m->inputs[i] = room(s->input_bytes[i]);
        CHECK(fread(m->inputs[i], 1, s->input_bytes[i], file) == s->input_bytes[i]);
    }
    fclose(file);
    tyc_status (*map)(const char *, const void **, size_t *) =
        (tyc_status(*)(const char *, const void **, size_t *))symbol(library, s->name,
                                                                     "weights_map");
    CHECK(!map == !s->weights);
    size_t bytes;
    if (map) CHECK(map(s->weights, (const void **)&m->inputs[s->num_inputs], &bytes) == TYC_OK);
    void *workspace = room(m->workspace_bytes);
    for (int i = 0; i < s->num_outputs; i++) m->wanted[i] = room(s->output_bytes[i]);
    CHECK(m->run(m->inputs, m->wanted, workspace, NULL) == TYC_OK);
    free(workspace);
    file = s->outputs ? fopen(s->outputs, "rb") : NULL;
    for (int i = 0; file && i < s->num_outputs; i++) {
        void *wanted = room(s->output_bytes[i]);
        CHECK(fread(wanted, 1, s->output_bytes[i], file) == s->output_bytes[i]);
        CHECK(memcmp(wanted, m->wanted[i], s->output_bytes[i]) == 0);
        free(wanted);
    }
    if (file) fclose(file);
    if (!executor) {
        tyc_status (*create)(int32_t, tyc_executor **) =
            (tyc_status(*)(int32_t, tyc_executor **))symbol(library, s->name, "executor_create");
        CHECK(create(3, &executor) == TYC_OK);
    }
}

static void *work(void *argument) {
    int number = (int)(intptr_t)argument;
    void *workspaces[MODELS], *outputs[MODELS][MOST];
    for (int k = 0; k < MODELS; k++) {
        workspaces[k] = room(models[k].workspace_bytes);
        for (int i = 0; i < specs[k].num_outputs; i++)
            outputs[k][i] = room(specs[k].output_bytes[i]);
    }
    long before = allocations;
    for (int i = 0; i < ROUNDS; i++) {
        int k = (number + CALLERS * MODELS + i) % MODELS;
        const tyc_executor *e = (number / 2 + i / 2) & 1 ? executor : NULL;
        run(&models[k], &specs[k], e, outputs[k], workspaces[k]);
    }
    /* With callers at work at once, only the lonely one can tell. */
    if (number < 0) CHECK(allocations == before);
    for (int k = 0; k < MODELS; k++) {
        free(workspaces[k]);
        for (int i = 0; i < specs[k].num_outputs; i++) free(outputs[k][i]);
    }
    return NULL;
}

int main(void) {
    for (int k = 0; k < MODELS; k++) load(&models[k], &specs[k]);
    work((void *)(intptr_t)-1);
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < CALLERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    puts("ok");
    return 0;
}
