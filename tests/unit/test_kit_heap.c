/* rooms: kit */
/* Promise: the heap gives its entries back in order of time, ties by number, none lost and none early, and a failed allocation changes
 * nothing. */
#include "kit/arena.h"
#include "kit/heap.h"
#include "kit/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int entry_order(const void *a, const void *b) {
  const struct heap_entry *x = a;
  const struct heap_entry *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

static void entries_come_back_in_order(void **state) {
  (void)state;
  enum { ENTRIES = 5000 };
  static struct heap_entry wanted[ENTRIES];
  struct heap h = {0};
  struct rng r = rng_from(6);
  assert_true(heap_next(&h) == INT64_MAX);
  for (int i = 0; i < ENTRIES; i++) {
    wanted[i] = (struct heap_entry){.at = (int64_t)(rng_next(&r) % 700) - 300, .number = i};
    assert_true(heap_push(&h, wanted[i].at, wanted[i].number));
  }
  qsort(wanted, ENTRIES, sizeof *wanted, entry_order);
  for (int i = 0; i < ENTRIES; i++) {
    struct heap_entry got = {0};
    assert_true(heap_next(&h) == wanted[i].at);
    assert_false(heap_pop(&h, wanted[i].at - 1, &got));
    assert_true(heap_pop(&h, wanted[i].at, &got));
    assert_true(got.at == wanted[i].at && got.number == wanted[i].number);
  }
  struct heap_entry none;
  assert_false(heap_pop(&h, INT64_MAX, &none));
  heap_free(&h);
}

static void failed_push_changes_nothing(void **state) {
  (void)state;
  struct heap h = {0};
  struct heap_entry got;
  kit_fail_allocation(1);
  assert_false(heap_push(&h, 1, 1));
  int64_t pushed = 0;
  for (; pushed < 100000; pushed++) {
    bool full = h.count == h.cap && h.cap > 0;
    if (full) kit_fail_allocation(1);
    if (!heap_push(&h, -pushed, pushed)) break;
  }
  kit_fail_allocation(0);
  assert_true(pushed > 0 && pushed < 100000 && h.count == (size_t)pushed);
  for (int64_t i = pushed - 1; i >= 0; i--) assert_true(heap_pop(&h, INT64_MAX, &got) && got.number == i);
  heap_free(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_come_back_in_order),
      cmocka_unit_test(failed_push_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
