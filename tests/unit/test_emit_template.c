/* rooms: emit language kit */
/* M11 and E14: messages in the user's language state the user's own numbers, and nothing half-filled is ever sent. */
#include "emit/emit.h"
#include "kit/json.h"
#include "language/expression.h"
#include "language/nouns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Any lower-case name is a feature here, but for those that begin with "no". */
static bool find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  if (str_starts(name, "no")) return err_set(e, ERR_INPUT, "no feature \"" STR_FORMAT "\"", STR_ARG(name));
  *out = (struct symbol){.kind = SYMBOL_FEATURE};
  return true;
}

struct world {
  struct arena arena;
  struct symbols symbols;
  struct findings findings;
  struct templates *templates;
  struct value slots[64];
};
static void world_open(struct world *w) {
  memset(w, 0, sizeof *w);
  w->symbols = (struct symbols){.arena = &w->arena, .find = find};
  w->findings.arena = &w->arena;
}
static void world_build(struct world *w, const struct noun_intervention *n) {
  w->templates = templates_build(&w->arena, n, 1, &w->symbols, &w->findings);
}
static void world_set(struct world *w, const char *name, struct value v) {
  const struct symbol *s = symbols_known(&w->symbols, str_from(name));
  assert_non_null(s);
  w->slots[s->slot] = v;
}
static void world_close(struct world *w) {
  arena_free(&w->arena);
}

static struct noun_intervention noun(struct noun_text_pair *message, size_t messages, struct noun_text_pair *values, size_t value_count) {
  return (struct noun_intervention){.at = {STR("walk"), "interventions/walk.lua", 7, 0},
                                    .type = STR("nudge"),
                                    .channel = STR("push"),
                                    .message = message,
                                    .message_count = messages,
                                    .values = values,
                                    .value_count = value_count};
}
static void assert_str(struct str s, const char *expected) {
  if (!str_is(s, expected)) fail_msg("got \"" STR_FORMAT "\", expected \"%s\"", STR_ARG(s), expected);
}

static void the_users_own_numbers_in_the_users_language(void **state) {
  (void)state;
  struct noun_text_pair message[] = {{STR("en"), STR("You finish {ratio}x more when {who} comes along: {rate} % {{of all}}.")},
                                     {STR("ru"), STR("С {who} вы доводите дело до конца в {ratio} раза чаще.")}};
  struct noun_text_pair values[] = {{STR("who"), STR("friend")}, {STR("ratio"), STR("social / solo")}, {STR("rate"), STR("social * 100")}};
  struct noun_intervention n = noun(message, 2, values, 3);
  struct world w;
  world_open(&w);
  world_build(&w, &n);
  assert_int_equal(w.findings.count, 0);
  world_set(&w, "social", value_number(0.72));
  world_set(&w, "solo", value_number(0.3));
  world_set(&w, "friend", value_text(STR("Sarah \"{rate}\"")));
  struct rendered r;
  template_render(w.templates, 0, STR("en-GB"), w.slots, &w.arena, &r);
  assert_str(r.language, "en");
  assert_str(r.message, "You finish 2.4x more when Sarah \"{rate}\" comes along: 72 % {of all}."); /* a value is not read again */
  assert_str(r.values, "{\"rate\":72,\"ratio\":2.4,\"who\":\"Sarah \\\"{rate}\\\"\"}");
  assert_int_equal(r.missing.len, 0);
  template_render(w.templates, 0, STR("ru"), w.slots, &w.arena, &r);
  assert_str(r.message, "С Sarah \"{rate}\" вы доводите дело до конца в 2.4 раза чаще.");
  assert_str(r.values, "{\"ratio\":2.4,\"who\":\"Sarah \\\"{rate}\\\"\"}"); /* only what this language uses */
  const uint32_t *slots;
  assert_int_equal(template_slots(w.templates, 0, &slots), 3); /* friend, social, solo: what a record of this message must hold */
  for (uint32_t i = 0; i < 3; i++) assert_int_equal(slots[i], i);
  world_close(&w);
}

static void the_language_is_the_nearest_there_is(void **state) {
  (void)state;
  static const struct {
    const char *asked, *used;
  } cases[] = {{"pt-BR", "pt-BR"}, {"PT-br", "pt-BR"}, {"pt_BR", "pt-BR"}, {"pt-PT", "pt"}, {"pt", "pt"}, {"zh-Hant-TW", "zh-Hant"},
               {"zh-Hans", "en"},  {"zh", "en"},       {"de", "en"},       {"", "en"},      {"-", "en"},  {"ptx", "en"},
               {"en-US", "en"}};
  struct noun_text_pair message[] = {
      {STR("zh-Hant"), STR("散步")}, {STR("pt-BR"), STR("caminhe")}, {STR("en"), STR("walk")}, {STR("pt"), STR("ande")}};
  struct noun_intervention n = noun(message, 4, NULL, 0);
  struct world w;
  world_open(&w);
  world_build(&w, &n);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct rendered r;
    template_render(w.templates, 0, str_from(cases[i].asked), w.slots, &w.arena, &r);
    assert_str(r.language, cases[i].used);
  }
  world_close(&w);
  struct noun_text_pair without_english[] = {{STR("ru"), STR("иди")}, {STR("de"), STR("geh")}};
  n = noun(without_english, 2, NULL, 0);
  world_open(&w);
  world_build(&w, &n);
  struct rendered r;
  template_render(w.templates, 0, STR("fr"), w.slots, &w.arena, &r);
  assert_str(r.language, "de"); /* the first, in the order of tags */
  world_close(&w);
}

static struct str rendered_value(struct world *w, struct value v) {
  static char text[4096];
  struct rendered r;
  world_set(w, "x", v);
  template_render(w->templates, 0, STR("en"), w->slots, &w->arena, &r);
  int length = r.missing.len ? snprintf(text, sizeof text, "missing " STR_FORMAT, STR_ARG(r.missing))
                             : snprintf(text, sizeof text, STR_FORMAT, STR_ARG(r.message));
  return (struct str){text, (size_t)length};
}

static void values_as_people_write_them(void **state) {
  (void)state;
  struct noun_text_pair message[] = {{STR("en"), STR("{value}")}}, values[] = {{STR("value"), STR("x")}};
  struct noun_intervention n = noun(message, 1, values, 1);
  struct world w;
  world_open(&w);
  world_build(&w, &n);
  static const struct {
    double v;
    const char *text;
  } numbers[] = {{0, "0"},
                 {-0.0, "0"},
                 {10, "10"},
                 {2.6, "2.6"},
                 {2.65, "2.65"},
                 {2.654, "2.65"},
                 {2.656, "2.66"},
                 {0.125, "0.13"},
                 {-0.125, "-0.13"},
                 {-0.001, "0"},
                 {0.994, "0.99"},
                 {0.999, "1"},
                 {1.1, "1.1"},
                 {85, "85"},
                 {1e6, "1000000"},
                 {123456789.987, "123456789.99"},
                 {1e20, "100000000000000000000"},
                 {-5.5, "-5.5"},
                 {0.05, "0.05"},
                 {100.10, "100.1"}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) assert_str(rendered_value(&w, value_number(numbers[i].v)), numbers[i].text);
  struct value items[] = {value_text(STR("mat")), value_number(2), value_bool(true)};
  assert_str(rendered_value(&w, (struct value){.kind = VALUE_LIST, .count = 3, .items = items}), "mat, 2, true");
  assert_str(rendered_value(&w, value_bool(false)), "false");
  assert_str(rendered_value(&w, value_text(STR("Анна"))), "Анна");
  world_close(&w);
}

static void what_is_missing_is_named_and_nothing_is_sent(void **state) {
  (void)state;
  struct noun_text_pair message[] = {{STR("en"), STR("{value}")}}, values[] = {{STR("value"), STR("x")}};
  struct noun_intervention n = noun(message, 1, values, 1);
  struct world w;
  world_open(&w);
  world_build(&w, &n);
  static char longest[1026];
  memset(longest, 'a', 1025);
  static char control[1024];
  memset(control, 1, sizeof control);
  assert_str(rendered_value(&w, value_missing(MISSING_WARMING)), "missing value");
  assert_str(rendered_value(&w, value_number(1.0 / 0.0)), "missing value");
  assert_str(rendered_value(&w, value_number(0.0 / 0.0)), "missing value");
  assert_str(rendered_value(&w, value_text(STR(""))), "missing value");
  assert_str(rendered_value(&w, value_text(STR("  "))), "missing value");
  assert_str(rendered_value(&w, (struct value){.kind = VALUE_LIST}), "missing value");
  assert_str(rendered_value(&w, value_text((struct str){longest, 1025})), "missing value");
  assert_int_equal(rendered_value(&w, value_text((struct str){longest, 1024})).len, 1024);
  assert_int_equal(rendered_value(&w, value_text((struct str){control, sizeof control})).len, sizeof control);
  world_close(&w);
}

static void a_body_never_passes_20_kb(void **state) {
  (void)state;
  static char text[4096], control[1024];
  size_t length = 0;
  while (length + 7 < sizeof text) memcpy(text + length, "{value}", 7), length += 7;
  memset(control, 1, sizeof control); /* each becomes six bytes of JSON */
  struct noun_text_pair message[] = {{STR("en"), {text, length}}, {STR("ru"), STR("{value}")}}, values[] = {{STR("value"), STR("x")}};
  struct noun_intervention n = noun(message, 2, values, 1);
  struct world w;
  world_open(&w);
  world_build(&w, &n);
  size_t sent = 0;
  for (size_t size = 1; size <= sizeof control; size++)
    for (int i = 0; i < 2; i++) {
      struct rendered r;
      struct buf body = {0};
      struct arena_mark mark = arena_mark(&w.arena);
      world_set(&w, "x", value_text((struct str){control, size}));
      template_render(w.templates, 0, i ? STR("ru") : STR("en"), w.slots, &w.arena, &r);
      struct effect e = {.decision_id = STR("d1-1"), .user = STR("u"), .option = STR("walk"), .channel = STR("push"), .text = &r};
      if (r.missing.len == 0) effect_body(&e, &body), sent++;
      assert_true(body.len <= 20480);
      arena_rewind(&w.arena, mark);
      buf_free(&body);
    }
  assert_true(sent > 1000);
  world_close(&w);
}

static bool found(const struct world *w, enum finding_level level, const char *words) {
  for (size_t i = 0; i < w->findings.count; i++) {
    const struct finding *f = &w->findings.at[i];
    if (f->level == level && strstr(f->text, words) && strstr(f->text, "intervention \"walk\"") && f->line == 7) return true;
  }
  return false;
}

static void what_is_wrong_in_a_program_is_found(void **state) {
  (void)state;
  static char longest[300];
  memset(longest, 'a', sizeof longest);
  struct noun_text_pair message[] = {{STR("en"), STR("Only {minuts} minutes.")},
                                     {STR("english!"), STR("x")},
                                     {STR("ru"), STR("  ")},
                                     {STR("de"), STR("ein { allein")},
                                     {STR("fr"), STR("seul } ici")},
                                     {STR("es"), STR("{a b}")},
                                     {STR("it"), STR("{minutes")}};
  struct noun_text_pair values[] = {
      {STR("minutes"), STR("x")}, {STR("broken"), STR("x >")}, {STR("unknown"), STR("nothing_known")}, {STR("bad name"), STR("1")}};
  struct noun_intervention n = noun(message, 7, values, 4);
  n.action = (struct str){longest, sizeof longest};
  struct world w;
  world_open(&w);
  world_build(&w, &n);
  assert_true(found(&w, FINDING_ERROR, "message.en uses {minuts}, which `values` does not give (did you mean \"minutes\"?)"));
  assert_true(found(&w, FINDING_ERROR, "message.english! is no language tag"));
  assert_true(found(&w, FINDING_ERROR, "message.ru is empty"));
  assert_true(found(&w, FINDING_ERROR, "message.de: a lone \"{\" at byte 5"));
  assert_true(found(&w, FINDING_ERROR, "message.fr: a lone \"}\" at byte 6"));
  assert_true(found(&w, FINDING_ERROR, "message.es: a lone"));
  assert_true(found(&w, FINDING_ERROR, "message.it: a lone"));
  assert_true(found(&w, FINDING_ERROR, "values.broken: "));
  assert_true(found(&w, FINDING_ERROR, "values.unknown: "));
  assert_true(found(&w, FINDING_ERROR, "values.bad name: "));
  assert_true(found(&w, FINDING_ERROR, "action: longer than 256 bytes"));
  assert_true(found(&w, FINDING_WARNING, "values.minutes is used in no language"));
  world_close(&w);
  n = noun(NULL, 0, NULL, 0);
  world_open(&w);
  world_build(&w, &n);
  assert_true(found(&w, FINDING_ERROR, "it has no message"));
  struct rendered r;
  template_render(w.templates, 0, STR("en"), w.slots, &w.arena, &r);
  assert_str(r.missing, "message");
  world_close(&w);
}

static void the_body_is_minified_json_in_one_order(void **state) {
  (void)state;
  struct rendered text = {STR("ru"), STR("Попробуйте \"10\" мин."), STR("{\"minutes\":10}"), {NULL, 0}};
  struct effect e = {.decision_id = STR("d3-17"),
                     .user = STR("u1"),
                     .trigger = STR("high_skip_risk"),
                     .option = STR("barrier_prevention"),
                     .type = STR("adaptive_modification"),
                     .channel = STR("push"),
                     .action = STR("suggest_modified_workout"),
                     .program = STR("41"),
                     .text = &text,
                     .at = INT64_C(1736977200000),
                     .expires_at = INT64_C(1736988000500),
                     .expected_impact = 0.45};
  struct buf out = {0};
  effect_body(&e, &out);
  assert_str(
      buf_view(&out),
      "{\"type\":\"intervention.sent\",\"timestamp\":\"2025-01-15T21:40:00Z\",\"data\":{\"decisionId\":\"d3-17\",\"userId\":\"u1\","
      "\"trigger\":\"high_skip_risk\",\"intervention\":\"barrier_prevention\",\"type\":\"adaptive_modification\",\"channel\":\"push\","
      "\"action\":\"suggest_modified_workout\",\"language\":\"ru\",\"message\":\"Попробуйте \\\"10\\\" мин.\",\"values\":{\"minutes\":10},"
      "\"expectedImpact\":0.45,\"expiresAt\":\"2025-01-16T00:40:00.500Z\",\"program\":\"41\"}}");
  buf_clear(&out);
  e.expected_impact = 0.0 / 0.0, e.experiment = STR("evening_walk"), e.arm = STR("walk");
  effect_body(&e, &out);
  struct arena a = {0};
  struct json j;
  struct err err;
  assert_true(json_parse(&j, &a, buf_view(&out), &json_limits_default, &err));
  assert_int_equal(json_path(&j, 0, "data.expectedImpact"), JSON_NONE);
  assert_true(json_text_is(&j, json_path(&j, 0, "data.arm"), "walk"));
  arena_free(&a);
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_users_own_numbers_in_the_users_language),
      cmocka_unit_test(the_language_is_the_nearest_there_is),
      cmocka_unit_test(values_as_people_write_them),
      cmocka_unit_test(what_is_missing_is_named_and_nothing_is_sent),
      cmocka_unit_test(a_body_never_passes_20_kb),
      cmocka_unit_test(what_is_wrong_in_a_program_is_found),
      cmocka_unit_test(the_body_is_minified_json_in_one_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
