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

static pid_t parent_of(pid_t pid) {
  char path[64], text[512] = "";
  int parent = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *f = fopen(path, "r");
  const size_t got = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  text[got] = 0;
  const char *after = strrchr(text, ')');
  if (!after || sscanf(after, ") %*c %d", &parent) != 1) return 0;
  return parent;
}

static pid_t zygote_of(const struct trained *m) {
  struct model_host host;
  for (int i = 0; i < 30000 && (!model_hosted(m, &host) || !host.pid || parent_of(host.pid) == 0); i++) usleep(1000);
  return parent_of(host.pid);
}

/* Asks until there is an answer; never is the model said to be out of service. */
static void ask_until_answered(const struct trained *m, struct session *s) {
  double x = 21, y = 0;
  uint64_t valid = 0, seed = 0;
  const double *columns[] = {&x};
  double *outputs[] = {&y};
  uint64_t *bits[] = {&valid};
  struct err e = {0};
  struct model_host host;
  bool answered = false;
  for (int i = 0; i < 30000 && !(answered = session_predict(s, 1, columns, NULL, &seed, outputs, bits, &e)); i++) {
    assert_true(session_absence(s) != SESSION_SUSPENDED);
    assert_true(model_hosted(m, &host) && !host.suspended);
    usleep(1000);
  }
  if (!answered) fail_msg("%s", e.text);
  assert_true(y == 42 && valid == 1);
}

/* Who keeps the hosts is killed: another comes, that knows nothing of the engine's memory or secrets, and with it every model, without
 * anybody asking for it. Again and again. */
static void a_lost_zygote_comes_back_with_its_models(void **state) {
  (void)state;
  struct err e = {0};
  struct plugin *p;
  struct trained *m[2];
  struct session *s[2];
  struct model_host host;
  char path[64];
  struct buf words = {0};
  assert_fine(plugin_open(rogue("honest"), store, &p, &e), &e);
  for (int k = 0; k < 2; k++) {
    assert_fine(model_create(p, &spec, &m[k], &e) && model_start(m[k], &e) && session_open(m[k], 1, &s[k], &e), &e);
    ask_until_answered(m[k], s[k]);
  }
  const int descriptors = count_in("/proc/self/fd");
  for (uint32_t round = 1; round <= 3; round++) {
    const pid_t lost = zygote_of(m[0]);
    assert_true(lost > 0 && lost != getpid() && parent_of(lost) == getpid());
    kill(lost, SIGKILL);
    for (int i = 0; i < 30000 && is_there(lost); i++) usleep(1000); /* reaped: so it was noticed */
    assert_false(is_there(lost));
    for (int k = 0; k < 2; k++) {
      ask_until_answered(m[k], s[k]);
      assert_true(model_hosted(m[k], &host) && host.starts == round + 1 && host.crashes == 0);
    }
    assert_true(zygote_of(m[0]) != lost && zygote_of(m[0]) == zygote_of(m[1]));
  }
  assert_int_equal(count_in("/proc/self/fd"), descriptors);
  snprintf(path, sizeof path, "/proc/%d/environ", (int)zygote_of(m[0]));
  assert_fine(file_read(path, &words, 1 << 20, &e), &e);
  if (words.len) assert_null(memmem(words.at, words.len, "KAIROS_", 7));
  buf_free(&words);
  for (int k = 0; k < 2; k++) {
    session_close(s[k]);
    model_free(m[k]);
  }
  assert_fine(model_create(p, &spec, &m[0], &e) && model_start(m[0], &e), &e); /* and it takes new ones, */
  struct buf envelope = {0};
  assert_fine(model_save(m[0], STR("{}"), &envelope, &e), &e); /* and jobs */
  buf_free(&envelope);
  model_free(m[0]);
  plugin_close(p);
}

int main(int argc, char **argv) {
  struct err e = {0};
  host_reborn(argc, argv);
  setenv("KAIROS_KEY", "a secret", 1);
  if (!host_begin(argc, argv, &e)) return fprintf(stderr, "%s\n", e.text), 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_shipped_runs_elsewhere),
      cmocka_unit_test(both_places_give_the_same_bytes),
      cmocka_unit_test(bad_states_and_configurations_are_sentences),
      cmocka_unit_test(another_file_is_another_plugin),
      cmocka_unit_test(closing_gives_everything_back),
      cmocka_unit_test(who_is_not_let_run_is_not_at_fault),
      cmocka_unit_test(a_lost_zygote_comes_back_with_its_models),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
