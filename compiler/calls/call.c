/* call(empty, outputs, inputs, run, workspace, executor): the results of a library's run, as a
 * function of CPython: no foreign call, no buffer, no Python between arrays and addresses.
 *
 * Without CPython's headers, which a machine may lack: functions of its stable ABI come in a table,
 * and the two structures are those of every release since 3.8, and of NumPy 1 and 2. `call_probe`
 * lets the caller make sure of the second.
 */
#include <stdint.h>

typedef struct object {
  intptr_t references;
  void *type;
} object;

typedef struct { /* PyArrayObject_fields */
  object head;
  char *data;
  int rank;
  intptr_t *shape, *strides;
  object *base, *dtype;
  int flags;
} array;

typedef struct { /* PyMethodDef */
  const char *name;
  void *function;
  int flags;
  const char *doc;
} method;

typedef struct {
  object *(*call_object)(object *, object *);
  object *(*new_function)(method *, object *, object *);
  object *(*new_list)(intptr_t);
  int (*set_item)(object *, intptr_t, object *);
  object *(*get_item)(object *, intptr_t);
  intptr_t (*size)(object *);
  void *(*pointer)(object *);
  object *(*new_integer)(long);
  void (*release)(object *);
  void *(*leave)(void);
  void (*enter)(void *);
} python;

typedef int (*run_function)(void **, void **, void *, void *);

enum { FASTCALL = 0x80, DENSE = 0x1, MOST = 64 };

static python api;
static void *array_type;

/* The data of a dense array; null for another object. */
static void *data_of(object *o) {
  const array *a = (const array *)o;
  return o->type == array_type && (a->flags & DENSE) ? a->data : 0;
}

/* Fills in the addresses of `count` arrays; 0 where one is not dense. */
static int addresses(object *sequence, intptr_t count, void **found) {
  for (intptr_t i = 0; i < count; i++) {
    object *item = api.get_item(sequence, i);
    if (!item) return 0;
    found[i] = data_of(item);
    api.release(item); /* the caller's sequence still holds it */
    if (!found[i]) return 0;
  }
  return 1;
}

/* New arrays, `empty(*arguments)` each; null with an exception set where one cannot be made. */
static object *made(object *empty, object *arguments, intptr_t count) {
  object *results = api.new_list(count);
  for (intptr_t i = 0; results && i < count; i++) {
    object *shape = api.get_item(arguments, i);
    object *one = shape ? api.call_object(empty, shape) : 0;
    if (shape) api.release(shape);
    if (!one) {
      api.release(results);
      return 0;
    }
    api.set_item(results, i, one);
  }
  return results;
}

/* A list of results; the status, where it is not 0, or -1 for arrays that are not dense. */
static object *call(object *self, object *const *arguments, intptr_t count) {
  (void)self;
  if (count != 6) return api.new_integer(-1);
  void *in[MOST], *out[MOST];
  intptr_t outputs = api.size(arguments[1]), inputs = api.size(arguments[2]);
  if (outputs > MOST || inputs > MOST) return api.new_integer(-1);
  object *results = made(arguments[0], arguments[1], outputs);
  if (!results) return 0;
  int status = -1;
  if (addresses(results, outputs, out) && addresses(arguments[2], inputs, in)) {
    run_function run = (run_function)api.pointer(arguments[3]);
    void *workspace = api.pointer(arguments[4]), *executor = api.pointer(arguments[5]);
    void *thread = api.leave();
    status = run(in, out, workspace, executor);
    api.enter(thread);
  }
  if (!status) return results;
  api.release(results);
  return api.new_integer(status);
}

static method description = {"call", (void *)call, FASTCALL, "The results of a library's run."};

/* The function `call`; `type` is that of arrays. */
object *call_function(const python *functions, void *type) {
  api = *functions;
  array_type = type;
  return api.new_function(&description, 0, 0);
}

/* What `call` takes for the data of an object. */
void *call_probe(object *o) { return data_of(o); }
