/* The POSIX rule at the end of a TZif file ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0"): what holds after the last stored transition. Promises to
 * take the grammar of POSIX with RFC 8536's extension (hours from -167 to 167) and nothing else. Does not know transitions stored in the
 * file: tz.c does. Called by tz.c on every thread. */
#include "kit/tz.h"
#include "tz_zone.h"

#define DAY_SECONDS 86400

/* --- reading --- */

static bool take(struct str *text, char c) {
  if (text->len == 0 || text->at[0] != c) return false;
  *text = (struct str){text->at + 1, text->len - 1};
  return true;
}

static bool take_number(struct str *text, int32_t least, int32_t most, int32_t *out) {
  size_t digits = 0;
  int32_t value = 0;
  while (digits < text->len && digits < 4 && text->at[digits] >= '0' && text->at[digits] <= '9')
    value = value * 10 + (text->at[digits++] - '0');
  *text = (struct str){text->at + digits, text->len - digits};
  *out = value;
  return digits > 0 && value >= least && value <= most;
}

/* Three letters or more, or anything of letters, digits and signs in angle brackets. The name itself is of no use to us. */
static bool take_name(struct str *text) {
  bool angle = take(text, '<');
  size_t length = 0;
  for (; length < text->len; length++) {
    char c = text->at[length];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    bool sign_or_digit = (c >= '0' && c <= '9') || c == '+' || c == '-';
    if (!letter && !(angle && sign_or_digit)) break;
  }
  *text = (struct str){text->at + length, text->len - length};
  return length >= 3 && (!angle || take(text, '>'));
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(struct str *text, int32_t most_hours, int32_t *seconds) {
  bool minus = take(text, '-');
  if (!minus) take(text, '+');
  int32_t hour;
  int32_t minute = 0;
  int32_t second = 0;
  if (!take_number(text, 0, most_hours, &hour)) return false;
  if (take(text, ':')) {
    if (!take_number(text, 0, 59, &minute)) return false;
    if (take(text, ':') && !take_number(text, 0, 59, &second)) return false;
  }
  *seconds = hour * 3600 + minute * 60 + second;
  if (minus) *seconds = -*seconds;
  return true;
}

static bool take_rule_day(struct str *text, struct tz_rule *rule) {
  if (take(text, 'M')) {
    rule->kind = TZ_MONTH_WEEK;
    return take_number(text, 1, 12, &rule->month) && take(text, '.') && take_number(text, 1, 5, &rule->week) && take(text, '.') &&
           take_number(text, 0, 6, &rule->day);
  }
  if (take(text, 'J')) {
    rule->kind = TZ_JULIAN;
    return take_number(text, 1, 365, &rule->day);
  }
  rule->kind = TZ_ZERO_BASED;
  return take_number(text, 0, 365, &rule->day);
}

static bool take_rule(struct str *text, struct tz_rule *rule) {
  *rule = (struct tz_rule){.seconds = 2 * 3600};
  if (!take(text, ',') || !take_rule_day(text, rule)) return false;
  return !take(text, '/') || take_time(text, 167, &rule->seconds);
}

/* POSIX counts offsets west of Greenwich; we count east. */
bool tz_footer_parse(struct str text, struct tz_footer *out) {
  *out = (struct tz_footer){0};
  if (text.len == 0) return true;
  out->given = true;
  int32_t west;
  if (!take_name(&text) || !take_time(&text, 24, &west)) return false;
  out->standard_offset = -west;
  if (text.len == 0) return true;
  out->daylight = true;
  if (!take_name(&text)) return false;
  out->daylight_offset = out->standard_offset + 3600;
  if (text.len > 0 && text.at[0] != ',') {
    if (!take_time(&text, 24, &west)) return false;
    out->daylight_offset = -west;
  }
  return take_rule(&text, &out->start) && take_rule(&text, &out->end) && text.len == 0;
}

/* --- asking --- */

static bool is_leap(int32_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int32_t rule_day(const struct tz_rule *rule, int32_t year) {
  if (rule->kind == TZ_MONTH_WEEK) {
    int32_t first = tz_day_from_date(year, rule->month, 1);
    int32_t weekday = (first % 7 + 7 + 4) % 7; /* 0 = Sunday, as POSIX counts; day 0 was a Thursday */
    int32_t day = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
    int32_t next_month = rule->month == 12 ? tz_day_from_date(year + 1, 1, 1) : tz_day_from_date(year, rule->month + 1, 1);
    return day >= next_month ? day - 7 : day; /* week 5 is the last one */
  }
  int32_t new_year = tz_day_from_date(year, 1, 1);
  if (rule->kind == TZ_ZERO_BASED) return new_year + rule->day;
  return new_year + rule->day - 1 + (is_leap(year) && rule->day >= 60);
}

static int64_t rule_instant(const struct tz_rule *rule, int32_t year, int32_t offset_before) {
  return (int64_t)rule_day(rule, year) * DAY_SECONDS + rule->seconds - offset_before;
}

/* The last change at or before `utc` says the offset, the first after it the end. Changes of the years around are looked at too, since a
 * rule's hours may carry it over new year. Where an end and a start fall together, the start wins: all-year daylight time is written so. */
struct tz_stretch tz_footer_stretch(const struct tz_footer *f, int64_t utc) {
  struct tz_stretch stretch = {.offset = f->standard_offset, .end = INT64_MAX};
  if (!f->daylight) return stretch;
  int64_t local = utc + f->standard_offset;
  int32_t day = (int32_t)(local / DAY_SECONDS - (local % DAY_SECONDS < 0));
  int32_t year;
  int32_t month;
  int32_t day_of_month;
  tz_date_from_day(day, &year, &month, &day_of_month);
  int64_t latest = INT64_MIN;
  for (int32_t y = year - 1; y <= year + 1; y++) {
    int64_t end = rule_instant(&f->end, y, f->daylight_offset);
    int64_t start = rule_instant(&f->start, y, f->standard_offset);
    if (end <= utc && end > latest) {
      latest = end;
      stretch.offset = f->standard_offset;
    }
    if (start <= utc && start >= latest) {
      latest = start;
      stretch.offset = f->daylight_offset;
    }
    if (end > utc && end < stretch.end) stretch.end = end;
    if (start > utc && start < stretch.end) stretch.end = start;
  }
  return stretch;
}
