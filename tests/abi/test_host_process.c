/* rooms: host kit */
/* Promise: a plugin that was not built with the engine runs in a process of its own and is the same to its callers: the same bytes from the
 * same columns, the same states and formats. Whoever closes it gets everything back, and another file under the same name is another plugin
 * while the first goes on. */
#include "abi.h"
#include "kit/arena.h"
#include <dirent.h>
#include <signal.h>

#define ROWS    200
#define REOPENS 60

static const char *const inputs[] = {"x"};
static struct model_spec spec = {.name = "honest", .inputs = inputs, .input_count = 1};

static int begin(void **state) {
  struct err e = {0};
  if (!host_begin(0, NULL, &e)) fail_msg("%s", e.text);
  has_zygote = true;
  spec.config = STR("{}");
  return store_make(state);
}
static int end(void **state) {
  host_end();
  return store_drop(state);
}

static struct session *open_session(const struct trained *m) {
  struct err e = {0};
  struct session *s;
  assert_fine(session_open(m, ROWS, &s, &e), &e);
  session_patience(s, INT64_C(60000000000)); /* the machine may be busy */
  return s;
}

static void predict(struct session *s, uint32_t rows, const double *x, double *y, uint64_t *valid) {
  struct err e = {0};
  static uint64_t seeds[ROWS];
  assert_fine(session_predict(s, rows, &x, NULL, seeds, &y, &valid, &e), &e);
}

static void what_is_not_shipped_runs_elsewhere(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p, *own;
  struct trained *m;
  struct model_host host;
  assert_fine(plugin_open(rogue("honest"), store, &p, &e), &e);
  assert_fine(plugin_open(SVR_PATH, store, &own, &e), &e);
  assert_true(plugin_is_hosted(p));
  assert_false(plugin_is_hosted(own));
  assert_string_equal(plugin_id(p), "rogue");
  assert_string_equal(plugin_version(p), "1.0.0");
  assert_fine(model_create(p, &spec, &m, &e), &e);
  assert_false(model_hosted(m, &host)); /* not yet */
  assert_fine(model_start(m, &e), &e);
  assert_true(model_hosted(m, &host));
  assert_true(host.pid > 0 && host.pid != getpid() && host.starts == 1 && host.crashes == 0 && !host.suspended);
  struct session *s = open_session(m);
  double x[ROWS], y[ROWS];
  uint64_t valid[4];
  for (int i = 0; i < ROWS; i++) x[i] = i / 4.0;
  for (uint32_t rows = 0; rows <= ROWS; rows = rows ? rows * 2 + 1 : 1) { /* none, pieces of 64, and what is left of one */
    predict(s, rows, x, y, valid);
    for (uint32_t i = 0; i < rows; i++) assert_true(y[i] == 2 * x[i] && (valid[i / 64] >> i % 64 & 1));
  }
  session_close(s);
  model_free(m);
  plugin_close(p);
}

/* The shipped plugin, here and in a process: the same bytes, whatever is missing. */
static void both_places_give_the_same_bytes(void **state) {
  (void)state;
  static const char *const three[] = {"success_rate", "habit_strength", "stress_level"};
  const struct model_spec adherence = {.name = "adherence", .inputs = three, .input_count = 3, .config = STR("{\"C\":10}")};
  struct err e = {0};
  struct plugin *p[2];
  struct trained *m[2];
  double x[3][ROWS], target[ROWS], y[2][ROWS];
  uint64_t valid[3][4], good[2][4], seeds[ROWS];
  const double *columns[] = {x[0], x[1], x[2]};
  const uint64_t *bits[] = {valid[0], valid[1], valid[2]};
  struct buf envelope = {0}, again = {0};
  for (int i = 0; i < ROWS; i++) {
    for (int c = 0; c < 3; c++) x[c][i] = ((i * 7 + c * 13) % 101) / 101.0;
    target[i] = (x[0][i] + x[1][i]) / 2;
    seeds[i] = (uint64_t)i;
  }
  for (int c = 0; c < 3; c++)
    for (int w = 0; w < 4; w++) valid[c][w] = ~(UINT64_C(0x1001001001) << c);
  const struct training t = {
      .rows = ROWS, .inputs = columns, .target = target, .seeds = seeds, .limit_ms = 120000, .memory_limit = (size_t)256 << 20};
  assert_fine(plugin_open(SVR_PATH, store, &p[0], &e), &e);
  assert_fine(plugin_open_hosted(SVR_PATH, store, &p[1], &e), &e);
  assert_true(plugin_is_hosted(p[1]) && !plugin_is_hosted(p[0]));
  assert_fine(model_train(p[1], &adherence, &t, STR("{}"), &envelope, &e), &e);
  assert_fine(model_train(p[0], &adherence, &t, STR("{}"), &again, &e), &e);
  assert_true(str_eq(buf_view(&envelope), buf_view(&again)));
  for (int k = 0; k < 2; k++) {
    assert_fine(model_create(p[k], &adherence, &m[k], &e), &e);
    assert_fine(model_load(m[k], buf_view(&envelope), &e), &e);
    struct session *s = open_session(m[k]);
    double *outputs[] = {y[k]};
    uint64_t *output_valid[] = {good[k]};
    assert_fine(session_predict(s, ROWS, columns, bits, seeds, outputs, output_valid, &e), &e);
    session_close(s);
    assert_fine(model_save(m[k], STR("{}"), &again, &e), &e);
    assert_true(str_eq(buf_view(&envelope), buf_view(&again)));
  }
  assert_memory_equal(y[0], y[1], sizeof y[0]);
  assert_memory_equal(good[0], good[1], sizeof good[0]);
  for (int k = 0; k < 2; k++) {
    model_free(m[k]);
    plugin_close(p[k]);
  }
  buf_free(&envelope);
  buf_free(&again);
}

static void bad_states_and_configurations_are_sentences(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p;
  struct trained *m;
  struct buf envelope = {0}, file = {0};
  const struct model_spec crashing = {.name = "m", .inputs = inputs, .input_count = 1, .config = STR("{\"x\":")};
  assert_fine(plugin_open(rogue("moody"), store, &p, &e), &e);
  assert_refused("half a configuration", model_create(p, &crashing, &m, &e), &e, "its configuration");
  const struct model_spec other = {.name = "m", .inputs = (const char *const[]){"z"}, .input_count = 1, .config = STR("{}")};
  assert_refused("another input", model_create(p, &other, &m, &e), &e, "the plugin's input 1 is 'x'");
  assert_fine(model_create(p, &spec, &m, &e), &e);
  assert_refused("no formats", model_import(m, "text", STR("1"), &e), &e, "reads no files of other programs");
  assert_fine(model_save(m, STR("{}"), &envelope, &e), &e); /* asked of a child, since there is no host yet */
  envelope.at[envelope.len - 1] ^= 1;
  assert_refused("a damaged state", model_load(m, buf_view(&envelope), &e), &e, "model 'honest'");
  envelope.at[envelope.len - 1] ^= 1;
  assert_fine(model_load(m, buf_view(&envelope), &e), &e);
  assert_refused("twice", model_load(m, buf_view(&envelope), &e), &e, "model 'honest'");
  model_free(m);
  const struct model_spec unread = {.name = "m", .inputs = inputs, .input_count = 1, .config = STR("{\"mode\":\"unread\"}")};
  assert_fine(model_create(p, &unread, &m, &e), &e);
  assert_refused("left unread", model_load(m, buf_view(&envelope), &e), &e, "bytes of the state unread");
  model_free(m);
  plugin_close(p);
  buf_free(&envelope);
  buf_free(&file);
}

/* ---- replacing and closing ---- */

static void copy_file(const char *from, const char *to) {
  struct buf bytes = {0};
  struct err e = {0};
  assert_fine(file_read(from, &bytes, 1 << 24, &e) && file_write_atomic(to, buf_view(&bytes), 0755, &e), &e);
  buf_free(&bytes);
}

static void another_file_is_another_plugin(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p[2];
  struct trained *m[2];
  struct session *s[2];
  char path[600];
  double x = 3, y;
  uint64_t valid;
  snprintf(path, sizeof path, "%s/mine.so", store);
  const char *const files[] = {"honest", "moody"};
  for (int k = 0; k < 2; k++) {
    copy_file(rogue(files[k]), path);
    assert_fine(plugin_open(path, store, &p[k], &e), &e);
    assert_fine(model_create(p[k], &spec, &m[k], &e), &e);
    assert_fine(model_start(m[k], &e), &e);
    s[k] = open_session(m[k]);
  }
  assert_memory_not_equal(plugin_sha256(p[0]), plugin_sha256(p[1]), 32);
  assert_int_equal(unlink(path), 0);
  for (int k = 0; k < 2; k++) {
    predict(s[k], 1, &x, &y, &valid);
    assert_true(y == 6 && valid == 1);
  }
  struct model_host host;
  session_close(s[0]);
  model_free(m[0]);
  plugin_close(p[0]);
  predict(s[1], 1, &x, &y, &valid);
  assert_true(y == 6 && model_hosted(m[1], &host) && host.starts == 1);
  session_close(s[1]);
  model_free(m[1]);
  plugin_close(p[1]);
}

static int count_in(const char *directory) {
  DIR *d = opendir(directory);
  int count = 0;
  while (d && readdir(d)) count++;
  if (d) closedir(d);
  return count;
}

static long mapped(void) { /* pages */
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%ld", &pages) != 1) pages = 0;
  if (f) fclose(f);
  return pages;
}

static bool is_there(int32_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", pid);
  return access(path, F_OK) == 0;
}

static void closing_gives_everything_back(void **state) {
  (void)state;
  struct err e = {0};
  int descriptors = 0;
  long pages = 0;
  int32_t last = 0;
  for (int i = 0; i < REOPENS; i++) {
    struct plugin *p;
    struct trained *m;
    struct model_host host;
    double x = i, y;
    uint64_t valid;
    assert_fine(plugin_open(rogue(i % 2 ? "honest" : "moody"), store, &p, &e), &e);
    assert_fine(model_create(p, &spec, &m, &e), &e);
    assert_fine(model_start(m, &e), &e);
    assert_true(model_hosted(m, &host));
    last = host.pid;
    struct session *s = open_session(m);
    predict(s, 1, &x, &y, &valid);
    session_close(s);
    model_free(m);
    plugin_close(p);
    if (i == 9) descriptors = count_in("/proc/self/fd"), pages = mapped();
  }
  assert_int_equal(count_in("/proc/self/fd"), descriptors);
  if (!SANITIZED) assert_true(mapped() - pages < 512); /* of which nothing is a host's ring: those would be thousands */
  for (int wait = 0; is_there(last) && wait < 3000; wait++) usleep(10000);
  assert_false(is_there(last));
}

/* A process that has no processor, as on a busy machine: nobody holds it against the plugin, and it goes on where it was. */
static void who_is_not_let_run_is_not_at_fault(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p;
  struct trained *m;
  struct session *s;
  struct model_host host;
  double x = 1, y;
  uint64_t valid, seed = 0;
  const double *columns[] = {&x};
  double *outputs[] = {&y};
  uint64_t *bits[] = {&valid};
  assert_fine(plugin_open(rogue("honest"), store, &p, &e), &e);
  assert_fine(model_create(p, &spec, &m, &e) && model_start(m, &e) && session_open(m, 1, &s, &e), &e);
  int starved = 0;
  for (int round = 0; round < 20 && starved < 3; round++) {
    assert_true(model_hosted(m, &host));
    kill(host.pid, SIGSTOP);
    assert_false(session_predict(s, 1, columns, NULL, &seed, outputs, bits, &e));
    starved += strstr(e.text, "waits for the processor") != NULL;
    if (strstr(e.text, "waits for the processor")) assert_int_equal(session_absence(s), SESSION_BUSY);
    kill(host.pid, SIGCONT);
    for (int i = 0; i < 30000 && !session_predict(s, 1, columns, NULL, &seed, outputs, bits, &e); i++) usleep(1000);
    assert_true(y == 2);
  }
  assert_int_equal(starved, 3);
  session_close(s);
  model_free(m);
  plugin_close(p);
}

/* Who keeps the hosts is gone: its models say so at once, and the next one is kept by another. */
static void a_lost_zygote_is_replaced(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p;
  struct trained *m[2];
  struct model_host host;
  double x = 1, y;
  uint64_t valid, seed = 0;
  const double *columns[] = {&x};
  double *outputs[] = {&y};
  uint64_t *bits[] = {&valid};
  assert_fine(plugin_open(rogue("honest"), store, &p, &e), &e);
  assert_fine(model_create(p, &spec, &m[0], &e) && model_start(m[0], &e), &e);
  struct session *s;
  assert_fine(session_open(m[0], 1, &s, &e), &e);
  host_end();
  for (int i = 0; i < 100 && session_absence(s) != SESSION_SUSPENDED; i++) session_predict(s, 1, columns, NULL, &seed, outputs, bits, &e);
  assert_int_equal(session_absence(s), SESSION_SUSPENDED);
  assert_true(model_hosted(m[0], &host) && host.suspended);
  assert_fine(model_create(p, &spec, &m[1], &e) && model_start(m[1], &e), &e);
  struct session *next = open_session(m[1]);
  predict(next, 1, &x, &y, &valid);
  assert_true(y == 2);
  session_close(s);
  session_close(next);
  model_free(m[0]);
  model_free(m[1]);
  plugin_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_shipped_runs_elsewhere),
      cmocka_unit_test(both_places_give_the_same_bytes),
      cmocka_unit_test(bad_states_and_configurations_are_sentences),
      cmocka_unit_test(another_file_is_another_plugin),
      cmocka_unit_test(closing_gives_everything_back),
      cmocka_unit_test(who_is_not_let_run_is_not_at_fault),
      cmocka_unit_test(a_lost_zygote_is_replaced),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
