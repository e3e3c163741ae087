/* rooms: tool language compute kit; inside: tool */
/* The simulated people: the same seed gives the same lines, more people change nobody's life, lines come in order of time, every one is
 * taken by the default vocabulary, and the population is neither all diligence nor all sloth. */
#include "accept/accept.h"
#include "compute_world.h"
#include "kit/file.h"
#include "population.h"
#include <stdlib.h>
#include <string.h>

#define START INT64_C(1736121600000)

static void all_lines(uint32_t users, uint32_t days, uint64_t seed, struct buf *out) {
  struct err e = {0};
  struct buf line = {0};
  struct population *p = population_new(users, days, seed, START, &e);
  if (!p) fail_msg("%s", e.text);
  while (population_next(p, &line)) {
    buf_str(out, buf_view(&line));
    buf_char(out, '\n');
  }
  population_free(p);
  buf_free(&line);
}

static void the_same_seed_gives_the_same_lines(void **state) {
  (void)state;
  struct buf a = {0}, b = {0}, c = {0};
  all_lines(20, 10, 3, &a);
  all_lines(20, 10, 3, &b);
  all_lines(20, 10, 4, &c);
  assert_true(a.len > 10000 && str_eq(buf_view(&a), buf_view(&b)));
  assert_false(str_eq(buf_view(&a), buf_view(&c)));
  buf_free(&a);
  buf_free(&b);
  buf_free(&c);
}

/* Walking changes nobody's life: without the steps and the ids the lines are the same. */
static void who_walks_lives_as_who_does_not(void **state) {
  (void)state;
  struct buf plain = {0}, line = {0};
  struct str rest, one;
  struct err e = {0};
  size_t steps = 0;
  all_lines(20, 21, 3, &plain);
  rest = buf_view(&plain);
  struct population *p = population_new(20, 21, 3, START, &e);
  assert_non_null(p);
  population_walk(p);
  while (population_next(p, &line)) {
    buf_char(&line, 0);
    if (strstr(line.at, "\"daily_activity\"")) {
      const char *said = strstr(line.at, "\"steps\":");
      assert_non_null(said);
      const long count = strtol(said + 8, NULL, 10);
      assert_true(count >= 50 && count <= 60000);
      steps++;
      continue;
    }
    assert_true(str_split(&rest, '\n', &one));
    const char *expected = strstr(one.at, "\"userId\""), *got = strstr(line.at, "\"userId\"");
    assert_true(expected && got && strncmp(expected, got, strlen(got)) == 0);
  }
  assert_true(steps > 250 && rest.len == 0);
  population_free(p);
  buf_free(&line);
  buf_free(&plain);
}

static void only_lines_of(const struct buf *all, const char *user, struct buf *out) {
  struct str rest = buf_view(all), line;
  while (str_split(&rest, '\n', &line))
    if (memmem(line.at, line.len, user, strlen(user))) buf_str(out, line);
}

static void more_people_change_nobodys_life(void **state) {
  (void)state;
  struct buf few = {0}, many = {0}, one = {0}, other = {0};
  all_lines(5, 14, 9, &few);
  all_lines(40, 14, 9, &many);
  only_lines_of(&few, "\"sim-0004\"", &one);
  only_lines_of(&many, "\"sim-0004\"", &other);
  assert_true(one.len > 1000 && str_eq(buf_view(&one), buf_view(&other)));
  buf_free(&few);
  buf_free(&many);
  buf_free(&one);
  buf_free(&other);
}

static struct world *default_world(void) {
  struct buf bytes = {0};
  struct err e = {0};
  if (!file_read(KAIROS_SOURCE_DIR "/rules/vocabulary.lua", &bytes, 1 << 20, &e)) fail_msg("%s", e.text);
  buf_char(&bytes, 0);
  struct world *w = world_lua(bytes.at);
  buf_free(&bytes);
  return w;
}

static void every_line_is_taken_in_order(void **state) {
  (void)state;
  struct world *w = default_world();
  struct buf all = {0};
  struct arena a = {0};
  struct err e = {0};
  int64_t last = 0;
  double planned = 0, done = 0, skipped = 0;
  all_lines(60, 28, 1, &all);
  struct str rest = buf_view(&all), line;
  while (str_split(&rest, '\n', &line)) {
    struct event event;
    if (!line.len) continue;
    if (!event_parse(&a, line, INT64_C(1900000000000), STR("test"), true, &event, &e)) fail_msg("%s", e.text);
    const struct event_type *type = vocabulary_type(w->vocabulary, event.type);
    if (!type || !vocabulary_check(w->vocabulary, type, &event, NULL, &e)) fail_msg(STR_FORMAT ": %s", STR_ARG(line), e.text);
    assert_true(event.timestamp >= last);
    last = event.timestamp;
    planned += str_is(event.type, "workout_planned");
    done += str_is(event.type, "workout_completed");
    skipped += str_is(event.type, "workout_skipped");
    arena_reset(&a);
  }
  assert_true(planned > 500 && done + skipped <= planned);
  assert_true(done / planned > .4 && done / planned < .8);
  arena_free(&a);
  buf_free(&all);
  world_free(w);
}

/* Of each plan the population says how likely it is kept, and as many are: within four standard errors, likely and unlikely ones apart. */
static void its_word_on_a_plan_is_true(void **state) {
  (void)state;
  enum { PEOPLE = 200, DAYS = 42 };
  struct err e = {0};
  struct buf line = {0};
  double waiting[PEOPLE], expected[2] = {0}, kept[2] = {0}, variance[2] = {0};
  struct population *p = population_new(PEOPLE, DAYS, 5, START, &e);
  if (!p) fail_msg("%s", e.text);
  for (int i = 0; i < PEOPLE; i++) waiting[i] = -1;
  while (population_next(p, &line)) {
    const double truth = population_truth(p);
    buf_char(&line, 0);
    const char *who = strstr(line.at, "\"sim-");
    assert_non_null(who);
    const long person = strtol(who + 5, NULL, 10);
    assert_in_range(person, 0, PEOPLE - 1);
    if (strstr(line.at, "\"workout_planned\"")) {
      assert_true(truth > 0 && truth < 1);
      waiting[person] = truth;
      expected[truth > .6] += truth;
      variance[truth > .6] += truth * (1 - truth);
      continue;
    }
    assert_true(truth != truth);
    if (strstr(line.at, "\"workout_completed\"") && waiting[person] >= 0) kept[waiting[person] > .6]++;
  }
  for (int side = 0; side < 2; side++) {
    const double apart = kept[side] - expected[side];
    if (variance[side] < 100 || apart * apart > 16 * variance[side])
      fail_msg("%s plans: %g kept, %g expected (variance %g)", side ? "likely" : "unlikely", kept[side], expected[side], variance[side]);
  }
  population_free(p);
  buf_free(&line);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_walks_lives_as_who_does_not), cmocka_unit_test(the_same_seed_gives_the_same_lines),
      cmocka_unit_test(more_people_change_nobodys_life), cmocka_unit_test(every_line_is_taken_in_order),
      cmocka_unit_test(its_word_on_a_plan_is_true),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
