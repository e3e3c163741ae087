/* rooms: kit */
/* Promise: hashes and draws have the same values on every machine for ever (buckets and propensities are stored), and a draw depends on
 * every one of its names. */
#include "kit/arena.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/json.h"
#include "kit/rng.h"
#include <math.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void hashes_have_their_published_values(void **state) {
  (void)state;
  assert_true(hash_64(STR("")) == UINT64_C(0x2D06800538D394C2)); /* XXH3's own test vector */
  assert_true(hash_64_seed(STR("abc"), 0) == hash_64(STR("abc")) && hash_64_seed(STR("abc"), 1) != hash_64(STR("abc")));
  struct hash_128 h = hash_128_seed(STR(""), 0);
  assert_true(h.low == UINT64_C(0x6001C324468D497F) && h.high == UINT64_C(0x99AA06D3014798D8));
  unsigned char digest[HASH_SHA256];
  char hex[2 * HASH_SHA256 + 1];
  hash_sha256(STR("abc"), digest);
  hash_hex(digest, HASH_SHA256, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  hash_sha256(str_from(NULL), digest);
  hash_hex(digest, HASH_SHA256, hex);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void parts_hash_like_the_whole(void **state) {
  (void)state;
  char text[1000];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)i;
  unsigned char whole[HASH_SHA256];
  hash_sha256((struct str){text, sizeof text}, whole);
  for (size_t cut = 0; cut <= sizeof text; cut += 37) {
    struct hash_sha256_state s;
    unsigned char parts[HASH_SHA256];
    hash_sha256_begin(&s);
    hash_sha256_add(&s, (struct str){text, cut});
    hash_sha256_add(&s, (struct str){text + cut, sizeof text - cut});
    hash_sha256_end(&s, parts);
    assert_memory_equal(parts, whole, HASH_SHA256);
  }
}

/* Whatever the processor does it with: another implementation says the same, of every length and however it comes in pieces. */
static void a_digest_is_the_same_by_any_means(void **state) {
  (void)state;
  static unsigned char text[5000];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)(i * i >> 3);
  for (size_t length = 0; length <= sizeof text; length += length < 300 ? 1 : 47) {
    unsigned char expected[HASH_SHA256], found[HASH_SHA256];
    crypto_hash_sha256(expected, text, length);
    hash_sha256((struct str){(const char *)text, length}, found);
    assert_memory_equal(found, expected, HASH_SHA256);
    struct hash_sha256_state s;
    hash_sha256_begin(&s);
    for (size_t at = 0, piece = 1; at < length; at += piece, piece = piece * 5 % 331) {
      if (piece > length - at) piece = length - at;
      hash_sha256_add(&s, (struct str){(const char *)text + at, piece});
    }
    hash_sha256_end(&s, found);
    assert_memory_equal(found, expected, HASH_SHA256);
  }
}

static void hex_goes_both_ways(void **state) {
  (void)state;
  unsigned char bytes[3];
  assert_true(hash_unhex(STR("00fFa5"), bytes, 3));
  assert_memory_equal(bytes, "\x00\xFF\xA5", 3);
  assert_false(hash_unhex(STR("00ff"), bytes, 3) || hash_unhex(STR("00ffa"), bytes, 3) || hash_unhex(STR("00ffag"), bytes, 3));
  assert_false(hash_unhex(STR("00ffa5 "), bytes, 3) || hash_unhex(STR(" 0ffa5"), bytes, 3));
}

static void stream_is_splitmix64(void **state) {
  (void)state;
  struct arena a = {0};
  struct buf text = {0};
  struct err e = {0};
  if (!file_read(KAIROS_SOURCE_DIR "/tests/vectors/bandit.json", &text, 1 << 20, &e)) fail_msg("%s", e.text);
  struct json j;
  if (!json_parse(&j, &a, buf_view(&text), NULL, &e)) fail_msg("%s", e.text);
  uint32_t vector = json_get(&j, 0, "splitmix64");
  int64_t seed;
  assert_true(json_int(&j, json_get(&j, vector, "seed"), &seed));
  struct rng r = rng_from((uint64_t)seed);
  uint32_t next = json_get(&j, vector, "next");
  uint32_t uniform = json_get(&j, vector, "u01_after");
  uint32_t normal = json_get(&j, vector, "normal_after");
  assert_true(j.tokens[next].count == 4 && j.tokens[uniform].count == 3 && j.tokens[normal].count == 2);
  for (uint32_t i = 0; i < 4; i++) {
    char wanted[32] = {0};
    snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)rng_next(&r));
    assert_true(json_text_is(&j, json_child(&j, next, i), wanted));
  }
  double wanted;
  for (uint32_t i = 0; i < 3; i++) {
    assert_true(json_double(&j, json_child(&j, uniform, i), &wanted));
    assert_true(fabs(rng_uniform(&r) - wanted) < 1e-11);
  }
  for (uint32_t i = 0; i < 2; i++) {
    assert_true(json_double(&j, json_child(&j, normal, i), &wanted));
    assert_true(fabs(rng_normal(&r) - wanted) < 1e-10);
  }
  buf_free(&text);
  arena_free(&a);
}

static void draws_depend_on_every_name(void **state) {
  (void)state;
  double u = rng_draw(STR("salt"), STR("user"), 7, STR("arm"));
  assert_true(u == rng_draw(STR("salt"), STR("user"), 7, STR("arm")));
  assert_true(u != rng_draw(STR("Salt"), STR("user"), 7, STR("arm")));
  assert_true(u != rng_draw(STR("salt"), STR("usex"), 7, STR("arm")));
  assert_true(u != rng_draw(STR("salt"), STR("user"), 8, STR("arm")));
  assert_true(u != rng_draw(STR("salt"), STR("user"), 7, STR("explore")));
  assert_true(rng_draw(STR("ab"), STR("c"), 7, STR("")) != rng_draw(STR("a"), STR("bc"), 7, STR("")));
  assert_true(rng_draw(STR("a"), STR(""), 7, STR("b")) != rng_draw(STR("a"), STR("b"), 7, STR("")));
}

/* Stored propensities stand on these values: if this fails, replay of every journal fails. */
static void draws_are_written_in_stone(void **state) {
  (void)state;
  assert_true(rng_draw(STR("salt"), STR("user"), 7, STR("arm")) == 0x1.d795e002bd24ep-2);
  assert_true(rng_draw(STR(""), str_from(NULL), 0, STR("")) == 0x1.9bc74a58d6916p-1);
  assert_true(rng_mix(42) == 0x1.7bae644c5fd6dp-1);
}

/* A name of 600 bytes goes another way through the code and must end at the hash of the same bytes. */
static void long_names_hash_like_short_ones(void **state) {
  (void)state;
  char name[600];
  memset(name, 'n', sizeof name);
  for (size_t length = 490; length <= sizeof name; length++) {
    struct buf b = {0};
    unsigned char header[8] = {1};
    buf_put(&b, header, 8);
    buf_char(&b, 's');
    header[0] = (unsigned char)length;
    header[1] = (unsigned char)(length >> 8);
    buf_put(&b, header, 8);
    buf_put(&b, name, length);
    buf_put(&b, "\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0p", 17);
    assert_true(rng_draw(STR("s"), (struct str){name, length}, 9, STR("p")) == rng_mix(hash_64(buf_view(&b))));
    buf_free(&b);
  }
}

/* Realised shares of 200 000 draws lie within four standard errors of the nominal ones, over users and over decisions. */
static void draws_are_uniform(void **state) {
  (void)state;
  const int n = 200000;
  const double shares[] = {0.05, 0.2, 0.5, 0.8};
  for (size_t s = 0; s < 4; s++) {
    int over_users = 0;
    int over_decisions = 0;
    for (int i = 0; i < n; i++) {
      char user[16];
      int length = snprintf(user, sizeof user, "u%d", i);
      over_users += rng_draw(STR("s"), (struct str){user, (size_t)length}, 1, STR("arm")) < shares[s];
      over_decisions += rng_draw(STR("s"), STR("u"), (uint64_t)i, STR("arm")) < shares[s];
    }
    double most = 4 * sqrt(shares[s] * (1 - shares[s]) * n);
    assert_true(fabs(over_users - shares[s] * n) < most);
    assert_true(fabs(over_decisions - shares[s] * n) < most);
  }
}

static void normals_are_normal(void **state) {
  (void)state;
  struct rng r = rng_from(77);
  double sum = 0;
  double squares = 0;
  const int n = 200000;
  for (int i = 0; i < n; i++) {
    double v = rng_normal(&r);
    sum += v;
    squares += v * v;
  }
  assert_true(fabs(sum / n) < 0.01 && fabs(squares / n - 1) < 0.02);
}

static void secrets_differ(void **state) {
  (void)state;
  unsigned char a[32] = {0};
  unsigned char b[32] = {0};
  rng_secret(a, sizeof a);
  rng_secret(b, sizeof b);
  assert_memory_not_equal(a, b, sizeof a);
  rng_secret(a, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hashes_have_their_published_values),
      cmocka_unit_test(parts_hash_like_the_whole),
      cmocka_unit_test(a_digest_is_the_same_by_any_means),
      cmocka_unit_test(hex_goes_both_ways),
      cmocka_unit_test(stream_is_splitmix64),
      cmocka_unit_test(draws_depend_on_every_name),
      cmocka_unit_test(draws_are_written_in_stone),
      cmocka_unit_test(long_names_hash_like_short_ones),
      cmocka_unit_test(draws_are_uniform),
      cmocka_unit_test(normals_are_normal),
      cmocka_unit_test(secrets_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
