/* Time: the only source of it. UTC milliseconds since 1970 for what is stored, monotonic nanoseconds for what is measured.
 * Tests freeze and advance the clock; production never does. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR   (60 * CLOCK_MINUTE)
#define CLOCK_DAY    (24 * CLOCK_HOUR)

int64_t clock_now(void);       /* UTC ms; the frozen time when frozen */
int64_t clock_monotonic(void); /* ns, never goes back; not affected by freezing unless frozen, then follows clock_advance */
int64_t clock_worked(void);    /* ns of processor time that the calling thread used; tests do not freeze it */
void clock_freeze(int64_t utc_ms);
void clock_advance(int64_t ms);
void clock_thaw(void);

/* ISO 8601 / RFC 3339 with a zone (`Z` or `±hh:mm`), 1–9 fraction digits (cut to ms), years 1970–9999, leap second 60 read as 59.999;
 * nothing else. */
bool clock_parse(struct str text, int64_t *utc_ms);
size_t clock_format(int64_t utc_ms, char out[32]); /* 2025-01-15T22:40:00Z, with .mmm only when not zero; returns the length */
