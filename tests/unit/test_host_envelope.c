/* rooms: host kit; inside: host */
/* Promise: nothing of a model's state reaches a plugin before the envelope is known whole, unchanged and meant for it. */
#include "envelope.h"
#include "kit/hash.h"
#include "kit/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct buf good;

static struct envelope sample(void) {
  return (struct envelope){.plugin = STR("svr"),
                           .version = STR("1.0.0"),
                           .metrics = STR("{\"auc\":0.81}"),
                           .state_version = 1,
                           .fields = STR("fields, packed"),
                           .body = STR("the body\0 with a NUL")};
}

static int make_good(void **state) {
  (void)state;
  const struct envelope x = sample();
  return envelope_write(&x, &good) ? 0 : -1;
}

static int drop_good(void **state) {
  (void)state;
  buf_free(&good);
  return 0;
}

static void refused(struct str bytes, const char *words) {
  struct envelope x;
  struct err e = {0};
  char *exact = malloc(bytes.len ? bytes.len : 1);
  assert_non_null(exact);
  if (bytes.len) memcpy(exact, bytes.at, bytes.len);
  assert_false(envelope_read((struct str){exact, bytes.len}, &x, &e));
  if (!strstr(e.text, words)) fail_msg("expected '%s', got '%s'", words, e.text);
  free(exact);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  struct envelope x;
  struct err e = {0};
  const struct envelope wrote = sample();
  unsigned char schema[32];
  assert_true(envelope_read(buf_view(&good), &x, &e));
  assert_true(str_eq(x.plugin, wrote.plugin) && str_eq(x.version, wrote.version) && str_eq(x.metrics, wrote.metrics));
  assert_true(str_eq(x.fields, wrote.fields) && str_eq(x.body, wrote.body) && x.state_version == 1);
  hash_sha256(wrote.fields, schema);
  assert_memory_equal(x.schema, schema, 32);
}

static void every_prefix_and_suffix_is_refused(void **state) {
  (void)state;
  for (size_t length = 0; length < good.len; length++) refused((struct str){good.at, length}, "model state:");
  refused((struct str){good.at, 4}, "expected a file of `kairos train`");
  refused((struct str){good.at, 20}, "cut off after 20 bytes");
  refused((struct str){good.at, good.len - 1}, "do not have the SHA-256");
  struct buf longer = {0};
  buf_str(&longer, buf_view(&good));
  buf_char(&longer, 0);
  refused(buf_view(&longer), "do not have the SHA-256");
  buf_free(&longer);
}

static void every_changed_bit_is_refused(void **state) {
  (void)state;
  for (size_t bit = 0; bit < good.len * 8; bit++) {
    good.at[bit / 8] = (char)(good.at[bit / 8] ^ (1 << (bit % 8)));
    refused(buf_view(&good), "model state:");
    good.at[bit / 8] = (char)(good.at[bit / 8] ^ (1 << (bit % 8)));
  }
}

static void random_megabytes_are_refused(void **state) {
  (void)state;
  struct rng chance = rng_from(11);
  const size_t size = (size_t)1 << 20;
  char *bytes = malloc(size);
  assert_non_null(bytes);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < size; i += 8) {
      const uint64_t word = rng_next(&chance);
      memcpy(bytes + i, &word, 8);
    }
    refused((struct str){bytes, size}, "expected a file of `kairos train`");
    if (round == 1) memcpy(bytes, good.at, 8);
    if (round == 1) refused((struct str){bytes, size}, "do not have the SHA-256");
  }
  free(bytes);
}

/* A checksum says who wrote it, not that it makes sense: these are sealed correctly. */
static void seal(struct buf *out, struct str inside) {
  unsigned char digest[32];
  hash_sha256(inside, digest);
  buf_put(out, good.at, 8);
  buf_put(out, digest, 32);
  buf_str(out, inside);
}

static void sealed_nonsense_is_refused(void **state) {
  (void)state;
  struct envelope x = sample();
  struct buf out = {0};
  x.metrics = STR("[]");
  assert_true(envelope_write(&x, &out));
  refused(buf_view(&out), "its metrics: expected a JSON object");
  buf_clear(&out);
  x.metrics = STR("{\"a\":}");
  assert_true(envelope_write(&x, &out));
  refused(buf_view(&out), "its metrics");
  buf_clear(&out);
  x = sample();
  x.plugin = STR("");
  assert_true(envelope_write(&x, &out));
  refused(buf_view(&out), "expected a plugin's id");
  buf_clear(&out);
  seal(&out, STR("\x7f"
                 "abc"));
  refused(buf_view(&out), "do not add up");
  buf_clear(&out);
  struct buf inside = {0}; /* the same parts, one length in two bytes where one is enough */
  buf_put(&inside, "\x83\x00svr", 5);
  buf_put(&inside, good.at + 44, good.len - 44);
  seal(&out, buf_view(&inside));
  refused(buf_view(&out), "do not add up");
  buf_free(&inside);
  out.at[7] = 2;
  refused(buf_view(&out), "its format is 2");
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),      cmocka_unit_test(every_prefix_and_suffix_is_refused),
      cmocka_unit_test(every_changed_bit_is_refused), cmocka_unit_test(random_megabytes_are_refused),
      cmocka_unit_test(sealed_nonsense_is_refused),
  };
  return cmocka_run_group_tests(tests, make_good, drop_good);
}
