/* rooms: kit */
/* traceparent: what the standard allows is read to the bit, everything else counts as absent; a span of one's own keeps the trace. */
#include "kit/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void what_is_allowed_comes_back(void **state) {
  (void)state;
  static const char *const same[] = {GOOD, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                                     "00-00000000000000000000000000000001-0000000000000001-ff"};
  char text[TRACE_TEXT + 1];
  struct trace t;
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    assert_true(trace_parse(str_from(same[i]), &t) && t.there);
    trace_text(&t, text);
    assert_string_equal(text, same[i]);
  }
  /* Of a later version only what version 00 knows. */
  assert_true(trace_parse(STR("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-the-future-brings"), &t));
  trace_text(&t, text);
  assert_string_equal(text, GOOD);
  assert_true(trace_parse(STR("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"), &t));
  assert_int_equal(t.flags, 0);
}

static void what_is_malformed_is_not_there(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "00",
                                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                                    GOOD "-",
                                    GOOD "0",
                                    GOOD "-more",
                                    " " GOOD,
                                    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                    "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
                                    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                    "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                    "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
                                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                                    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct trace t = {.there = true};
    if (trace_parse(str_from(bad[i]), &t) || t.there) fail_msg("\"%s\" was taken", bad[i]);
  }
}

static void a_child_keeps_the_trace(void **state) {
  (void)state;
  struct trace t, again;
  struct buf packed = {0};
  assert_true(trace_parse(STR(GOOD), &t));
  const struct trace one = trace_child(&t), two = trace_child(&t);
  assert_memory_equal(one.id, t.id, sizeof t.id);
  assert_int_equal(one.flags, t.flags);
  assert_memory_not_equal(one.span, t.span, sizeof t.span);
  assert_memory_not_equal(one.span, two.span, sizeof t.span);
  trace_pack(&t, &packed);
  assert_int_equal(packed.len, 25);
  struct unpack in = unpack_from(buf_view(&packed));
  assert_true(trace_unpack(&in, &again));
  assert_memory_equal(&again, &t, sizeof t);
  in = unpack_from((struct str){packed.at, packed.len - 1});
  assert_false(trace_unpack(&in, &again) || again.there);
  buf_free(&packed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_allowed_comes_back), cmocka_unit_test(what_is_malformed_is_not_there),
                                     cmocka_unit_test(a_child_keeps_the_trace)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
