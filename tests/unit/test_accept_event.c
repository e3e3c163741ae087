/* rooms: kit language accept */
/* What the envelope promises: every event that passes has a user, a type and a time; every refusal starts with the JSON pointer of what is
 * wrong and says what was expected and what came; in a list one bad event costs nothing but itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept/accept.h"
#include "kit/clock.h"
#include <stdio.h>
#include <string.h>

#define NOW INT64_C(1736980800000) /* 2025-01-15T22:40:00Z */

static struct arena arena;

static int clean(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static bool read_event(const char *text, struct event *out, struct err *e) {
  return event_parse(&arena, str_from(text), NOW, STR("app"), false, out, e);
}

static void assert_str(struct str s, const char *expected) {
  assert_int_equal(s.len, strlen(expected));
  assert_memory_equal(s.at, expected, s.len);
}

static void whole_envelope(void **state) {
  (void)state;
  struct event event;
  struct err e = {0};
  assert_true(
      read_event(" {\"id\":\"e1\",\"userId\":\"u\\u0041\",\"eventType\":\"Workout Completed\",\"timestamp\":\"2025-01-15T22:39:59.5Z\","
                 "\"data\":{\"n\":1},\"context\":{\"mood\":\"ok\"},\"more\":[1]} ",
                 &event, &e));
  assert_str(event.user, "uA");
  assert_str(event.id, "e1");
  assert_str(event.type, "Workout Completed");
  assert_str(event.source, "app");
  assert_true(event.id_given);
  assert_false(event.history);
  assert_true(event.timestamp == NOW - 500);
  assert_true(event.received == NOW);
  assert_int_equal(event.body.at[0], '{');
  assert_ptr_equal(event.json.text, event.body.at);
  assert_int_equal(event.body.at[event.body.len - 1], '}');
  int64_t n = 0;
  assert_true(json_int(&event.json, json_get(&event.json, event.data, "n"), &n));
  assert_int_equal(n, 1);
  assert_true(json_text_is(&event.json, json_get(&event.json, event.context, "mood"), "ok"));
}

static void without_id_one_is_given(void **state) {
  (void)state;
  struct event first, second;
  struct err e = {0};
  const char *text = "{\"userId\":\"u\",\"eventType\":\"t\",\"timestamp\":\"2025-01-15T22:40:00Z\",\"id\":null,\"data\":null}";
  assert_true(read_event(text, &first, &e));
  assert_true(read_event(text, &second, &e));
  assert_false(first.id_given);
  assert_int_equal(first.id.len, 32);
  assert_false(str_eq(first.id, second.id));
  assert_true(first.data == JSON_NONE && first.context == JSON_NONE);
}

static void history_runs_on_its_own_clock(void **state) {
  (void)state;
  struct event event;
  struct err e = {0};
  const char *text = "{\"userId\":\"u\",\"eventType\":\"t\",\"timestamp\":\"2015-07-22T16:26:53Z\"}";
  assert_true(event_parse(&arena, str_from(text), NOW, STR("import"), true, &event, &e));
  assert_true(event.history);
  assert_true(event.received == event.timestamp);
  const char *future = "{\"userId\":\"u\",\"eventType\":\"t\",\"timestamp\":\"2025-01-15T22:45:00.001Z\"}";
  assert_false(event_parse(&arena, str_from(future), NOW, STR("import"), true, &event, &e));
}

#define LONG_129                                                                                                                           \
  "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define EVENT(user, type, time, rest) "{\"userId\":" user ",\"eventType\":" type ",\"timestamp\":" time rest "}"
#define TIME                          "\"2025-01-15T22:40:00Z\""

static void refusals_say_where_and_what(void **state) {
  (void)state;
  static const struct {
    const char *text, *begins, *says;
  } cases[] = {
      {"[1]", "expected", "expected an event object, came [1]"},
      {"\"x\"", "expected", "expected an event object, came \"x\""},
      {"{}", "/userId: ", "userId is missing"},
      {"{\"usrId\":\"u\",\"eventType\":\"t\",\"timestamp\":" TIME "}", "/userId: ", "\"usrId\" came (did you mean \"userId\"?)"},
      {EVENT("7", "\"t\"", TIME, ""), "/userId: ", "expected a string, came 7"},
      {EVENT("null", "\"t\"", TIME, ""), "/userId: ", "came null"},
      {EVENT("\"\"", "\"t\"", TIME, ""), "/userId: ", "1 to 128 bytes, came 0"},
      {EVENT("\"" LONG_129 "\"", "\"t\"", TIME, ""), "/userId: ", "1 to 128 bytes, came 129"},
      {EVENT("\"a\\nb\"", "\"t\"", TIME, ""), "/userId: ", "U+000A at byte 1"},
      {EVENT("\"a\\u007f\"", "\"t\"", TIME, ""), "/userId: ", "U+007F"},
      {EVENT("\"u\"", "{}", TIME, ""), "/eventType: ", "expected a string, came {}"},
      {EVENT("\"u\"", "\" t\"", TIME, ""), "/eventType: ", "spaces inside"},
      {EVENT("\"u\"", "\"t/1\"", TIME, ""), "/eventType: ", "came \"t/1\""},
      {EVENT("\"u\"", "\"é\"", TIME, ""), "/eventType: ", "came \"é\""},
      {EVENT("\"u\"", "\"t\"", "1736980800", ""), "/timestamp: ", "ISO 8601"},
      {EVENT("\"u\"", "\"t\"", "\"2025-01-15 22:40\"", ""), "/timestamp: ", "ISO 8601"},
      {EVENT("\"u\"", "\"t\"", "\"2025-01-15T22:40:00\"", ""), "/timestamp: ", "with a zone"},
      {EVENT("\"u\"", "\"t\"", "\"2025-01-15T22:45:00.001Z\"", ""), "/timestamp: ", "at most 300 s after"},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"data\":[]"), "/data: ", "expected an object, came []"},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"context\":\"x\""), "/context: ", "expected an object, came \"x\""},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"id\":5"), "/id: ", "expected a string, came 5"},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"id\":\"\""), "/id: ", "1 to 128 bytes"},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"data\":{\"a\":[0,tru]}"), "/data/a/1: ", "expected a value"},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"data\":{\"a\":1,\"a\":2}"), "/data: ", "stands twice"},
      {EVENT("\"u\"", "\"t\"", TIME, ",\"userId\":\"v\""), "JSON: ", "stands twice"},
      {"{\"userId\":\"u\"", "JSON: ", "the text ends at byte 13"},
      {"", "JSON: ", "the text ends at byte 0"},
      {EVENT("\"u\"", "\"t\"", TIME, "") "x", "JSON: ", "expected the end"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct event event;
    struct err e = {0};
    const bool taken = read_event(cases[i].text, &event, &e);
    if (taken || !strstr(e.text, cases[i].says) || strncmp(e.text, cases[i].begins, strlen(cases[i].begins)) != 0) {
      print_error("%s\n gave: %s\n", cases[i].text, e.text);
    }
    assert_false(taken);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_memory_equal(e.text, cases[i].begins, strlen(cases[i].begins));
    assert_non_null(strstr(e.text, cases[i].says));
  }
}

static void long_values_are_cut_between_characters(void **state) {
  (void)state;
  struct event event;
  struct err e = {0};
  assert_false(read_event("{\"userId\":\"u\",\"eventType\":\"xéééééééééééééééééééééééééééééé/\",\"timestamp\":" TIME "}", &event, &e));
  assert_true(str_utf8(str_from(e.text)));
}

static bool read_batch(const char *text, bool lines, struct event_batch *b, struct err *e) {
  return event_batch_parse(&arena, str_from(text), lines, NOW, STR("app"), false, b, e);
}
#define GOOD(user) "{\"userId\":\"" user "\",\"eventType\":\"t\",\"timestamp\":" TIME ",\"data\":{\"x\":[1,{\"y\":\"" user "\"}]}}"

static void assert_event(const struct event_batch *b, size_t at, uint32_t index, const char *user) {
  const struct event *event = &b->events[at];
  assert_int_equal(b->index[at], index);
  assert_str(event->user, user);
  /* the tokens are the event's own document: root first, texts in place */
  assert_int_equal(json_type(&event->json, 0), JSON_OBJECT);
  assert_int_equal(event->json.tokens[0].next, event->json.count);
  assert_true(str_eq(json_raw(&event->json, 0), event->body));
  const uint32_t y = json_get(&event->json, json_child(&event->json, json_get(&event->json, event->data, "x"), 1), "y");
  assert_true(json_text_is(&event->json, y, user));
}

static void one_object_is_alone(void **state) {
  (void)state;
  struct event_batch b;
  struct err e = {0};
  assert_true(read_batch(" " GOOD("u"), false, &b, &e));
  assert_true(b.alone);
  assert_int_equal(b.count, 1);
  assert_int_equal(b.sent, 1);
  assert_event(&b, 0, 0, "u");
  assert_false(read_batch("{}", false, &b, &e));
  assert_memory_equal(e.text, "/userId: ", 9);
}

/* Whatever asks about `.` or `..` asks another path: nobody of that name could be looked at, opt out or be erased. */
static void ids_that_no_path_can_name(void **state) {
  (void)state;
  static const char *const said =
      "expected an id that a path can name, came \"%s\": nobody of that id could be asked about, opt out or be erased";
  static const char *const ids[] = {".", ".."};
  for (size_t i = 0; i < 2; i++) {
    struct event_batch b;
    struct err e = {0};
    char one[200], text[600], detail[200], alone[220];
    snprintf(one, sizeof one, "{\"userId\":\"%s\",\"eventType\":\"t\",\"timestamp\":" TIME "}", ids[i]);
    snprintf(detail, sizeof detail, said, ids[i]);
    snprintf(alone, sizeof alone, "/userId: %s", detail);
    assert_false(read_batch(one, false, &b, &e));
    assert_string_equal(e.text, alone);
    static const char *const lists[] = {"[" GOOD("a") ",%s," GOOD("b") "]", GOOD("a") "\n%s\n" GOOD("b"),
                                        "[" GOOD("a") ",%s," GOOD("b") ",{\"a\":1,\"a\":1}]"};
    for (size_t k = 0; k < 3; k++) {
      snprintf(text, sizeof text, lists[k], one);
      assert_true(read_batch(text, k == 1, &b, &e));
      assert_int_equal(b.count, 2);
      assert_event(&b, 0, 0, "a");
      assert_event(&b, 1, 2, "b");
      assert_int_equal(b.refusals[0].index, 1);
      assert_string_equal(b.refusals[0].pointer, "/userId");
      assert_string_equal(b.refusals[0].detail, detail);
    }
    struct event event; /* a journal may have one, and must be read */
    assert_true(read_event(one, &event, &e));
  }
  struct event_batch b;
  struct err e = {0};
  assert_true(read_batch("[" GOOD("...") "," GOOD("a.") "," GOOD(".a") "]", false, &b, &e));
  assert_int_equal(b.count, 3);
}

/* Lines that come as one document are told how to come. */
static void lines_without_their_type(void **state) {
  (void)state;
  static const char *const lines[] = {GOOD("a") "\n" GOOD("b"), GOOD("a") "\r\n\r\n" GOOD("b") "\n", GOOD("a") "\n{", "\n" GOOD("a") "\n7"};
  static const char *const others[] = {GOOD("a") " 7", GOOD("a") "\n}", GOOD("a") "x\n" GOOD("b"), "{\n" GOOD("b"), "7\n8"};
  for (size_t i = 0; i < 9; i++) {
    struct event_batch b;
    struct err e = {0};
    assert_false(read_batch(i < 4 ? lines[i] : others[i - 4], false, &b, &e));
    const bool told = strstr(e.text, "lines of events want Content-Type: application/x-ndjson") != NULL;
    if (told != (i < 4)) print_error("%zu: %s\n", i, e.text);
    assert_true(told == (i < 4));
    if (i < 4) assert_memory_equal(e.text, "JSON: expected the end of the text", 34);
  }
}

static void array_keeps_order_and_places(void **state) {
  (void)state;
  struct event_batch b;
  struct err e = {0};
  assert_true(read_batch(" [ " GOOD("a") ",{\"userId\":1}, " GOOD("b") " ,3,\"s\"," GOOD("c") "]\n", false, &b, &e));
  assert_false(b.alone);
  assert_int_equal(b.sent, 6);
  assert_int_equal(b.count, 3);
  assert_event(&b, 0, 0, "a");
  assert_event(&b, 1, 2, "b");
  assert_event(&b, 2, 5, "c");
  assert_int_equal(b.refusal_count, 3);
  assert_int_equal(b.refusals[0].index, 1);
  assert_string_equal(b.refusals[0].pointer, "/userId");
  assert_string_equal(b.refusals[0].detail, "/userId: expected a string, came 1; /eventType: expected a string, but eventType is missing; "
                                            "/timestamp: expected an ISO 8601 time with a zone, but timestamp is missing");
  assert_int_equal(b.refusals[1].index, 3);
  assert_string_equal(b.refusals[1].pointer, "");
  assert_string_equal(b.refusals[2].detail, "expected an event object, came \"s\"");
  assert_false(b.refusals[2].retryable);
}

static void a_list_of_lists_holds_no_events(void **state) {
  (void)state;
  static const char *const lists[] = {"[[]]", " [ [" GOOD("a") "]]",
                                      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    struct event_batch b;
    struct err e = {0};
    assert_false(read_batch(lists[i], false, &b, &e));
    assert_string_equal(e.text, "expected an array of events, came an array of arrays");
  }
}

static void array_with_a_faulty_but_closed_event(void **state) {
  (void)state;
  static const char *const faulty[] = {
      "{\"userId\":\"u\",\"userId\":\"v\"}",
      "{\"userId\":\"\xff\"}",
      "{\"userId\":\"\\ud800\"}",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
  };
  for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++) {
    char text[1024];
    snprintf(text, sizeof text, "[" GOOD("a") " , %s ," GOOD("b") "]", faulty[i]);
    struct event_batch b;
    struct err e = {0};
    assert_true(read_batch(text, false, &b, &e));
    assert_int_equal(b.sent, 3);
    assert_int_equal(b.count, 2);
    assert_event(&b, 0, 0, "a");
    assert_event(&b, 1, 2, "b");
    assert_int_equal(b.refusal_count, 1);
    assert_int_equal(b.refusals[0].index, 1);
    assert_true(strlen(b.refusals[0].detail) > 0);
  }
}

static void broken_array_is_refused_whole(void **state) {
  (void)state;
  static const char *const broken[] = {
      "[" GOOD("a") ",",
      "[" GOOD("a") ",]",
      "[" GOOD("a") " " GOOD("b") "]",
      "[" GOOD("a") "]]",
      "[" GOOD("a") "] 1",
      "[{\"userId\":\"u\"",
      "[{\"userId\":\"u]",
      "[{'userId':1}," GOOD("a") "]",
      "[" GOOD("a") ",01]",
      "[{\"a\":1,}," GOOD("a") "]",
      "[\"\\x\"]",
      "[",
      "[}",
      "[{]}]",
      "[" GOOD("a") ",nul]",
  };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    struct event_batch b;
    struct err e = {0};
    const bool taken = read_batch(broken[i], false, &b, &e);
    if (taken) print_error("taken: %s\n", broken[i]);
    assert_false(taken);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_non_null(strstr(e.text, "JSON: "));
  }
}

static void lines_are_read_one_by_one(void **state) {
  (void)state;
  struct event_batch b;
  struct err e = {0};
  assert_true(read_batch(GOOD("a") "\r\n\n" GOOD("b") "{\n[" GOOD("c") "]\n" GOOD("d"), true, &b, &e));
  assert_int_equal(b.sent, 4);
  assert_int_equal(b.count, 2);
  assert_event(&b, 0, 0, "a");
  assert_event(&b, 1, 3, "d");
  assert_int_equal(b.refusal_count, 2);
  assert_int_equal(b.refusals[0].index, 1);
  assert_int_equal(b.refusals[1].index, 2);
  assert_false(b.alone);
}

static void empty_bodies(void **state) {
  (void)state;
  struct event_batch b;
  struct err e = {0};
  assert_false(read_batch("", false, &b, &e));
  assert_false(read_batch(" \n", true, &b, &e));
  assert_true(read_batch("[]", false, &b, &e));
  assert_int_equal(b.count + b.sent + b.refusal_count, 0);
}

static char *many(size_t count, const char *between, const char *open, const char *close) {
  struct buf text = {0};
  buf_text(&text, open);
  for (size_t i = 0; i < count; i++) {
    if (i) buf_text(&text, between);
    buf_text(&text, GOOD("u"));
  }
  buf_text(&text, close);
  char *copy = arena_text(&arena, text.at, text.len);
  buf_free(&text);
  return copy;
}

static void at_most_2500_events(void **state) {
  (void)state;
  static const struct {
    const char *between, *open, *close;
    bool lines;
  } shapes[] = {{",", "[", "]", false}, {",", "[", ",{\"a\":1,\"a\":1}]", false}, {"\n", "", "\n", true}};
  for (size_t i = 0; i < 3; i++) {
    const size_t most = i == 1 ? 2499 : 2500;
    struct event_batch b;
    struct err e = {0};
    assert_true(read_batch(many(most, shapes[i].between, shapes[i].open, shapes[i].close), shapes[i].lines, &b, &e));
    assert_int_equal(b.count, most);
    assert_event(&b, most - 1, (uint32_t)most - 1, "u");
    assert_false(read_batch(many(most + 1, shapes[i].between, shapes[i].open, shapes[i].close), shapes[i].lines, &b, &e));
    assert_non_null(strstr(e.text, "at most 2500 events"));
    arena_reset(&arena);
  }
}

/* Memory that fails refuses the body, or the event as one that may be sent again; never half an event. */
static void any_allocation_may_fail(void **state) {
  (void)state;
  static const char good[] = GOOD("a"), odd[] = "{\"userId\":1}";
  struct buf text = {0};
  buf_char(&text, '[');
  for (int i = 0; i < 200; i++) {
    buf_text(&text, i % 7 ? good : odd);
    buf_char(&text, i < 199 ? ',' : ']');
  }
  for (int64_t nth = 1; nth < 40; nth++) {
    for (int lines = 0; lines < 2; lines++) {
      struct event_batch b;
      struct err e = {0};
      kit_fail_allocation(nth);
      const bool taken = event_batch_parse(&arena, buf_view(&text), lines, NOW, STR("app"), false, &b, &e);
      kit_fail_allocation(0);
      if (!taken) assert_int_equal(e.kind, ERR_BUSY);
      else assert_int_equal(b.count + b.refusal_count, b.sent);
      for (size_t i = 0; taken && i < b.count; i++) assert_str(b.events[i].user, "a");
      arena_free(&arena);
    }
  }
  buf_free(&text);
}

/* How deep an event may be does not hang on how it came. */
static void in_a_list_an_event_is_as_deep_as_alone(void **state) {
  (void)state;
  int deepest = 0;
  for (int depth = 1; depth <= 40; depth++) {
    char open[64] = {0}, shut[64] = {0}, alone[512], text[600];
    memset(open, '[', (size_t)depth);
    memset(shut, ']', (size_t)depth);
    snprintf(alone, sizeof alone, "{\"userId\":\"u\",\"eventType\":\"e\",\"timestamp\":\"2025-01-15T22:39:59Z\",\"data\":{\"x\":%s%s}}",
             open, shut);
    for (int shape = 0; shape < 3; shape++) {
      struct event_batch b;
      struct err e = {0};
      snprintf(text, sizeof text, shape == 1 ? "[%s]" : "%s\n", alone);
      const bool read = event_batch_parse(&arena, str_from(text), shape == 2, NOW, STR("app"), false, &b, &e) && b.count == 1;
      if (shape == 0 && read) deepest = depth;
      assert_int_equal(read, deepest == depth);
    }
  }
  assert_int_equal(deepest, 30); /* 32, with the event and its data around it */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(whole_envelope, clean),
      cmocka_unit_test_teardown(without_id_one_is_given, clean),
      cmocka_unit_test_teardown(history_runs_on_its_own_clock, clean),
      cmocka_unit_test_teardown(refusals_say_where_and_what, clean),
      cmocka_unit_test_teardown(long_values_are_cut_between_characters, clean),
      cmocka_unit_test_teardown(one_object_is_alone, clean),
      cmocka_unit_test_teardown(ids_that_no_path_can_name, clean),
      cmocka_unit_test_teardown(lines_without_their_type, clean),
      cmocka_unit_test_teardown(array_keeps_order_and_places, clean),
      cmocka_unit_test_teardown(a_list_of_lists_holds_no_events, clean),
      cmocka_unit_test_teardown(array_with_a_faulty_but_closed_event, clean),
      cmocka_unit_test_teardown(broken_array_is_refused_whole, clean),
      cmocka_unit_test_teardown(lines_are_read_one_by_one, clean),
      cmocka_unit_test_teardown(empty_bodies, clean),
      cmocka_unit_test_teardown(at_most_2500_events, clean),
      cmocka_unit_test_teardown(in_a_list_an_event_is_as_deep_as_alone, clean),
      cmocka_unit_test_teardown(any_allocation_may_fail, clean),
  };
  return cmocka_run_group_tests_name("accept: events", tests, NULL, NULL);
}
