/* Chance. Promises that a draw is a function of its four names alone: no state, no order, the same 53 bits on every machine, and that
 * ("ab","c") and ("a","bc") are different draws. The stream is SplitMix64 for simulators and vectors; it is no secret. rng_secret is the
 * only door to real randomness. Called by every room on every thread; a struct rng belongs to one thread at a time. */
#include "kit/rng.h"
#include "kit/err.h"
#include "kit/math.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#define XXH_STATIC_LINKING_ONLY /* for the size of its state, which then lies on the stack */
#include <xxhash.h>

#define GOLDEN  UINT64_C(0x9E3779B97F4A7C15)
#define TWO_PI  6.283185307179586476925286766559
#define QUICKLY 512

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static double unit_interval(uint64_t bits) {
  return (double)(bits >> 11) * 0x1p-53;
}

static unsigned char *put_64(unsigned char *at, uint64_t v) {
  for (int i = 0; i < 8; i++) *at++ = (unsigned char)(v >> (8 * i));
  return at;
}

static unsigned char *put_name(unsigned char *at, struct str name) {
  at = put_64(at, name.len);
  if (name.len) memcpy(at, name.at, name.len);
  return at + name.len;
}

static void add_name(XXH3_state_t *state, struct str name) {
  unsigned char length[8];
  put_64(length, name.len);
  must(XXH3_64bits_update(state, length, sizeof length) == XXH_OK);
  if (name.len) must(XXH3_64bits_update(state, name.at, name.len) == XXH_OK);
}

/* The same bytes in the same order for names that do not fit the stack. */
static uint64_t hash_long(struct str salt, struct str user, uint64_t decision, struct str purpose) {
  XXH3_state_t state;
  unsigned char number[8];
  put_64(number, decision);
  must(XXH3_64bits_reset(&state) == XXH_OK);
  add_name(&state, salt);
  add_name(&state, user);
  must(XXH3_64bits_update(&state, number, sizeof number) == XXH_OK);
  add_name(&state, purpose);
  return XXH3_64bits_digest(&state);
}

double rng_draw(struct str salt, struct str user, uint64_t decision, struct str purpose) {
  bool fits = salt.len < QUICKLY && user.len < QUICKLY && purpose.len < QUICKLY && salt.len + user.len + purpose.len <= QUICKLY;
  if (!fits) return rng_mix(hash_long(salt, user, decision, purpose));
  unsigned char bytes[QUICKLY + 32];
  unsigned char *end = put_name(put_64(put_name(put_name(bytes, salt), user), decision), purpose);
  return rng_mix(XXH3_64bits(bytes, (size_t)(end - bytes)));
}

struct rng rng_from(uint64_t seed) {
  return (struct rng){.state = seed};
}

uint64_t rng_next(struct rng *r) {
  r->state += GOLDEN;
  return mix(r->state);
}

double rng_uniform(struct rng *r) {
  return unit_interval(rng_next(r));
}

double rng_normal(struct rng *r) {
  double length = math_sqrt(-2 * math_log(1 - rng_uniform(r))); /* 1-u is never 0 */
  return length * math_cos(TWO_PI * rng_uniform(r));
}

double rng_mix(uint64_t key) {
  return unit_interval(mix(key + GOLDEN));
}

void rng_secret(void *out, size_t n) {
  unsigned char *at = out;
  while (n > 0) {
    ssize_t got = getrandom(at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    must(got > 0); /* without it no key is a secret: better no process */
    at += got;
    n -= (size_t)got;
  }
}
