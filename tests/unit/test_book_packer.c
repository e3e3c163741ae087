/* rooms: kit book; inside: book; libraries: lib_zstd lib_lz4 */
/* Packing: there and back for texts of every size, what earlier engines packed with zstd, and bytes that nobody packed. */
#include "kit/arena.h"
#include "kit/rng.h"
#include "packer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct dictionary dictionary;
static struct packer packer;
static struct buf trained;

static int setup(void **state) {
  struct err e = {0};
  (void)state;
  assert_true(dictionary_train(&trained, &e));
  assert_true(dictionary_load(&dictionary, buf_view(&trained), &e));
  assert_true(packer_init(&packer, &dictionary, &e));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  packer_free(&packer);
  dictionary_free(&dictionary);
  buf_free(&trained);
  return 0;
}

static void add_event(struct buf *text, unsigned i) {
  char line[400];
  snprintf(line, sizeof line,
           "{\"id\":\"e-%u\",\"userId\":\"user-%u\",\"eventType\":\"workout_completed\",\"timestamp\":\"2026-03-0%uT10:00:00Z\",\"data\":"
           "{\"workoutType\":\"yoga\",\"duration\":%u,\"completionRate\":0.%u,\"location\":\"home\"}}\n",
           i, i * 7919 % 10007, 1 + i % 9, 300 + i % 5000, i % 100);
  buf_text(text, line);
}

static void assert_there_and_back(struct str plain) {
  struct buf packed = {0}, again = {0};
  assert_true(packer_pack(&packer, plain, &packed));
  assert_true(packer_unpack(&packer, buf_view(&packed), &again));
  assert_int_equal(again.len, plain.len);
  if (plain.len) assert_memory_equal(again.at, plain.at, plain.len);
  buf_free(&packed);
  buf_free(&again);
}

static void any_text_comes_back(void **state) {
  struct buf text = {0};
  (void)state;
  assert_there_and_back((struct str){0});
  for (unsigned i = 0; i < 600; i++) add_event(&text, i);
  for (size_t length = 1; length < text.len; length += 1 + length / 3) assert_there_and_back((struct str){text.at, length});
  assert_there_and_back(buf_view(&text));
  unsigned char noise[5000]; /* nothing in it repeats: it grows a little */
  rng_secret(noise, sizeof noise);
  assert_there_and_back((struct str){(const char *)noise, sizeof noise});
  buf_free(&text);
}

static void an_event_takes_a_third(void **state) {
  struct buf text = {0}, packed = {0};
  (void)state;
  for (unsigned i = 0; i < 200; i++) {
    const size_t from = text.len;
    add_event(&text, i);
    assert_true(packer_pack(&packer, (struct str){text.at + from, text.len - from}, &packed));
  }
  assert_true(packed.len * 2 < text.len); /* each by itself, so it is the dictionary that does it */
  buf_free(&text);
  buf_free(&packed);
}

static void what_zstd_packed_is_read(void **state) {
  struct buf text = {0}, packed = {0}, again = {0};
  (void)state;
  add_event(&text, 5);
  ZSTD_CCtx *context = ZSTD_createCCtx();
  ZSTD_CDict *with = ZSTD_createCDict(trained.at, trained.len, -2);
  assert_non_null(context);
  assert_non_null(with);
  assert_false(ZSTD_isError(ZSTD_CCtx_refCDict(context, with)));
  assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0))); /* as those engines wrote it */
  buf_reserve(&packed, ZSTD_compressBound(text.len));
  packed.len = ZSTD_compress2(context, packed.at, ZSTD_compressBound(text.len), text.at, text.len);
  assert_false(ZSTD_isError(packed.len));
  assert_true(packer_unpack(&packer, buf_view(&packed), &again));
  assert_true(str_eq(buf_view(&text), buf_view(&again)));
  for (size_t length = 0; length < packed.len; length++) {
    buf_clear(&again);
    assert_false(packer_unpack(&packer, (struct str){packed.at, length}, &again));
    assert_int_equal(again.len, 0);
  }
  ZSTD_freeCCtx(context);
  ZSTD_freeCDict(with);
  buf_free(&text);
  buf_free(&packed);
  buf_free(&again);
}

static void damaged_bytes_are_refused(void **state) {
  struct buf text = {0}, packed = {0}, again = {0};
  (void)state;
  for (unsigned i = 0; i < 3; i++) add_event(&text, i);
  assert_true(packer_pack(&packer, buf_view(&text), &packed));
  for (size_t length = 0; length < packed.len; length++) { /* in memory of just that length, so that a byte more would be noticed */
    char *cut = kit_alloc(length + 1);
    assert_non_null(cut);
    memcpy(cut, packed.at, length);
    buf_clear(&again);
    assert_false(packer_unpack(&packer, (struct str){cut, length}, &again));
    assert_int_equal(again.len, 0);
    kit_free(cut);
  }
  for (size_t i = 0; i < packed.len; i++) { /* whatever comes of it is no longer than what was said */
    packed.at[i] ^= 0x55;
    buf_clear(&again);
    if (packer_unpack(&packer, buf_view(&packed), &again)) assert_true(again.len <= PACKED_MOST);
    packed.at[i] ^= 0x55;
  }
  buf_clear(&packed);
  buf_char(&packed, 'L');
  pack_u64(&packed, PACKED_MOST + 1);
  buf_char(&packed, '\0');
  buf_clear(&again);
  assert_false(packer_unpack(&packer, buf_view(&packed), &again));
  buf_free(&text);
  buf_free(&packed);
  buf_free(&again);
}

static void too_much_is_not_packed(void **state) {
  struct buf packed = {0};
  (void)state;
  char *zeros = kit_alloc(PACKED_MOST + 1);
  assert_non_null(zeros);
  memset(zeros, 0, PACKED_MOST + 1);
  assert_false(packer_pack(&packer, (struct str){zeros, PACKED_MOST + 1}, &packed));
  assert_int_equal(packed.len, 0);
  assert_there_and_back((struct str){zeros, PACKED_MOST});
  kit_free(zeros);
  buf_free(&packed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_text_comes_back),       cmocka_unit_test(an_event_takes_a_third), cmocka_unit_test(what_zstd_packed_is_read),
      cmocka_unit_test(damaged_bytes_are_refused), cmocka_unit_test(too_much_is_not_packed),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
