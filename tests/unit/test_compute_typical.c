/* rooms: compute language kit stats */
/* A state says what its inputs were like together: of the rows that it learned from one in a hundred lies beyond the bound, a person who is
 * like nobody is seen as that with the input that is furthest off, and figures that were bent say nothing rather than something wrong. */
#include "compute_world.h"
#include "kit/rng.h"
#include "stats/stats.h"
#include <string.h>

#define ROWS 2000
#define TEXT                                                                                                                               \
  "event \"check_in\" {}\n"                                                                                                                \
  "model \"m\" { plugin = \"svr\", inputs = { \"stress_level\", \"motivation_level\" }, outputs = { \"p\" } }"

static double stress[ROWS], moods[ROWS][3];
static uint64_t all[2][ROWS * 3 / 64 + 1];
static double *columns[] = {stress, &moods[0][0]};
static uint64_t *valid[] = {all[0], all[1]};
static uint32_t widths[] = {1, 3}; /* of a window the newest counts */

static struct training_rows rows_of(void) {
  struct rng chance = rng_from(3);
  memset(all, 0xff, sizeof all);
  for (int r = 0; r < ROWS; r++) {
    stress[r] = 5 + rng_normal(&chance);
    moods[r][2] = 10 - stress[r] + .2 * rng_normal(&chance); /* who is under stress is not well */
    moods[r][0] = 1e9;
  }
  return (struct training_rows){.rows = ROWS, .inputs = columns, .valid = valid, .widths = widths, .input_count = 2};
}

static bool take(struct models *m, struct arena *a, const char *figures) {
  struct err e = {0};
  double x[] = {5}, y[] = {0, 0, 5};
  const double *in[] = {x, y};
  const uint64_t one = 7, *there[] = {&one, &one};
  struct typicality t;
  assert_true(model_take_typical(m, 0, str_from(figures), a, &e));
  return model_typical_row(m, 0, in, there, widths, 0, &t);
}

static void strangers_are_seen(void **state) {
  (void)state;
  struct world *w = world_lua(TEXT);
  struct models *m = models_build(&w->arena, w->nouns.models, w->nouns.model_count, w->features, NULL, &w->findings);
  const struct training_rows rows = rows_of();
  struct buf figures = {0};
  struct json_writer writer = json_to(&figures);
  struct typicality t;
  int64_t now;
  uint32_t beyond = 0;
  assert_false(model_typical(m, 0, w->user, 0, w->slots, &w->arena, &t)); /* a state without it says nothing */
  json_open_object(&writer);
  typical_write(&rows, &writer);
  json_close_object(&writer);
  buf_char(&figures, 0);
  assert_true(take(m, &w->arena, figures.at));
  for (uint32_t r = 0; r < ROWS; r++) {
    assert_true(model_typical_row(m, 0, (const double *const *)columns, (const uint64_t *const *)valid, widths, r, &t));
    beyond += t.atypical;
  }
  assert_in_range(beyond, ROWS / 100 - 1, ROWS / 100 + 1);

  /* people who live: each answer is usual, the two together are not; then one that nobody gave */
  assert_true(clock_parse(STR("2025-03-01T09:00:00Z"), &now));
  world_event(w, "check_in", "2025-03-01T08:00:00Z", "{\"stressLevel\":6,\"motivationLevel\":4}", NULL);
  assert_true(model_typical(m, 0, w->user, now, w->slots, &w->arena, &t) && !t.atypical);
  assert_true(t.distance > 0 && t.distance < t.bound);
  world_event(w, "check_in", "2025-03-01T08:30:00Z", "{\"stressLevel\":6.5,\"motivationLevel\":6.5}", NULL);
  assert_true(model_typical(m, 0, w->user, now, w->slots, &w->arena, &t) && t.atypical);
  assert_true(t.deviations < 3);
  assert_true(clock_parse(STR("2025-06-01T09:00:00Z"), &now)); /* months later nothing of that counts */
  world_event(w, "check_in", "2025-06-01T08:00:00Z", "{\"stressLevel\":0,\"motivationLevel\":5}", NULL);
  assert_true(model_typical(m, 0, w->user, now, w->slots, &w->arena, &t) && t.atypical);
  assert_string_equal(t.furthest, "stress_level");
  assert_true(t.deviations < -4);
  buf_free(&figures);
  world_free(w);
}

static void bent_figures_say_nothing(void **state) {
  (void)state;
  static const char *const bent[] = {
      "{}",
      "{\"typical\":7}",
      "{\"typical\":{\"mean\":[1,2],\"scale\":[1,1],\"lower\":[1,0],\"bound\":3}}",
      "{\"typical\":{\"mean\":[1,2,3],\"scale\":[1,1],\"lower\":[1,0,1],\"bound\":3}}",
      "{\"typical\":{\"mean\":[1,2],\"scale\":[1,0],\"lower\":[1,0,1],\"bound\":3}}",
      "{\"typical\":{\"mean\":[1,2],\"scale\":[1,1],\"lower\":[1,0,0],\"bound\":3}}",
      "{\"typical\":{\"mean\":[1,2],\"scale\":[1,1],\"lower\":[1,0,1],\"bound\":-1}}",
      "{\"typical\":{\"mean\":[1,\"x\"],\"scale\":[1,1],\"lower\":[1,0,1],\"bound\":3}}",
      "{\"typical\":{\"mean\":[1,2],\"scale\":[1,1],\"lower\":[1,0,1]}}",
  };
  struct world *w = world_lua(TEXT);
  struct models *m = models_build(&w->arena, w->nouns.models, w->nouns.model_count, w->features, NULL, &w->findings);
  for (size_t i = 0; i < sizeof bent / sizeof *bent; i++)
    if (take(m, &w->arena, bent[i])) fail_msg("taken: %s", bent[i]);
  assert_true(
      take(m, &w->arena, "{\"typical\":{\"mean\":[1,2],\"scale\":[1,1],\"lower\":[1e-300,0,1],\"bound\":3}}")); /* far, and finite */
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(strangers_are_seen), cmocka_unit_test(bent_figures_say_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
