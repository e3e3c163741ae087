/* rooms: kit */
/* Promise: arena memory is aligned, disjoint and lives until its rewind; a limit and a failing allocation answer NULL and break nothing;
 * errors are one clean line; the map keeps what was put in. */
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/map.h"
#include "kit/rng.h"
#include "kit/str.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void memory_is_aligned_and_disjoint(void **state) {
  (void)state;
  struct arena a = {0};
  struct rng r = rng_from(1);
  unsigned char *pieces[2000];
  size_t sizes[2000];
  for (size_t i = 0; i < 2000; i++) {
    sizes[i] = (size_t)(rng_next(&r) % (i % 100 == 0 ? 100000 : 300));
    pieces[i] = arena_alloc(&a, sizes[i]);
    assert_non_null(pieces[i]);
    assert_int_equal((uintptr_t)pieces[i] % 16, 0);
    memset(pieces[i], (int)(i & 255), sizes[i]);
  }
  for (size_t i = 0; i < 2000; i++) {
    for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(pieces[i][k], i & 255);
  }
  assert_true(a.total >= 2000 * 100);
  arena_free(&a);
  assert_int_equal(a.total, 0);
}

/* A sanitizer keeps what is freed. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_FREED true
#endif
#endif
#if !defined(KEEPS_FREED) && defined(__SANITIZE_ADDRESS__)
#define KEEPS_FREED true
#endif
#ifndef KEEPS_FREED
#define KEEPS_FREED false
#endif

/* The process's resident memory, in bytes. */
static size_t resident(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
  fclose(file);
  return pages * 4096;
}

/* What malloc may keep, because something small lies behind it in the heap, an arena of pages gives back. */
static void pages_go_back_whole(void **state) {
  (void)state;
  enum { ROUNDS = 30, PIECES = 4000 };
  void *small[ROUNDS];
  const size_t before = resident();
  size_t highest = 0;
  for (int round = 0; round < ROUNDS; round++) {
    struct arena a = {.pages = true};
    for (int i = 0; i < PIECES; i++) {
      unsigned char *p = arena_alloc(&a, 1000);
      assert_int_equal((uintptr_t)p % 16, 0);
      memset(p, i & 255, 1000);
    }
    const struct arena_mark mark = arena_mark(&a);
    memset(arena_alloc(&a, 3000000), 1, 3000000); /* a chunk of its own */
    arena_rewind(&a, mark);
    small[round] = kit_alloc(100);
    if (resident() > highest) highest = resident();
    arena_free(&a);
    assert_int_equal(a.total, 0);
  }
  if (!KEEPS_FREED) {
    assert_true(highest - before > 3500000);
    assert_true(resident() < before + 1500000);
  }
  for (int round = 0; round < ROUNDS; round++) kit_free(small[round]);
  struct arena a = {.pages = true};
  kit_fail_allocation(1);
  assert_null(arena_alloc(&a, 1000000));
  kit_fail_allocation(0);
  assert_non_null(arena_alloc(&a, 1000000));
  arena_free(&a);
}

static void rewinding_gives_back_what_came_after_the_mark(void **state) {
  (void)state;
  struct arena a = {0};
  struct arena_mark empty = arena_mark(&a);
  char *kept = arena_text(&a, "kept", 4);
  struct arena_mark mark = arena_mark(&a);
  void *first = arena_alloc(&a, 100);
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 300; i++) memset(arena_alloc(&a, 1000), 7, 1000);
    arena_rewind(&a, mark);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_rewind(&a, mark);
  }
  assert_string_equal(kept, "kept");
  assert_true(a.total <= 3 * 1024 * 1024);
  size_t before = a.total;
  for (int i = 0; i < 200; i++) arena_alloc(&a, 1000);
  assert_int_equal(a.total, before); /* a turn like the last ones needs no new memory */
  arena_rewind(&a, mark);
  arena_alloc(&a, 5 << 20); /* a rare large one goes back */
  arena_rewind(&a, mark);
  assert_true(a.total <= before + (1 << 20));
  arena_rewind(&a, empty);
  assert_ptr_equal(arena_alloc(&a, 5), kept);
  arena_reset(&a);
  assert_ptr_equal(arena_alloc(&a, 5), kept);
  arena_free(&a);
  arena_free(&a);
}

static void sizes_that_overflow_are_refused(void **state) {
  (void)state;
  struct arena a = {0};
  assert_null(arena_zero(&a, SIZE_MAX / 2, 3));
  assert_null(arena_alloc(&a, SIZE_MAX));
  assert_null(arena_alloc(&a, SIZE_MAX - 10));
  assert_null(arena_text(&a, "", SIZE_MAX));
  assert_non_null(arena_zero(&a, 0, 8));
  arena_free(&a);
}

static void limit_is_kept(void **state) {
  (void)state;
  struct arena a = {.limit = 100000};
  size_t got = 0;
  while (arena_alloc(&a, 1000)) got += 1000;
  assert_true(a.total <= 100000 && got >= 60000);
  arena_free(&a);
  struct arena b = {.limit = 10000};
  assert_null(arena_alloc(&b, 10001));
  assert_non_null(arena_alloc(&b, 9000));
  arena_free(&b);
}

static void texts_are_copied_and_formatted(void **state) {
  (void)state;
  struct arena a = {0};
  assert_string_equal(arena_text(&a, "abcdef", 3), "abc");
  assert_string_equal(arena_printf(&a, "%s-%d", "x", 5), "x-5");
  assert_memory_equal(arena_copy(&a, "1234", 4), "1234", 4);
  char *zeros = arena_zero(&a, 10, 10);
  for (int i = 0; i < 100; i++) assert_int_equal(zeros[i], 0);
  arena_free(&a);
}

static void failed_allocation_is_null_once(void **state) {
  (void)state;
  struct arena a = {0};
  kit_fail_allocation(2);
  assert_non_null(arena_alloc(&a, 10));
  assert_null(arena_alloc(&a, 100000));
  assert_non_null(arena_alloc(&a, 100000));
  arena_free(&a);
  kit_fail_allocation(1);
  void *p = kit_alloc(10);
  assert_null(p);
  p = kit_realloc(NULL, 10);
  assert_non_null(p);
  kit_fail_allocation(1);
  assert_null(kit_realloc(p, 20));
  kit_free(p);
  kit_fail_allocation(0);
}

/* --- errors --- */

static void errors_are_one_clean_sentence(void **state) {
  (void)state;
  struct err e = {0};
  assert_false(err_set(&e, ERR_INPUT, "expected %s, got %d", "a number", 5));
  assert_string_equal(e.text, "expected a number, got 5");
  assert_false(err_wrap(&e, "rules/%s.lua", "morning"));
  assert_string_equal(e.text, "rules/morning.lua: expected a number, got 5");
  assert_int_equal(e.kind, ERR_INPUT);
  err_set(&e, ERR_BUSY, "again: %s", e.text); /* its own text as an argument */
  assert_string_equal(e.text, "again: rules/morning.lua: expected a number, got 5");
  err_set(&e, ERR_INPUT, "two\nlines\tand \x7F");
  assert_string_equal(e.text, "two lines and  ");
  assert_false(err_set(NULL, ERR_INPUT, "nobody cares"));
  assert_false(err_wrap(NULL, "nobody"));
}

static void long_errors_end_between_characters(void **state) {
  (void)state;
  for (size_t offset = 0; offset < 4; offset++) {
    char text[1000] = "abcd";
    for (size_t i = offset; i + 4 < sizeof text; i += 4) memcpy(text + i, "\xF0\x9F\x98\x80", 5);
    struct err e = {0};
    err_set(&e, ERR_INPUT, "%s", text);
    assert_true(strlen(e.text) >= sizeof e.text - 5 && str_utf8(str_from(e.text)));
    err_wrap(&e, "context");
    assert_true(strlen(e.text) >= sizeof e.text - 5 && str_utf8(str_from(e.text)));
  }
}

static void broken_invariants_abort(void **state) {
  (void)state;
  must(1 + 1 == 2);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    fclose(stderr);
    must(1 + 1 == 3);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- map --- */

/* Against a plain array, over many sets and removals of few keys, so that dead slots matter. */
static void map_keeps_what_was_put_in(void **state) {
  (void)state;
  enum { KEYS = 1000 };
  struct map m = {0};
  bool there[KEYS] = {0};
  uint64_t values[KEYS] = {0};
  size_t count = 0;
  struct rng r = rng_from(8);
  for (int i = 0; i < 200000; i++) {
    size_t key = (size_t)(rng_next(&r) % KEYS);
    uint64_t hashed = key * UINT64_C(0x100000001);
    if (rng_next(&r) % 3) {
      values[key] = rng_next(&r);
      assert_true(map_set(&m, hashed, values[key]));
      count += !there[key];
      there[key] = true;
    } else {
      assert_int_equal(map_remove(&m, hashed), there[key]);
      count -= there[key];
      there[key] = false;
    }
    assert_int_equal(m.count, count);
  }
  assert_true(m.cap <= 4096); /* the dead are swept out, not grown around */
  for (size_t key = 0; key < KEYS; key++) {
    uint64_t value = 0;
    assert_int_equal(map_get(&m, key * UINT64_C(0x100000001), &value), there[key]);
    if (there[key]) assert_true(value == values[key]);
  }
  size_t cursor = 0;
  size_t seen = 0;
  struct map_slot slot;
  while (map_next(&m, &cursor, &slot)) {
    assert_true(slot.value == values[slot.key & 0xFFFFFFFF]);
    assert_true(map_remove(&m, slot.key)); /* allowed during the walk */
    seen++;
  }
  assert_int_equal(seen, count);
  assert_int_equal(m.count, 0);
  map_free(&m);
}

static void map_without_memory_is_unchanged(void **state) {
  (void)state;
  struct map m = {0};
  uint64_t value;
  assert_false(map_get(&m, 1, &value));
  assert_false(map_remove(&m, 1));
  kit_fail_allocation(1);
  assert_false(map_set(&m, 1, 1));
  for (uint64_t key = 0; key < 12; key++) assert_true(map_set(&m, key, key));
  kit_fail_allocation(1);
  assert_false(map_set(&m, 99, 1));
  kit_fail_allocation(0);
  for (uint64_t key = 0; key < 12; key++) assert_true(map_get(&m, key, &value) && value == key);
  assert_int_equal(m.count, 12);
  map_free(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_aligned_and_disjoint),
      cmocka_unit_test(pages_go_back_whole),
      cmocka_unit_test(rewinding_gives_back_what_came_after_the_mark),
      cmocka_unit_test(sizes_that_overflow_are_refused),
      cmocka_unit_test(limit_is_kept),
      cmocka_unit_test(texts_are_copied_and_formatted),
      cmocka_unit_test(failed_allocation_is_null_once),
      cmocka_unit_test(errors_are_one_clean_sentence),
      cmocka_unit_test(long_errors_end_between_characters),
      cmocka_unit_test(broken_invariants_abort),
      cmocka_unit_test(map_keeps_what_was_put_in),
      cmocka_unit_test(map_without_memory_is_unchanged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
