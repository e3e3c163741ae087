/* Decimal numbers, private to kit: JSON's number grammar taken apart once, read as double or integer, and written back in the shortest
 * form. No locale has a say in any of it. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool number_digit(char c) {
  return c >= '0' && c <= '9';
}

static inline const char *number_digits(const char *at, const char *end) {
  while (at < end && number_digit(*at)) at++;
  return at;
}

/* Where the number that starts at `at` ends by JSON's grammar, or NULL when there is none. [any] */
static inline const char *number_end(const char *at, const char *end) {
  if (at < end && *at == '-') at++;
  if (at == end || !number_digit(*at)) return NULL;
  at = *at == '0' ? at + 1 : number_digits(at, end);
  if (at < end && *at == '.') {
    const char *fraction = at + 1;
    at = number_digits(fraction, end);
    if (at == fraction) return NULL;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    if (at < end && (*at == '+' || *at == '-')) at++;
    const char *exponent = at;
    at = number_digits(exponent, end);
    if (at == exponent) return NULL;
  }
  return at;
}

/* `text` must be exactly one number by the grammar. False when the value overflows to infinity. [any] */
bool number_double(struct str text, double *out);
/* False unless the value is an integer that fits: 1e3, 1.0 and 10e-1 are integers. [any] */
bool number_int(struct str text, int64_t *out);
