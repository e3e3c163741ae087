/* hash_wide: SHA-256 with the processor's own instructions, five times as fast as in plain C. Promises the same digests: FIPS 180-4 is
 * exact, so where it runs does not show. Says itself whether this processor can. Called by hash.c only. [any] */
#include "hash_wide.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WIDE __attribute__((target("sha,sse4.1,ssse3")))

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

bool sha256_wide_can(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* The sixteen words of a block are four vectors; each turn uses the oldest and makes the one that takes its place. */
WIDE static void one_block(__m128i *abef, __m128i *cdgh, const unsigned char *block) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i before_abef = *abef, before_cdgh = *cdgh;
  __m128i w[4];
  for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), swap);
  for (int turn = 0; turn < 16; turn++) {
    const __m128i oldest = w[turn % 4];
    const __m128i sum = _mm_add_epi32(oldest, _mm_load_si128((const __m128i *)(const void *)(constants + 4 * turn)));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0e));
    if (turn >= 12) continue;
    const __m128i next = w[(turn + 1) % 4], third = w[(turn + 2) % 4], last = w[(turn + 3) % 4];
    const __m128i mixed = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, next), _mm_alignr_epi8(last, third, 4));
    w[turn % 4] = _mm_sha256msg2_epu32(mixed, last);
  }
  *abef = _mm_add_epi32(*abef, before_abef);
  *cdgh = _mm_add_epi32(*cdgh, before_cdgh);
}

/* The instructions want the state's words as a, b, e, f and c, d, g, h, the first of them highest. */
WIDE void sha256_wide_blocks(uint32_t state[8], const unsigned char *blocks, size_t count) {
  __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state), hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
  const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (size_t i = 0; i < count; i++) one_block(&abef, &cdgh, blocks + 64 * i);
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  dcba = _mm_blend_epi16(feba, dchg, 0xf0);
  hgfe = _mm_alignr_epi8(dchg, feba, 8);
  _mm_storeu_si128((__m128i *)(void *)state, dcba);
  _mm_storeu_si128((__m128i *)(void *)(state + 4), hgfe);
}

#else

bool sha256_wide_can(void) {
  return false;
}

void sha256_wide_blocks(uint32_t state[8], const unsigned char *blocks, size_t count) {
  (void)state, (void)blocks, (void)count;
}

#endif
