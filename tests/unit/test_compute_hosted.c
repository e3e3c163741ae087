/* rooms: compute language kit host */
/* Models whose plugins misbehave, as the lanes see them: whoever crashes gives no belief or its fallback and is suspended after three
 * times; whoever takes longer than its budget is suspended after 64 times in a row; both are told once and can be asked for afterwards.
 * Neither one person nor reads suspend a model for everybody. */
#include "compute_world.h"
#include "kit/file.h"
#include <string.h>
#include <unistd.h>

#define TRIES_MOST 30000 /* of 1 ms: a sanitized test on a busy machine */

static char store[256];

static int begin(void **state) {
  (void)state;
  snprintf(store, sizeof store, "%s/tests/hosted-store-%d", KAIROS_BINARY_DIR, (int)getpid());
  return host_begin(0, NULL, NULL) && file_make_directory(store, 0755, NULL) ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  host_end();
  return file_remove_tree(store, NULL) ? 0 : -1;
}

struct asked {
  struct world *w;
  struct models *m;
  struct sessions *s;
  struct value belief;
};

static struct asked open_model_of(const char *x, const char *fields) {
  char text[400], directory[256];
  snprintf(text, sizeof text,
           "feature \"x\" { value = \"%s\" }\nmodel \"m\" { plugin = \"evil\", inputs = { \"x\" }, outputs = { \"y\" }, %s }", x, fields);
  snprintf(directory, sizeof directory, "%s/tests/rogues", KAIROS_BINARY_DIR);
  struct asked a = {.w = world_lua(text)};
  const struct models_from from = {.plugin_directory = directory, .store_directory = store};
  a.m = models_build(&a.w->arena, a.w->nouns.models, a.w->nouns.model_count, a.w->features, &from, &a.w->findings);
  for (size_t i = 0; i < a.w->findings.count; i++)
    if (a.w->findings.at[i].level == FINDING_ERROR) fail_msg("%s", a.w->findings.at[i].text);
  a.s = sessions_open(a.m, 4);
  return a;
}

static struct asked open_model(const char *fields) {
  return open_model_of("9", fields);
}

static void ask(struct asked *a) {
  const struct arena_mark mark = arena_mark(&a->w->arena);
  struct belief_row row = {a->w->user, 1737000000000, 1, a->w->slots, &a->belief, false, NULL};
  models_predict(a->m, a->s, 0, &row, 1, a->w->features, &a->w->arena);
  arena_rewind(&a->w->arena, mark);
}

static void ask_about(struct asked *a, uint64_t person) {
  a->w->user->digest.low = person;
  ask(a);
}

static void close_model(struct asked *a) {
  sessions_close(a->s);
  models_free(a->m);
  world_free(a->w);
}

static void assert_trouble(const struct asked *a, const char *words) {
  struct model_trouble t;
  assert_true(model_troubled(a->m, 0, &t) && t.suspended);
  if (!strstr(t.why, words)) fail_msg("expected \"%s\", got: %s", words, t.why);
}

static uint32_t crashes_of(const struct asked *a) {
  struct model_trouble t;
  model_troubled(a->m, 0, &t);
  return t.crashes;
}

static void who_crashes_is_missing_and_then_suspended(void **state) {
  (void)state;
  struct models_figures figures;
  struct asked a = open_model("config = { mode = \"segfault\" }");
  struct model_trouble none;
  models_figures(a.m, &figures);
  assert_false(model_troubled(a.m, 0, &none));
  assert_true(figures.hosted == 1 && figures.running == 1 && figures.crashes == 0 && figures.suspended == 0);
  for (int tries = 0; !model_suspended(a.s, 0, NULL); tries++) {
    ask_about(&a, (uint64_t)tries);
    assert_int_equal(a.belief.kind, VALUE_MISSING);
    if (tries == TRIES_MOST) fail_msg("it was not suspended");
    usleep(1000);
  }
  ask(&a);
  assert_int_equal(a.belief.kind, VALUE_MISSING);
  assert_int_equal(a.belief.reason, MISSING_SUSPENDED);
  models_figures(a.m, &figures);
  assert_true(figures.hosted == 1 && figures.running == 0 && figures.crashes == 3 && figures.suspended == 1);
  assert_trouble(&a, "it is not started again: model 'm' (rogue): its process ended 3 times in a minute");
  close_model(&a);
}

/* Three ends in a minute would suspend it. */
static void one_person_who_crashes_it_does_not_suspend_it(void **state) {
  (void)state;
  struct asked a = open_model("config = { mode = \"segfault\" }");
  for (int tries = 0; tries < 200 || crashes_of(&a) == 0; tries++) {
    ask_about(&a, 7);
    assert_int_equal(a.belief.reason, MISSING_FAILED);
    if (tries == TRIES_MOST) fail_msg("it never crashed");
    usleep(1000);
  }
  assert_true(crashes_of(&a) < 3);
  assert_false(model_suspended(a.s, 0, NULL));
  close_model(&a);
}

#define PEOPLE 4
#define ODD    2
struct several {
  struct user *people[PEOPLE];
  struct value beliefs[PEOPLE];
};

static void know(struct several *all) {
  for (int i = 0; i < PEOPLE; i++) {
    assert_non_null(all->people[i] = user_new());
    all->people[i]->digest.low = (uint64_t)i + 100;
    assert_true(user_set_profile(all->people[i], i == ODD ? STR("{\"x\":9}") : STR("{\"x\":2}")));
  }
}

/* True: everybody but the odd one has an answer. */
static bool ask_about_all(struct asked *a, struct several *all) {
  const struct arena_mark mark = arena_mark(&a->w->arena);
  struct belief_row rows[PEOPLE];
  bool answered = true;
  for (int i = 0; i < PEOPLE; i++)
    rows[i] = (struct belief_row){all->people[i], 1737000000000, 1, a->w->slots, &all->beliefs[i], false, NULL};
  models_predict(a->m, a->s, 0, rows, PEOPLE, a->w->features, &a->w->arena);
  arena_rewind(&a->w->arena, mark);
  for (int i = 0; i < PEOPLE; i++) answered &= i == ODD || all->beliefs[i].kind == VALUE_NUMBER;
  assert_int_equal(all->beliefs[ODD].kind, VALUE_MISSING);
  return answered;
}

/* In one question with others nobody knows whose row it was; then everybody is asked about alone, and the next end is that one's. */
static void one_among_several_who_crashes_it_does_not_suspend_it(void **state) {
  (void)state;
  struct several all;
  struct asked a = open_model_of("profile.x", "config = { mode = \"segfault\" }");
  know(&all);
  bool answered = false;
  for (int tries = 0; tries < 200 || crashes_of(&a) < 2 || !answered; tries++) {
    answered = ask_about_all(&a, &all);
    if (tries == TRIES_MOST) fail_msg("after %u ends the others have no answer", crashes_of(&a));
    usleep(1000);
  }
  assert_int_equal(crashes_of(&a), 2);
  assert_false(model_suspended(a.s, 0, NULL));
  for (int i = 0; i < PEOPLE; i++) user_free(all.people[i]);
  close_model(&a);
}

/* Each look has a session of its own, and is of somebody else. */
static void reads_that_crash_it_do_not_suspend_it(void **state) {
  (void)state;
  struct asked a = open_model("config = { mode = \"segfault\" }");
  struct sessions *lane = a.s;
  for (int tries = 0; tries < 200 || crashes_of(&a) == 0; tries++) {
    a.s = sessions_open(a.m, 1);
    ask_about(&a, (uint64_t)tries + 1);
    sessions_close(a.s);
    assert_int_equal(a.belief.reason, MISSING_FAILED);
    if (tries == TRIES_MOST) fail_msg("it never crashed");
    usleep(1000);
  }
  a.s = lane;
  assert_true(crashes_of(&a) < 3);
  assert_false(model_suspended(a.s, 0, NULL));
  close_model(&a);
}

static void bad_rows_of_one_person_suspend_nothing_and_of_four_they_do(void **state) {
  (void)state;
  struct asked a = open_model("config = { mode = \"nan\" }, isolate = \"none\"");
  for (int i = 0; i < 30; i++) ask_about(&a, 1 + (uint64_t)i % 3);
  assert_int_equal(a.belief.reason, MISSING_FAILED);
  assert_false(model_suspended(a.s, 0, NULL));
  ask_about(&a, 4);
  assert_true(model_suspended(a.s, 0, NULL));
  assert_trouble(&a, "8 batches in a row failed: no row had a finite output");
  sessions_close(a.s);
  a.s = sessions_open(a.m, 1); /* a look sees what the lane decided */
  ask_about(&a, 5);
  assert_int_equal(a.belief.reason, MISSING_SUSPENDED);
  close_model(&a);
}

/* Of whom an input is missing nothing is asked that could have been answered: such a row is no sign of health. */
static void rows_without_input_in_between_heal_nobody(void **state) {
  (void)state;
  struct asked a = open_model_of("profile.x", "config = { mode = \"nan\" }, isolate = \"none\"");
  for (uint64_t i = 0; i < 16; i++) {
    assert_false(model_suspended(a.s, 0, NULL) && i < 15);
    assert_true(user_set_profile(a.w->user, i % 2 ? STR("{}") : STR("{\"x\":9}")));
    ask_about(&a, 1 + i);
    assert_int_equal(a.belief.reason, i % 2 == 0 ? MISSING_FAILED : model_suspended(a.s, 0, NULL) ? MISSING_SUSPENDED : MISSING_TOO_LITTLE);
  }
  assert_true(model_suspended(a.s, 0, NULL));
  close_model(&a);
}

static void a_fallback_stands_in_at_once(void **state) {
  (void)state;
  struct asked a = open_model("config = { mode = \"exit\" }, fallback = 0.25");
  for (int i = 0; i < 50; i++) {
    ask(&a);
    assert_int_equal(a.belief.kind, VALUE_NUMBER);
    assert_true(a.belief.number == .25);
  }
  close_model(&a);
}

/* Inside the engine nobody can stop it: what it says counts, and so does how long it took. */
static void who_takes_longer_than_its_budget_is_suspended(void **state) {
  (void)state;
  const char *why;
  struct asked a = open_model("config = { mode = \"busy\" }, isolate = \"none\", budget = 0.0001");
  for (int i = 0; i < 64; i++) {
    assert_false(model_suspended(a.s, 0, &why));
    ask(&a);
    assert_int_equal(a.belief.kind, VALUE_NUMBER);
    assert_true(a.belief.number == 18);
  }
  assert_true(model_suspended(a.s, 0, &why));
  assert_non_null(strstr(why, "64 batches in a row were late"));
  ask(&a);
  assert_int_equal(a.belief.reason, MISSING_SUSPENDED);
  assert_trouble(&a, "more processor time than its budget");
  close_model(&a);
  a = open_model("config = { mode = \"\" }, isolate = \"none\", budget = 10"); /* nobody takes ten seconds for a product */
  for (int i = 0; i < 200; i++) ask(&a);
  assert_false(model_suspended(a.s, 0, &why));
  assert_true(a.belief.number == 18);
  close_model(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_crashes_is_missing_and_then_suspended),
      cmocka_unit_test(one_person_who_crashes_it_does_not_suspend_it),
      cmocka_unit_test(one_among_several_who_crashes_it_does_not_suspend_it),
      cmocka_unit_test(reads_that_crash_it_do_not_suspend_it),
      cmocka_unit_test(bad_rows_of_one_person_suspend_nothing_and_of_four_they_do),
      cmocka_unit_test(rows_without_input_in_between_heal_nobody),
      cmocka_unit_test(a_fallback_stands_in_at_once),
      cmocka_unit_test(who_takes_longer_than_its_budget_is_suspended),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
