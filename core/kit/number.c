/* Decimal numbers: between text by JSON's grammar and doubles or integers. Promises that reading rounds correctly however many digits
 * there are, that writing gives the fewest digits that read back as the same double, laid out as ECMAScript does (fixed between 1e-6 and
 * 1e21), and that the process's locale changes nothing. Does not read hexadecimal, "inf" or "nan", and does not allocate. Called by str
 * and json on every thread. */
#include "number.h"
#include "kit/err.h"
#include "kit/json.h"
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double is decided by at most 767 digits; what comes after can only break a tie, and one more non-zero digit says so. */
#define DIGITS_MOST  780
#define EXPONENT_FAR 100000 /* beyond it nothing but "zero" or "too large" is left to know */

/* The value is 0.d1d2d3… × 10^point, without leading or trailing zeros; count 0 is zero. */
struct decimal {
  bool minus;
  bool more; /* non-zero digits beyond `digits` were cut */
  int count;
  int64_t point;
  char digits[DIGITS_MOST + 1];
};

static int64_t read_exponent(const char *at, const char *end) {
  bool minus = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) at++;
  int64_t value = 0;
  for (; at < end; at++) {
    if (value < INT64_C(1000000000000)) value = value * 10 + (*at - '0');
  }
  return minus ? -value : value;
}

static void decimal_read(struct decimal *d, struct str text) {
  const char *at = text.at;
  const char *end = at + text.len;
  d->minus = *at == '-';
  d->more = false;
  d->count = 0;
  d->point = 0;
  if (d->minus) at++;
  bool fraction = false;
  for (; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    if (d->count == 0 && *at == '0') { /* a leading zero */
      if (fraction) d->point--;
      continue;
    }
    if (!fraction) d->point++;
    if (d->count < DIGITS_MOST) {
      d->digits[d->count++] = *at;
    } else if (*at != '0') {
      d->more = true;
    }
  }
  while (d->count > 0 && d->digits[d->count - 1] == '0' && !d->more) d->count--;
  if (at < end) d->point += read_exponent(at + 1, end);
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void c_locale_make(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  must(c_locale);
}

static double text_to_double(const char *text) {
  pthread_once(&c_locale_once, c_locale_make);
  return strtod_l(text, NULL, c_locale);
}

/* The general path: an exact copy in scientific form, bounded, for the C library's correctly rounding reader. */
static double decimal_to_double(const struct decimal *d) {
  if (d->count == 0) return d->minus ? -0.0 : 0.0;
  int64_t point = d->point;
  if (point > EXPONENT_FAR) point = EXPONENT_FAR;
  if (point < -EXPONENT_FAR) point = -EXPONENT_FAR;
  char text[DIGITS_MOST + 40];
  int length = snprintf(text, sizeof text, "%s%.*s%se%lld", d->minus ? "-" : "", d->count, d->digits, d->more ? "1" : "",
                        (long long)(point - d->count - (d->more ? 1 : 0)));
  must(length > 0 && (size_t)length < sizeof text);
  return text_to_double(text);
}

static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#define SHORT 16 /* with the point; the digits are 15 then */

/* Nearly every number of an event: a few digits, perhaps a point, no exponent. */
static bool short_double(struct str text, double *out) {
  const char *at = text.at, *end = at + text.len, *point = NULL;
  uint64_t digits = 0;
  const bool minus = *at == '-';
  at += minus;
  if (end - at > SHORT) return false;
  for (; at < end; at++) {
    const unsigned digit = (unsigned)*at - '0';
    if (digit < 10) digits = digits * 10 + digit;
    else if (*at == '.') point = at;
    else return false;
  }
  double value = (double)digits;
  if (point) value /= power_of_ten[end - point - 1];
  *out = minus ? -value : value;
  return true;
}

/* At most 15 digits and a power of ten that a double holds exactly: one correctly rounded operation is the answer. */
static bool quick_double(struct str text, double *out) {
  const char *at = text.at;
  const char *end = at + text.len;
  bool minus = *at == '-';
  if (minus) at++;
  uint64_t digits = 0;
  int64_t scale = 0;
  int count = 0;
  bool fraction = false;
  for (; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + (uint64_t)(*at - '0');
    if (digits != 0 && ++count > 15) return false;
    if (fraction) scale--;
  }
  if (at < end) scale += read_exponent(at + 1, end);
  if (digits != 0 && (scale < -22 || scale > 22)) return false;
  double value = (double)digits;
  if (digits != 0) value = scale < 0 ? value / power_of_ten[-scale] : value * power_of_ten[scale];
  *out = minus ? -value : value;
  return true;
}

bool number_double(struct str text, double *out) {
  if (short_double(text, out) || quick_double(text, out)) return true;
  struct decimal d;
  decimal_read(&d, text);
  double value = decimal_to_double(&d);
  if (value - value != 0) return false; /* infinite */
  *out = value;
  return true;
}

bool number_int(struct str text, int64_t *out) {
  if (str_to_int(text, out)) return true;
  struct decimal d;
  decimal_read(&d, text);
  if (d.count == 0) {
    *out = 0;
    return true;
  }
  if (d.more || d.point < d.count || d.point > 19) return false;
  char whole[24];
  int length =
      snprintf(whole, sizeof whole, "%s%.*s%.*s", d.minus ? "-" : "", d.count, d.digits, (int)(d.point - d.count), "00000000000000000000");
  return str_to_int((struct str){whole, (size_t)length}, out);
}

/* --- writing --- */

static size_t put_digits(uint64_t v, char *out) {
  char reversed[20];
  size_t n = 0;
  do {
    reversed[n++] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  for (size_t i = 0; i < n; i++) out[i] = reversed[n - 1 - i];
  return n;
}

/* Whole numbers below 2^53, and multiples of 1e-6 below 1e9: beliefs, shares, steps and minutes are all of these. */
static size_t quick_write(double size, char *out) {
  if (size < 9007199254740992.0 && (double)(uint64_t)size == size) return put_digits((uint64_t)size, out);
  if (!(size < 1e9) || size < 1e-6) return 0;
  uint64_t millionths = (uint64_t)(size * 1e6 + 0.5);
  if ((double)millionths / 1e6 != size) return 0;
  size_t n = put_digits(millionths / 1000000, out);
  uint64_t rest = millionths % 1000000;
  out[n++] = '.';
  for (uint64_t unit = 100000; rest; unit /= 10) {
    out[n++] = (char)('0' + rest / unit);
    rest %= unit;
  }
  return n;
}

/* `digits` digits of `size`, correctly rounded. What stands between the digits is skipped: the locale's decimal point. */
static void decimal_of(struct decimal *d, double size, int digits) {
  char text[64];
  snprintf(text, sizeof text, "%.*e", digits - 1, size);
  const char *at = text;
  d->minus = d->more = false;
  d->count = 0;
  for (; *at && *at != 'e'; at++) {
    if (number_digit(*at)) d->digits[d->count++] = *at;
  }
  must(*at == 'e');
  d->point = 1 + read_exponent(at + 1, at + strlen(at));
  while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
}

/* One unit more in the last of `digits` places. */
static void decimal_next(struct decimal *d, int digits) {
  while (d->count < digits) d->digits[d->count++] = '0';
  int i = digits - 1;
  for (; i >= 0 && d->digits[i] == '9'; i--) d->digits[i] = '0';
  if (i >= 0) {
    d->digits[i]++;
  } else {
    d->digits[0] = '1';
    d->point++;
  }
  while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
}

static void decimal_shortest(struct decimal *d, double size) {
  uint64_t bits;
  memcpy(&bits, &size, sizeof bits);
  bool power_of_two = (bits & UINT64_C(0xFFFFFFFFFFFFF)) == 0;
  /* 15 digits survive in every normal double, so fewer digits show as closing zeros of the 15; subnormals hold fewer and are tried up. */
  for (int digits = size < 2.2250738585072014e-308 ? 1 : 15; digits < 17; digits++) {
    decimal_of(d, size, digits);
    if (decimal_to_double(d) == size) return;
    /* Above a power of two there is twice as much room as below: the next decimal up may read back where the nearest does not. */
    if (!power_of_two) continue;
    decimal_next(d, digits);
    if (decimal_to_double(d) == size) return;
  }
  decimal_of(d, size, 17);
}

static size_t put_decimal(const struct decimal *d, char *out) {
  int n = d->count;
  int point = (int)d->point;
  const char *zeros = "00000000000000000000000";
  int length;
  if (n <= point && point <= 21) {
    length = snprintf(out, 31, "%.*s%.*s", n, d->digits, point - n, zeros);
  } else if (0 < point && point <= 21) {
    length = snprintf(out, 31, "%.*s.%.*s", point, d->digits, n - point, d->digits + point);
  } else if (-6 < point && point <= 0) {
    length = snprintf(out, 31, "0.%.*s%.*s", -point, zeros, n, d->digits);
  } else {
    length = snprintf(out, 31, "%c%s%.*se%+d", d->digits[0], n > 1 ? "." : "", n - 1, d->digits + 1, point - 1);
  }
  must(length > 0 && length < 31);
  return (size_t)length;
}

size_t json_number(double v, char out[32]) {
  if (v - v != 0) { /* JSON has no word for them */
    memcpy(out, "null", 4);
    return 4;
  }
  size_t sign = 0;
  if (__builtin_signbit(v)) {
    out[sign++] = '-';
    v = -v;
  }
  size_t length = quick_write(v, out + sign);
  if (length) return sign + length;
  struct decimal d;
  decimal_shortest(&d, v);
  return sign + put_decimal(&d, out + sign);
}
