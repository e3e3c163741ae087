/* rooms: compute language kit */
/* Declared features: every window does what its name says, a changed definition is another series, wrong definitions are findings with file
 * and line, and the default program's vocabulary and features load. */
#include "compute_world.h"
#include "kit/file.h"
#include "kit/math.h"
#include <string.h>

#define WALK "event \"walk\" { fields = { steps = \"number\", place = \"text\" } }\n"

static void windows_do_what_they_say(void **state) {
  (void)state;
  struct world *w = world_lua(
      WALK "feature \"a_sum\" { window = \"sum\", of = \"walk\", field = \"steps\", days = 3 }\n"
           "feature \"b_count\" { window = \"count\", of = \"walk\", where = \"event.steps > 100\", days = 7 }\n"
           "feature \"c_mean\" { window = \"mean\", of = \"walk\", field = \"steps\", days = 7, at_least = 4 }\n"
           "feature \"d_rate\" { window = \"rate\", of = \"walk\", where = \"event.steps > 100\", days = 7 }\n"
           "feature \"e_trend\" { window = \"trend\", of = \"walk\", field = \"steps\", days = 7 }\n"
           "feature \"f_since\" { window = \"since_last\", of = \"walk\", where = \"event.place == 'park'\" }\n"
           "feature \"g_streak\" { window = \"streak\", of = \"walk\" }\n"
           "feature \"h_entropy\" { window = \"entropy\", of = \"walk\", field = \"place\", days = 7 }\n"
           "feature \"i_circular\" { window = \"circular\", of = \"walk\", days = 7 }\n"
           "feature \"j_daily\" { window = \"rate\", of = \"walk\", days = 4 }\n"
           "feature \"k_early\" { window = \"count\", of = \"walk\", where = \"event.local_hour < 8.5\", days = 7 }\n"
           "feature \"m_last\" { window = \"last\", of = \"walk\", field = \"steps\", days = 2 }\n"
           "feature \"n_last_park\" { window = \"last\", of = \"walk\", where = \"event.place == 'park'\", days = 30 }\n"
           "feature \"o_last_far\" { window = \"last\", of = \"walk\", field = \"steps\", where = \"event.steps > 350\", days = 7 }\n"
           "feature \"l_derived\" { value = \"a_sum / (b_count + 1) + (profile.bonus or 0)\" }\n");
  const char *at = "2025-01-04T12:00:00Z";
  if (w->findings.count) fail_msg("%s", w->findings.at[0].text);
  world_missing(w, "a_sum", at);
  world_event(w, "walk", "2025-01-01T08:00:00Z", "{\"steps\":100,\"place\":\"park\"}", NULL);
  world_event(w, "walk", "2025-01-02T08:00:00Z", "{\"steps\":200,\"place\":\"park\"}", NULL);
  world_event(w, "walk", "2025-01-03T08:00:00Z", "{\"steps\":300,\"place\":\"street\"}", NULL);
  world_missing(w, "c_mean", at);
  assert_near(world_read(w, "m_last", at), 300, 0, "the newest value");
  world_missing(w, "o_last_far", at);
  world_event(w, "walk", "2025-01-04T09:00:00Z", "{\"steps\":400,\"place\":\"street\"}", NULL);
  world_event(w, "other", "2025-01-04T09:00:00Z", "{\"steps\":9999}", NULL);
  assert_near(world_read(w, "a_sum", at), 900, 0, "sum of 3 days");
  assert_near(world_read(w, "b_count", at), 3, 0, "count where");
  assert_near(world_read(w, "c_mean", at), 250, 0, "mean");
  assert_near(world_read(w, "d_rate", at), .75, 0, "share of events where");
  assert_near(world_read(w, "e_trend", at), 100, 1e-9, "trend a day");
  assert_near(world_read(w, "f_since", at), (2 * 24 + 4) * 3600, 0, "seconds since the last walk in the park");
  world_event(w, "walk", "2024-11-30T08:00:00Z", "{\"place\":\"park\"}", NULL); /* late, and long gone from every ring */
  assert_near(world_read(w, "f_since", at), (2 * 24 + 4) * 3600, 0, "a late walk is not the last one");
  assert_near(world_read(w, "m_last", at), 400, 0, "the newest value, and no late one");
  world_missing(w, "m_last", "2025-01-06T09:00:01Z");
  assert_near(world_read(w, "n_last_park", at), 0, 0, "the newest walk was in the street");
  assert_near(world_read(w, "o_last_far", at), 400, 0, "the newest that counts");
  assert_near(world_read(w, "g_streak", at), 4, 0, "streak");
  assert_near(world_read(w, "g_streak", "2025-01-05T12:00:00Z"), 4, 0, "an open day");
  assert_near(world_read(w, "g_streak", "2025-01-06T12:00:00Z"), 0, 0, "a missed day");
  assert_near(world_read(w, "h_entropy", at), math_log(2), 1e-12, "two places, equally often");
  double c = (3 + math_cos(2 * 3.14159265358979 / 24)) / 4, s = math_sin(2 * 3.14159265358979 / 24) / 4;
  assert_near(world_read(w, "i_circular", at), math_sqrt(c * c + s * s), 1e-6, "resultant length");
  assert_near(world_read(w, "j_daily", at), 1, 0, "events a day");
  assert_near(world_read(w, "k_early", at), 3, 0, "the user's clock");
  assert_near(world_read(w, "l_derived", at), 900.0 / 4, 1e-12, "derived");
  assert_true(user_merge_profile(w->user, STR("{\"bonus\":5}"), true, NULL));
  assert_near(world_read(w, "l_derived", at), 230, 1e-12, "derived reads the profile");
  world_event(w, "walk", "2025-01-04T10:00:00Z", "{\"place\":\"park\"}", NULL);
  assert_near(world_read(w, "m_last", at), 400, 0, "a walk without steps has no value");
  assert_near(world_read(w, "n_last_park", at), 1, 0, "the newest walk was in the park");
  world_free(w);
}

/* What says `at_least` is missing below it, whatever the window; what does not say it, and for which nothing is a number too, is that
 * number. */
static void too_few_are_missing_in_every_window(void **state) {
  (void)state;
  struct world *w = world_lua(WALK "feature \"sum\" { window = \"sum\", of = \"walk\", field = \"steps\", days = 3, at_least = 2 }\n"
                                   "feature \"some\" { window = \"count\", of = \"walk\", days = 3, at_least = 2 }\n"
                                   "feature \"daily\" { window = \"rate\", of = \"walk\", days = 4, at_least = 2 }\n"
                                   "feature \"any_sum\" { window = \"sum\", of = \"walk\", field = \"steps\", days = 3 }\n"
                                   "feature \"any\" { window = \"count\", of = \"walk\", days = 3 }\n"
                                   "feature \"any_daily\" { window = \"rate\", of = \"walk\", days = 4 }\n");
  static const char *const bounded[] = {"sum", "some", "daily"}, *const free_of[] = {"any_sum", "any", "any_daily"};
  static const double two[] = {300, 2, .5};
  if (w->findings.count) fail_msg("%s", w->findings.at[0].text);
  world_event(w, "other", "2025-01-01T07:00:00Z", "{}", NULL);
  world_missing(w, "some", "2025-01-01T07:30:00Z");
  assert_near(world_read(w, "any", "2025-01-01T07:30:00Z"), 0, 0, "none is a count");
  world_event(w, "walk", "2025-01-01T08:00:00Z", "{\"steps\":100}", NULL);
  for (size_t i = 0; i < 3; i++) world_missing(w, bounded[i], "2025-01-01T12:00:00Z");
  world_event(w, "walk", "2025-01-01T09:00:00Z", "{\"steps\":200}", NULL);
  for (size_t i = 0; i < 3; i++) {
    assert_near(world_read(w, bounded[i], "2025-01-01T12:00:00Z"), two[i], 0, bounded[i]);
    assert_near(world_read(w, free_of[i], "2025-01-01T12:00:00Z"), two[i], 0, free_of[i]);
    world_missing(w, bounded[i], "2025-01-09T12:00:00Z");
    assert_near(world_read(w, free_of[i], "2025-01-09T12:00:00Z"), 0, 0, "nothing lately");
  }
  world_free(w);
}

/* What a window does not look at would be believed. */
static void what_says_nothing_is_told(void **state) {
  (void)state;
  static const struct {
    const char *fields, *says;
  } idle[] = {
      {"window = \"since_last\", of = \"walk\", days = 7", "\"days\" has no effect on window \"since_last\""},
      {"window = \"streak\", of = \"walk\", days = 7", "\"days\" has no effect on window \"streak\""},
      {"window = \"streak\", of = \"walk\", at_least = 2", "\"at_least\" has no effect on window \"streak\""},
      {"window = \"last\", of = \"walk\", field = \"steps\", days = 7, at_least = 2", "\"at_least\" has no effect on window \"last\""},
      {"value = \"stress_level\", at_least = 2", "\"at_least\" has no effect on a \"value\""},
  };
  for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
    char text[400];
    snprintf(text, sizeof text, WALK "feature \"x\" { %s }", idle[i].fields);
    struct world *w = world_lua(text);
    if (w->findings.count != 1 || w->findings.errors || !strstr(w->findings.at[0].text, idle[i].says))
      fail_msg("expected \"%s\" for %s, got: %s", idle[i].says, text, w->findings.count ? w->findings.at[0].text : "nothing");
    world_free(w);
  }
}

static struct world *walked(const char *feature) {
  struct world *w = world_lua(feature);
  if (w->findings.count) fail_msg("%s", w->findings.at[0].text);
  return w;
}

static void a_changed_definition_is_another_series(void **state) {
  (void)state;
  const char *at = "2025-01-01T12:00:00Z";
  struct world *before = walked(WALK "feature \"far\" { window = \"count\", of = \"walk\", where = \"event.steps > 100\", days = 7 }");
  struct world *after = walked(WALK "feature \"far\" { window = \"count\", of = \"walk\", where = \"event.steps > 50\", days = 7 }");
  struct world *shorter = walked(WALK "feature \"far\" { window = \"count\", of = \"walk\", where = \"event.steps > 100\", days = 3 }");
  struct user *u[] = {after->user, shorter->user};
  world_event(before, "walk", "2025-01-01T08:00:00Z", "{\"steps\":150}", NULL);
  after->user = shorter->user = before->user;
  assert_near(world_read(before, "far", at), 1, 0, "before");
  assert_near(world_read(after, "far", at), 0, 0, "after: it has seen nothing yet");
  assert_near(world_read(shorter, "far", at), 1, 0, "another length of window reads the same days");
  after->user = u[0];
  shorter->user = u[1];
  world_free(before);
  world_free(after);
  world_free(shorter);
}

static void wrong_definitions_are_findings(void **state) {
  (void)state;
  static const struct {
    const char *fields, *says;
  } wrong[] = {
      {"window = \"count\", of = \"wlak\"", "wlak"},
      {"window = \"cuont\", of = \"walk\"", "count"},
      {"window = \"sum\", of = \"walk\"", "needs a field"},
      {"window = \"sum\", of = \"walk\", field = \"stepz\"", "event.stepz"},
      {"window = \"count\", of = \"walk\", days = 36", "1 to 35"},
      {"window = \"count\", of = \"walk\", days = 1.5", "1 to 35"},
      {"window = \"count\", of = \"walk\", where = \"event.steps >\"", "where"},
      {"window = \"count\", of = \"walk\", where = \"stress_level > 3\"", "reads only its event"},
      {"value = \"stress_levl + 1\"", "did you mean \"stress_level\""},
      {"value = \"event.steps + 1\"", "reads only these"},
      {"value = \"x + 1\"", "reads itself"},
      {"value = \"1\", window = \"count\", of = \"walk\"", "both"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char text[400];
    snprintf(text, sizeof text, WALK "feature \"x\" { %s }", wrong[i].fields);
    struct world *w = world_lua(text);
    bool said = false;
    for (size_t k = 0; k < w->findings.count; k++)
      said |= strstr(w->findings.at[k].text, wrong[i].says) && w->findings.at[k].line == 2 && w->findings.at[k].level == FINDING_ERROR;
    if (!said) fail_msg("expected \"%s\" for %s, got: %s", wrong[i].says, text, w->findings.count ? w->findings.at[0].text : "nothing");
    world_free(w);
  }
  struct world *w = world_lua("feature \"habit_strength\" { value = \"1\" }");
  assert_non_null(strstr(w->findings.at[0].text, "built-in"));
  world_free(w);
}

static void cycles_are_found(void **state) {
  (void)state;
  struct world *w = world_lua("feature \"a\" { value = \"b + 1\" }\nfeature \"b\" { value = \"c + 1\" }\n"
                              "feature \"c\" { value = \"a + 1\" }\nfeature \"d\" { value = \"2\" }");
  assert_true(w->findings.errors >= 1);
  world_missing(w, "a", "2025-01-01T00:00:00Z");
  assert_near(world_read(w, "d", "2025-01-01T00:00:00Z"), 2, 0, "others stand");
  world_free(w);
}

static void read_source(struct arena *a, struct source *out, const char *path) {
  struct buf bytes = {0};
  struct err e = {0};
  char full[1024];
  snprintf(full, sizeof full, "%s/%s", KAIROS_SOURCE_DIR, path);
  if (!file_read(full, &bytes, 1 << 20, &e)) fail_msg("%s", e.text);
  *out = (struct source){.path = path, .text = {arena_text(a, bytes.at, bytes.len), bytes.len}};
  buf_free(&bytes);
}

static void the_default_vocabulary_loads(void **state) {
  (void)state;
  struct arena a = {0};
  struct findings findings = {.arena = &a};
  struct source sources[2];
  struct nouns nouns;
  read_source(&a, &sources[0], "rules/features.lua");
  read_source(&a, &sources[1], "rules/vocabulary.lua");
  language_load(&a, sources, 2, &nouns, &findings);
  struct world *w = world_new(nouns.events, nouns.event_count, nouns.features, nouns.feature_count);
  const struct findings *both[] = {&findings, &w->findings};
  for (int i = 0; i < 2; i++)
    for (size_t k = 0; k < both[i]->count; k++) fail_msg("%s:%d: %s", both[i]->at[k].file, both[i]->at[k].line, both[i]->at[k].text);
  world_missing(w, "burnout_risk", "2025-01-05T12:00:00Z");
  for (int i = 1; i <= 4; i++) {
    char when[64];
    snprintf(when, sizeof when, "2025-01-%02dT07:00:00Z", i);
    world_event(w, "sleep_logged", when, "{\"sleepHours\":5}", NULL);
    world_event(w, "workout_skipped", when, NULL, NULL);
    world_event(w, "check_in", when, "{\"stressLevel\":9,\"motivationLevel\":1,\"energyLevel\":2}", NULL);
  }
  assert_near(world_read(w, "burnout_risk", "2025-01-04T12:00:00Z"), (.9 + .75 + .9 + 1) / 4, 1e-9, "mean of four signs");
  assert_near(world_read(w, "energy_level", "2025-01-04T12:00:00Z"), 2, 0, "energy");
  assert_false(vocabulary_type(w->vocabulary, STR("workout_completed")) == NULL);

  world_free(w);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_do_what_they_say),       cmocka_unit_test(too_few_are_missing_in_every_window),
      cmocka_unit_test(what_says_nothing_is_told),      cmocka_unit_test(a_changed_definition_is_another_series),
      cmocka_unit_test(wrong_definitions_are_findings), cmocka_unit_test(cycles_are_found),
      cmocka_unit_test(the_default_vocabulary_loads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
