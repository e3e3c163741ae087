/* rooms: emit kit */
/* What a row of the outbox keeps of a letter beside its body comes back as it was, over a restart: the names that a kill may say, the
 * trace, the origin that is in its webhook-id, whichever of them there are. A row of an older engine has no origin. */
#include "emit/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void what_a_row_keeps_comes_back(void **state) {
  (void)state;
  struct letter *given = letter_new(STR("{}")), *back = letter_new(STR("{}"));
  struct buf packed = {0};
  for (uint64_t names = 0; names <= LETTER_NAMES; names++)
    for (int with = 0; with < 4; with++) {
      struct letter plain = {.origin = with & 1 ? UINT64_C(0x0123456789abcdef) + names : 0};
      for (uint64_t i = 0; i < names; i++) plain.names[i] = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
      if (with & 2) assert_true(trace_parse(STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &plain.trace));
      given->trace = plain.trace, given->origin = plain.origin;
      memcpy(given->names, plain.names, sizeof given->names);
      memset(back->names, 0, sizeof back->names);
      back->origin = 5;
      buf_clear(&packed);
      letter_pack(given, &packed);
      letter_unpack(back, buf_view(&packed));
      assert_memory_equal(&back->trace, &given->trace, sizeof given->trace);
      assert_memory_equal(back->names, given->names, sizeof given->names);
      assert_true(back->origin == given->origin);
    }
  buf_free(&packed);
  letter_free(given);
  letter_free(back);
}

static void rows_of_an_older_engine_have_no_origin(void **state) {
  (void)state;
  struct letter *back = letter_new(STR("{}"));
  struct buf packed = {0};
  pack_u64(&packed, 300);
  letter_unpack(back, buf_view(&packed));
  assert_true(back->names[0] == 300 && !back->trace.there && back->origin == 0);
  struct trace t;
  assert_true(trace_parse(STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &t));
  pack_u64(&packed, 0);
  trace_pack(&t, &packed);
  letter_unpack(back, buf_view(&packed));
  assert_true(back->names[0] == 300 && back->trace.there && back->origin == 0);
  letter_unpack(back, (struct str){0});
  assert_true(back->names[0] == 0 && !back->trace.there && back->origin == 0);
  buf_free(&packed);
  letter_free(back);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_row_keeps_comes_back),
                                     cmocka_unit_test(rows_of_an_older_engine_have_no_origin)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
