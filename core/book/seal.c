/* Sealing bodies: XChaCha20-Poly1305 from libsodium, nonces from a random prefix and a counter so that no system call is paid an event.
 * Promises that a piece opens only under the key and for the place it was sealed for. Holds no key and zeroes none: the callers own them.
 * Called by this room on any thread, each sealer from one. */
#include "seal.h"
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

bool seal(struct sealer *s, const unsigned char key[SEAL_KEY], const struct seal_place *place, struct str plain, struct buf *out) {
  unsigned char bound[PLACE_BYTES];
  place_bytes(place, bound);
  buf_reserve(out, SEAL_NONCE + plain.len + SEAL_TAG);
  if (out->failed) return false;
  unsigned char *at = (unsigned char *)out->at + out->len;
  memcpy(at, s->prefix, sizeof s->prefix);
  memcpy(at + sizeof s->prefix, &s->counter, sizeof s->counter);
  s->counter++;
  unsigned long long written = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(at + SEAL_NONCE, &written, (const unsigned char *)plain.at, plain.len, bound, sizeof bound,
                                             NULL, at, key);
  out->len += SEAL_NONCE + (size_t)written;
  return true;
}

bool unseal(const unsigned char key[SEAL_KEY], const struct seal_place *place, struct str sealed, struct buf *out) {
  if (sealed.len < SEAL_NONCE + SEAL_TAG) return false;
  unsigned char bound[PLACE_BYTES];
  place_bytes(place, bound);
  buf_reserve(out, sealed.len - SEAL_NONCE - SEAL_TAG + 1);
  if (out->failed) return false;
  const unsigned char *nonce = (const unsigned char *)sealed.at;
  unsigned long long written = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)out->at + out->len, &written, NULL, nonce + SEAL_NONCE,
                                                 sealed.len - SEAL_NONCE, bound, sizeof bound, nonce, key) != 0)
    return false;
  out->len += (size_t)written;
  return true;
}

void seal_derive(const unsigned char key[SEAL_KEY], const char *purpose, unsigned char out[SEAL_KEY]) {
  crypto_generichash(out, SEAL_KEY, (const unsigned char *)purpose, strlen(purpose), key, SEAL_KEY);
}

struct hash_128 seal_digest(const unsigned char secret[SEAL_KEY], struct str text) {
  struct hash_128 digest;
  crypto_generichash((unsigned char *)&digest, sizeof digest, (const unsigned char *)text.at, text.len, secret, SEAL_KEY);
  return digest;
}
