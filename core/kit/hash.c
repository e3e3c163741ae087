/* Hashes: thin, fixed choices over xxHash and libsodium. Promises the same value on every machine and in every version of Kairos: buckets
 * and names of content are stored. XXH3 is no secret and no signature; SHA-256 names content. Called by every room on every thread. */
#include "kit/hash.h"
#include "hash_wide.h"
#include "kit/err.h"
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

#define BLOCK 64 /* bytes that SHA-256 takes at once */

uint64_t hash_64(struct str s) {
  return XXH3_64bits(s.at, s.len);
}

uint64_t hash_64_seed(struct str s, uint64_t seed) {
  return XXH3_64bits_withSeed(s.at, s.len, seed);
}

struct hash_128 hash_128_seed(struct str s, uint64_t seed) {
  XXH128_hash_t h = XXH3_128bits_withSeed(s.at, s.len, seed);
  return (struct hash_128){.low = h.low64, .high = h.high64};
}

static const unsigned char *bytes_of(struct str s) {
  return s.at ? (const unsigned char *)s.at : (const unsigned char *)"";
}

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct hash_sha256_state), "the opaque state must hold libsodium's");
_Static_assert(HASH_SHA256 == crypto_hash_sha256_BYTES, "SHA-256 has 32 bytes");

static crypto_hash_sha256_state *inside(struct hash_sha256_state *s) {
  return (crypto_hash_sha256_state *)(void *)s->opaque;
}

void hash_sha256_begin(struct hash_sha256_state *s) {
  crypto_hash_sha256_init(inside(s));
}

static bool is_wide(void) {
  static _Atomic int answer; /* 0: nobody has asked; 1: no; 2: yes */
  int known = atomic_load_explicit(&answer, memory_order_relaxed);
  if (!known) atomic_store_explicit(&answer, known = 1 + sha256_wide_can(), memory_order_relaxed);
  return known == 2;
}

/* libsodium keeps what is no whole block yet, and ends the hash; the blocks between are counted as it counts them, in bits. */
void hash_sha256_add(struct hash_sha256_state *s, struct str part) {
  crypto_hash_sha256_state *state = inside(s);
  const unsigned char *bytes = bytes_of(part);
  size_t length = part.len, begun = (size_t)(state->count / 8 % BLOCK), first = begun ? BLOCK - begun : 0;
  if (length >= first + BLOCK && is_wide()) {
    if (first) crypto_hash_sha256_update(state, bytes, first);
    const size_t blocks = (length - first) / BLOCK;
    sha256_wide_blocks(state->state, bytes + first, blocks);
    state->count += (uint64_t)blocks * BLOCK * 8;
    bytes += first + blocks * BLOCK;
    length -= first + blocks * BLOCK;
  }
  crypto_hash_sha256_update(state, bytes, length);
}

void hash_sha256_end(struct hash_sha256_state *s, unsigned char out[HASH_SHA256]) {
  crypto_hash_sha256_final(inside(s), out);
}

void hash_sha256(struct str s, unsigned char out[HASH_SHA256]) {
  struct hash_sha256_state all;
  hash_sha256_begin(&all);
  hash_sha256_add(&all, s);
  hash_sha256_end(&all, out);
}

void hash_hex(const unsigned char *bytes, size_t n, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[2 * n] = '\0';
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool hash_unhex(struct str hex, unsigned char *out, size_t n) {
  if (hex.len != 2 * n) return false;
  for (size_t i = 0; i < n; i++) {
    int high = hex_digit(hex.at[2 * i]);
    int low = hex_digit(hex.at[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (unsigned char)(high << 4 | low);
  }
  return true;
}
