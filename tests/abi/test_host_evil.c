/* rooms: host kit */
/* Promise: whatever a plugin does in predict, its caller gets an answer or a sentence and goes on. It waits no longer than its patience; a
 * process that ended is back by itself; one that ended three times in a minute stays down; and what was done to it is told.
 * KAIROS_EVIL_CALLS says how many calls each evil plugin gets (default 1000). */
#include "abi.h"

#define ROWS       8
#define CALLS      1000
#define TRIES_MOST 30000 /* of 1 ms: a sanitized test on a busy machine */

static struct plugin *evil;
static int calls = CALLS;

static int begin(void **state) {
  struct err e = {0};
  const char *wanted = getenv("KAIROS_EVIL_CALLS");
  if (wanted) calls = atoi(wanted);
  has_zygote = true;
  return store_make(state) || !host_begin(0, NULL, &e) || !plugin_open(rogue("evil"), store, &evil, &e) ? -1 : 0;
}
static int end(void **state) {
  plugin_close(evil);
  host_end();
  return store_drop(state);
}

struct asked {
  struct trained *model;
  struct session *session;
  double y[ROWS];
  uint64_t valid;
  struct err e;
};

static void open_mode(struct asked *a, const char *mode) {
  char config[64];
  const char *const inputs[] = {"x"};
  snprintf(config, sizeof config, "{\"mode\":\"%s\"}", mode);
  const struct model_spec spec = {.name = mode, .inputs = inputs, .input_count = 1, .config = str_from(config)};
  *a = (struct asked){0};
  assert_fine(model_create(evil, &spec, &a->model, &a->e), &a->e);
  assert_fine(model_start(a->model, &a->e), &a->e);
  assert_fine(session_open(a->model, ROWS, &a->session, &a->e), &a->e);
}

static void close_mode(struct asked *a) {
  session_close(a->session);
  model_free(a->model);
}

static bool ask(struct asked *a, bool provoke) {
  double x[ROWS] = {1, 2, 3, 4, 5, provoke ? 6 : 0};
  uint64_t seeds[ROWS] = {0}, *bits[] = {&a->valid};
  const double *columns[] = {x};
  double *outputs[] = {a->y};
  a->e = (struct err){0};
  const bool answered = session_predict(a->session, ROWS, columns, NULL, seeds, outputs, bits, &a->e);
  if (!answered) {
    assert_int_equal(a->valid, 0);
    assert_true(a->e.text[0] != 0);
  } else if (!provoke) {
    for (int i = 0; i < ROWS; i++) assert_true(a->y[i] == 2 * x[i]);
    assert_int_equal(a->valid, 0xFF);
  }
  return answered;
}

/* Until it answers again, or is out of service. */
static enum session_absence ask_until_back(struct asked *a) {
  for (int i = 0; i < TRIES_MOST; i++) {
    if (ask(a, false)) return SESSION_THERE;
    if (session_absence(a->session) == SESSION_SUSPENDED) return SESSION_SUSPENDED;
    usleep(1000);
  }
  fail_msg("it neither came back nor was suspended: %s", a->e.text);
  return SESSION_AWAY;
}

static void assert_told(const struct asked *a, const char *mode, const char *words) {
  struct model_host host;
  assert_true(model_hosted(a->model, &host));
  if (SANITIZED ? !host.why[0] : !strstr(host.why, words)) fail_msg("%s: expected \"%s\", got \"%s\"", mode, words, host.why);
}

/* These end their process each time; a sanitizer's words about some of them are others. */
static const struct {
  const char *mode, *words;
} ends[] = {
    {"segfault", "it crashed with signal 11 (SEGV)"},
    {"abort", "it crashed with signal 6 (ABRT)"},
    {"loop", "it did not answer in time"},
    {"leak", "it crashed with signal 11 (SEGV)"},
    {"stack", "it crashed with signal 11 (SEGV)"},
    {"beyond", ""}, /* what it finds there first */
    {"step", "it wrote beyond the rows of an output"},
    {"inputs", "it crashed with signal 11 (SEGV)"},
    {"exit", "it ended its process with exit code 3 instead of returning"},
    {"fork", "it tried to start a process"},
    {"socket", "it tried to open a socket"},
    {"file", "it tried to open a file"},
    {"sleep", "it tried to sleep"},
    {"doze", "it did not answer in time"},
};

static void crashes_are_survived_twice_and_not_three_times(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    const char *mode = ends[i].mode;
    struct asked a;
    struct model_host host;
    if (SANITIZED && strcmp(mode, "file") == 0) continue; /* a sanitizer reads files when it speaks */
    open_mode(&a, mode);
    assert_true(ask_until_back(&a) == SESSION_THERE);
    int done = 0;
    for (enum session_absence after = SESSION_THERE; after == SESSION_THERE; done++) { /* on a busy machine one may not reach it */
      if (done == TRIES_MOST) fail_msg("%s: it does nothing", mode);
      ask(&a, true);
      after = ask_until_back(&a);
      assert_true(model_hosted(a.model, &host));
      if (after != (host.crashes < 3 ? SESSION_THERE : SESSION_SUSPENDED))
        fail_msg("%s: after %u crashes: %s", mode, host.crashes, a.e.text);
      if (host.crashes) assert_told(&a, mode, ends[i].words);
    }
    assert_true(host.crashes == 3 && host.starts == 3 && host.suspended && host.pid == 0);
    for (; done < calls; done++) assert_false(ask(&a, done % 2 == 0));
    assert_non_null(strstr(a.e.text, "ended 3 times in a minute"));
    close_mode(&a);
  }
}

/* These do not: what they say is not believed. */
static void lies_are_absent_rows(void **state) {
  (void)state;
  const char *const modes[] = {"nan", "lies"};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    struct asked a;
    struct model_host host;
    open_mode(&a, modes[i]);
    session_patience(a.session, INT64_C(60000000000));
    for (int done = 0; done < calls; done++) {
      assert_true(ask(&a, done % 2 == 0));
      assert_int_equal(a.valid, done % 2 ? 0xFF : 0);
    }
    assert_true(model_hosted(a.model, &host) && host.starts == 1 && host.crashes == 0);
    close_mode(&a);
  }
}

/* The honest model of the same file is another process and feels nothing. */
static void neighbours_feel_nothing(void **state) {
  (void)state;
  struct asked bad, good;
  struct model_host host;
  open_mode(&bad, "flood");
  open_mode(&good, "");
  session_patience(good.session, INT64_C(60000000000));
  for (int i = 0; i < calls; i++) {
    ask(&bad, true);
    assert_true(ask(&good, true));
    assert_int_equal(good.valid, 0xFF);
  }
  assert_true(model_hosted(good.model, &host) && host.starts == 1 && host.crashes == 0);
  close_mode(&bad);
  close_mode(&good);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crashes_are_survived_twice_and_not_three_times),
      cmocka_unit_test(lies_are_absent_rows),
      cmocka_unit_test(neighbours_feel_nothing),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
