/* rooms: compute language kit */
/* Training tables know no future: a row is what was known before its event, its outcome what came after in time, a user is in one part
 * only; and the figures that judge predictions stand beside the base rate. */
#include "compute_world.h"
#include "kit/math.h"
#include "kit/rng.h"
#include "stats/stats.h"
#include <string.h>

#define MODEL(train)                                                                                                                       \
  "event \"workout_planned\" {}\nevent \"workout_completed\" {}\n"                                                                         \
  "model \"m\" { plugin = \"svr\", inputs = { \"workout_frequency_7d\", \"stress_level\" }, outputs = { \"p\" }, train = " train " }"

struct taught {
  struct world *w;
  struct models *m;
  struct training_table *t;
};

static struct taught taught(const char *text) {
  struct taught x = {.w = world_lua(text)};
  struct err e = {0};
  x.m = models_build(&x.w->arena, x.w->nouns.models, x.w->nouns.model_count, x.w->features, NULL, &x.w->findings);
  for (size_t i = 0; i < x.w->findings.count; i++) fail_msg("%s", x.w->findings.at[i].text);
  x.t = training_table_new(x.m, &x.w->nouns.models[0], x.w->features, NULL, &e);
  if (!x.t) fail_msg("%s", e.text);
  return x;
}

static void untaught(struct taught *x) {
  training_table_free(x->t);
  models_free(x->m);
  world_free(x->w);
}

static void tell(struct taught *x, struct user *u, const char *id, const char *type, int64_t at, const char *data) {
  struct err e = {0};
  const char *text = arena_printf(&x->w->arena, "{\"data\":%s}", data ? data : "{}");
  struct event event = {
      .user = str_from(id), .type = str_from(type), .timestamp = at, .received = at, .body = str_from(text), .context = JSON_NONE};
  assert_true(json_parse(&event.json, &x->w->arena, event.body, &json_limits_default, NULL));
  event.data = json_get(&event.json, 0, "data");
  assert_true(features_update(x->w->features, u, &event, x->w->vocabulary, true, &e));
  assert_true(training_table_event(x->t, u, &event, at, &x->w->arena, &e));
}

#define START INT64_C(1736121600000) /* 2025-01-06 */

/* `people` users plan a workout each day for `days` days; who has an even number does every one, an odd one none. */
static void plan_and_do(struct taught *x, int people, int days) {
  for (int i = 0; i < people; i++) {
    struct user *u = user_new();
    char id[32];
    snprintf(id, sizeof id, "person-%d", i);
    for (int d = 0; d < days; d++) {
      tell(x, u, id, "workout_planned", START + d * CLOCK_DAY + 8 * CLOCK_HOUR, NULL);
      if (i % 2 == 0) tell(x, u, id, "workout_completed", START + d * CLOCK_DAY + 18 * CLOCK_HOUR, NULL);
    }
    user_free(u);
  }
}

static void rows_are_what_was_known_before(void **state) {
  (void)state;
  struct taught x = taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 18 * hours }"));
  struct training_rows rows[2];
  struct err e = {0};
  plan_and_do(&x, 60, 6);
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  training_table_rows(x.t, TRAINING_TRAIN, &rows[0]);
  training_table_rows(x.t, TRAINING_TEST, &rows[1]);
  /* the last day's plans of those who did nothing are still open when the events end: left out */
  assert_int_equal(rows[0].rows + rows[1].rows, 30 * 6 + 30 * 5);
  assert_true(rows[1].rows > 20 && rows[1].rows < 150);
  for (int part = 0; part < 2; part++)
    for (uint32_t r = 0; r < rows[part].rows; r++) {
      bool known = rows[part].valid[0][r / 64] >> (r % 64) & 1, stress = rows[part].valid[1][r / 64] >> (r % 64) & 1;
      double before = rows[part].inputs[0][r], outcome = rows[part].outcome[r];
      assert_false(stress);
      assert_true(rows[part].target[r] == outcome);
      if (outcome == 1) assert_true(!known || before <= 5); /* never counts the workout it is to predict */
      else assert_true(!known || before == 0);
    }
  untaught(&x);
}

/* What came before a row is only what was over when the row was taken: the day before, or with a longer time the day before that. */
static void what_came_before_was_over(void **state) {
  (void)state;
  static const char *const texts[] = {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 18 * hours }"),
                                      MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 36 * hours }")};
  for (int lengthy = 0; lengthy < 2; lengthy++) {
    struct taught x = taught(texts[lengthy]);
    struct err e = {0};
    uint32_t none = 0, late = 0, all = 0;
    plan_and_do(&x, 60, 6);
    if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
    for (int part = 0; part < 2; part++) {
      struct training_rows rows;
      training_table_rows(x.t, (enum training_part)part, &rows);
      for (uint32_t r = 0; r < rows.rows; r++, all++) {
        none += stats_none(rows.before[r]);
        late += rows.late[r];
        if (!stats_none(rows.before[r])) assert_true(rows.before[r] == rows.outcome[r]); /* nobody changes here */
      }
    }
    assert_int_equal(none, lengthy ? 120 : 60);
    assert_true(late > all / 3 && late < all * 2 / 3);
    untaught(&x);
  }
}

static void the_first_row_of_a_person_has_no_past(void **state) {
  (void)state;
  struct taught x = taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 18 * hours }"));
  struct training_rows rows;
  struct err e = {0};
  plan_and_do(&x, 400, 1);
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  training_table_rows(x.t, TRAINING_TRAIN, &rows);
  for (uint32_t r = 0; r < rows.rows; r++) {
    assert_true(rows.inputs[0][r] == 0);
    assert_false(rows.valid[1][r / 64] >> (r % 64) & 1);
  }
  untaught(&x);
}

static void one_completion_answers_the_oldest_open_plan(void **state) {
  (void)state;
  struct taught x = taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 12 * hours }"));
  struct training_rows rows[2];
  struct err e = {0};
  double done = 0;
  for (int i = 0; i < 100; i++) {
    struct user *u = user_new();
    char id[32];
    snprintf(id, sizeof id, "person-%d", i);
    tell(&x, u, id, "workout_planned", START, NULL);                   /* over when the workout comes */
    tell(&x, u, id, "workout_planned", START + 10 * CLOCK_HOUR, NULL); /* answered */
    tell(&x, u, id, "workout_planned", START + 11 * CLOCK_HOUR, NULL); /* not answered: there was one workout */
    tell(&x, u, id, "workout_completed", START + 13 * CLOCK_HOUR, NULL);
    tell(&x, u, id, "check_in", START + 48 * CLOCK_HOUR, NULL);
    user_free(u);
  }
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  for (int part = 0; part < 2; part++) {
    training_table_rows(x.t, (enum training_part)part, &rows[part]);
    for (uint32_t r = 0; r < rows[part].rows; r++) done += rows[part].outcome[r];
    for (uint32_t r = 0; r + 2 < rows[part].rows; r += 3) assert_true(rows[part].outcome[r] == 0 && rows[part].outcome[r + 1] == 1);
  }
  assert_int_equal(rows[0].rows + rows[1].rows, 300);
  assert_true(done == 100);
  untaught(&x);
}

/* Who calibrates was not trained on, and comes later in time. */
static void calibration_has_people_of_its_own(void **state) {
  (void)state;
  struct taught x =
      taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 18 * hours, calibrate = \"platt\" }"));
  struct training_rows rows[TRAINING_PARTS];
  struct err e = {0};
  bool isotonic = true;
  plan_and_do(&x, 300, 8);
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  assert_true(training_table_calibrates(x.t, &isotonic) && !isotonic);
  for (int part = 0; part < TRAINING_PARTS; part++) {
    training_table_rows(x.t, (enum training_part)part, &rows[part]);
    assert_true(rows[part].rows > 40);
  }
  for (int part = 0; part < TRAINING_PARTS; part++)
    for (int other = 0; other < part; other++)
      for (uint32_t r = 0; r < rows[part].rows; r++)
        for (uint32_t q = 0; q < rows[other].rows; q++) assert_true(rows[part].user[r] != rows[other].user[q]);
  for (uint32_t r = 0; r < rows[TRAINING_CALIBRATE].rows; r++)
    if (rows[TRAINING_CALIBRATE].outcome[r] == 1) /* four days of workouts are behind them: none of the first rows is here */
      assert_true(rows[TRAINING_CALIBRATE].inputs[0][r] >= 3);
  untaught(&x);
}

static void smoothing_learns_the_share_of_the_days_to_come(void **state) {
  (void)state;
  struct taught x =
      taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 18 * hours, smooth = 2 * days, rows = 50 }"));
  struct training_rows rows;
  struct err e = {0};
  for (int i = 0; i < 100; i++) {
    struct user *u = user_new();
    char id[32];
    snprintf(id, sizeof id, "person-%d", i);
    for (int d = 0; d < 4; d++) {
      tell(&x, u, id, "workout_planned", START + d * CLOCK_DAY, NULL);
      if (d == 0) tell(&x, u, id, "workout_completed", START + CLOCK_HOUR, NULL);
    }
    tell(&x, u, id, "check_in", START + 9 * CLOCK_DAY, NULL);
    user_free(u);
  }
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  training_table_rows(x.t, TRAINING_TRAIN, &rows);
  assert_int_equal(rows.rows, 50);
  for (uint32_t r = 0; r < rows.rows; r++) assert_near(rows.target[r], rows.outcome[r] == 1 ? 1.0 / 3 : 0, 1e-12, "today and two days");
  untaught(&x);
}

static void what_cannot_be_learned_is_said(void **state) {
  (void)state;
  static const char *const trains[][2] = {
      {MODEL("{ target = \"workout_completed\", within = 3600 }"), "train.on"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\" }"), "train.within"},
      {MODEL("{ on = \"workout_planned\", within = 3600 }"), "train.target"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, calibrate = 1 }"), "train.calibrate"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, after = 3600 }"), "train.after"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, absent = 1 }"), "train.absent"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, absent = true, unanswered = \"left_out\" }"),
       "train.absent"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, unanswered = \"maybe\" }"), "train.unanswered"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, yes = \"event.nothing > 3\" }"), "train.yes"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, where = 3 }"), "train.where"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, after = 60, step = 60 }"), "train.step"},
      {MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600, absent = true, step = 60 }"), "train.step"},
  };
  for (size_t i = 0; i < sizeof trains / sizeof *trains; i++) {
    struct world *w = world_lua(trains[i][0]);
    struct err e = {0};
    struct models *m = models_build(&w->arena, w->nouns.models, w->nouns.model_count, w->features, NULL, &w->findings);
    assert_null(training_table_new(m, &w->nouns.models[0], w->features, NULL, &e));
    assert_non_null(strstr(e.text, trains[i][1]));
    world_free(w);
  }
  struct taught x = taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 3600 }"));
  struct err e = {0};
  plan_and_do(&x, 2, 3);
  assert_false(training_table_finish(x.t, &e));
  assert_non_null(strstr(e.text, "expected at least 50"));
  untaught(&x);
}

#define ASKING(train)                                                                                                                      \
  "event \"asked\" { fields = { at = \"number\" } }\nevent \"said\" { fields = { word = \"text\" } }\n"                                    \
  "feature \"asked_at\" { window = \"last\", of = \"asked\", field = \"at\", days = 7 }\n"                                                 \
  "feature \"said_7d\" { window = \"count\", of = \"said\", days = 7 }\n"                                                                  \
  "model \"m\" { plugin = \"svr\", inputs = { \"asked_at\", \"said_7d\" }, outputs = { \"p\" }, train = " train " }"

/* 100 people are asked every four hours for `times` times; what person i says an hour later is `words[i % 4]`, NULL: nothing. */
static void ask_and_hear(struct taught *x, int times, const char *const words[4]) {
  for (int i = 0; i < 100; i++) {
    struct user *u = user_new();
    char id[32], data[64];
    snprintf(id, sizeof id, "person-%d", i);
    for (int k = 0; k < times; k++) {
      const int64_t at = START + k * 4 * CLOCK_HOUR;
      snprintf(data, sizeof data, "{\"at\":%d}", k);
      tell(x, u, id, "asked", at, data);
      snprintf(data, sizeof data, "{\"word\":\"%s\"}", words[i % 4] ? words[i % 4] : "");
      if (words[i % 4]) tell(x, u, id, "said", at + CLOCK_HOUR, data);
    }
    tell(x, u, id, "over", START + 90 * CLOCK_DAY, NULL);
    user_free(u);
  }
}

/* What a model is asked when the event is decided on: the event has moved the user, what comes after it has not. */
static void a_row_knows_the_event_that_asks(void **state) {
  (void)state;
  struct taught x = taught(ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours }"));
  const char *const words[4] = {"yes", "yes", "yes", "yes"};
  struct training_rows rows;
  struct err e = {0};
  ask_and_hear(&x, 5, words);
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  training_table_rows(x.t, TRAINING_TRAIN, &rows);
  for (uint32_t r = 0; r < rows.rows; r++) {
    assert_near(rows.inputs[0][r], r % 5, 0, "the event that asks");
    assert_near(rows.inputs[1][r], r % 5, 0, "what was said before it, and not the answer");
  }
  untaught(&x);
}

static void answers_are_heard_as_the_model_says(void **state) {
  (void)state;
  static const char *const words[4] = {"good", "bad", "later", NULL};
  static const struct {
    const char *text;
    double rows, yes; /* of four people asked three times */
  } cases[] = {
      {ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours }"), 12, 9},
      {ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours, yes = \"event.word == 'good'\" }"), 12, 3},
      {ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours, yes = \"event.word == 'good'\", unanswered = \"left_out\" }"), 9,
       3},
      {ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours, where = \"event.word == 'good' or event.word == 'bad'\", "
              "yes = \"event.word == 'good'\", unanswered = \"left_out\" }"),
       6, 3},
      {ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours, absent = true }"), 12, 3},
      {ASKING("{ on = \"asked\", target = \"said\", within = 2 * hours, where = \"event.word == 'bad'\", absent = true }"), 12, 9},
      /* more than two hours later: the answer to the next question, which nobody asks the last time */
      {ASKING("{ on = \"asked\", target = \"said\", after = 2 * hours, within = 6 * hours }"), 12, 6},
      {ASKING("{ on = \"asked\", target = \"said\", after = 2 * hours, within = 30 * days, absent = true }"), 12, 3 + 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct taught x = taught(cases[i].text);
    struct err e = {0};
    double rows = 0, yes = 0;
    ask_and_hear(&x, 3, words);
    if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
    for (int part = 0; part < 2; part++) {
      struct training_rows some;
      training_table_rows(x.t, (enum training_part)part, &some);
      rows += some.rows;
      for (uint32_t r = 0; r < some.rows; r++) yes += some.outcome[r];
    }
    assert_near(rows, cases[i].rows * 25, 0, cases[i].text);
    assert_near(yes, cases[i].yes * 25, 0, cases[i].text);
    untaught(&x);
  }
}

/* A hazard learns from person-weeks in which somebody was still there, counts a loss in the week in which the silence begins and in no
 * other, and is judged by who is gone four weeks on. Two kinds of people report for ten weeks: one is there each day, one until day 20. */
static void a_hazard_learns_from_person_steps(void **state) {
  (void)state;
  struct taught x = taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", step = 7 * days, after = 28 * days, "
                                 "within = 42 * days, absent = true }"));
  struct err e = {0};
  double rows[2][2] = {{0}}, lost[2][2] = {{0}}, gone[2][2] = {{0}}, people[2][2] = {{0}};
  for (int i = 0; i < 80; i++) {
    struct user *u = user_new();
    char id[32];
    snprintf(id, sizeof id, "person-%d", i);
    for (int d = 0; d < 100; d++) {
      if (d % 7 == 0 && d < 70) tell(&x, u, id, "workout_planned", START + d * CLOCK_DAY + 8 * CLOCK_HOUR, NULL);
      if (d < (i % 2 ? 20 : 100)) tell(&x, u, id, "workout_completed", START + d * CLOCK_DAY + 18 * CLOCK_HOUR, NULL);
    }
    people[rng_mix(hash_64(str_from(id))) < .2][i % 2]++;
    user_free(u);
  }
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  for (int part = 0; part < 2; part++) {
    struct training_rows some;
    training_table_rows(x.t, (enum training_part)part, &some);
    for (uint32_t r = 0; r < some.rows; r++) {
      const int kind = some.outcome[r] > .5;
      rows[part][kind]++;
      lost[part][kind] += some.target[r];
      gone[part][kind] += some.outcome[r];
    }
  }
  for (int part = 0; part < 2; part++) { /* learned from: days 0, 7 and 14; judged by: day 21 too, when nobody could know */
    const double each = part == TRAINING_TRAIN ? 3 : 4;
    assert_true(people[part][0] > 0 && people[part][1] > 0);
    assert_near(rows[part][1], each * people[part][1], 0, "who is lost is asked about for so long");
    assert_near(gone[part][1], rows[part][1], 0, "and is gone in four weeks");
    assert_near(rows[part][0], 9 * people[part][0], 0, "who stays is asked about each week whose end is known");
    assert_near(lost[part][0], 0, 0, "who stays is not lost");
  }
  assert_near(lost[TRAINING_TRAIN][1], people[TRAINING_TRAIN][1], 0, "one loss is one person-week's");
  untaught(&x);
}

static void everybody_is_in_one_fold(void **state) {
  (void)state;
  struct taught x =
      taught(MODEL("{ on = \"workout_planned\", target = \"workout_completed\", within = 18 * hours, calibrate = \"platt\" }"));
  struct err e = {0};
  uint64_t tested[64];
  uint32_t count = 0, people, rarer;
  plan_and_do(&x, 40, 6);
  if (!training_table_finish(x.t, &e)) fail_msg("%s", e.text);
  assert_true(training_table_people(x.t, &people, &rarer));
  assert_int_equal(people, 40);
  assert_int_equal(rarer, 20 * 5);
  for (uint32_t fold = 0; fold < 7; fold++) {
    struct training_rows parts[TRAINING_PARTS];
    if (!training_table_fold(x.t, fold, 7, &e)) fail_msg("%s", e.text);
    for (int part = 0; part < TRAINING_PARTS; part++) training_table_rows(x.t, (enum training_part)part, &parts[part]);
    assert_int_equal(parts[TRAINING_CONFORM].rows, 0);
    for (uint32_t r = 0; r < parts[TRAINING_TEST].rows; r++) {
      const uint64_t user = parts[TRAINING_TEST].user[r];
      bool seen = false;
      for (int part = 0; part < TRAINING_PARTS; part++)
        for (uint32_t q = 0; part != TRAINING_TEST && q < parts[part].rows; q++) assert_true(parts[part].user[q] != user);
      for (uint32_t i = 0; i < count; i++) seen |= tested[i] == user;
      if (!seen && count < 64) tested[count++] = user;
      if (r == 0) assert_false(seen); /* nobody of an earlier fold: their people are together */
    }
    assert_true(parts[TRAINING_CALIBRATE].rows > 0 && parts[TRAINING_TRAIN].rows > 100);
  }
  assert_int_equal(count, 40);
  assert_false(training_table_fold(x.t, 0, 41, &e));
  assert_non_null(strstr(e.text, "40 people"));
  untaught(&x);
}

static double figure(const struct buf *json, const char *name) {
  struct arena a = {0};
  struct json j;
  double v = -1;
  assert_true(json_parse(&j, &a, buf_view(json), &json_limits_default, NULL));
  uint32_t at = json_get(&j, 0, name);
  assert_int_not_equal(at, JSON_NONE);
  if (!json_double(&j, at, &v)) v = STATS_NONE;
  arena_free(&a);
  return v;
}

static void figures_stand_beside_the_base_rate(void **state) {
  (void)state;
  enum { N = 4000 };
  static double p[N], y[N];
  struct rng r = rng_from(5);
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  for (int i = 0; i < N; i++) { /* calibrated by construction */
    p[i] = rng_uniform(&r);
    y[i] = rng_uniform(&r) < p[i];
  }
  const struct figures f = figures_of(p, y, N);
  figures_write(&f, &w);
  assert_near(figure(&out, "base_rate"), .5, .03, "base rate");
  assert_near(figure(&out, "auc"), 5.0 / 6, .02, "AUC of perfectly calibrated uniform predictions");
  assert_near(figure(&out, "brier"), 1.0 / 6, .01, "Brier");
  assert_near(figure(&out, "log_loss"), .5, .02, "log loss");
  assert_near(figure(&out, "calibration_slope"), 1, .08, "slope");
  assert_near(figure(&out, "calibration_intercept"), 0, .1, "intercept");
  assert_near(figure(&out, "accuracy"), .75, .02, "accuracy");
  buf_clear(&out);
  w = json_to(&out);
  for (int i = 0; i < N; i++) y[i] = 1;
  const struct figures same = figures_of(p, y, N);
  figures_write(&same, &w);
  assert_true(stats_none(figure(&out, "auc")));
  assert_near(figure(&out, "majority_accuracy"), 1, 0, "majority");
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_what_was_known_before),        cmocka_unit_test(what_came_before_was_over),
      cmocka_unit_test(the_first_row_of_a_person_has_no_past), cmocka_unit_test(one_completion_answers_the_oldest_open_plan),
      cmocka_unit_test(calibration_has_people_of_its_own),     cmocka_unit_test(smoothing_learns_the_share_of_the_days_to_come),
      cmocka_unit_test(a_row_knows_the_event_that_asks),       cmocka_unit_test(answers_are_heard_as_the_model_says),
      cmocka_unit_test(a_hazard_learns_from_person_steps),     cmocka_unit_test(everybody_is_in_one_fold),
      cmocka_unit_test(what_cannot_be_learned_is_said),        cmocka_unit_test(figures_stand_beside_the_base_rate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
