/* Time. Promises one source for the process: UTC milliseconds for what is stored, monotonic nanoseconds for what is measured, and one
 * strict spelling in each direction. When a test froze the clock both stand still until clock_advance. Does not know time zones: tz.c
 * does. Called by every room on every thread. */
#include "kit/clock.h"
#include "kit/err.h"
#include "kit/tz.h"
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define NOT_FROZEN INT64_MIN

static _Atomic int64_t frozen_utc = NOT_FROZEN;
static _Atomic int64_t frozen_monotonic;
static _Atomic int64_t monotonic_shift; /* what tests advanced stays advanced after the thaw: monotonic time never goes back */

static int64_t system_ns(clockid_t clock) {
  struct timespec t;
  must(clock_gettime(clock, &t) == 0);
  return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t clock_now(void) {
  int64_t frozen = atomic_load(&frozen_utc);
  return frozen != NOT_FROZEN ? frozen : system_ns(CLOCK_REALTIME) / INT64_C(1000000);
}

int64_t clock_monotonic(void) {
  if (atomic_load(&frozen_utc) != NOT_FROZEN) return atomic_load(&frozen_monotonic);
  return system_ns(CLOCK_MONOTONIC) + atomic_load(&monotonic_shift);
}

int64_t clock_worked(void) {
  return system_ns(CLOCK_THREAD_CPUTIME_ID);
}

void clock_freeze(int64_t utc_ms) {
  must(utc_ms != NOT_FROZEN);
  atomic_store(&frozen_monotonic, clock_monotonic());
  atomic_store(&frozen_utc, utc_ms);
}

void clock_advance(int64_t ms) {
  must(atomic_load(&frozen_utc) != NOT_FROZEN); /* production never advances */
  if (ms > 0) atomic_fetch_add(&frozen_monotonic, ms * INT64_C(1000000));
  atomic_fetch_add(&frozen_utc, ms);
}

void clock_thaw(void) {
  if (atomic_load(&frozen_utc) == NOT_FROZEN) return;
  int64_t ahead = atomic_load(&frozen_monotonic) - system_ns(CLOCK_MONOTONIC);
  if (ahead > atomic_load(&monotonic_shift)) atomic_store(&monotonic_shift, ahead);
  atomic_store(&frozen_utc, NOT_FROZEN);
}

/* --- text --- */

static bool take_digits(struct str *text, size_t digits, int32_t *value) {
  if (text->len < digits) return false;
  *value = 0;
  for (size_t i = 0; i < digits; i++) {
    if (text->at[i] < '0' || text->at[i] > '9') return false;
    *value = *value * 10 + (text->at[i] - '0');
  }
  *text = (struct str){text->at + digits, text->len - digits};
  return true;
}

/* `c` is lower case; RFC 3339 lets T and Z be small. */
static bool take_char(struct str *text, char c) {
  if (text->len == 0 || (text->at[0] != c && !(c >= 'a' && text->at[0] == c - 'a' + 'A'))) return false;
  *text = (struct str){text->at + 1, text->len - 1};
  return true;
}

static bool take_fraction(struct str *text, int32_t *ms) {
  *ms = 0;
  if (!take_char(text, '.')) return true;
  size_t digits = 0;
  for (; digits < text->len && text->at[digits] >= '0' && text->at[digits] <= '9'; digits++) {
    if (digits < 3) *ms = *ms * 10 + (text->at[digits] - '0');
  }
  if (digits == 0 || digits > 9) return false;
  for (size_t i = digits; i < 3; i++) *ms *= 10;
  *text = (struct str){text->at + digits, text->len - digits};
  return true;
}

static bool take_zone(struct str *text, int32_t *minutes_east) {
  *minutes_east = 0;
  if (take_char(text, 'z')) return true;
  bool west = take_char(text, '-');
  int32_t hours;
  int32_t minutes;
  if (!west && !take_char(text, '+')) return false;
  if (!take_digits(text, 2, &hours) || !take_char(text, ':') || !take_digits(text, 2, &minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  *minutes_east = west ? -(hours * 60 + minutes) : hours * 60 + minutes;
  return true;
}

static bool take_date(struct str *text, int32_t *day) {
  int32_t year;
  int32_t month;
  int32_t of_month;
  if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) || !take_char(text, '-')) return false;
  if (!take_digits(text, 2, &of_month) || year < 1970 || month < 1 || month > 12 || of_month < 1) return false;
  *day = tz_day_from_date(year, month, of_month);
  int32_t back[3];
  tz_date_from_day(*day, &back[0], &back[1], &back[2]);
  return back[1] == month && back[2] == of_month; /* 30 February came back as 1 or 2 March */
}

bool clock_parse(struct str text, int64_t *utc_ms) {
  int32_t day;
  int32_t hour;
  int32_t minute;
  int32_t second;
  int32_t ms;
  int32_t east;
  if (!take_date(&text, &day) || !take_char(&text, 't')) return false;
  if (!take_digits(&text, 2, &hour) || !take_char(&text, ':') || !take_digits(&text, 2, &minute) || !take_char(&text, ':')) return false;
  if (!take_digits(&text, 2, &second) || !take_fraction(&text, &ms) || !take_zone(&text, &east) || text.len > 0) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  int64_t utc_minute = (int64_t)day * 1440 + hour * 60 + minute - east;
  if (second == 60) { /* leap seconds stand at the end of a UTC day and are not counted in our time */
    if (utc_minute % 1440 != 1439) return false;
    second = 59;
    ms = 999;
  }
  int64_t result = utc_minute * CLOCK_MINUTE + second * CLOCK_SECOND + ms;
  if (result < 0 || result >= INT64_C(253402300800000)) return false; /* the zone carried it out of 1970–9999 */
  *utc_ms = result;
  return true;
}

static char *put_digits(char *at, int32_t value, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    at[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

size_t clock_format(int64_t utc_ms, char out[32]) {
  const int64_t first = INT64_C(-62167219200000); /* 0000-01-01; what lies outside four digits of year is shown as the nearest inside */
  const int64_t last = INT64_C(253402300799999);
  if (utc_ms < first) utc_ms = first;
  if (utc_ms > last) utc_ms = last;
  int64_t day = utc_ms / CLOCK_DAY - (utc_ms % CLOCK_DAY < 0);
  int32_t rest = (int32_t)(utc_ms - day * CLOCK_DAY);
  int32_t year;
  int32_t month;
  int32_t of_month;
  tz_date_from_day((int32_t)day, &year, &month, &of_month);
  char *at = put_digits(out, year, 4);
  *at++ = '-';
  at = put_digits(at, month, 2);
  *at++ = '-';
  at = put_digits(at, of_month, 2);
  *at++ = 'T';
  at = put_digits(at, rest / (int32_t)CLOCK_HOUR, 2);
  *at++ = ':';
  at = put_digits(at, rest / (int32_t)CLOCK_MINUTE % 60, 2);
  *at++ = ':';
  at = put_digits(at, rest / (int32_t)CLOCK_SECOND % 60, 2);
  if (rest % 1000) {
    *at++ = '.';
    at = put_digits(at, rest % 1000, 3);
  }
  *at++ = 'Z';
  *at = '\0';
  return (size_t)(at - out);
}
