/* rooms: kit */
/* Promise: local times are glibc's, for every kind of zone and rule, before, within and after the stored transitions; wall times in gaps
 * and overlaps follow the header's rule; damaged files are refused without a read beyond their end. */
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include "kit/tz.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char *const zones[] = {
    "Etc/GMT+4",        "Africa/Casablanca", "America/Nuuk",      "Australia/Lord_Howe", "Asia/Kathmandu",       "America/New_York",
    "Europe/Berlin",    "Europe/Dublin",     "America/Sao_Paulo", "Asia/Gaza",           "America/Scoresbysund", "Pacific/Apia",
    "Pacific/Chatham",  "Africa/Cairo",      "Asia/Tehran",       "America/Santiago",    "Europe/Moscow",        "UTC",
    "Antarctica/Troll", "Asia/Jerusalem",    "America/St_Johns",  "Pacific/Kiritimati"};
#define ZONES (sizeof zones / sizeof *zones)

static const struct tz *zone(const char *name) {
  struct err e = {0};
  const struct tz *z = tz_named(str_from(name), &e);
  if (!z) fail_msg("%s", e.text);
  return z;
}

static void assert_as_glibc(const struct tz *z, const char *name, int64_t seconds) {
  time_t t = (time_t)seconds;
  struct tm tm;
  assert_non_null(localtime_r(&t, &tm));
  struct tz_local l = tz_local(z, seconds * 1000 + 999);
  int32_t day = tz_day_from_date(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
  bool same = l.day == day && l.minute == tm.tm_hour * 60 + tm.tm_min && l.second == tm.tm_sec && l.offset == tm.tm_gmtoff &&
              l.weekday == (tm.tm_wday + 6) % 7;
  if (!same) fail_msg("%s at %lld: offset %d, glibc says %ld", name, (long long)seconds, l.offset, tm.tm_gmtoff);
}

static void for_each_zone(void (*check)(const struct tz *z, const char *name)) {
  for (size_t i = 0; i < ZONES; i++) {
    assert_int_equal(setenv("TZ", zones[i], 1), 0);
    tzset();
    check(zone(zones[i]), zones[i]);
  }
  unsetenv("TZ");
  tzset();
}

/* Hour by hour over the years that matter, so that each change is passed at its very hour, then at random over two centuries. */
static void check_instants(const struct tz *z, const char *name) {
  for (int64_t s = INT64_C(1388534400); s < INT64_C(1893456000); s += 3600) assert_as_glibc(z, name, s); /* 2014–2029 */
  struct rng r = rng_from(1);
  for (int i = 0; i < 20000; i++) assert_as_glibc(z, name, (int64_t)(rng_next(&r) % UINT64_C(6311433600)) - INT64_C(2208988800));
}

static void local_times_are_glibcs(void **state) {
  (void)state;
  for_each_zone(check_instants);
}

/* The seconds around every change of offset from 1900 to 2100: the footer's rules are on duty from 2037 on. */
static void check_changes(const struct tz *z, const char *name) {
  int64_t step = 6 * 3600;
  for (int64_t s = INT64_C(-2208988800); s < INT64_C(4102444800); s += step) {
    if (tz_local(z, s * 1000).offset == tz_local(z, (s + step) * 1000).offset) continue;
    int64_t low = s;
    int64_t high = s + step;
    while (high - low > 1) {
      int64_t middle = low + (high - low) / 2;
      if (tz_local(z, middle * 1000).offset == tz_local(z, low * 1000).offset) {
        low = middle;
      } else {
        high = middle;
      }
    }
    for (int64_t around = high - 2; around <= high + 2; around++) assert_as_glibc(z, name, around);
  }
}

static void changes_fall_on_glibcs_second(void **state) {
  (void)state;
  for_each_zone(check_changes);
}

/* Every quarter of an hour of some years: what tz_utc gives shows the same wall time again, unless it lies in a gap. */
static void check_walls(const struct tz *z, const char *name) {
  int32_t first = tz_day_from_date(2023, 1, 1);
  int32_t last = tz_day_from_date(2041, 1, 1);
  for (int32_t day = first; day < last; day++) {
    for (int32_t minute = 0; minute < 1440; minute += 15) {
      int64_t utc = tz_utc(z, day, minute);
      struct tz_local l = tz_local(z, utc);
      if (l.day == day && l.minute == minute && l.second == 0) {
        struct tz_local day_before = tz_local(z, utc - CLOCK_HOUR); /* the first of two: an hour earlier showed another wall time */
        assert_false(day_before.day == day && day_before.minute == minute);
        continue;
      }
      int64_t shown = (int64_t)l.day * 1440 + l.minute;
      int64_t asked = (int64_t)day * 1440 + minute;
      int64_t gap = (tz_local(z, utc).offset - tz_local(z, utc - 3 * CLOCK_HOUR).offset) / 60;
      if (shown - asked != gap || gap <= 0)
        fail_msg("%s: day %d minute %d became minute %lld", name, day, minute, (long long)(shown - asked));
    }
  }
}

static void wall_times_come_back(void **state) {
  (void)state;
  for_each_zone(check_walls);
}

static void gaps_move_forward_and_overlaps_take_the_first(void **state) {
  (void)state;
  const struct tz *berlin = zone("Europe/Berlin");
  int64_t utc;
  assert_true(clock_parse(STR("2025-03-30T01:30:00Z"), &utc)); /* 02:30 does not exist: 03:30 summer time */
  assert_true(tz_utc(berlin, tz_day_from_date(2025, 3, 30), 150) == utc);
  assert_true(clock_parse(STR("2025-10-26T00:30:00Z"), &utc)); /* 02:30 twice: the first, still summer time */
  assert_true(tz_utc(berlin, tz_day_from_date(2025, 10, 26), 150) == utc);
  assert_true(clock_parse(STR("2025-10-26T02:00:00Z"), &utc));
  assert_true(tz_utc(berlin, tz_day_from_date(2025, 10, 26), 180) == utc);
  const struct tz *apia = zone("Pacific/Apia"); /* had no 30 December 2011: a gap of a whole day */
  struct tz_local l = tz_local(apia, tz_utc(apia, tz_day_from_date(2011, 12, 30), 600));
  assert_true(l.day == tz_day_from_date(2011, 12, 31) && l.minute == 600);
  struct tz_local monday = tz_local(zone("UTC"), INT64_C(1736726400000)); /* 13 January 2025 */
  assert_true(monday.weekday == 0 && monday.minute == 0);
  assert_true(tz_local(zone("UTC"), -1).day == -1 && tz_local(zone("UTC"), -1).second == 59);
  assert_true(tz_local(zone("UTC"), INT64_MAX).day > 0 && tz_local(zone("UTC"), INT64_MIN).day < 0);
}

static void dates_and_days_meet(void **state) {
  (void)state;
  assert_int_equal(tz_day_from_date(1970, 1, 1), 0);
  assert_int_equal(tz_day_from_date(2000, 3, 1), 11017);
  int32_t year = -401;
  int32_t month = 12;
  int32_t day_of_month = 31;
  for (int32_t day = tz_day_from_date(-400, 1, 1); day < tz_day_from_date(2801, 1, 1); day++) {
    int32_t y;
    int32_t m;
    int32_t d;
    tz_date_from_day(day, &y, &m, &d);
    assert_int_equal(tz_day_from_date(y, m, d), day);
    bool next_day = y == year && m == month && d == day_of_month + 1;
    bool next_month = d == 1 && day_of_month >= 28 && ((y == year && m == month + 1) || (y == year + 1 && m == 1 && month == 12));
    assert_true(next_day || next_month);
    year = y;
    month = m;
    day_of_month = d;
  }
}

/* --- files --- */

static void names_outside_are_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"",
                                      "/etc/passwd",
                                      "../../../etc/passwd",
                                      "Europe/../Europe/Berlin",
                                      "Europe/Berl in",
                                      "Europe/Berlin\n",
                                      "zone.tab",
                                      "Europe",
                                      "Europe/",
                                      "Mars/Olympus",
                                      "europe/berlin\x01",
                                      "right/Europe/Berlin",
                                      "Etc/GMT+4/x",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct err e = {0};
    if (tz_named(str_from(wrong[i]), &e)) fail_msg("\"%s\" was taken for a time zone", wrong[i]);
    assert_true((e.kind == ERR_INPUT || e.kind == ERR_MISSING) && strlen(e.text) > 20);
  }
  assert_null(tz_named(str_from(NULL), NULL));
}

static void named_zones_are_opened_once(void **state) {
  (void)state;
  assert_ptr_equal(zone("Asia/Tokyo"), zone("Asia/Tokyo"));
  assert_ptr_not_equal(zone("Asia/Tokyo"), zone("Asia/Seoul"));
  kit_fail_allocation(1); /* cached: nothing is allocated */
  zone("Asia/Tokyo");
  kit_fail_allocation(0);
  struct err e = {0};
  for (int64_t nth = 1; nth <= 3; nth++) {
    kit_fail_allocation(nth);
    assert_null(tz_named(STR("Asia/Manila"), &e));
  }
  kit_fail_allocation(0);
  zone("Asia/Manila");
}

static void *open_all(void *result) {
  const struct tz **found = result;
  for (size_t i = 0; i < ZONES; i++) found[i] = tz_named(str_from(zones[ZONES - 1 - i]), NULL);
  const struct tz *fresh = tz_named(STR("Africa/Nairobi"), NULL);
  found[ZONES] = fresh;
  return NULL;
}

static void threads_get_the_same_zone(void **state) {
  (void)state;
  pthread_t threads[4];
  const struct tz *found[4][ZONES + 1];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, open_all, found[i]), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; i++) {
    for (size_t k = 0; k <= ZONES; k++) {
      assert_non_null(found[i][k]);
      assert_ptr_equal(found[i][k], found[0][k]);
    }
  }
}

static void damaged_files_are_refused_or_harmless(void **state) {
  (void)state;
  struct buf whole = {0};
  struct err e = {0};
  assert_true(tz_load(STR("America/Nuuk"), &whole, &e));
  for (size_t length = 0; length < whole.len; length++) { /* every prefix, in a block of its exact size for ASan */
    char *part = malloc(length ? length : 1);
    assert_non_null(part);
    memcpy(part, whole.at, length);
    assert_null(tz_parse((struct str){part, length}, &e));
    assert_int_equal(e.kind, ERR_INPUT);
    free(part);
  }
  struct rng r = rng_from(3);
  int refused = 0;
  for (int i = 0; i < 20000; i++) {
    char *copy = malloc(whole.len);
    assert_non_null(copy);
    memcpy(copy, whole.at, whole.len);
    for (int k = 0; k < 3; k++) copy[(i % 2 ? rng_next(&r) : rng_next(&r) % 100) % whole.len] = (char)rng_next(&r);
    struct tz *z = tz_parse((struct str){copy, whole.len}, &e);
    refused += !z;
    if (z) {
      tz_local(z, INT64_C(4102444800000));
      tz_local(z, INT64_MIN);
      tz_utc(z, 20000, 100);
    }
    tz_free(z);
    free(copy);
  }
  assert_true(refused > 1000);
  buf_free(&whole);
}

/* A version-2 file of one type and the given footer. */
static struct tz *zone_of_footer(const char *footer) {
  struct buf b = {0};
  for (int block = 0; block < 2; block++) {
    buf_put(&b, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    buf_put(&b, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4", 24); /* one type, four letters */
    buf_put(&b, "\0\0\0\0\0\0LMT\0", 10);
  }
  buf_printf(&b, "\n%s\n", footer);
  struct tz *z = tz_parse(buf_view(&b), NULL);
  buf_free(&b);
  return z;
}

/* glibc reads the same rule from TZ; rules with all spellings that no shipped zone has. */
static void footers_mean_what_glibc_says(void **state) {
  (void)state;
  static const char *const rules[] = {"XXX3",
                                      "<+0330>-3:30",
                                      "<-00>0",
                                      "AAA-5:30:15",
                                      "EST5EDT,M3.2.0,M11.1.0",
                                      "EST5EDT,M3.2.0/2:30:30,M11.1.0/1",
                                      "NZST-12NZDT,M9.5.0,M4.1.0/3",
                                      "AAA3BBB,J60,J300",
                                      "AAA3BBB,59,299",
                                      "AAA3BBB,J59/0,J60/0",
                                      "<+02>-2<+04>-4,M3.5.0/1,M10.5.0",
                                      "AAA-2BBB,M3.4.4/50,M10.4.4/50",
                                      "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                      "IST-1GMT0,M10.5.0,M3.5.0/1"};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    struct tz *z = zone_of_footer(rules[i]);
    if (!z) fail_msg("the rule %s was refused", rules[i]);
    assert_int_equal(setenv("TZ", rules[i], 1), 0);
    tzset();
    for (int64_t s = INT64_C(1640995200); s < INT64_C(1800000000); s += 1800) assert_as_glibc(z, rules[i], s);
    tz_free(z);
  }
  unsetenv("TZ");
  tzset();
}

static void all_year_daylight_time_is_all_year(void **state) {
  (void)state;
  struct tz *z = zone_of_footer("EST5EDT,0/0,J365/25");
  assert_non_null(z);
  for (int64_t s = INT64_C(1640995200); s < INT64_C(1800000000); s += 1800) assert_int_equal(tz_local(z, s * 1000).offset, -4 * 3600);
  tz_free(z);
}

static void wrong_footers_are_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"5",
                                      "AB5",
                                      "<+03-3",
                                      "EST",
                                      "EST5EDT",
                                      "EST25",
                                      "EST5EDT,M3.2.0",
                                      "EST5EDT,M13.2.0,M11.1.0",
                                      "EST5 ",
                                      "EST5EDT,,",
                                      "<>5",
                                      "EST5EDT,M3.6.0,M11.1.0",
                                      "EST5EDT,M3.2.7,M11.1.0",
                                      "EST5EDT,J0,J5",
                                      "EST5EDT,366,5",
                                      "EST5EDT,M3.2.0/168,M11.1.0",
                                      "EST5EDT,M3.2.0,M11.1.0x",
                                      "EST5:60",
                                      "EST99999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct tz *z = zone_of_footer(wrong[i]);
    if (z) fail_msg("the rule %s was accepted", wrong[i]);
  }
}

static void only_places_are_where_somebody_lives(void **state) {
  (void)state;
  static const char *const machine[] = {"",          "localtime",      "posixrules", "Factory", "posix/Europe/Berlin",
                                        "right/UTC", "Europe//Berlin", "UTC/",       "/UTC",    "../UTC"};
  for (size_t i = 0; i < ZONES; i++) assert_true(tz_is_place(str_from(zones[i])));
  for (size_t i = 0; i < sizeof machine / sizeof *machine; i++) assert_false(tz_is_place(str_from(machine[i])));
  assert_non_null(zone("Factory")); /* an old journal may name it */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_places_are_where_somebody_lives),
      cmocka_unit_test(local_times_are_glibcs),
      cmocka_unit_test(changes_fall_on_glibcs_second),
      cmocka_unit_test(wall_times_come_back),
      cmocka_unit_test(gaps_move_forward_and_overlaps_take_the_first),
      cmocka_unit_test(dates_and_days_meet),
      cmocka_unit_test(names_outside_are_refused),
      cmocka_unit_test(named_zones_are_opened_once),
      cmocka_unit_test(threads_get_the_same_zone),
      cmocka_unit_test(damaged_files_are_refused_or_harmless),
      cmocka_unit_test(footers_mean_what_glibc_says),
      cmocka_unit_test(all_year_daylight_time_is_all_year),
      cmocka_unit_test(wrong_footers_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
