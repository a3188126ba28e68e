/* Runs libraries that were compiled for this machine, many cases in one process:
 *
 *   open PATH
 *   call NAME THREADS INPUTS OUTPUTS       a model; no THREADS: on this one, without an executor
 *   task SYMBOL COUNT PIECES INPUTS OUTPUTS        a kernel, split into pieces, the last one first
 *   DTYPE FILE BYTES RANK SIZE...          one for each input, then for each output of a case
 *
 * Reads these lines from a file, writes the files of outputs, and prints a line for
 * each case: `ok`, or what is wrong. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tyc.h"

#define MOST 64
#define MOST_RANK 16

typedef struct tensor {
    tyc_tensor t;
    int64_t shape[MOST_RANK];
    size_t bytes;
    char file[512];
} tensor;

static void *library;
static tensor tensors[MOST];
static tyc_tensor both[MOST];

static void die(const char *what, const char *of) {
    fprintf(stderr, "runner: %s: %s\n", what, of);
    exit(1);
}

static void *symbol(const char *name, const char *stem) {
    char text[512];
    snprintf(text, sizeof text, "%s%s", name, stem);
    void *found = dlsym(library, text);
    if (!found) die("no symbol", text);
    return found;
}

static void *aligned(size_t bytes, int byte) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes + 64)) die("no memory", "posix_memalign");
    memset(memory, byte, bytes + 64);
    return memory;
}

static void read_tensor(FILE *list, tensor *to, int is_input) {
    int dtype, rank;
    if (fscanf(list, "%d %511s %zu %d", &dtype, to->file, &to->bytes, &rank) != 4 ||
        rank > MOST_RANK)
        die("bad tensor", to->file);
    for (int d = 0; d < rank; d++) {
        long long size;
        if (fscanf(list, "%lld", &size) != 1) die("bad shape", to->file);
        to->shape[d] = size;
    }
    to->t = (tyc_tensor){aligned(to->bytes, 0xff), dtype, rank, to->shape};
    if (!is_input) return;
    FILE *file = fopen(to->file, "rb");
    if (!file || fread(to->t.data, 1, to->bytes, file) != to->bytes) die("cannot read", to->file);
    fclose(file);
}

static void write_tensor(const tensor *from) {
    FILE *file = fopen(from->file, "wb");
    if (!file || fwrite(from->t.data, 1, from->bytes, file) != from->bytes)
        die("cannot write", from->file);
    fclose(file);
}

static const char *call(const char *name, int threads, size_t inputs, size_t outputs) {
    size_t (*workspace_bytes)(void) = symbol(name, "_workspace_bytes");
    tyc_status (*run)(const tyc_tensor *, size_t, const tyc_tensor *, size_t, void *, size_t,
                      const tyc_executor *) = symbol(name, "_call");
    const char *(*message)(tyc_status) = symbol(name, "_status_message");
    tyc_executor *executor = NULL;
    if (threads) {
        tyc_status (*create)(int32_t, tyc_executor **) = symbol(name, "_executor_create");
        if (create(threads, &executor)) return "no executor";
    }
    size_t bytes = workspace_bytes();
    void *workspace = aligned(bytes, 0xff);
    for (size_t i = 0; i < inputs + outputs; i++) both[i] = tensors[i].t;
    tyc_status status = run(both, inputs, both + inputs, outputs, workspace, bytes, executor);
    if (executor) ((void (*)(tyc_executor *))symbol(name, "_executor_destroy"))(executor);
    free(workspace);
    return status ? message(status) : "ok";
}

static const char *task(const char *name, long long count, int pieces, size_t buffers) {
    tyc_task run = symbol(name, "");
    void *addresses[MOST];
    for (size_t i = 0; i < buffers; i++) addresses[i] = tensors[i].t.data;
    for (int p = pieces - 1; p >= 0; p--)
        run(addresses, count * p / pieces, count * (p + 1) / pieces, 0);
    return "ok";
}

int main(int argc, char **argv) {
    FILE *list = argc > 1 ? fopen(argv[1], "r") : NULL;
    char kind[8], name[512];
    if (!list) die("cannot read", argc > 1 ? argv[1] : "nothing");
    while (fscanf(list, "%7s %511s", kind, name) == 2) {
        long long first;
        int pieces = 0;
        size_t inputs, outputs;
        if (!strcmp(kind, "open")) {
            library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (!library) die("cannot load", dlerror());
            continue;
        }
        int is_task = !strcmp(kind, "task");
        if (fscanf(list, "%lld", &first) != 1) die("bad case", name);
        if (is_task && fscanf(list, "%d", &pieces) != 1) die("bad case", name);
        if (fscanf(list, "%zu %zu", &inputs, &outputs) != 2 || inputs + outputs > MOST)
            die("bad case", name);
        for (size_t i = 0; i < inputs + outputs; i++) read_tensor(list, &tensors[i], i < inputs);
        puts(is_task ? task(name, first, pieces, inputs + outputs)
                     : call(name, (int)first, inputs, outputs));
        fflush(stdout);
        for (size_t i = 0; i < inputs + outputs; i++) {
            if (i >= inputs) write_tensor(&tensors[i]);
            free(tensors[i].t.data);
        }
    }
    return 0;
}
