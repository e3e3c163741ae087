/* Hashes: XXH3 for buckets and tables, SHA-256 for names of content, keyed BLAKE2b where a hash must not be guessed from outside. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t hash_64(struct str s); /* XXH3-64, seed 0: the same on every machine */
uint64_t hash_64_seed(struct str s, uint64_t seed);
struct hash_128 {
  uint64_t low, high;
};
struct hash_128 hash_128_seed(struct str s, uint64_t seed); /* XXH3-128 */
#define HASH_SHA256 32
void hash_sha256(struct str s, unsigned char out[HASH_SHA256]);
struct hash_sha256_state {
  _Alignas(16) unsigned char opaque[128];
};
void hash_sha256_begin(struct hash_sha256_state *s);
void hash_sha256_add(struct hash_sha256_state *s, struct str part);
void hash_sha256_end(struct hash_sha256_state *s, unsigned char out[HASH_SHA256]);
void hash_hex(const unsigned char *bytes, size_t n, char *out); /* 2 n characters and a NUL */
bool hash_unhex(struct str hex, unsigned char *out, size_t n);  /* exactly 2 n hex digits */
