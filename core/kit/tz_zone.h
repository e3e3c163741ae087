/* A parsed zone, private to kit: the transitions of a TZif file and the rule of its footer for the time after them. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>
#include <stdint.h>

/* One side of daylight saving time: which day of the year, and seconds of local time after its midnight (may be negative or past 24 h). */
struct tz_rule {
  enum { TZ_JULIAN, TZ_ZERO_BASED, TZ_MONTH_WEEK } kind; /* Jn without 29 February, n with it, Mm.w.d */
  int32_t day, month, week;
  int32_t seconds;
};
struct tz_footer {
  bool given;
  bool daylight;
  int32_t standard_offset, daylight_offset; /* seconds east of UTC */
  struct tz_rule start, end;
};
struct tz {
  uint32_t count;
  int32_t first_offset; /* before the first transition */
  int64_t *times;       /* rising; UTC seconds */
  int32_t *offsets;     /* from that transition on */
  struct tz_footer footer;
};

/* A stretch of time with one offset. */
struct tz_stretch {
  int32_t offset;
  int64_t end; /* first second that is no longer in it; INT64_MAX: for ever */
};

bool tz_footer_parse(struct str text, struct tz_footer *out);
struct tz_stretch tz_footer_stretch(const struct tz_footer *f, int64_t utc);
