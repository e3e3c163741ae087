/* rooms: api lane flow program book kit; inside: api */
/* Promises: what operators said and control.db holds is in force in every partition after a start, even when the engine died between the
 * two stores; what is in force already is not said again; and consent cannot be posted as an event. */
#include "api_world.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include <string.h>

/* As if the engine had died after control.db and before any partition. */
static void only_control(struct world *w, const char *kind, const char *name, const char *body) {
  int64_t number;
  fine(w, (w->api.book = book_open(w->directory, true, &w->e)) != NULL);
  fine(w, control_append(w->api.book, "test", kind, name, str_from(body), &number, &w->e));
  book_close(w->api.book);
}

static uint64_t rows(struct world *w) {
  return volume_figures(flow_volume(lanes_flow(w->api.lanes, 0))).rows;
}

static bool killed_everywhere(struct world *w, const char *name) {
  bool all = true;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    all &= controls_named(flow_controls(lanes_flow(w->api.lanes, 0), p), hash_64(str_from(name)));
  return all;
}

/* Each fact of a partition carries its number of control.db: program 7, kill 1, rollout 2; what time-zone data says is no operator's act.
 */
static void expect_numbers(struct world *w, uint32_t partition) {
  struct volume *v = flow_volume(lanes_flow(w->api.lanes, 0));
  struct arena a = {0};
  int seen = 0;
  for (int64_t seq = volume_last_fact(v, partition); seq > 0;) {
    struct entry row;
    struct json j;
    int64_t number = 0, wanted = 0;
    fine(w, volume_entry(v, seq, &a, &row, NULL, &w->e) && json_parse(&j, &a, row.body, &json_limits_default, &w->e));
    uint32_t kind = json_get(&j, 0, "kind");
    wanted = json_text_is(&j, kind, "program") ? 7 : json_text_is(&j, kind, "kill") ? 1 : json_text_is(&j, kind, "rollout") ? 2 : 0;
    json_int(&j, json_get(&j, 0, "number"), &number);
    assert_int_equal(number, wanted);
    seen += wanted != 0;
    seq = row.previous;
  }
  assert_int_equal(seen, 3);
  arena_free(&a);
}

static void a_start_catches_up(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-catch-up-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 1, &w.e));
  only_control(&w, "kill", "trigger:decision_point", "{\"kind\":\"kill\",\"name\":\"trigger:decision_point\"}");
  only_control(&w, "rollout", "beta", "{\"kind\":\"rollout\",\"name\":\"beta\",\"stage\":2,\"held\":false}");
  start(&w);
  assert_true(killed_everywhere(&w, "trigger:decision_point"));
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    assert_int_equal(controls_stage(flow_controls(lanes_flow(w.api.lanes, 0), p), hash_64(STR("beta"))), 2);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) expect_numbers(&w, p);
  const uint64_t before = rows(&w);
  stop(&w);

  start(&w); /* nothing is said twice */
  assert_int_equal(rows(&w), before);
  stop(&w);

  only_control(&w, "unkill", "trigger:decision_point", "{\"kind\":\"unkill\",\"name\":\"trigger:decision_point\"}");
  start(&w);
  assert_false(controls_named(flow_controls(lanes_flow(w.api.lanes, 0), 3), hash_64(STR("trigger:decision_point"))));
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

static void expect_anew(struct world *w, int32_t stage, const char *time) {
  int64_t anew = 0;
  assert_true(clock_parse(str_from(time), &anew));
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    const struct controls *c = flow_controls(lanes_flow(w->api.lanes, 0), p);
    assert_int_equal(controls_stage(c, hash_64(STR("beta"))), stage);
    assert_int_equal(controls_anew(c, hash_64(STR("beta"))), anew);
  }
}

/* A halt and the return from it, both unheard of: the rollout is where it was, but who entered before the halt is out. Whichever word is
 * the newest, and however old the engine that said it. */
static void a_return_from_a_halt_is_not_missed(void **state) {
  (void)state;
  static const char halt[] = "{\"kind\":\"rollout\",\"name\":\"beta\",\"stage\":-1,\"held\":false}";
  struct world w = {.directory = "/tmp/kairos-catch-up-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 1, &w.e));
  only_control(&w, "rollout", "beta", halt);
  only_control(&w, "rollout", "beta",
               "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-01T10:00:00.007Z\",\"stage\":0,\"held\":false,\"anew\":true}");
  start(&w);
  expect_anew(&w, 0, "2026-01-01T10:00:00.007Z");
  stop(&w);

  only_control(&w, "rollout", "beta", halt);
  only_control(&w, "rollout", "beta",
               "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-02T10:00:00Z\",\"stage\":0,\"held\":false,\"anew\":true}");
  only_control(&w, "rollout", "beta", "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-03T10:00:00Z\",\"stage\":1,\"held\":true}");
  start(&w);
  expect_anew(&w, 1, "2026-01-02T10:00:00Z");
  const uint64_t before = rows(&w);
  stop(&w);
  start(&w); /* nothing is said twice */
  assert_int_equal(rows(&w), before);
  stop(&w);

  only_control(&w, "rollout", "beta",
               "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-05T10:00:00Z\",\"stage\":1,\"held\":false,"
               "\"anew_since\":\"2026-01-04T10:00:00Z\"}"); /* the word before it is gone with an older control.db */
  start(&w);
  expect_anew(&w, 1, "2026-01-04T10:00:00Z");
  assert_int_equal(w.api.stages[0].anew, controls_anew(flow_controls(lanes_flow(w.api.lanes, 0), 0), hash_64(STR("beta"))));
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

static void expect_stage(struct world *w, double holdback, const char *since) {
  int64_t at = 0;
  assert_true(clock_parse(str_from(since), &at));
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    const struct controls *c = flow_controls(lanes_flow(w->api.lanes, 0), p);
    assert_int_equal(controls_stage(c, hash_64(STR("beta"))), 2);
    assert_true(controls_holdback(c, hash_64(STR("beta"))) == holdback);
    assert_int_equal(controls_since(c, hash_64(STR("beta"))), at);
  }
}

/* A step to 100 % that no partition heard of, and then a hold: who is held back, and until when, is known all the same. Whichever engine
 * said the hold. */
static void a_hold_says_who_is_held_back(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-catch-up-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 1, &w.e));
  only_control(&w, "rollout", "beta",
               "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-01T10:00:00Z\",\"stage\":2,\"held\":false,\"holdback\":0.05}");
  only_control(&w, "rollout", "beta", "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-02T10:00:00Z\",\"stage\":2,\"held\":true}");
  start(&w);
  expect_stage(&w, 0.05, "2026-01-01T10:00:00Z");
  const uint64_t before = rows(&w);
  stop(&w);
  start(&w); /* nothing is said twice */
  assert_int_equal(rows(&w), before);
  stop(&w);

  only_control(&w, "rollout", "beta", "{\"kind\":\"rollout\",\"name\":\"beta\",\"stage\":1,\"held\":false}");
  only_control(&w, "rollout", "beta",
               "{\"kind\":\"rollout\",\"name\":\"beta\",\"at\":\"2026-01-04T10:00:00.003Z\",\"stage\":2,\"held\":false,"
               "\"since\":\"2026-01-04T10:00:00Z\",\"holdback\":0.05}"); /* a way back that nobody heard of, and there again */
  start(&w);
  expect_stage(&w, 0.05, "2026-01-04T10:00:00Z");
  assert_int_equal(w.api.stages[0].since, controls_since(flow_controls(lanes_flow(w.api.lanes, 0), 0), hash_64(STR("beta"))));
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

/* What operators say next says it to whom could not take the return itself. */
static void each_later_word_says_since_when(void **state) {
  (void)state;
  struct controls c = {0};
  struct arena a = {0};
  struct err e = {0};
  struct api_stage s = {.stage = 0};
  const char *now = stage_said(&a, &s, false);
  assert_string_equal(now, "\"stage\":0,\"held\":false");
  assert_true(clock_parse(STR("2026-01-04T10:00:00.250Z"), &s.anew) && clock_parse(STR("2026-01-05T10:00:00Z"), &s.since));
  s.holdback = 0.05;
  for (s.stage = 0; s.stage < 3; s.stage++) {
    const char *fact = arena_printf(&a, "{\"kind\":\"rollout\",\"name\":\"beta\",%s}", stage_said(&a, &s, s.stage == 0));
    assert_true(controls_apply(&c, str_from(fact), &a, &e));
    assert_int_equal(controls_anew(&c, hash_64(STR("beta"))), s.anew);
    assert_int_equal(controls_since(&c, hash_64(STR("beta"))), s.since);
    assert_true(controls_holdback(&c, hash_64(STR("beta"))) == 0.05);
    controls_free(&c); /* the next one hears only the later word */
  }
  arena_free(&a);
}

static bool ended_everywhere(struct world *w, const char *salt) {
  bool all = true;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    all &= controls_ended(flow_controls(lanes_flow(w->api.lanes, 0), p), hash_64(str_from(salt)));
  return all;
}

/* The ends of two revisions are two: the newer one says nothing of the older, to which a program may go back. */
static void an_experiment_that_did_harm_stays_ended(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-catch-up-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 1, &w.e));
  only_control(&w, "experiment", "walk", "{\"kind\":\"experiment\",\"name\":\"walk\",\"revision\":1,\"ended\":true,\"why\":\"harm\"}");
  only_control(&w, "experiment", "walk", "{\"kind\":\"experiment\",\"name\":\"walk\",\"revision\":2,\"ended\":true,\"why\":\"harm\"}");
  start(&w);
  assert_true(ended_everywhere(&w, "walk#1"));
  assert_true(ended_everywhere(&w, "walk#2"));
  assert_false(controls_ended(flow_controls(lanes_flow(w.api.lanes, 0), 3), hash_64(STR("walk#3"))));
  const uint64_t before = rows(&w);
  stop(&w);

  start(&w); /* nothing is said twice */
  assert_int_equal(rows(&w), before);
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

/* A fact that cannot be read would hide all later kills: no start without them. */
static void a_fact_that_cannot_be_read_is_no_start(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-catch-up-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 1, &w.e));
  only_control(&w, "approval", "beta", "{\"kind\":\"approval\",\"name\":\"beta\"}");
  only_control(&w, "kill", "trigger:decision_point", "{\"kind\":\"kill\",\"name\":\"trigger:decision_point\"}");
  prepare(&w);
  assert_false(api_restore(&w.api, &w.e));
  assert_non_null(strstr(w.e.text, "number 1 (approval beta by test)"));
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

static void consent_is_no_event(void **state) {
  (void)state;
  static const char *const own[] = {"opt_in", "opt_out", "tick.day_started", "decision_asked"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) assert_true(event_is_own(&(struct event){.type = str_from(own[i])}));
  assert_false(event_is_own(&(struct event){.type = STR("opt_outs")}));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_start_catches_up),
                                     cmocka_unit_test(an_experiment_that_did_harm_stays_ended),
                                     cmocka_unit_test(a_return_from_a_halt_is_not_missed),
                                     cmocka_unit_test(a_hold_says_who_is_held_back),
                                     cmocka_unit_test(each_later_word_says_since_when),
                                     cmocka_unit_test(a_fact_that_cannot_be_read_is_no_start),
                                     cmocka_unit_test(consent_is_no_event)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
