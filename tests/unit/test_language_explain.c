/* rooms: kit language */
/* Explanations in the words of a case: terms with operands, what was missing, what decided, and the nearest change. */
#include "language_world.h"

static struct world w;
static int open_world(void **state) {
  (void)state;
  world_open(&w);
  return 0;
}
static int close_world(void **state) {
  (void)state;
  world_close(&w);
  return 0;
}

static size_t terms_of(const char *source, struct term **terms) {
  return expression_terms(world_compile(&w, source, WANT_TRUTH), w.slots, &w.arena, terms);
}

static void terms_in_source_order(void **state) {
  (void)state;
  struct term *t;
  world_set(&w, "skip_probability", value_number(0.81));
  world_set(&w, "steps", value_missing(MISSING_WARMING));
  world_set(&w, "mood", value_text(STR("low")));
  assert_int_equal(terms_of("skip_probability > 60 * percent and not (profile.injured or false) and (steps + 1 < 5 or mood == 'low')", &t),
                   4);
  assert_true(str_is(t[0].source, "skip_probability > 60 * percent") && t[0].truth == TRUTH_TRUE && t[0].decisive);
  assert_true(str_is(t[0].left_name, "skip_probability") && str_is(t[0].right_name, "60 * percent"));
  assert_true(t[0].left.number == 0.81 && t[0].right.number == 0.6 && !strcmp(t[0].operator, ">") && t[0].missing.len == 0);
  assert_true(str_is(t[1].source, "(profile.injured or false)") && t[1].truth == TRUTH_FALSE && t[1].decisive);
  assert_true(!strcmp(t[1].operator, "or") && str_is(t[1].left_name, "profile.injured") && t[1].right.kind == VALUE_BOOL);
  assert_true(str_is(t[1].missing, "profile.injured"));
  assert_true(str_is(t[2].source, "steps + 1 < 5") && t[2].truth == TRUTH_UNKNOWN && str_is(t[2].missing, "steps"));
  assert_false(t[2].decisive); /* the other side of the or is true already */
  assert_true(t[3].truth == TRUTH_TRUE && t[3].decisive && str_is(value_str(t[3].left), "low"));
}

static void why_an_operand_is_missing(void **state) {
  (void)state;
  struct term *t;
  world_set(&w, "steps", value_missing(MISSING_TOO_LITTLE));
  assert_int_equal(terms_of("steps > 3", &t), 1);
  assert_true(t[0].left.kind == VALUE_MISSING && t[0].left.reason == MISSING_TOO_LITTLE && str_is(t[0].missing, "steps"));
  assert_int_equal(terms_of("known(steps)", &t), 1);
  assert_true(!strcmp(t[0].operator, "known") && t[0].truth == TRUTH_FALSE && t[0].right.kind == VALUE_MISSING);
  assert_int_equal(terms_of("flag", &t), 1);
  assert_true(!strcmp(t[0].operator, "") && str_is(t[0].left_name, "flag"));
}

static void assert_gap(const char *source, enum missing_reason wanted) {
  const enum missing_reason got = expression_gap(world_compile(&w, source, WANT_TRUTH), w.slots);
  if (got != wanted) fail_msg("%s: expected \"%s\", got \"%s\"", source, missing_word(wanted), missing_word(got));
}

/* What makes the whole unknown, and nothing that has a default or no part in it; what will be there soon comes first. */
static void why_a_whole_is_unknown(void **state) {
  (void)state;
  struct term *t;
  world_set(&w, "steps", value_missing(MISSING_WARMING));
  world_set(&w, "risk", value_missing(MISSING_TOO_LITTLE));
  world_set(&w, "skip_probability", value_missing(MISSING_SUSPENDED));
  world_set(&w, "flag", value_bool(false));
  assert_int_equal(terms_of("(steps - 1) / 2 > 3", &t), 1);
  assert_true(str_is(t[0].missing, "steps") && t[0].gap == MISSING_WARMING);
  assert_gap("steps > 5", MISSING_WARMING);
  assert_gap("not ((steps - 1) / 2 > 5) or flag", MISSING_WARMING);
  assert_gap("profile.age > 18 and steps > 5", MISSING_WARMING);
  assert_gap("risk > 1 and steps > 5", MISSING_WARMING);
  assert_gap("profile.age > 18 and risk > 5", MISSING_TOO_LITTLE);
  assert_gap("max(skip_probability, 0.5) > 0.7", MISSING_SUSPENDED);
  assert_gap("(steps or 0) >= 0 and profile.age > 18", MISSING_ABSENT);
  assert_gap("profile.age > 18 and known(steps) == false", MISSING_ABSENT);
  assert_gap("(steps > 5 and flag) or profile.age > 18", MISSING_ABSENT);
  assert_gap("has(profile.injuries, 'knee')", MISSING_ABSENT);
  assert_gap("(risk or steps) > 5", MISSING_WARMING);
}

static void what_decided(void **state) {
  (void)state;
  struct term *t;
  world_set(&w, "steps", value_number(1));
  world_set(&w, "risk", value_number(1));
  terms_of("steps > 5 and risk > 5", &t); /* both false: neither alone would turn it */
  assert_false(t[0].decisive || t[1].decisive);
  terms_of("steps > 5 and risk < 5", &t);
  assert_true(t[0].decisive && !t[1].decisive);
  terms_of("steps < 5 or risk < 5", &t);
  assert_false(t[0].decisive || t[1].decisive);
  terms_of("flag and risk > 5", &t); /* unknown and false */
  assert_true(!t[0].decisive && t[1].decisive);
}

static void assert_change(const char *source, const char *name, const char *operator, double bound) {
  struct change c;
  if (!expression_nearest_change(world_compile(&w, source, WANT_TRUTH), w.slots, &w.arena, &c)) fail_msg("%s: no change", source);
  if (!str_is(c.name, name) || strcmp(c.operator, operator) != 0 || c.bound.number != bound)
    fail_msg("%s: %.*s %s %g", source, STR_ARG(c.name), c.operator, c.bound.number);
}
static void assert_no_change(const char *source) {
  struct change c = {.operator= "untouched" };
  assert_false(expression_nearest_change(world_compile(&w, source, WANT_TRUTH), w.slots, &w.arena, &c));
  assert_string_equal(c.operator, "untouched");
}

static void the_nearest_change(void **state) {
  (void)state;
  world_set(&w, "skip_probability", value_number(0.55));
  world_set(&w, "steps", value_number(3000));
  world_set(&w, "risk", value_number(1));
  world_set(&w, "flag", value_bool(true));
  assert_change("skip_probability > 0.6", "skip_probability", ">", 0.6);
  assert_change("not (skip_probability > 0.6)", "skip_probability", ">", 0.6); /* true now: what would have made it false */
  assert_change("0.6 < skip_probability", "skip_probability", ">", 0.6);
  assert_change("skip_probability < 0.6", "skip_probability", ">=", 0.6);
  assert_change("skip_probability > 0.5 and steps < 4000", "skip_probability", "<=", 0.5); /* both turn it: 0.05 of 0.55 is the nearer */
  assert_change("skip_probability > 0.6 or steps > 3100", "steps", ">", 3100);
  assert_change("skip_probability > 0.6 and steps < 5000", "skip_probability", ">", 0.6);
  assert_change("steps > 1000 and not flag", "flag", "==", 0);
  assert_change("skip_probability > risk / 2 + 0.2", "skip_probability", ">", 0.7); /* a name against a value */
  assert_no_change("skip_probability > 0.6 and steps > 5000");                      /* two would have to change */
  assert_no_change("skip_probability > 0.6 and skip_probability <= 0.6 and flag");  /* the same name stands on both sides */
  assert_no_change("true");
  assert_change("profile.age > 18", "profile.age", ">", 18); /* missing: what it would have had to be */
  assert_change("(profile.steps or 0) > 100", "profile.steps", ">", 100);
  struct change c;
  world_set(&w, "mood", value_text(STR("low")));
  assert_true(expression_nearest_change(world_compile(&w, "mood == 'high'", WANT_TRUTH), w.slots, &w.arena, &c));
  assert_true(str_is(value_str(c.bound), "high") && str_is(value_str(c.was), "low") && !strcmp(c.operator, "=="));
}

/* "name operator bound" of each, in order of the source. */
static void assert_changes(const char *source, const char *wanted) {
  struct change *c;
  char got[400] = "";
  const size_t count = expression_least_changes(world_compile(&w, source, WANT_TRUTH), w.slots, &w.arena, &c);
  for (size_t i = 0; i < count; i++)
    snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s %s %g", i ? ", " : "", STR_ARG(c[i].name), c[i].operator,
             c[i].bound.number);
  if (strcmp(got, wanted) != 0) fail_msg("%s: expected \"%s\", got \"%s\"", source, wanted, got);
}

static void where_one_change_is_not_enough(void **state) {
  (void)state;
  world_set(&w, "skip_probability", value_number(0.55));
  world_set(&w, "steps", value_number(3000));
  world_set(&w, "risk", value_number(1));
  world_set(&w, "flag", value_bool(false));
  assert_changes("skip_probability > 0.6 and steps > 5000", "skip_probability > 0.6, steps > 5000");
  assert_changes("skip_probability > 0.6 and steps > 1000 and flag", "skip_probability > 0.6, flag == 1");
  assert_changes("not (skip_probability < 0.6 or steps < 5000)", "skip_probability >= 0.6, steps >= 5000");
  assert_changes("(skip_probability > 0.6 and steps > 5000) or (risk > 3 and flag)", "skip_probability > 0.6, steps > 5000"); /* nearer */
  assert_changes("(skip_probability > 0.6 and steps > 5000) or risk > 3", "risk > 3");                                        /* fewer */
  assert_changes("profile.age > 18 and risk > 3", "profile.age > 18, risk > 3");                                              /* missing */
  assert_changes("skip_probability > 0.6 and skip_probability <= 0.5", ""); /* one name would have to be two things */
  assert_changes("skip_probability > 0.5 and steps > 1000", "");            /* is true */
  assert_changes("has(profile.injuries, 'knee') and steps > 5000", "");     /* nobody knows what a list would have to be */
}

int main(void) {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
  const struct CMUnitTest tests[] = {IN_A_WORLD(terms_in_source_order),  IN_A_WORLD(why_an_operand_is_missing),
                                     IN_A_WORLD(why_a_whole_is_unknown), IN_A_WORLD(what_decided),
                                     IN_A_WORLD(the_nearest_change),     IN_A_WORLD(where_one_change_is_not_enough)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
