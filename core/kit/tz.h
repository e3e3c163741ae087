/* Time zones: an own reader of TZif v2+ with the POSIX footer, since glibc's TZ is process-global. A zone is immutable once opened and is
 * read from any thread. Civil days are counted from 1970-01-01 (day 0, a Thursday) by the proleptic Gregorian calendar. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <stdbool.h>
#include <stdint.h>

struct tz;
struct tz_local {
  int32_t day;     /* civil day number */
  int32_t minute;  /* of the day, 0–1439 */
  int32_t second;  /* of the minute */
  int32_t offset;  /* seconds east of UTC */
  int32_t weekday; /* 0 = Monday … 6 = Sunday */
};

/* Reads `name` below the zoneinfo directory (TZDIR is not honoured; names with "..", a leading "/", or other characters than A–Z a–z 0–9 _
 * + - / are refused). */
/* Whether a person may be said to live there: not in the machine's own zone or a copy of the tree (localtime, posixrules, Factory, posix/…,
 * right/…). Files of these names are read all the same: old journals name them. Does not say that there is such a zone. [any] */
bool tz_is_place(struct str name);
bool tz_load(struct str name, struct buf *bytes, struct err *e); /* the file's bytes, for the store */
struct tz *tz_parse(struct str bytes, struct err *e);            /* NULL on a damaged file; the caller frees */
void tz_free(struct tz *z);
/* The process's cache over tz_load + tz_parse: pointer valid until exit, thread-safe; NULL with an error for unknown names. */
const struct tz *tz_named(struct str name, struct err *e);
struct tz_local tz_local(const struct tz *z, int64_t utc_ms);
/* UTC of a local wall time. In a gap (spring) the time is moved forward by the gap's length; in an overlap (autumn) the first of the two.
 */
int64_t tz_utc(const struct tz *z, int32_t day, int32_t minute);
int32_t tz_day_from_date(int32_t year, int32_t month, int32_t day_of_month);
void tz_date_from_day(int32_t day, int32_t *year, int32_t *month, int32_t *day_of_month);
/* The file whose data is in force under this name, whatever the system's says by now; read from the system for a zone that nobody has used
 * yet. Valid until exit, or until tz_provide brings other data. [any] */
bool tz_file(struct str name, struct str *bytes, struct err *e);
/* Puts `bytes` in force as the process's zone of this name, whatever the system's file says; pointers from tz_named stay good and follow.
 * Recorded zone data, for replay and recovery. Not while another thread may use the zone: whoever lets threads run holds the zones, and as
 * long as somebody does, data that is in force stays so. */
bool tz_provide(struct str name, struct str bytes, struct err *e);
void tz_hold(void);
void tz_let(void);
