/* Sealing bodies: XChaCha20-Poly1305 from libsodium, nonces from a random prefix and a counter so that no system call is paid an event.
 * Promises that a piece opens only under the key and for the place it was sealed for. Keys are the callers': it wipes what it makes of them
 * for one piece only, and what a cache keeps of one is wiped with its owner. Called by this room on any thread, each sealer from one. */
#include "seal.h"
#include "book/user.h"
#include "kit/rng.h"
#include <sodium.h>
#include <string.h>

#define PLACE_BYTES 26

void sealer_init(struct sealer *s) {
  rng_secret(s->prefix, sizeof s->prefix);
  s->counter = 0;
}

static void place_bytes(const struct seal_place *place, unsigned char out[PLACE_BYTES]) {
  out[0] = (unsigned char)place->what;
  out[1] = place->kind;
  memcpy(out + 2, &place->digest.low, 8);
  memcpy(out + 10, &place->digest.high, 8);
  memcpy(out + 18, &place->count, 8);
}

/* XChaCha20-Poly1305 is ChaCha20-Poly1305 under a key made of the first 16 bytes of the nonce, with the last 8 as its nonce. Those 16 are a
 * sealer's prefix, so that key is the same for as long as the sealer lives, and making it anew is a quarter of what a small piece costs. */
static void inner_of(const unsigned char key[SEAL_KEY], const unsigned char nonce[SEAL_NONCE], struct seal_cache *cache,
                     unsigned char inner_nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES]) {
  memset(inner_nonce, 0, 4);
  memcpy(inner_nonce + 4, nonce + sizeof cache->prefix, 8);
  if (cache->known && memcmp(cache->prefix, nonce, sizeof cache->prefix) == 0) return;
  memcpy(cache->prefix, nonce, sizeof cache->prefix);
  crypto_core_hchacha20(cache->key, nonce, key, NULL);
  cache->known = true;
}

bool seal(struct sealer *s, const unsigned char key[SEAL_KEY], struct seal_cache *cache, const struct seal_place *place, struct str plain,
          struct buf *out) {
  unsigned char bound[PLACE_BYTES], inner[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];
  struct seal_cache once = {0};
  place_bytes(place, bound);
  buf_reserve(out, SEAL_NONCE + plain.len + SEAL_TAG);
  if (out->failed) return false;
  unsigned char *at = (unsigned char *)out->at + out->len;
  memcpy(at, s->prefix, sizeof s->prefix);
  memcpy(at + sizeof s->prefix, &s->counter, sizeof s->counter);
  s->counter++;
  unsigned long long written = 0;
  inner_of(key, at, cache ? cache : &once, inner);
  crypto_aead_chacha20poly1305_ietf_encrypt(at + SEAL_NONCE, &written, (const unsigned char *)plain.at, plain.len, bound, sizeof bound,
                                            NULL, inner, cache ? cache->key : once.key);
  sodium_memzero(&once, sizeof once);
  out->len += SEAL_NONCE + (size_t)written;
  return true;
}

bool unseal(const unsigned char key[SEAL_KEY], struct seal_cache *cache, const struct seal_place *place, struct str sealed,
            struct buf *out) {
  if (sealed.len < SEAL_NONCE + SEAL_TAG) return false;
  unsigned char bound[PLACE_BYTES], inner[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];
  struct seal_cache once = {0};
  place_bytes(place, bound);
  buf_reserve(out, sealed.len - SEAL_NONCE - SEAL_TAG + 1);
  if (out->failed) return false;
  const unsigned char *nonce = (const unsigned char *)sealed.at;
  unsigned long long written = 0;
  inner_of(key, nonce, cache ? cache : &once, inner);
  const bool good =
      crypto_aead_chacha20poly1305_ietf_decrypt((unsigned char *)out->at + out->len, &written, NULL, nonce + SEAL_NONCE,
                                                sealed.len - SEAL_NONCE, bound, sizeof bound, inner, cache ? cache->key : once.key) == 0;
  sodium_memzero(&once, sizeof once);
  if (good) out->len += (size_t)written;
  return good;
}

void seal_derive(const unsigned char key[SEAL_KEY], const char *purpose, unsigned char out[SEAL_KEY]) {
  crypto_generichash(out, SEAL_KEY, (const unsigned char *)purpose, strlen(purpose), key, SEAL_KEY);
}

void seal_join(const unsigned char key[SEAL_KEY], const unsigned char other[SEAL_KEY], unsigned char out[SEAL_KEY]) {
  crypto_generichash(out, SEAL_KEY, other, SEAL_KEY, key, SEAL_KEY);
}

struct hash_128 seal_digest(const unsigned char secret[SEAL_KEY], struct str text) {
  struct hash_128 digest;
  crypto_generichash((unsigned char *)&digest, sizeof digest, (const unsigned char *)text.at, text.len, secret, SEAL_KEY);
  return digest;
}

uint64_t seal_short_digest(const unsigned char secret[SEAL_KEY], struct str text) {
  uint64_t digest;
  _Static_assert(crypto_shorthash_KEYBYTES <= SEAL_KEY && crypto_shorthash_BYTES == sizeof digest, "SipHash-2-4 as it is");
  crypto_shorthash((unsigned char *)&digest, (const unsigned char *)text.at, text.len, secret);
  return digest;
}
