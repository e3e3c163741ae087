/* What a plugin in a process of its own costs whoever asks it: the round trip of one row and of batches of 64, asked closely one after the
 * other as a busy lane does and after pauses as an idle one does; how long a lane waits for one that hangs; and how long one that crashed
 * is away. The plugin's own work is one product a row. Prints `hosts {json}` as run.sh collects it. usage: hosts BUILD_DIRECTORY */
#include "host/host.h"
#include "kit/clock.h"
#include "kit/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS   200000
#define PAUSED  2000
#define BATCHES 50000
#define ROWS    64
#define CRASHES 20
#define HANGS   5

static char store[] = "/tmp/kairos-hosts-XXXXXX";
static double times[CALLS]; /* us */

static void stop(const struct err *e) {
  fprintf(stderr, "hosts: %s\n", e->text);
  file_remove_tree(store, NULL);
  exit(1);
}

struct asked {
  struct trained *model;
  struct session *session;
};

static struct asked open_model(const struct plugin *p, const char *mode) {
  char config[64];
  const char *const inputs[] = {"x"};
  struct err e = {0};
  struct asked a;
  snprintf(config, sizeof config, "{\"mode\":\"%s\"}", mode);
  const struct model_spec spec = {.name = "bench", .inputs = inputs, .input_count = 1, .config = str_from(config)};
  if (!model_create(p, &spec, &a.model, &e) || !model_start(a.model, &e) || !session_open(a.model, ROWS, &a.session, &e)) stop(&e);
  return a;
}

static void close_model(struct asked *a) {
  session_close(a->session);
  model_free(a->model);
}

/* Microseconds; below 0 where there was no answer. */
static double ask(struct asked *a, uint32_t rows, double with) {
  static double x[ROWS], y[ROWS];
  static uint64_t seeds[ROWS], valid;
  const double *columns[] = {x};
  double *outputs[] = {y};
  uint64_t *bits[] = {&valid};
  struct err e = {0};
  for (uint32_t i = 0; i < rows; i++) x[i] = with;
  const int64_t began = clock_monotonic();
  const bool answered = session_predict(a->session, rows, columns, NULL, seeds, outputs, bits, &e);
  const double took = (double)(clock_monotonic() - began) / 1000;
  return answered ? took : -took;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double quantile(size_t count, double q) {
  qsort(times, count, sizeof *times, compare);
  return times[(size_t)((double)(count - 1) * q)];
}

/* Of `count` calls. One that was late counts as long as it was waited for; those that nobody waited for after it do not. */
static void measure(struct asked *a, size_t count, uint32_t rows, useconds_t pause) {
  for (size_t i = 0; i < 1000; i++) ask(a, rows, 1);
  for (size_t i = 0; i < count;) {
    if (pause) usleep(pause);
    const double took = ask(a, rows, 1);
    if (session_absence(a->session) == SESSION_BUSY) usleep(1000);
    else times[i++] = took < 0 ? -took : took;
  }
}

static double longest_wait(const struct plugin *evil) {
  double most = 0;
  for (int i = 0; i < HANGS; i++) {
    struct asked a = open_model(evil, "loop");
    const double took = -ask(&a, 1, 9);
    if (took > most) most = took;
    close_model(&a);
  }
  return most / 1000;
}

static void measure_return(const struct plugin *evil) {
  for (int i = 0; i < CRASHES; i++) {
    struct asked a = open_model(evil, "segfault");
    const int64_t began = clock_monotonic();
    ask(&a, 1, 9);
    while (ask(&a, 1, 1) < 0) usleep(100);
    times[i] = (double)(clock_monotonic() - began) / 1e6;
    close_model(&a);
  }
}

int main(int argc, char **argv) {
  char path[4096];
  struct err e = {0};
  struct plugin *honest, *evil;
  if (argc != 2) return fprintf(stderr, "usage: hosts BUILD_DIRECTORY\n"), 2;
  if (!host_begin(argc, argv, &e) || !mkdtemp(store)) stop(&e);
  snprintf(path, sizeof path, "%s/tests/rogues/honest.so", argv[1]);
  if (!plugin_open_hosted(path, store, &honest, &e)) stop(&e);
  snprintf(path, sizeof path, "%s/tests/rogues/evil.so", argv[1]);
  if (!plugin_open_hosted(path, store, &evil, &e)) stop(&e);
  struct asked a = open_model(honest, "");
  measure(&a, CALLS, 1, 0);
  printf("hosts {\"one_p50_us\":%.2f,\"one_p99_us\":%.2f,", quantile(CALLS, .5), quantile(CALLS, .99));
  measure(&a, BATCHES, ROWS, 0);
  printf("\"row_p50_us\":%.4f,\"row_p99_us\":%.4f,", quantile(BATCHES, .5) / ROWS, quantile(BATCHES, .99) / ROWS);
  measure(&a, PAUSED, 1, 1000);
  printf("\"paused_p50_us\":%.2f,\"paused_p99_us\":%.2f,", quantile(PAUSED, .5), quantile(PAUSED, .99));
  close_model(&a);
  measure_return(evil);
  printf("\"back_p50_ms\":%.2f,\"back_most_ms\":%.2f,\"hang_most_ms\":%.2f}\n", quantile(CRASHES, .5), quantile(CRASHES, 1),
         longest_wait(evil));
  plugin_close(honest);
  plugin_close(evil);
  host_end();
  file_remove_tree(store, NULL);
  return 0;
}
