/* Chance: the only source of it. Decisions draw counter-based uniforms, a pure function of who, what and why, so that one decision can be
 * replayed without any history. Simulators use the SplitMix64 stream (METHODS 0.1). Secrets come from the operating system. */
#pragma once
#include "kit/str.h"
#include <stddef.h>
#include <stdint.h>

/* Uniform in [0,1) with 53 bits from XXH3-64 over (salt, user, decision, purpose) with lengths, finished by SplitMix64's mixer. [any] */
double rng_draw(struct str salt, struct str user, uint64_t decision, struct str purpose);

struct rng {
  uint64_t state;
};
struct rng rng_from(uint64_t seed);
uint64_t rng_next(struct rng *r);
double rng_uniform(struct rng *r); /* (next >> 11) * 2^-53 */
double rng_normal(struct rng *r);  /* Box–Muller, two uniforms a value, no caching */
double rng_mix(uint64_t key);      /* one uniform straight from a 64-bit key */

void rng_secret(void *out, size_t n); /* unpredictable bytes: keys, salts, nonce prefixes */
