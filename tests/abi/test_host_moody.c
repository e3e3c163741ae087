/* rooms: host kit */
/* Promise: what a model says is looked at (not finite, out of range, unwritten: the row is absent; a refusal: the batch is), and a training
 * that crashes, hangs, lies or grabs memory ends in its child with a sentence. */
#include "abi.h"

#define ROWS 100

static struct plugin *moody;

static int open_moody(void **state) {
  struct err e = {0};
  return store_make(state) || !plugin_open_unlisted(rogue("moody"), store, &moody, &e) ? -1 : 0;
}

static const char *const inputs[] = {"x"};

static struct model_spec spec_of(const char *mode, char *config, size_t size) {
  snprintf(config, size, "{\"mode\":\"%s\"}", mode);
  return (struct model_spec){.name = "moody", .inputs = inputs, .input_count = 1, .config = str_from(config)};
}

static bool predict(const char *mode, double *y, uint64_t *valid, struct err *e) {
  char config[64];
  const struct model_spec spec = spec_of(mode, config, sizeof config);
  struct trained *m;
  struct session *s;
  double x[ROWS];
  uint64_t seeds[ROWS];
  for (int i = 0; i < ROWS; i++) {
    x[i] = i / 4.0;
    seeds[i] = (uint64_t)i;
  }
  assert_fine(model_create(moody, &spec, &m, e), e);
  assert_fine(session_open(m, ROWS, &s, e), e);
  const double *columns[] = {x};
  const bool fine = session_predict(s, ROWS, columns, NULL, seeds, &y, &valid, e);
  session_close(s);
  model_free(m);
  return fine;
}

static bool bit(const uint64_t *bits, int i) {
  return bits[i / 64] >> (i % 64) & 1;
}

static void bad_rows_are_absent(void **state) {
  (void)state;
  const char *const modes[] = {"nan", "infinite", "range", "absent"};
  for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
    struct err e = {0};
    double y[ROWS];
    uint64_t valid[2];
    assert_fine(predict(modes[k], y, valid, &e), &e);
    for (int i = 0; i < ROWS; i++) {
      assert_int_equal(bit(valid, i), i % 3 != 0);
      if (i % 3) assert_true(y[i] == i / 2.0);
    }
    assert_int_equal(valid[1] >> (ROWS - 64), 0); /* no bit beyond the rows */
  }
  struct err e = {0};
  double y[ROWS];
  uint64_t valid[2];
  assert_fine(predict("forget", y, valid, &e), &e); /* said yes and wrote nothing */
  assert_true(valid[0] == 0 && valid[1] == 0);
}

static void a_refused_batch_is_absent(void **state) {
  (void)state;
  struct err e = {0};
  double y[ROWS];
  uint64_t valid[2];
  assert_refused("fail", predict("fail", y, valid, &e), &e, "it rains");
  assert_true(valid[0] == 0 && valid[1] == 0);
  assert_refused("mute", predict("mute", y, valid, &e), &e, "predict failed with status -77 and without a word");
}

/* ---- training ---- */

struct watcher {
  int told, cancel_after;
  double share;
  char note[64];
};

static bool watch(void *context, double share, const char *note) {
  struct watcher *w = context;
  w->share = share;
  snprintf(w->note, sizeof w->note, "%s", note);
  w->told++;
  return w->cancel_after == 0 || w->told < w->cancel_after;
}

static bool train(const char *mode, struct watcher *w, int64_t limit_ms, struct buf *envelope, struct err *e) {
  char config[64];
  const struct model_spec spec = spec_of(mode, config, sizeof config);
  const double x[] = {1, 2, 3}, y[] = {3, 5, 7}, *columns[] = {x};
  const struct training t = {
      .rows = 3, .inputs = columns, .target = y, .limit_ms = limit_ms, .memory_limit = (size_t)64 << 20, .progress = watch, .context = w};
  return model_train(moody, &spec, &t, STR("{\"rmse\":0}"), envelope, e);
}

static void training_gives_a_state(void **state) {
  (void)state;
  struct err e = {0};
  struct watcher w = {0};
  struct buf bytes = {0};
  struct envelope x;
  assert_fine(train("", &w, 20000, &bytes, &e), &e);
  assert_true(w.told > 0 && w.share == 0.25);
  assert_string_equal(w.note, "under way");
  assert_fine(envelope_read(buf_view(&bytes), &x, &e), &e);
  assert_true(str_is(x.plugin, "rogue") && str_is(x.metrics, "{\"rmse\":0}"));
  double offset;
  assert_int_equal(x.body.len, sizeof offset);
  memcpy(&offset, x.body.at, sizeof offset);
  assert_true(offset > 0.999999 && offset < 1.000001);
  buf_free(&bytes);
}

static void bad_trainings_end_in_their_child(void **state) {
  (void)state;
  const struct {
    const char *mode, *words;
  } faults[] = {
      {"crash", "it crashed with signal 11 (SEGV)"},
      {"overflow", "it crashed with signal 11 (SEGV)"},
      {"abort", "it crashed with signal 6 (ABRT)"},
      {"fork", "it tried to start a process"},
      {"exit", "it ended its process with exit code 3"},
      {"sleep", "it tried to sleep"},
      {"greedy", "train failed with status 4"},
      {"lie", "the plugin cannot load what it saved after training"},
      {"flood", "save failed"},
      {"unread", "left 8 bytes of the state unread"},
      {"hang", "no answer within 400 ms"},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct err e = {0};
    struct watcher w = {0};
    struct buf bytes = {0};
    const int64_t limit = strcmp(faults[i].mode, "hang") == 0 ? 400 : 60000;
    assert_refused(faults[i].mode, train(faults[i].mode, &w, limit, &bytes, &e), &e, faults[i].words);
    buf_free(&bytes);
  }
}

/* A sanitizer's own allocations need files and space, so these two are looked at in plain builds. */
static void plain_builds_refuse_more(void **state) {
  (void)state;
  if (SANITIZED) skip();
  struct err e = {0};
  struct watcher w = {0};
  struct buf bytes = {0};
  assert_refused("read", train("read", &w, 60000, &bytes, &e), &e, "it tried to open a file");
  assert_refused("malloc", train("malloc", &w, 60000, &bytes, &e), &e, "it crashed with signal 11 (SEGV)"); /* unchecked, at the limit */
  buf_free(&bytes);
}

static void cancelling_ends_the_child(void **state) {
  (void)state;
  struct err e = {0};
  struct watcher w = {.cancel_after = 3};
  struct buf bytes = {0};
  assert_refused("hang", train("hang", &w, 600000, &bytes, &e), &e, "cancelled");
  assert_int_equal(e.kind, ERR_CONFLICT);
  assert_int_equal(w.told, 3);
  assert_int_equal(bytes.len, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_rows_are_absent),      cmocka_unit_test(a_refused_batch_is_absent),
      cmocka_unit_test(training_gives_a_state),   cmocka_unit_test(bad_trainings_end_in_their_child),
      cmocka_unit_test(plain_builds_refuse_more), cmocka_unit_test(cancelling_ends_the_child),
  };
  return cmocka_run_group_tests(tests, open_moody, store_drop);
}
