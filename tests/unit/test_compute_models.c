/* rooms: compute language kit host */
/* Models: the shipped one is opened, answers its golden rows, and gives the same answer alone and in a batch; what is wrong with a model's
 * file is a finding with its reason; a failing model is missing, then suspended, or its fallback. */
#include "compute_world.h"
#include "kit/file.h"
#include "kit/math.h"
#include <string.h>
#include <unistd.h>

#define INPUTS "inputs = { \"success_rate\", \"habit_strength\", \"stress_level\" }"

static char store[256];
static struct arena files; /* what program files are read into */

static int make_store(void **state) {
  (void)state;
  snprintf(store, sizeof store, "%s/tests/store-%d", KAIROS_BINARY_DIR, (int)getpid());
  return file_make_directory(store, 0755, NULL) ? 0 : -1;
}

static int remove_store(void **state) {
  (void)state;
  arena_free(&files);
  return file_remove_tree(store, NULL) ? 0 : -1;
}

static bool shipped_file(void *context, const char *path, struct str *bytes) {
  (void)context;
  char full[1024];
  struct buf b = {0};
  snprintf(full, sizeof full, "%s/%s", KAIROS_SOURCE_DIR, path);
  bool there = file_read(full, &b, 16 << 20, NULL);
  if (there) *bytes = (struct str){arena_copy(&files, b.at, b.len), b.len};
  buf_free(&b);
  return there;
}

static const char *source_text(const char *path) {
  struct str s;
  if (!shipped_file(NULL, path, &s)) fail_msg("%s cannot be read", path);
  return arena_text(&files, s.at, s.len);
}

/* The shipped regression, with the events and features that it reads. */
static const char *adherence_text(void) {
  return arena_printf(&files, "%s%s%s", source_text("rules/vocabulary.lua"), source_text("rules/plans.lua"),
                      source_text("models/adherence.lua"));
}

static struct models *build(struct world *w, bool plugins) {
  static char directory[256];
  snprintf(directory, sizeof directory, "%s/plugins", KAIROS_BINARY_DIR);
  struct models_from from = {plugins ? directory : NULL, store, NULL, shipped_file, NULL};
  return models_build(&w->arena, w->nouns.models, w->nouns.model_count, w->features, &from, &w->findings);
}

static void no_findings(const struct world *w) {
  for (size_t i = 0; i < w->findings.count; i++)
    fail_msg("%s:%d: %s", w->findings.at[i].file, w->findings.at[i].line, w->findings.at[i].text);
}

/* Somebody of whom every input is known. */
static void live(struct world *w, struct user *u, int done_of_ten) {
  struct user *own = w->user;
  char when[64], data[128];
  w->user = u;
  world_event(w, "profile_updated", "2025-01-01T05:00:00Z", "{\"goals\":{\"primary\":\"fitness\"}}", NULL);
  for (int d = 1; d <= 20; d++) {
    snprintf(when, sizeof when, "2025-01-%02dT07:00:00Z", d);
    snprintf(data, sizeof data,
             "{\"sleepHours\":%g,\"sleepQuality\":%d,\"hrv\":%d,\"stressLevel\":%d,\"motivationLevel\":%d,\"preparationTime\":8}",
             6.5 + .1 * (d % 5), 5 + d % 3, 55 + d % 7, 3 + d % 4, 4 + d % 5);
    world_event(w, "sleep_logged", when, data, NULL);
    world_event(w, "check_in", when, data, NULL);
    world_event(w, "workout_planned", when, "{\"location\":\"gym\",\"plannedHour\":18}", NULL);
    world_event(w, d % 10 < done_of_ten ? "workout_completed" : "workout_skipped", when, "{\"completionRate\":0.9}",
                d % 2 ? "{\"weather\":\"rain\"}" : "{\"weather\":\"clear\"}");
  }
  w->user = own;
}

static void the_shipped_model_opens_and_keeps_its_golden_rows(void **state) {
  (void)state;
  struct world *w = world_lua(adherence_text());
  struct models *m = build(w, true);
  struct symbol s;
  no_findings(w);
  assert_int_equal(models_count(m), 1);
  assert_int_equal(beliefs_count(m), 2);
  assert_true(models_find(m, STR("skip_probability"), &s));
  assert_int_equal(s.kind, SYMBOL_BELIEF);
  assert_string_equal(belief_name(m, s.index), "skip_probability");
  models_free(m);
  world_free(w);
}

static void a_batch_answers_as_its_rows_do(void **state) {
  (void)state;
  enum { PEOPLE = 9 };
  struct world *w = world_lua(adherence_text());
  struct models *m = build(w, true);
  struct belief_row rows[PEOPLE];
  struct value batch[PEOPLE][2], alone[2];
  int64_t clock;
  double previous = -1;
  no_findings(w);
  assert_true(clock_parse(STR("2025-01-21T06:00:00Z"), &clock));
  struct sessions *s = sessions_open(m, 4); /* fewer than the rows: they come in three goes */
  for (int i = 0; i < PEOPLE; i++) {
    struct user *u = user_new();
    live(w, u, i + 1);
    rows[i] = (struct belief_row){u, clock, (uint64_t)i, w->slots, batch[i], false, NULL};
  }
  models_predict(m, s, 0, rows, PEOPLE, w->features, &w->arena);
  for (int i = 0; i < PEOPLE; i++) {
    struct belief_row one = rows[i];
    one.beliefs = alone;
    models_predict(m, s, 0, &one, 1, w->features, &w->arena);
    for (int b = 0; b < 2; b++) {
      assert_int_equal(batch[i][b].kind, VALUE_NUMBER);
      assert_near(alone[b].number, batch[i][b].number, 1e-6, "alone and in a batch");
      assert_near(math_round6(batch[i][b].number), batch[i][b].number, 0, "rounded to 1e-6");
    }
    assert_near(batch[i][0].number + batch[i][1].number, 1, 1e-6, "done or skipped");
    if (i == 0 || i == PEOPLE - 1) {
      if (!(batch[i][0].number > previous)) fail_msg("who does nine of ten is no likelier than who does one: %g", batch[i][0].number);
      previous = batch[i][0].number;
    }
  }
  for (int i = 0; i < PEOPLE; i++) user_free((struct user *)(uintptr_t)rows[i].user);
  sessions_close(s);
  models_free(m);
  world_free(w);
}

static void a_stranger_has_no_prediction(void **state) {
  (void)state;
  struct world *w = world_lua(adherence_text());
  struct models *m = build(w, true);
  struct sessions *s = sessions_open(m, 8);
  struct value beliefs[2];
  struct belief_row row = {w->user, 1737000000000, 1, w->slots, beliefs, false, NULL};
  no_findings(w);
  for (int i = 0; i < 20; i++) models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  assert_int_equal(beliefs[0].kind, VALUE_MISSING);
  assert_int_equal(beliefs[1].reason, MISSING_TOO_LITTLE);
  assert_false(model_suspended(s, 0, NULL)); /* too little is known of them: no fault of the model */
  sessions_close(s);
  models_free(m);
  world_free(w);
}

/* The shipped regression explains nothing itself: its inputs are hidden one by one. */
static void an_answer_hangs_on_inputs(void **state) {
  (void)state;
  struct world *w = world_lua(adherence_text());
  struct models *m = build(w, true);
  struct sessions *s = sessions_open(m, 8);
  struct value beliefs[2];
  struct explained x;
  int64_t clock;
  no_findings(w);
  assert_true(clock_parse(STR("2025-01-21T06:00:00Z"), &clock));
  assert_false(model_explain(m, 0, w->user, clock, w->slots, &w->arena, &x)); /* nothing is known of them */
  live(w, w->user, 3);
  struct belief_row row = {w->user, clock, 1, w->slots, beliefs, false, NULL};
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  assert_true(model_explain(m, 0, w->user, clock, w->slots, &w->arena, &x));
  assert_non_null(strstr(x.method, "occlusion"));
  assert_near(belief_from_output(m, 0, x.base).number, beliefs[0].number, 1e-9, "the output itself, before it is calibrated");
  assert_int_equal(x.count, FACTORS_MOST);
  for (uint32_t i = 0; i < x.count; i++) {
    struct symbol symbol;
    assert_true(x.at[i].moved != 0 && features_find(w->features, str_from(x.at[i].input), &symbol));
    assert_near(feature_read(w->features, symbol.index, w->user, clock, w->slots, &w->arena).number, x.at[i].value, 1e-9, "as it is");
    if (i) assert_true(x.at[i].moved * x.at[i].moved <= x.at[i - 1].moved * x.at[i - 1].moved);
    for (uint32_t k = 0; k < i; k++) assert_string_not_equal(x.at[i].input, x.at[k].input);
  }
  sessions_close(s);
  models_free(m);
  world_free(w);
}

static void a_failing_model_is_suspended(void **state) {
  (void)state;
  struct world *w = world_lua(adherence_text());
  struct models *m = build(w, true);
  struct value beliefs[2];
  const char *why;
  struct belief_row row = {w->user, 1737532800000, 1, w->slots, beliefs, false, NULL};
  no_findings(w);
  live(w, w->user, 5);
  struct sessions *s = sessions_open(m, 8);
  struct arena_mark mark = arena_mark(&w->arena);
  arena_alloc(&w->arena, 100000); /* so that the first allocation of a try is the session's */
  arena_rewind(&w->arena, mark);
  for (int i = 0; i < 8; i++) {
    assert_false(model_suspended(s, 0, &why));
    w->user->digest.low = (uint64_t)i / 2; /* four people */
    kit_fail_allocation(1);
    models_predict(m, s, 0, &row, 1, w->features, &w->arena);
    kit_fail_allocation(0);
    assert_int_equal(beliefs[0].kind, VALUE_MISSING);
    assert_int_equal(beliefs[0].reason, MISSING_FAILED);
  }
  assert_true(model_suspended(s, 0, &why));
  assert_non_null(strstr(why, "8 batches in a row"));
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  assert_int_equal(beliefs[0].reason, MISSING_SUSPENDED);
  sessions_close(s);
  models_free(m);
  world_free(w);
}

static void without_plugins_beliefs_are_named_and_missing_or_their_fallback(void **state) {
  (void)state;
  struct world *w =
      world_lua("model \"a\" { plugin = \"svr\", " INPUTS ", outputs = { \"p\" } }\n"
                "model \"b\" { plugin = \"svr\", " INPUTS ", outputs = { q = { from = \"z\", as = \"1 - value\" } }, fallback = 0.25 }");
  struct models *m = build(w, false);
  struct value beliefs[2];
  struct belief_row row = {w->user, 1737000000000, 1, w->slots, beliefs, false, NULL};
  no_findings(w);
  struct sessions *s = sessions_open(m, 8);
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  models_predict(m, s, 1, &row, 1, w->features, &w->arena);
  assert_int_equal(beliefs[0].kind, VALUE_MISSING);
  assert_near(beliefs[1].number, .75, 0, "fallback through `as`");
  sessions_close(s);
  models_free(m);
  world_free(w);
}

#define PAIR                                                                                                                               \
  "model \"a\" { plugin = \"svr\", " INPUTS ", outputs = { \"p\" } }\n"                                                                    \
  "model \"b\" { plugin = \"svr\", " INPUTS ", outputs = { q = { as = \"value - 1\" } }, fallback = 0.2 }\n"

static void ask_all(struct world *w, const struct models *m, struct value *beliefs) {
  struct belief_row row = {w->user, 1737000000000, 1, w->slots, beliefs, false, NULL};
  struct sessions *s = sessions_open(m, 8);
  for (uint32_t n = 0; n < models_count(m); n++) models_predict(m, s, models_in_order(m, n), &row, 1, w->features, &w->arena);
  sessions_close(s);
}

/* Declared before what it weighs, and asked after it. */
/* What one model's inputs were is kept for the next of the same moment: the same answer, and nothing is read of the user again. */
static void models_of_a_wave_read_a_user_once(void **state) {
  (void)state;
  struct world *w = world_lua(adherence_text());
  struct models *m = build(w, true);
  struct sessions *s = sessions_open(m, 1);
  struct value plain[2], first[2], again[2], later[2];
  struct view *seen = NULL;
  struct user *u = user_new();
  int64_t clock;
  no_findings(w);
  assert_true(clock_parse(STR("2025-01-21T06:00:00Z"), &clock));
  live(w, u, 3);
  struct belief_row row = {u, clock, 1, w->slots, plain, false, NULL};
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  row.seen = &seen;
  row.beliefs = first;
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  assert_non_null(seen);
  live(w, u, 9);
  row.beliefs = again;
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  row.seen = NULL;
  row.beliefs = later;
  models_predict(m, s, 0, &row, 1, w->features, &w->arena);
  assert_near(first[0].number, plain[0].number, 0, "kept or not");
  assert_near(again[0].number, first[0].number, 0, "what was seen before the user moved on");
  if (later[0].number == first[0].number) fail_msg("the user moved on and nothing shows: %g", first[0].number);
  user_free(u);
  sessions_close(s);
  models_free(m);
  world_free(w);
}

static void a_combination_weighs_clamped_parts(void **state) {
  (void)state;
  struct world *w =
      world_lua("model \"all\" { combine = { low = 0.4, high = 0.6 }, outputs = { both = {}, apart = { from = \"disagreement\" } } }\n"
                "model \"low\" { plugin = \"svr\", " INPUTS ", outputs = { l = { as = \"value - 1\" } }, fallback = 0.2 }\n"
                "model \"high\" { plugin = \"svr\", " INPUTS ", outputs = { \"h\" }, fallback = 0.9 }");
  struct models *m = build(w, false);
  struct value beliefs[4];
  no_findings(w);
  ask_all(w, m, beliefs);
  assert_near(beliefs[3].number, -0.8, 1e-9, "a part by itself is not clamped");
  assert_near(beliefs[1].number, 0.54, 1e-9, "0.4 times 0 and 0.6 times 0.9");
  assert_near(beliefs[0].number, 0.9, 1e-9, "how far they are apart");
  assert_int_equal(models_with_parts(m, 1), 7);
  assert_int_equal(models_with_parts(m, 2), 2);
  assert_int_equal(models_in_order(m, 0), 1);
  assert_int_equal(models_in_order(m, 2), 0);
  models_free(m);
  world_free(w);
}

static void a_missing_part_is_left_out(void **state) {
  (void)state;
  struct world *w = world_lua("model \"all\" { combine = { gone = 0.9, there = 0.1 }, outputs = { \"both\" } }\n"
                              "model \"none\" { combine = { gone = 1, lost = 1 }, outputs = { \"neither\" } }\n"
                              "model \"gone\" { plugin = \"svr\", " INPUTS ", outputs = { \"g\" } }\n"
                              "model \"lost\" { plugin = \"svr\", " INPUTS ", outputs = { \"x\" } }\n"
                              "model \"there\" { plugin = \"svr\", " INPUTS ", outputs = { \"t\" }, fallback = 0.3 }");
  struct models *m = build(w, false);
  struct value beliefs[5];
  no_findings(w);
  ask_all(w, m, beliefs);
  assert_near(beliefs[0].number, 0.3, 1e-9, "the rest by itself");
  assert_int_equal(beliefs[1].kind, VALUE_MISSING);
  models_free(m);
  world_free(w);
}

static void what_is_wrong_is_a_finding(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } wrong[] = {
      {"model \"m\" { plugin = \"svr\", inputs = { \"sucess_rate\" }, outputs = { \"p\" } }", "did you mean \"success_rate\""},
      {"model \"m\" { plugin = \"svr\", inputs = { \"sucess_rate\", \"stress_levle\" }, outputs = { \"p\" } }",
       "did you mean \"stress_level\""},
      {"model \"m\" { plugin = \"svr\", inputs = {}, outputs = { \"p\" } }", "at least one feature"},
      {"model \"m\" { plugin = \"nowhere\", " INPUTS ", outputs = { \"p\" } }", "nowhere.so"},
      {"model \"m\" { plugin = \"svr\", " INPUTS ", outputs = { \"success_rate\" } }", "a feature has this name"},
      {"model \"m\" { plugin = \"svr\", " INPUTS ", outputs = { p = { as = \"1 - x\" } } }", "reads only `value`"},
      {"model \"m\" { plugin = \"svr\", " INPUTS ", outputs = { \"p\" }, state = \"gone.state\" }", "kairos train m"},
      {"model \"m\" { plugin = \"svr\", " INPUTS ", outputs = { \"p\" }, config = { C = -1 } }", "C"},
      {"model \"m\" { plugin = \"svr\", " INPUTS ", outputs = { \"p\" }, state = \"adherence.lua\" }", "adherence.lua"},
      {"model \"m\" { combine = { a = 0.6, b = 0.4 }, outputs = { \"p\" } }", "no model of one output"},
      {"model \"m\" { combine = { 0.6, 0.4 }, outputs = { \"p\" } }", "expected 2 to 8 models"},
      {PAIR "model \"m\" { combine = { a = 1, b = -1 }, outputs = { \"r\" } }", "expected a weight above 0"},
      {PAIR "model \"m\" { combine = { a = 1, p = 1 }, outputs = { \"r\" } }", "\"p\" is there twice"},
      {PAIR "model \"c\" { plugin = \"svr\", " INPUTS
            ", outputs = { \"s\", \"t\" } }\nmodel \"m\" { combine = { a = 1, c = 1 }, outputs = { \"r\" } }",
       "no model of one output"},
      {PAIR "model \"m\" { combine = { a = 1, m = 1 }, outputs = { \"r\" } }", "is a combination itself"},
      {PAIR "model \"m\" { combine = { a = 1, b = 1 }, outputs = { r = { from = \"p\" } } }", "\"disagreement\""},
      {"model \"m\" { plugin = \"svr\", " INPUTS ", outputs = { \"p\" }, state = \"adherence.state\" }", "adherence.state"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct world *w = world_lua(wrong[i].text);
    struct models *m = build(w, true);
    bool said = false;
    for (size_t k = 0; k < w->findings.count; k++)
      said |= w->findings.at[k].level == FINDING_ERROR && strstr(w->findings.at[k].text, wrong[i].says);
    if (!said)
      fail_msg("expected \"%s\" for %s, got: %s", wrong[i].says, wrong[i].text, w->findings.count ? w->findings.at[0].text : "nothing");
    models_free(m);
    world_free(w);
  }
}

static void another_answer_than_the_golden_one_is_refused(void **state) {
  (void)state;
  const char *text = adherence_text(), *at = strstr(text, "skip_probability = 0.");
  assert_non_null(at);
  char *changed = arena_text(&files, text, strlen(text));
  char *digit = changed + (at - text) + strlen("skip_probability = 0.");
  *digit = *digit == '9' ? '8' : (char)(*digit + 1);
  struct world *w = world_lua(changed);
  struct models *m = build(w, true);
  assert_int_equal(w->findings.errors, 1);
  assert_non_null(strstr(w->findings.at[0].text, "golden row 1"));
  assert_non_null(strstr(w->findings.at[0].text, "skip_probability"));
  assert_non_null(
      strstr(w->findings.at[0].text,
             "(was the state trained again, or is the plugin another one? After a training put the rows that it printed into "));
  models_free(m);
  world_free(w);
}

static const char *marker; /* of the small file beside the shipped state */

static bool marked_file(void *context, const char *path, struct str *bytes) {
  if (!str_ends(str_from(path), ".over")) return shipped_file(context, path, bytes);
  *bytes = str_from(marker);
  return true;
}

/* Only a file that names the state in whose place this one stands takes the rows of the model's file from it. */
static void a_file_that_names_no_state_switches_nothing_off(void **state) {
  (void)state;
  char directory[256];
  snprintf(directory, sizeof directory, "%s/plugins", KAIROS_BINARY_DIR);
  const struct models_from from = {directory, store, NULL, marked_file, NULL};
  static const struct {
    const char *marker;
    size_t errors;
    const char *says;
  } cases[] = {{"x", 1, "models/adherence.over: expected the SHA-256"},
               {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", 1, "64 hex digits"},
               {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world *w = world_lua(adherence_text());
    marker = cases[i].marker;
    struct models *m = models_build(&w->arena, w->nouns.models, w->nouns.model_count, w->features, &from, &w->findings);
    assert_int_equal(w->findings.errors, cases[i].errors);
    if (cases[i].says) assert_non_null(strstr(w->findings.at[0].text, cases[i].says));
    models_free(m);
    world_free(w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_shipped_model_opens_and_keeps_its_golden_rows),
      cmocka_unit_test(models_of_a_wave_read_a_user_once),
      cmocka_unit_test(a_batch_answers_as_its_rows_do),
      cmocka_unit_test(a_stranger_has_no_prediction),
      cmocka_unit_test(an_answer_hangs_on_inputs),
      cmocka_unit_test(a_failing_model_is_suspended),
      cmocka_unit_test(without_plugins_beliefs_are_named_and_missing_or_their_fallback),
      cmocka_unit_test(a_combination_weighs_clamped_parts),
      cmocka_unit_test(a_missing_part_is_left_out),
      cmocka_unit_test(what_is_wrong_is_a_finding),
      cmocka_unit_test(a_file_that_names_no_state_switches_nothing_off),
      cmocka_unit_test(another_answer_than_the_golden_one_is_refused),
  };
  return cmocka_run_group_tests(tests, make_store, remove_store);
}
