/* What the plugins' own work costs on one thread, without the engine round it: the .so is opened as the engine opens it, given the shapes
 * of the speed table (100 trees of depth 3, 2 000 support vectors, 12 inputs; windows of 30 steps x 10 inputs through 64, 32, 16, 1), and
 * its functions are called in a loop. Prints one line `NAME {json}` a run, as run.sh collects them. usage: plugins DIRECTORY [gbm_one |
 * gbm_rows | gbm_train | svr_one | svr_train | lstm_one | lstm_again | lstm_rows | lstm_two | lstm_train]… */
#include "kairos_plugin.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include "kit/str.h"
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUTS     12
#define SECONDS    0.4 /* that long at least is one measurement */
#define INPUT_LIST "\"inputs\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\"]"

#define TEN_INPUTS "\"inputs\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"]"

static void stop(const char *what, const char *why) {
  fprintf(stderr, "plugins: %s: %s\n", what, why);
  exit(1);
}

/* ---- the host ---- */

static void log_nothing(const kairos_host *host, kairos_log_level level, const char *text) {
  (void)host, (void)level, (void)text;
}
static void *reallocate(const kairos_host *host, void *old, size_t old_size, size_t new_size) {
  (void)host;
  if (!new_size) {
    free(old);
    return NULL;
  }
  unsigned char *memory = realloc(old, new_size);
  if (memory && new_size > old_size) memset(memory + old_size, 0, new_size - old_size);
  return memory;
}
static int64_t now_ms(const kairos_host *host) {
  (void)host;
  return clock_now();
}
static bool never(const kairos_host *host) {
  (void)host;
  return false;
}
static const void *no_service(const kairos_host *host, const char *id) {
  (void)host, (void)id;
  return NULL;
}
static const kairos_host host = {sizeof host, KAIROS_ABI_MINOR, NULL, log_nothing, reallocate, now_ms, never, no_service};

static void expect(kairos_status status, const kairos_error *error) {
  if (status != KAIROS_OK) stop("a plugin refuses", error->message);
}

static const kairos_plugin *plugin_of(const char *directory, const char *id) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.so", directory, id);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) stop(path, dlerror());
  kairos_entry *entry;
  *(void **)&entry = dlsym(library, KAIROS_ENTRY);
  const kairos_plugin *plugin = entry ? entry(&host) : NULL;
  if (!plugin) stop(path, "it exports no plugin");
  return plugin;
}

/* ---- a table of rows ---- */

struct table {
  uint32_t inputs, steps;
  double *data[INPUTS], *target;
  uint64_t *valid;
  kairos_column columns[INPUTS + 1], *pointers[INPUTS + 1];
  kairos_batch x, y;
};

/* Rows and 0/1 targets that depend on some of the inputs, as a target of habits does: far from separable. */
static struct table *table_new(uint32_t rows, uint32_t inputs, uint32_t steps) {
  struct table *t = calloc(1, sizeof *t);
  struct rng chance = rng_from(2026);
  if (!t) stop("table", "no memory");
  t->inputs = inputs;
  t->steps = steps;
  for (uint32_t i = 0; i < inputs; i++) t->data[i] = calloc((size_t)rows * steps, sizeof(double));
  t->target = calloc(rows, sizeof(double));
  t->valid = malloc((rows / 64 + 1) * sizeof(uint64_t));
  for (uint32_t r = 0; r < rows; r++) {
    const size_t last = ((size_t)r + 1) * steps - 1; /* of a window; what was before it is noise */
    for (uint32_t i = 0; i < inputs; i++)
      for (size_t at = last + 1 - steps; at <= last; at++) t->data[i][at] = rng_normal(&chance);
    const double margin = 0.8 * t->data[0][last] - 0.5 * t->data[3][last] * t->data[5][last] + (t->data[7][last] > 0.5 ? 0.9 : -0.3);
    t->target[r] = rng_uniform(&chance) < 1 / (1 + exp(-margin));
  }
  for (uint32_t i = 0; i <= inputs; i++) {
    t->columns[i] = (kairos_column){sizeof t->columns[i], KAIROS_F64, i < inputs ? steps : 1, 0, i < inputs ? t->data[i] : t->target, NULL};
    t->pointers[i] = &t->columns[i];
  }
  t->columns[inputs].valid = t->valid;
  memset(t->valid, 0xFF, (rows / 64 + 1) * sizeof(uint64_t));
  t->x = (kairos_batch){sizeof t->x, rows, inputs, 0, t->pointers, NULL};
  t->y = (kairos_batch){sizeof t->y, rows, 1, 0, t->pointers + inputs, NULL};
  return t;
}

static void table_free(struct table *t) {
  for (uint32_t i = 0; i < t->inputs; i++) free(t->data[i]);
  free(t->target);
  free(t->valid);
  free(t);
}

/* ---- measurements ---- */

/* Of this thread's own work: what others do on the machine counts only as far as they share its caches and units. */
static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct subject {
  const kairos_plugin *plugin;
  kairos_model *model;
  uint32_t inputs, steps;
};

static struct subject subject_new(const char *directory, const char *id, const char *config) {
  kairos_error error = {.size = sizeof error};
  struct subject s = {plugin_of(directory, id), NULL, INPUTS, 1};
  expect(s.plugin->create(&host, config, &s.model, &error), &error);
  return s;
}

static void train(const struct subject *s, uint32_t rows, const char *line) {
  kairos_error error = {.size = sizeof error};
  struct table *t = table_new(rows, s->inputs, s->steps);
  const double begun = seconds();
  expect(s->plugin->train(s->model, &t->x, &t->y, &error), &error);
  if (line) printf("%s {\"seconds\":%.4f}\n", line, seconds() - begun);
  table_free(t);
}

/* Calls of predict over `rows` rows; the time of one. */
static double predict(const struct subject *s, uint32_t rows) {
  kairos_error error = {.size = sizeof error};
  struct table *t = table_new(rows, s->inputs, s->steps);
  kairos_session *session = NULL;
  expect(s->plugin->open(s->model, rows, &session, &error), &error);
  double begun = 0, spent = 0;
  uint64_t calls = 0;
  for (uint64_t n = 1; spent < SECONDS; n = n < (1u << 20) / rows + 1 ? 2 * n : n) {
    begun = calls ? begun : seconds();
    for (uint64_t i = 0; i < n; i++) {
      t->data[0][t->steps - 1] = (double)(i % 7) - 3; /* another row each time */
      expect(s->plugin->predict(s->model, session, &t->x, &t->y, &error), &error);
    }
    calls += n;
    spent = seconds() - begun;
  }
  s->plugin->close(session);
  table_free(t);
  return spent / (double)calls;
}

/* ---- two threads, each with a session of its own, as two lanes ask one model: by the clock, so other work on the machine counts ---- */

struct worker {
  const struct subject *subject;
  uint32_t rows;
  double per_second;
};

static void *work(void *argument) {
  struct worker *w = argument;
  const struct subject *s = w->subject;
  kairos_error error = {.size = sizeof error};
  struct table *t = table_new(w->rows, s->inputs, s->steps);
  kairos_session *session = NULL;
  expect(s->plugin->open(s->model, w->rows, &session, &error), &error);
  const int64_t begun = clock_monotonic();
  int64_t spent = 0, calls = 0;
  for (; spent < 1000000000; spent = clock_monotonic() - begun, calls++)
    expect(s->plugin->predict(s->model, session, &t->x, &t->y, &error), &error);
  w->per_second = (double)calls * w->rows / ((double)spent / 1e9);
  s->plugin->close(session);
  table_free(t);
  return NULL;
}

static double predict_by_two(const struct subject *s, uint32_t rows) {
  struct worker workers[2] = {{s, rows, 0}, {s, rows, 0}};
  pthread_t other;
  if (pthread_create(&other, NULL, work, &workers[1]) != 0) stop("threads", "there is none to be had");
  work(&workers[0]);
  pthread_join(other, NULL);
  return workers[0].per_second + workers[1].per_second;
}

/* ---- an svr with exactly as many support vectors as asked for, from libsvm's text ---- */

struct source {
  const char *at;
  size_t left;
};
static size_t read_some(const kairos_reader *reader, void *to, size_t n) {
  struct source *s = reader->context;
  if (n > s->left) n = s->left;
  memcpy(to, s->at, n);
  s->at += n;
  s->left -= n;
  return n;
}

#define VECTORS 2000
static void import_vectors(const struct subject *s) {
  kairos_error error = {.size = sizeof error};
  struct rng chance = rng_from(7);
  struct buf text = {0};
  buf_printf(&text, "svm_type epsilon_svr\nkernel_type rbf\ngamma %.17g\nnr_class 2\ntotal_sv %d\nrho -0.5\nSV\n", 1.0 / INPUTS, VECTORS);
  for (int v = 0; v < VECTORS; v++) {
    buf_printf(&text, "%.17g ", rng_normal(&chance));
    for (int i = 0; i < INPUTS; i++) buf_printf(&text, "%d:%.17g ", i + 1, (double)(float)rng_normal(&chance)); /* as trained */
    buf_text(&text, "\n");
  }
  struct source source = {text.at, text.len};
  const kairos_reader reader = {sizeof reader, 0, &source, text.len, read_some};
  const kairos_import *import = s->plugin->extension(KAIROS_EXTENSION_IMPORT);
  expect(import->import_state(s->model, &reader, &error), &error);
  buf_free(&text);
}

static void measure(const char *directory, const char *line) {
  struct subject s = {0};
  if (strncmp(line, "gbm_", 4) == 0) {
    s = subject_new(directory, "gbm", "{" INPUT_LIST ",\"method\":\"histogram\"}");
    train(&s, strcmp(line, "gbm_train") == 0 ? 100000 : 20000, strcmp(line, "gbm_train") == 0 ? line : NULL);
    if (strcmp(line, "gbm_one") == 0) printf("%s {\"us\":%.4f}\n", line, 1e6 * predict(&s, 1));
    if (strcmp(line, "gbm_rows") == 0) printf("%s {\"million_per_second\":%.3f}\n", line, 0.1 / predict(&s, 100000));
  } else if (strncmp(line, "svr_", 4) == 0) {
    s = subject_new(directory, "svr", "{" INPUT_LIST ",\"C\":1,\"standardise\":false}");
    if (strcmp(line, "svr_train") == 0) train(&s, 10000, line);
    else import_vectors(&s);
    if (strcmp(line, "svr_one") == 0) printf("%s {\"us\":%.4f}\n", line, 1e6 * predict(&s, 1));
  } else if (strncmp(line, "lstm_", 5) == 0) {          /* one epoch: of 12 500 people every fifth is held out */
    const bool again = strcmp(line, "lstm_again") == 0; /* of a window whose days before the last were asked about before */
    s = subject_new(directory, "lstm", again ? "{" TEN_INPUTS ",\"epochs\":1}" : "{" TEN_INPUTS ",\"epochs\":1,\"recall\":0}");
    s.inputs = 10;
    s.steps = 30;
    train(&s, 12500, strcmp(line, "lstm_train") == 0 ? line : NULL);
    if (strcmp(line, "lstm_one") == 0 || again) printf("%s {\"us\":%.4f}\n", line, 1e6 * predict(&s, 1));
    if (strcmp(line, "lstm_rows") == 0) printf("%s {\"per_second\":%.0f}\n", line, 1024 / predict(&s, 1024));
    if (strcmp(line, "lstm_two") == 0) printf("%s {\"per_second\":%.0f}\n", line, predict_by_two(&s, 1024));
  } else {
    stop(line, "no such line");
  }
  s.plugin->destroy(s.model);
}

int main(int argc, char **argv) {
  static char *const all[] = {"gbm_one",  "gbm_rows",   "gbm_train", "svr_one",  "svr_train",
                              "lstm_one", "lstm_again", "lstm_rows", "lstm_two", "lstm_train"};
  if (argc < 2) stop("usage", "plugins DIRECTORY [line…]");
  char *const *lines = argc > 2 ? argv + 2 : all;
  for (int i = 0; i < (argc > 2 ? argc - 2 : (int)(sizeof all / sizeof *all)); i++) measure(argv[1], lines[i]);
  return 0;
}
