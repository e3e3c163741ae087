/* rooms: kit language */
/* Conditions: what each operator gives, what a missing value does to it, and which sentence a mistake gets, with its column. */
#include "language_world.h"

static int open_world(void **state) {
  static struct world w;
  world_open(&w);
  *state = &w;
  return 0;
}
static int close_world(void **state) {
  world_close(*state);
  return 0;
}

/* flag and other hold a and b; the compiled code must give what Kleene's tables say. */
static struct value of_truth(enum truth t) {
  return t == TRUTH_UNKNOWN ? value_missing(MISSING_ABSENT) : value_bool(t == TRUTH_TRUE);
}

static void kleene_tables(void **state) {
  struct world *w = *state;
  enum { F = TRUTH_FALSE, T = TRUTH_TRUE, U = TRUTH_UNKNOWN };
  static const int both[3][3] = {{F, F, F}, {F, T, U}, {F, U, U}}, either[3][3] = {{F, T, U}, {T, T, T}, {U, T, U}};
  static const int negated[3] = {T, F, U};
  for (int a = 0; a < 3; a++) {
    world_set(w, "flag", of_truth((enum truth)a));
    assert_int_equal(world_truth(w, "not flag"), negated[a]);
    assert_int_equal(world_truth(w, "not (not flag)"), a);
    for (int b = 0; b < 3; b++) {
      world_set(w, "other", of_truth((enum truth)b));
      assert_int_equal(world_truth(w, "flag and other"), both[a][b]);
      assert_int_equal(world_truth(w, "(flag == true) or (other == true)"), either[a][b]);
      assert_int_equal(world_truth(w, "not (flag and other)"), negated[both[a][b]]);
      assert_int_equal(world_truth(w, "not ((flag == true) or other)"), negated[either[a][b]]);
      assert_int_equal(world_truth(w, "(flag and other) or (not flag and not other)"), either[both[a][b]][both[negated[a]][negated[b]]]);
    }
  }
}

/* `x or default` on a value gives the default when x is missing, whatever stands around it. */
static void default_of_a_missing_value(void **state) {
  struct world *w = *state;
  assert_int_equal(world_truth(w, "profile.injured or false"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "profile.injured or true"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "not (profile.injured or false)"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "profile.injured"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "not profile.injured"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "profile.a or profile.b or false"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "profile.a or profile.b or flag"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "(steps or 0) > 5"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "(steps or 9) > 5"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "not ((steps or 9) > 5)"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "5 < (steps or 9)"), TRUTH_TRUE);
  assert_true(world_number(w, "(steps or 2) + (risk or 3)") == 5);
  world_set(w, "profile.injured", value_bool(true));
  assert_int_equal(world_truth(w, "profile.injured or false"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "not (profile.injured or false)"), TRUTH_FALSE);
  world_set(w, "profile.injured", value_bool(false));
  assert_int_equal(world_truth(w, "profile.injured or true"), TRUTH_TRUE); /* as in Lua */
  world_set(w, "profile.injured", value_text(STR("yes")));                 /* of another kind than the place wants: missing */
  assert_int_equal(world_truth(w, "profile.injured or false"), TRUTH_FALSE);
}

/* A comparison on the left makes it Kleene's or: unknown stays unknown. */
static void or_of_truths_keeps_unknown(void **state) {
  struct world *w = *state;
  assert_int_equal(world_truth(w, "steps > 5 or false"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "not flag or false"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "(flag and other) or false"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "steps > 5 or true"), TRUTH_TRUE);
}

/* Lua's `c and a or b`: an unknown c takes b. */
static void choice_by_condition(void **state) {
  struct world *w = *state;
  assert_true(world_number(w, "steps > 5 and 0.8 or 0.3") == 0.3);
  world_set(w, "steps", value_number(6));
  assert_true(world_number(w, "steps > 5 and 0.8 or 0.3") == 0.8);
  world_set(w, "steps", value_number(5));
  assert_true(world_number(w, "steps > 5 and 0.8 or 0.3") == 0.3);
}

static void missing_in_comparison_and_arithmetic(void **state) {
  struct world *w = *state;
  static const char *const unknown[] = {"steps > 1",       "steps == 1",         "steps ~= 1",   "1 <= steps",    "steps + 1 > 0",
                                        "abs(steps) >= 0", "min(1, steps) < 2",  "steps < risk", "mood == 'low'", "mood < 'z'",
                                        "has(tags, 'a')",  "event.a == event.b", "-steps < 1",   "log(0) < 1",    "1 / 0 > 0",
                                        "5 % 0 == 0",      "sqrt(-1) == 0"};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    if (world_truth(w, unknown[i]) != TRUTH_UNKNOWN) fail_msg("%s is not unknown", unknown[i]);
    char negated[100];
    snprintf(negated, sizeof negated, "not (%s)", unknown[i]);
    if (world_truth(w, negated) != TRUTH_UNKNOWN) fail_msg("%s is not unknown", negated);
  }
}

/* == nil, ~= nil and known() are never unknown. */
static void asking_whether_known(void **state) {
  struct world *w = *state;
  assert_int_equal(world_truth(w, "steps == nil"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "nil == steps"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "steps ~= nil"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "known(steps)"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "known(steps + 1)"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "known(steps > 1)"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "known(steps or 1)"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "(steps > 1) == nil"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "nil == nil"), TRUTH_TRUE);
  world_set(w, "steps", value_number(0));
  assert_int_equal(world_truth(w, "steps == nil"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "steps ~= nil"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "not known(steps)"), TRUTH_FALSE);
}

static void arithmetic_and_functions(void **state) {
  struct world *w = *state;
  static const struct {
    const char *source;
    double value;
  } cases[] = {{"1 + 2 * 3", 7},      {"(1 + 2) * 3", 9},
               {"7 - 2 - 1", 4},      {"8 / 4 / 2", 1},
               {"-3 % 5", 2},         {"3 % -5", -2},
               {"-2 * -2", 4},        {"- - 2", 2},
               {"15 * minutes", 900}, {"2 * hours", 7200},
               {"1 * week", 604800},  {"30 * percent", 0.3},
               {".5 + 5.", 5.5},      {"1e3", 1000},
               {"2.5e-1", 0.25},      {"min(3, 1, 2)", 1},
               {"max(3, 1, 2)", 3},   {"abs(-4)", 4},
               {"floor(-1.5)", -2},   {"round(2.5)", 3},
               {"round(-2.5)", -3},   {"round(0.49999999999999994)", 0},
               {"sqrt(16)", 4},       {"log(exp(1))", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double v = world_number(w, cases[i].source);
    if (!(v - cases[i].value <= 1e-12 && cases[i].value - v <= 1e-12)) fail_msg("%s gives %.17g", cases[i].source, v);
  }
  /* the same with a name in place of the constant, so that the code runs and not the folding */
  world_set(w, "steps", value_number(-3));
  assert_true(world_number(w, "steps % 5") == 2);
  assert_true(world_number(w, "2 - steps * 4 / 2 + 1") == 9);
  assert_true(world_number(w, "max(steps, -10, 2) + min(steps, 0)") == -1);
  assert_true(world_number(w, "round(steps / 2)") == -2);
  assert_true(world_number(w, "-steps") == 3);
  world_set(w, "steps", value_number(1e308));
  assert_int_equal(world_truth(w, "steps * 10 > 1"), TRUTH_UNKNOWN); /* infinity is no number */
}

static void comparisons(void **state) {
  struct world *w = *state;
  static const char *const operators[] = {"<", "<=", ">", ">=", "==", "~="};
  static const int expected[6][3] = {{1, 0, 0}, {1, 1, 0}, {0, 0, 1}, {0, 1, 1}, {0, 1, 0}, {1, 0, 1}};
  for (int o = 0; o < 6; o++)
    for (int v = -1; v <= 1; v++) {
      char source[64];
      world_set(w, "steps", value_number(v));
      world_set(w, "risk", value_number(0));
      snprintf(source, sizeof source, "steps %s 0", operators[o]);
      assert_int_equal(world_truth(w, source), expected[o][v + 1]);
      snprintf(source, sizeof source, "0 %s -steps", operators[o]);
      assert_int_equal(world_truth(w, source), expected[o][v + 1]);
      snprintf(source, sizeof source, "steps %s risk", operators[o]);
      assert_int_equal(world_truth(w, source), expected[o][v + 1]);
      snprintf(source, sizeof source, "not (steps + 0 * risk %s 0)", operators[o]);
      assert_int_equal(world_truth(w, source), !expected[o][v + 1]);
    }
  world_set(w, "mood", value_text(STR("low")));
  assert_int_equal(world_truth(w, "mood == \"low\""), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "mood ~= 'low'"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "mood < 'lower' and mood > 'high'"), TRUTH_TRUE);
  world_set(w, "flag", value_bool(false));
  assert_int_equal(world_truth(w, "flag == false and flag ~= true"), TRUTH_TRUE);
  /* an undeclared name of another kind than the other side: unknown, not false */
  world_set(w, "event.x", value_text(STR("7")));
  assert_int_equal(world_truth(w, "event.x == 7"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "event.x ~= 7"), TRUTH_UNKNOWN);
}

static void lists_and_texts(void **state) {
  struct world *w = *state;
  struct value items[] = {value_text(STR("knee")), value_number(3), value_bool(true)};
  world_set(w, "tags", (struct value){.kind = VALUE_LIST, .count = 3, .items = items});
  assert_int_equal(world_truth(w, "has(tags, \"knee\")"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "has(tags, 'hip')"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "has(tags, 1 + 2)"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "has(tags, true) and not has(tags, false)"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "has(tags, steps)"), TRUTH_UNKNOWN);
  assert_int_equal(world_truth(w, "'a\\\"b' == \"a\\\"b\""), TRUTH_TRUE);
}

/* Lua's precedence. */
static void precedence(void **state) {
  struct world *w = *state;
  world_set(w, "flag", value_bool(true));
  world_set(w, "other", value_bool(false));
  world_set(w, "steps", value_number(3));
  assert_int_equal(world_truth(w, "flag or other and other"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "(flag or other) and other"), TRUTH_FALSE);
  assert_int_equal(world_truth(w, "not other == true"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "1 + steps > 2 * 1 + 1"), TRUTH_TRUE);
  assert_int_equal(world_truth(w, "not other and flag"), TRUTH_TRUE);
}

static void mistakes_get_a_sentence_and_a_column(void **state) {
  struct world *w = *state;
  static const struct {
    const char *source, *sentence;
    enum expression_want want;
  } cases[] = {
      {"steps > 5%", "column 11: a value is missing behind %, the rest of a division: five in a hundred is 5 * percent", WANT_TRUTH},
      {"steps > 5 % or true", "column 13: a value is missing behind %, the rest of a division: five in a hundred is 5 * percent",
       WANT_TRUTH},
      {"steps > ", "column 8: a value is missing at the end", WANT_TRUTH},
      {"", "the condition is empty", WANT_TRUTH},
      {"   ", "the condition is empty", WANT_TRUTH},
      {"(steps > 1", "column 11: expected `)`", WANT_TRUTH},
      {"steps > 1)", "column 10: this `)` closes nothing", WANT_TRUTH},
      {"steps = 1", "column 7: `=` is not a comparison (did you mean `==`?)", WANT_TRUTH},
      {"steps != 1", "column 7: `!=` is not in the language (did you mean `~=`?)", WANT_TRUTH},
      {"flag && other", "column 6: `&&` is not in the language (did you mean `and`?)", WANT_TRUTH},
      {"flag || other", "column 6: `||` is not in the language (did you mean `or`?)", WANT_TRUTH},
      {"!flag", "column 1: `!` is not in the language (did you mean `not`?)", WANT_TRUTH},
      {"steps & 1", "column 7: bitwise operators are not in the language", WANT_TRUTH},
      {"mood .. 'x'", "column 6: texts are not joined in conditions", WANT_ANY},
      {"steps ^ 2 > 1", "column 7: `^` is not in the language (use exp and log)", WANT_TRUTH},
      {"1 < steps < 3", "column 11: comparisons are not chained: write a < b and b < c", WANT_TRUTH},
      {"skip_probabilty > 0.6", "column 1: unknown name \"skip_probabilty\" (did you mean \"skip_probability\"?)", WANT_TRUTH},
      {"abss(steps) > 1", "column 1: unknown function \"abss\" (did you mean \"abs\"?)", WANT_TRUTH},
      {"rand() > 1", "column 1: unknown function \"rand\"", WANT_TRUTH},
      {"has(tags)", "column 1: has takes 2 values, got 1", WANT_TRUTH},
      {"abs(1, 2) > 0", "column 8: abs takes at most 1 value", WANT_TRUTH},
      {"min(1,) > 0", "column 7: a value is missing after the comma", WANT_TRUTH},
      {"floor > 1", "column 1: this is a function: its values go in brackets behind it", WANT_TRUTH},
      {"mood > 3", "column 1: `>` compares a text with a number", WANT_TRUTH},
      {"\"steps\" > 3", "column 1: `>` compares a text with a number", WANT_TRUTH},
      {"steps == 'x'", "column 1: `==` compares a number with a text", WANT_TRUTH},
      {"flag > other", "column 1: `>` compares numbers or texts, got a truth (true or false)", WANT_TRUTH},
      {"steps > nil", "column 9: `>` compares numbers or texts, got nil", WANT_TRUTH},
      {"steps", "column 1: a condition needs a truth (true or false), got a number", WANT_TRUTH},
      {"flag and steps", "column 1: a condition needs a truth (true or false), got a number", WANT_TRUTH},
      {"steps and flag", "column 1: the left side of `and` needs a truth (true or false), got a number", WANT_TRUTH},
      {"flag > 1 or 5", "column 1: `>` compares numbers or texts, got a truth (true or false)", WANT_TRUTH},
      {"steps > 1 or 5", "column 14: the right side of `or` needs a truth (true or false), got a number", WANT_TRUTH},
      {"steps or 'x'", "column 1: the two sides of `or` are a number and a text", WANT_ANY},
      {"not steps", "column 5: `not` needs a truth (true or false), got a number", WANT_TRUTH},
      {"mood + 1 > 2", "column 1: `+` needs a number, got a text", WANT_TRUTH},
      {"steps > 1", "column 1: this place needs a number, got a truth (true or false)", WANT_NUMBER},
      {"mood == 'x", "column 9: this text has no closing quote", WANT_TRUTH},
      {"mood == '\\q'", "column 9: in a text only \\n \\t \\\\ \\\" \\' may follow a backslash", WANT_TRUTH},
      {"steps > 1 risk < 2", "column 11: expected and, or, a comparison or an operator here", WANT_TRUTH},
      {"steps > 0x10", "column 9: numbers are written in decimal", WANT_TRUTH},
      {"steps > 1.2.3", "column 9: this is not a number", WANT_TRUTH},
      {"steps > 12abc", "column 9: this is not a number", WANT_TRUTH},
      {"event.a.and > 1", "column 1: a reserved word cannot be part of a name", WANT_TRUTH},
      {"event['a'] > 1", "column 1: names are written with dots; brackets are not in the language", WANT_TRUTH},
      {"event. > 1", "column 1: a name ends in a dot", WANT_TRUTH},
      {"mood == 'хорошо' and stepz > 1", "column 22: unknown name \"stepz\" (did you mean \"steps\"?)", WANT_TRUTH},
      {"flag and\n  stepz > 1", "line 2, column 3: unknown name \"stepz\" (did you mean \"steps\"?)", WANT_TRUTH},
      {"flag -- and other", "column 6: `--` begins a comment in Lua; put a space between two minus signs", WANT_TRUTH},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err e = {0};
    if (expression_compile(&w->symbols, str_from(cases[i].source), cases[i].want, &e)) fail_msg("%s was accepted", cases[i].source);
    if (strcmp(e.text, cases[i].sentence) != 0) fail_msg("%s\n  gave   %s\n  wanted %s", cases[i].source, e.text, cases[i].sentence);
    assert_int_equal(e.kind, ERR_INPUT);
  }
}

static void repeat(char *out, const char *piece, int times) {
  *out = 0;
  for (int i = 0; i < times; i++) out = stpcpy(out, piece);
}

static void length_and_depth_are_bounded(void **state) {
  struct world *w = *state;
  static char source[20000];
  struct err e;
  repeat(source, "(", 199);
  strcat(source, "flag");
  repeat(source + strlen(source), ")", 199);
  assert_non_null(expression_compile(&w->symbols, str_from(source), WANT_TRUTH, &e));
  repeat(source, "(", 300);
  strcat(source, "flag");
  assert_null(expression_compile(&w->symbols, str_from(source), WANT_TRUTH, &e));
  assert_string_equal(e.text, "column 201: this condition is nested more than 200 deep");
  repeat(source, "not ", 300);
  strcat(source, "flag");
  assert_null(expression_compile(&w->symbols, str_from(source), WANT_TRUTH, &e));
  repeat(source, "abs(", 250);
  assert_null(expression_compile(&w->symbols, str_from(source), WANT_NUMBER, &e));
  repeat(source, "flag and ", 500);
  strcat(source, "flag");
  assert_null(expression_compile(&w->symbols, str_from(source), WANT_TRUTH, &e));
  assert_string_equal(e.text, "a condition may have at most 4096 bytes, this one has 4504");
  /* the widest that is allowed runs, with operands piled up beyond the code's stack */
  repeat(source, "1+(", 190);
  strcat(source, "steps");
  repeat(source + strlen(source), ")", 190);
  world_set(w, "steps", value_number(1));
  assert_true(world_number(w, source) == 191);
  repeat(source, "1+", 1500);
  strcat(source, "steps");
  assert_true(world_number(w, source) == 1501);
  repeat(source, "steps+", 600);
  strcat(source, "1");
  assert_true(world_number(w, source) == 601);
}

static void slots_are_listed_once(void **state) {
  struct world *w = *state;
  world_set(w, "mood", value_text(STR("x")));
  struct expression *x = world_compile(w, "risk > steps and (risk < 1 or mood == 'a')", WANT_TRUTH);
  const uint32_t *slots;
  assert_int_equal(expression_slots(x, &slots), 3);
  assert_int_equal(slots[0], 0); /* mood came first */
  assert_int_equal(slots[1], 1);
  assert_int_equal(slots[2], 2);
  assert_true(str_is(expression_source(x), "risk > steps and (risk < 1 or mood == 'a')"));
  assert_true(str_is(w->symbols.at[1].name, "risk"));
  assert_null(symbols_known(&w->symbols, STR("tags")));
}

static void values_of_every_kind(void **state) {
  struct world *w = *state;
  struct value v = expression_value(world_compile(w, "mood or 'calm'", WANT_ANY), w->slots);
  assert_int_equal(v.kind, VALUE_TEXT);
  assert_true(str_is(value_str(v), "calm"));
  v = expression_value(world_compile(w, "steps > 1", WANT_ANY), w->slots);
  assert_int_equal(v.kind, VALUE_MISSING);
  v = expression_value(world_compile(w, "event.anything", WANT_ANY), w->slots);
  assert_int_equal(v.kind, VALUE_MISSING);
  world_set(w, "event.anything", value_number(4));
  v = expression_value(world_compile(w, "event.anything", WANT_ANY), w->slots);
  assert_true(v.kind == VALUE_NUMBER && v.number == 4);
  v = expression_value(world_compile(w, "15 * minutes", WANT_NUMBER), NULL);
  assert_true(v.kind == VALUE_NUMBER && v.number == 900);
  assert_int_equal(expression_truth(world_compile(w, "true", WANT_TRUTH), NULL), TRUTH_TRUE);
}

int main(void) {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
  const struct CMUnitTest tests[] = {IN_A_WORLD(kleene_tables),
                                     IN_A_WORLD(default_of_a_missing_value),
                                     IN_A_WORLD(or_of_truths_keeps_unknown),
                                     IN_A_WORLD(choice_by_condition),
                                     IN_A_WORLD(missing_in_comparison_and_arithmetic),
                                     IN_A_WORLD(asking_whether_known),
                                     IN_A_WORLD(arithmetic_and_functions),
                                     IN_A_WORLD(comparisons),
                                     IN_A_WORLD(lists_and_texts),
                                     IN_A_WORLD(precedence),
                                     IN_A_WORLD(mistakes_get_a_sentence_and_a_column),
                                     IN_A_WORLD(length_and_depth_are_bounded),
                                     IN_A_WORLD(slots_are_listed_once),
                                     IN_A_WORLD(values_of_every_kind)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
