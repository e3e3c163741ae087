/* rooms: program decide compute accept book kit; inside: program */
/* What counts against a new program when rows of its models fail: one person's rows, however many, prove nothing, and three people's
 * neither; where it fails for many everything counts, and its share is the true one. */
#include "health.h"
#include "program/program.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PROVES 10 /* failed rows, as the watch has it */

static struct program_health ask(uint64_t people, uint64_t rounds, uint64_t fails_each) {
  struct arena a = {0};
  struct program p = {.health = ARENA_NEW(&a, struct program_health), .failing = failing_new(&a)};
  assert_true(p.health && p.failing);
  for (uint64_t i = 0; i < rounds; i++)
    for (uint64_t who = 1; who <= people; who++) {
      if ((i * people + who) % fails_each == 0) program_note_failed(&p, who * UINT64_C(0x9e3779b97f4a7c15) | 1);
      else program_note(&p, &(struct program_health){.rows = 1});
    }
  const struct program_health h = program_health(&p);
  arena_free(&a);
  return h;
}

static void few_people_prove_nothing(void **state) {
  (void)state;
  for (uint64_t people = 1; people <= 3; people++) {
    const struct program_health h = ask(people, 5000, 1);
    assert_int_equal(h.rows_failed, 3 * people);
    assert_true(h.rows_failed < PROVES && h.rows == h.rows_failed);
  }
  assert_true(ask(4, 3, 1).rows_failed >= PROVES);
}

static void where_it_fails_for_many_all_counts(void **state) {
  (void)state;
  struct program_health h = ask(40, 100, 1);
  assert_int_equal(h.rows_failed, 4000);
  h = ask(101, 1000, 50); /* 2 % */
  assert_true(h.rows_failed == 101000 / 50 && h.rows == 101000);
  h = ask(5000, 20, 1); /* more than the table holds */
  assert_int_equal(h.rows_failed, 100000);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(few_people_prove_nothing), cmocka_unit_test(where_it_fails_for_many_all_counts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
