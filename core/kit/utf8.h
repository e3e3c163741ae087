/* UTF-8, private to kit: one strict step, shared by str_utf8 and the JSON tokenizer so that both refuse the same bytes. */
#pragma once
#include <stddef.h>

/* Length of the well-formed sequence at `at` (1–4), or 0: overlong forms, surrogates, above 10FFFF, cut off at `end`. [any] */
static inline size_t utf8_step(const unsigned char *at, const unsigned char *end) {
  unsigned char lead = at[0];
  size_t left = (size_t)(end - at);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0; /* a stray continuation byte, or an overlong form of ASCII */
  if (left < 2 || (at[1] & 0xC0) != 0x80) return 0;
  if (lead < 0xE0) return 2;
  if (left < 3 || (at[2] & 0xC0) != 0x80) return 0;
  if (lead < 0xF0) return (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F) ? 0 : 3;
  if (left < 4 || (at[3] & 0xC0) != 0x80) return 0;
  return lead > 0xF4 || (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F) ? 0 : 4;
}
