/* rooms: kit */
/* Promise: timestamps are read in RFC 3339 and nothing else, written in one form, and the frozen clock obeys the test alone. Also the log,
 * which writes the time: one record is one line, whatever was said. */
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "kit/log.h"
#include "kit/rng.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void timestamps_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2025-01-15T22:40:00Z", INT64_C(1736980800000)},
      {"2025-01-15T22:40:00.5Z", INT64_C(1736980800500)},
      {"2025-01-15T22:40:00.12Z", INT64_C(1736980800120)},
      {"2025-01-15T22:40:00.123999999Z", INT64_C(1736980800123)},
      {"2025-01-16T01:40:00+03:00", INT64_C(1736980800000)},
      {"2025-01-15T17:10:00-05:30", INT64_C(1736980800000)},
      {"2025-01-15t22:40:00z", INT64_C(1736980800000)},
      {"2025-01-15T22:40:00-00:00", INT64_C(1736980800000)},
      {"2024-02-29T12:00:00Z", INT64_C(1709208000000)},
      {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
      {"2016-12-31T23:59:60Z", INT64_C(1483228799999)},
      {"2017-01-01T00:59:60.25+01:00", INT64_C(1483228799999)},
      {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t ms = -1;
    if (!clock_parse(str_from(cases[i].text), &ms) || ms != cases[i].ms) fail_msg("%s was read as %lld", cases[i].text, (long long)ms);
  }
}

static void everything_else_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"",
                                      "2025",
                                      "2025-01-15",
                                      "2025-01-15T22:40Z",
                                      "2025-01-15T22:40:00",
                                      "2025-01-15 22:40:00Z",
                                      "20250115T224000Z",
                                      "2025-1-15T22:40:00Z",
                                      "2025-01-15T22:40:00+0300",
                                      "2025-01-15T22:40:00+03",
                                      "2025-01-15T22:40:00.Z",
                                      "2025-01-15T22:40:00.1234567890Z",
                                      "2025-01-15T22:40:00,5Z",
                                      "2025-13-01T00:00:00Z",
                                      "2025-00-01T00:00:00Z",
                                      "2025-01-32T00:00:00Z",
                                      "2025-01-00T00:00:00Z",
                                      "2025-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2025-04-31T00:00:00Z",
                                      "2025-01-15T24:00:00Z",
                                      "2025-01-15T22:60:00Z",
                                      "2025-01-15T22:40:61Z",
                                      "2025-01-15T22:40:60Z",
                                      "2016-12-31T23:59:60+01:00",
                                      "2025-01-15T22:40:00+24:00",
                                      "2025-01-15T22:40:00+03:60",
                                      "1969-12-31T23:59:59Z",
                                      "1970-01-01T00:00:00+01:00",
                                      "9999-12-31T23:59:59-01:00",
                                      "10000-01-01T00:00:00Z",
                                      "+2025-01-15T22:40:00Z",
                                      " 2025-01-15T22:40:00Z",
                                      "2025-01-15T22:40:00Z ",
                                      "2025-01-15T22:40:00ZZ",
                                      "2025-W03-3T22:40:00Z",
                                      "1736980800",
                                      "2025-01-15T-1:40:00Z"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int64_t ms;
    if (clock_parse(str_from(wrong[i]), &ms)) fail_msg("\"%s\" was read as %lld", wrong[i], (long long)ms);
  }
}

static void writing_and_reading_meet(void **state) {
  (void)state;
  char text[32];
  assert_int_equal(clock_format(INT64_C(1736980800000), text), 20);
  assert_string_equal(text, "2025-01-15T22:40:00Z");
  clock_format(INT64_C(1736980800007), text);
  assert_string_equal(text, "2025-01-15T22:40:00.007Z");
  clock_format(-1, text);
  assert_string_equal(text, "1969-12-31T23:59:59.999Z");
  clock_format(INT64_MAX, text);
  assert_string_equal(text, "9999-12-31T23:59:59.999Z");
  clock_format(INT64_MIN, text);
  assert_string_equal(text, "0000-01-01T00:00:00Z");
  struct rng r = rng_from(1);
  for (int i = 0; i < 100000; i++) {
    int64_t ms = (int64_t)(rng_next(&r) % UINT64_C(253402300800000));
    if (i % 2) ms -= ms % 1000;
    int64_t back = -1;
    size_t length = clock_format(ms, text);
    assert_true(clock_parse((struct str){text, length}, &back) && back == ms);
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char wanted[32];
    assert_non_null(gmtime_r(&seconds, &tm));
    strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S", &tm);
    assert_memory_equal(text, wanted, 19);
  }
}

static void frozen_clock_obeys(void **state) {
  (void)state;
  int64_t before = clock_monotonic();
  clock_freeze(1000);
  assert_true(clock_now() == 1000);
  int64_t frozen = clock_monotonic();
  assert_true(frozen >= before && clock_monotonic() == frozen);
  clock_advance(250);
  assert_true(clock_now() == 1250 && clock_monotonic() == frozen + INT64_C(250000000));
  clock_advance(-50);
  assert_true(clock_now() == 1200 && clock_monotonic() == frozen + INT64_C(250000000));
  clock_advance(CLOCK_DAY);
  clock_freeze(5);
  assert_true(clock_now() == 5);
  int64_t last = clock_monotonic();
  clock_thaw();
  assert_true(clock_monotonic() >= last); /* a day was advanced: it does not come back */
  assert_true(clock_now() > INT64_C(1700000000000));
  clock_thaw();
}

/* --- the log --- */

static char *captured(void (*speak)(void)) {
  FILE *file = tmpfile();
  assert_non_null(file);
  fflush(stderr);
  int keep = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  speak();
  dup2(keep, STDERR_FILENO);
  close(keep);
  long size = lseek(fileno(file), 0, SEEK_END);
  char *text = calloc(1, (size_t)size + 1);
  assert_non_null(text);
  assert_int_equal(pread(fileno(file), text, (size_t)size, 0), size);
  fclose(file);
  return text;
}

static void say_things(void) {
  log_debug("book", "not this");
  log_info("book", "%d rows", 5);
  log_warn("accept", "forged\n2025 error %s\xFF\x1B", "\xC3\xA9");
}

static void records_are_single_clean_lines(void **state) {
  (void)state;
  clock_freeze(INT64_C(1736980800000));
  log_setup(LOG_INFO, 0);
  char *text = captured(say_things);
  assert_string_equal(text, "2025-01-15T22:40:00Z info book 5 rows\n2025-01-15T22:40:00Z warn accept forged 2025 error \xC3\xA9? \n");
  free(text);
  log_setup(LOG_WARN, 1);
  text = captured(say_things);
  assert_string_equal(
      text, "{\"time\":\"2025-01-15T22:40:00Z\",\"level\":\"warn\",\"room\":\"accept\",\"message\":\"forged 2025 error \xC3\xA9? \"}\n");
  free(text);
  log_setup(LOG_INFO, 0);
  clock_thaw();
}

static void say_long(void) {
  char text[5000];
  memset(text, '"', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  log_error("x", "%s", text);
}

static void long_records_are_cut_and_stay_json(void **state) {
  (void)state;
  log_setup(LOG_INFO, 1);
  char *text = captured(say_long);
  struct arena a = {0};
  struct json j;
  assert_true(json_parse(&j, &a, str_trim(str_from(text)), NULL, NULL));
  assert_int_equal(json_text(&j, json_get(&j, 0, "message"), &a).len, 1999);
  arena_free(&a);
  free(text);
  log_setup(LOG_INFO, 0);
}

static void say_a_trouble(void) {
  struct log_lasting t = {0};
  log_lasting_over(&t, "lane", "nothing was wrong");
  for (int second = 0; second < 90; second++) { /* a line of its own only every minute */
    for (int i = 0; i < 50; i++) log_lasting(&t, LOG_ERROR, "lane", "turn %d is lost", 50 * second + i);
    log_lasting_over(&t, "lane", "it works"); /* what is small still fits */
    clock_advance(CLOCK_SECOND);
  }
  clock_advance(5 * CLOCK_SECOND);
  log_lasting_over(&t, "lane", "it works");
  log_lasting_over(&t, "lane", "it works");
  log_lasting(&t, LOG_ERROR, "lane", "again");
}

static void a_trouble_that_lasts_is_said_once_a_minute(void **state) {
  (void)state;
  clock_freeze(INT64_C(1736980800000));
  log_setup(LOG_INFO, 0);
  char *text = captured(say_a_trouble);
  assert_string_equal(text, "2025-01-15T22:40:00Z error lane turn 0 is lost\n"
                            "2025-01-15T22:41:00Z error lane turn 3000 is lost (3000 times in 60 s)\n"
                            "2025-01-15T22:41:35Z info lane it works; it had failed 4500 times in 89 s\n"
                            "2025-01-15T22:41:35Z error lane again\n");
  free(text);
  clock_thaw();
}

static void *say_often(void *unused) {
  (void)unused;
  for (int i = 0; i < 500; i++) log_info("thread", "a line that must not be cut by another %d", 1234567);
  return NULL;
}

static void say_together(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, say_often, NULL), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void lines_of_threads_never_mix(void **state) {
  (void)state;
  clock_freeze(0);
  char *text = captured(say_together);
  clock_thaw();
  struct str rest = str_from(text);
  struct str line;
  int lines = 0;
  while (str_split(&rest, '\n', &line) && line.len > 0) {
    assert_true(str_is(line, "1970-01-01T00:00:00Z info thread a line that must not be cut by another 1234567"));
    lines++;
  }
  assert_int_equal(lines, 2000);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(timestamps_are_read),
      cmocka_unit_test(everything_else_is_refused),
      cmocka_unit_test(writing_and_reading_meet),
      cmocka_unit_test(frozen_clock_obeys),
      cmocka_unit_test(records_are_single_clean_lines),
      cmocka_unit_test(long_records_are_cut_and_stay_json),
      cmocka_unit_test(a_trouble_that_lasts_is_said_once_a_minute),
      cmocka_unit_test(lines_of_threads_never_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
