/* rooms: kit language */
/* What conditions read of an event, by name and by plan, and what the vocabulary refuses, with its pointer. */
#include "kit/rng.h"
#include "language/language.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static int forget(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static struct event event_of(const char *body) {
  struct event e = {.user = STR("u1"), .id = STR("e1"), .type = STR("workout_completed"), .source = STR("key"), .body = str_from(body)};
  struct err err;
  if (!json_parse(&e.json, &arena, e.body, NULL, &err)) fail_msg("%s: %s", body, err.text);
  e.data = json_get(&e.json, 0, "data");
  e.context = json_get(&e.json, 0, "context");
  return e;
}

static const char *const body =
    "{\"data\":{\"minutes\":30,\"done\":true,\"kind\":\"run\",\"tags\":[\"a\",2],\"none\":null,\"deep\":{\"er\":{\"x\":7}},"
    "\"type\":\"mine\",\"quo\\u0074ed\":\"a\\nb\",\"both\":1,\"object\":{}},"
    "\"context\":{\"location\":\"home\",\"both\":2,\"none\":5,\"deep\":{\"other\":8}}}";

static struct value read(const struct event *e, const char *name) {
  return event_value(e, str_from(name), &arena);
}

static void names_of_an_event(void **state) {
  (void)state;
  struct event e = event_of(body);
  assert_true(read(&e, "minutes").number == 30 && read(&e, "minutes").kind == VALUE_NUMBER);
  assert_true(read(&e, "event.minutes").number == 30);
  assert_true(read(&e, "done").kind == VALUE_BOOL && read(&e, "done").number == 1);
  assert_true(str_is(value_str(read(&e, "kind")), "run"));
  assert_true(read(&e, "tags").kind == VALUE_LIST && read(&e, "tags").count == 2 && read(&e, "tags").items[1].number == 2);
  assert_true(read(&e, "deep.er.x").number == 7);
  assert_true(read(&e, "deep.other").number == 8); /* not in data, so the context's */
  assert_true(str_is(value_str(read(&e, "location")), "home"));
  assert_true(read(&e, "both").number == 1 && read(&e, "context.both").number == 2 && read(&e, "data.both").number == 1);
  assert_true(read(&e, "none").number == 5); /* null says nothing */
  assert_int_equal(read(&e, "data.none").kind, VALUE_MISSING);
  assert_true(str_is(value_str(read(&e, "type")), "workout_completed") && str_is(value_str(read(&e, "data.type")), "mine"));
  assert_true(str_is(value_str(read(&e, "id")), "e1") && str_is(value_str(read(&e, "source")), "key"));
  assert_true(str_is(value_str(read(&e, "quoted")), "a\nb"));
  assert_int_equal(read(&e, "absent").reason, MISSING_ABSENT);
  assert_int_equal(read(&e, "object").reason, MISSING_WRONG_TYPE);
  struct event empty = event_of("{}");
  assert_int_equal(read(&empty, "minutes").kind, VALUE_MISSING);
}

/* ---- the plan ---- */
static bool any_name(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context, (void)e;
  out->kind = str_starts(name, "event.local_") ? SYMBOL_CLOCK : str_starts(name, "event.") ? SYMBOL_EVENT : SYMBOL_FEATURE;
  return true;
}

static const char *const names[] = {"event.minutes",
                                    "event.done",
                                    "event.kind",
                                    "event.tags",
                                    "event.none",
                                    "event.deep.er.x",
                                    "event.deep.other",
                                    "event.location",
                                    "event.both",
                                    "event.context.both",
                                    "event.data.both",
                                    "event.type",
                                    "event.id",
                                    "event.source",
                                    "event.quoted",
                                    "event.absent",
                                    "event.object",
                                    "event.data.none",
                                    "event.deep",
                                    "event.deep.er",
                                    "event.data.deep.er.x",
                                    "event.context.deep.er.x"};

static void the_plan_reads_what_the_names_read(void **state) {
  (void)state;
  struct symbols s = {.arena = &arena, .find = any_name};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_non_null(symbols_name(&s, str_from(names[i]), NULL));
  assert_non_null(symbols_name(&s, STR("event.local_hour"), NULL));
  assert_non_null(symbols_name(&s, STR("a_feature"), NULL));
  struct event_plan *plan = event_plan_build(&arena, &s);
  assert_non_null(plan);
  static const char *const bodies[] = {"{}", "{\"data\":{}}", "{\"context\":{\"minutes\":1,\"deep\":5}}", "{\"data\":[1],\"context\":7}"};
  for (size_t b = 0; b <= sizeof bodies / sizeof *bodies; b++) {
    struct event e = event_of(b ? bodies[b - 1] : body);
    struct value slots[64];
    for (size_t i = 0; i < 64; i++) slots[i] = value_number(4711);
    event_plan_fill(plan, &e, slots, &arena);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      struct value v = read(&e, names[i]);
      if (!value_equal(&v, &slots[i])) fail_msg("%s in body %zu: %d is not %d", names[i], b, slots[i].kind, v.kind);
    }
    for (size_t i = sizeof names / sizeof *names; i < 64; i++) assert_true(slots[i].number == 4711); /* others' slots are not touched */
  }
}

static void random_events_by_plan_and_by_name(void **state) {
  (void)state;
  struct rng r = rng_from(5);
  static const char *const keys[] = {"a", "b", "ab", "abcdefgh", "abcdefghi", "abcdefgh_x", "zz"};
  struct symbols s = {.arena = &arena, .find = any_name};
  for (int k = 0; k < 7; k++)
    for (int deep = 0; deep < 2; deep++) {
      const char *name = arena_printf(&arena, "event.%s%s", keys[k], deep ? ".a" : "");
      assert_non_null(symbols_name(&s, str_from(name), NULL));
    }
  struct event_plan *plan = event_plan_build(&arena, &s);
  for (int round = 0; round < 2000; round++) {
    struct buf b = {0};
    for (int part = 0; part < 2; part++) {
      buf_text(&b, part ? "},\"context\":{" : "{\"data\":{");
      bool first = true;
      for (int k = 0; k < 7; k++) {
        static const char *const values[] = {"1", "\"t\"", "null", "{\"a\":2}", "{}", "[3]", "false"};
        if (rng_next(&r) % 2) continue;
        buf_printf(&b, "%s\"%s\":%s", first ? "" : ",", keys[k], values[rng_next(&r) % 7]);
        first = false;
      }
    }
    buf_text(&b, "}}");
    buf_char(&b, 0);
    struct event e = event_of(b.at);
    struct value slots[14];
    event_plan_fill(plan, &e, slots, &arena);
    for (uint32_t i = 0; i < s.count; i++) {
      struct value v = event_value(&e, s.at[i].name, &arena);
      if (!value_equal(&v, &slots[i])) fail_msg("%.*s of %s", STR_ARG(s.at[i].name), b.at);
    }
    buf_free(&b);
  }
}

/* Keys that begin alike and are equally long, half of them asked for: nobody gets another's value. */
static void keys_that_look_alike(void **state) {
  (void)state;
  struct symbols s = {.arena = &arena, .find = any_name};
  struct buf b = {0};
  buf_text(&b, "{\"data\":{");
  for (int i = 0; i < 400; i++) {
    const char *name = arena_printf(&arena, "event.answer_%03d%s", i, i % 3 ? "" : "_of_a_long_questionnaire");
    if (i % 2) assert_non_null(symbols_name(&s, str_from(name), NULL));
    buf_printf(&b, "%s\"%s\":%d", i ? "," : "", name + 6, i);
  }
  buf_text(&b, "}}");
  buf_char(&b, 0);
  struct event_plan *plan = event_plan_build(&arena, &s);
  struct event e = event_of(b.at);
  struct value slots[200];
  event_plan_fill(plan, &e, slots, &arena);
  for (int i = 0; i < 200; i++) assert_true(slots[i].kind == VALUE_NUMBER && slots[i].number == 2 * i + 1);
  buf_free(&b);
}

/* ---- the vocabulary ---- */
static const char *const words =
    "event \"workout_completed\" { fields = {\n"
    "  minutes = { type = \"number\", low = 0, high = 600, unit = \"minutes\", doc = \"how long\" }, sets = \"integer\",\n"
    "  kind = { type = \"text\", one_of = { \"run\", \"walk\" }, default = \"walk\" }, done = \"boolean\", tags = \"list\",\n"
    "  [\"deep.er\"] = { type = \"number\", high = 5 }, at_least = { type = \"number\", low = 1 }, free = \"any\" },\n"
    "  context = { location = \"text\" } }\n"
    "event \"other\" { fields = { minutes = { type = \"number\", low = 0, high = 10 }, kind = \"number\" } }\n";

static struct vocabulary *vocabulary_of(const char *text, struct findings *f) {
  struct source source = {.path = "rules/x.lua", .text = str_from(text)};
  struct nouns nouns;
  *f = (struct findings){.arena = &arena};
  if (!language_load(&arena, &source, 1, &nouns, f)) fail_msg("%s", f->at[0].text);
  return vocabulary_build(&arena, nouns.events, nouns.event_count, f);
}

static void events_are_held_to_the_vocabulary(void **state) {
  (void)state;
  struct findings f;
  struct vocabulary *v = vocabulary_of(words, &f);
  const struct event_type *t = vocabulary_type(v, STR("workout_completed"));
  assert_non_null(t);
  assert_null(vocabulary_type(v, STR("workout")));
  assert_int_equal(vocabulary_type(v, STR("other"))->number, 0);
  static const struct {
    const char *body, *sentence; /* NULL: accepted */
  } cases[] = {
      {"{\"data\":{\"minutes\":30,\"sets\":3,\"kind\":\"run\",\"done\":true,\"tags\":[],\"free\":{},\"unknown\":\"x\"}}", NULL},
      {"{\"data\":{\"minutes\":null,\"sets\":3.0e2}}", NULL},
      {"{}", NULL},
      {"{\"data\":{\"minutes\":600}}", NULL},
      {"{\"data\":{\"minutes\":0}}", NULL},
      {"{\"data\":{\"minutes\":\"30\"}}", "/data/minutes: expected a number, got a text"},
      {"{\"data\":{\"minutes\":601}}", "/data/minutes: expected a number from 0 to 600, got 601"},
      {"{\"data\":{\"minutes\":-0.5}}", "/data/minutes: expected a number from 0 to 600, got -0.5"},
      {"{\"data\":{\"at_least\":0}}", "/data/at_least: expected a number of at least 1, got 0"},
      {"{\"data\":{\"sets\":1.5}}", "/data/sets: expected a whole number, got 1.5"},
      {"{\"data\":{\"kind\":\"swim\"}}", "/data/kind: expected one of \"run\", \"walk\", got another text"},
      {"{\"data\":{\"kind\":\"r\\u0075n\"}}", NULL},
      {"{\"data\":{\"done\":1}}", "/data/done: expected true or false, got a number"},
      {"{\"data\":{\"tags\":{}}}", "/data/tags: expected a list, got an object"},
      {"{\"data\":{\"deep\":{\"er\":6}}}", "/data/deep/er: expected a number of at most 5, got 6"},
      {"{\"data\":{\"min\\u0075tes\":true}}", "/data/minutes: expected a number, got true"},
      {"{\"context\":{\"location\":[]}}", "/context/location: expected a text, got a list"},
      {"{\"context\":{\"minutes\":\"not declared there\"}}", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct event e = event_of(cases[i].body);
    struct err err = {0};
    bool good = vocabulary_check(v, t, &e, NULL, &err);
    if (good != !cases[i].sentence) fail_msg("%s: %s", cases[i].body, err.text);
    if (!good) assert_string_equal(err.text, cases[i].sentence);
  }
}

static void a_name_means_one_thing(void **state) {
  (void)state;
  struct findings f;
  struct vocabulary *v = vocabulary_of(words, &f);
  assert_int_equal(f.errors, 0);
  assert_int_equal(f.count, 1);
  assert_string_equal(f.at[0].text,
                      "event \"workout_completed\": field \"kind\" has another type or default than in event \"other\" (rules/x.lua:6): "
                      "conditions take it as any value, with the default of the first");
  struct symbol s;
  assert_true(vocabulary_field(v, STR("event.minutes"), &s));
  assert_true(s.kind == SYMBOL_EVENT && s.type == VALUE_NUMBER && !strcmp(s.doc, "how long"));
  assert_true(vocabulary_field(v, STR("kind"), &s));
  assert_int_equal(s.type, VALUE_MISSING);
  assert_true(str_is(value_str(s.fallback), "walk"));
  assert_true(vocabulary_field(v, STR("context.location"), &s) && s.type == VALUE_TEXT);
  assert_false(vocabulary_field(v, STR("data.location"), &s));
  assert_true(vocabulary_field(v, STR("event.type"), &s) && s.type == VALUE_TEXT);
  assert_false(vocabulary_field(v, STR("event.nobody"), &s));
}

/* Defaults and wrong types, as a program's plan gives them to conditions. */
static bool from_vocabulary(void *context, struct str name, struct symbol *out, struct err *e) {
  return vocabulary_field(context, name, out) || err_set(e, ERR_INPUT, "unknown");
}
static void defaults_stand_in(void **state) {
  (void)state;
  struct findings f;
  struct vocabulary *v = vocabulary_of("event \"e\" { fields = { kind = { type = \"text\", default = \"walk\" }, n = \"number\" } }", &f);
  struct symbols s = {.arena = &arena, .find = from_vocabulary, .context = v};
  symbols_name(&s, STR("event.kind"), NULL);
  symbols_name(&s, STR("event.n"), NULL);
  struct event_plan *plan = event_plan_build(&arena, &s);
  struct value slots[2];
  struct event e = event_of("{\"data\":{\"n\":\"text\"}}"); /* of an undeclared type of event, so nobody refused it */
  event_plan_fill(plan, &e, slots, &arena);
  assert_true(str_is(value_str(slots[0]), "walk"));
  assert_true(slots[1].kind == VALUE_MISSING && slots[1].reason == MISSING_WRONG_TYPE);
  e = event_of("{\"data\":{\"kind\":\"run\",\"n\":2},\"context\":{\"kind\":\"x\"}}");
  event_plan_fill(plan, &e, slots, &arena);
  assert_true(str_is(value_str(slots[0]), "run") && slots[1].number == 2);
}

static void values_go_through_json(void **state) {
  (void)state;
  struct event e = event_of("{\"data\":{\"v\":[1,\"a\",true,null,[2.5]]}}");
  struct value v = read(&e, "v");
  struct buf b = {0};
  struct json_writer w = json_to(&b);
  value_to_json(&w, &v);
  assert_true(str_is(buf_view(&b), "[1,\"a\",true,null,[2.5]]"));
  buf_free(&b);
  assert_string_equal(missing_word(MISSING_WARMING), "warming");
}

int main(void) {
#define ALONE(test) cmocka_unit_test_teardown(test, forget)
  const struct CMUnitTest tests[] = {ALONE(names_of_an_event),
                                     ALONE(the_plan_reads_what_the_names_read),
                                     ALONE(random_events_by_plan_and_by_name),
                                     ALONE(keys_that_look_alike),
                                     ALONE(events_are_held_to_the_vocabulary),
                                     ALONE(a_name_means_one_thing),
                                     ALONE(defaults_stand_in),
                                     ALONE(values_go_through_json)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
