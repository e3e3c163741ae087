/* rooms: kit book; inside: book; libraries: sodium */
/* Sealed pieces are XChaCha20-Poly1305 as libsodium knows it, whether or not the key that a nonce's prefix makes is remembered; what was
 * remembered of one prefix opens nothing of another, and a piece opens in its place only. */
#include "book_fixture.h"
#include "seal.h"
#include <sodium.h>

static const struct seal_place place = {.what = 'j', .kind = 1, .count = 7, .digest = {1, 2}};

static void a_remembered_key_seals_and_opens_the_same(void **state) {
  (void)state;
  struct sealer one, two;
  struct seal_cache cache = {0};
  const unsigned char key[SEAL_KEY] = "a key of thirty-two bytes.......";
  sealer_init(&one);
  sealer_init(&two);
  for (int i = 0; i < 40; i++) { /* two sealers in turns: each piece drives out what was remembered */
    char text[600];
    const size_t length = (size_t)(i * 15);
    memset(text, 'a' + i % 26, sizeof text);
    struct buf with = {0}, without = {0};
    struct sealer *s = i % 3 ? &one : &two;
    assert_true(seal(s, key, i % 2 ? &cache : NULL, &place, (struct str){text, length}, &with));
    assert_int_equal(with.len, SEAL_NONCE + length + SEAL_TAG);
    assert_true(unseal(key, i % 4 < 2 ? &cache : NULL, &place, buf_view(&with), &without));
    assert_true(str_eq(buf_view(&without), (struct str){text, length}));
    assert_true(unseal(key, i % 4 < 2 ? NULL : &cache, &place, buf_view(&with), &without) && without.len == 2 * length);
    struct seal_place other = place;
    other.count++;
    assert_false(unseal(key, &cache, &other, buf_view(&with), &without));
    with.at[with.len - 1] ^= 1;
    assert_false(unseal(key, &cache, &place, buf_view(&with), &without));
    buf_free(&with);
    buf_free(&without);
  }
}

static void pieces_are_what_libsodium_calls_them(void **state) {
  (void)state;
  const unsigned char key[SEAL_KEY] = "a key of thirty-two bytes.......";
  unsigned char bound[26] = {'j', 1};
  const uint64_t numbers[3] = {1, 2, 7}; /* digest, count */
  memcpy(bound + 2, numbers, sizeof numbers);
  struct sealer s;
  struct buf piece = {0};
  unsigned char plain[64];
  unsigned long long length = 0;
  sealer_init(&s);
  assert_true(seal(&s, key, NULL, &place, STR("what is sealed"), &piece));
  const unsigned char *at = (const unsigned char *)piece.at;
  assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &length, NULL, at + SEAL_NONCE, piece.len - SEAL_NONCE, bound,
                                                              sizeof bound, at, key),
                   0);
  assert_true(str_is((struct str){(const char *)plain, (size_t)length}, "what is sealed"));
  buf_free(&piece);
}

/* A nonce that comes twice under one key tells what two pieces differ in, and lets anybody forge a third. */
static void no_nonce_comes_twice(void **state) {
  (void)state;
  const unsigned char key[SEAL_KEY] = "a key of thirty-two bytes.......";
  struct sealer s, again;
  struct seal_cache cache = {0};
  struct buf pieces = {0};
  sealer_init(&s);
  sealer_init(&again);
  assert_memory_not_equal(s.prefix, again.prefix, sizeof s.prefix); /* of the next start, or of the volume beside */
  for (int i = 0; i < 300; i++) assert_true(seal(&s, key, i % 2 ? &cache : NULL, &place, STR("same"), &pieces));
  const size_t each = SEAL_NONCE + 4 + SEAL_TAG;
  for (size_t i = 0; i < 300; i++)
    for (size_t k = 0; k < i; k++) assert_memory_not_equal(pieces.at + i * each, pieces.at + k * each, SEAL_NONCE);
  buf_free(&pieces);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_remembered_key_seals_and_opens_the_same),
                                     cmocka_unit_test(pieces_are_what_libsodium_calls_them), cmocka_unit_test(no_nonce_comes_twice)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
