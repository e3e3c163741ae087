/* rooms: decide program accept kit */
/* C2: from 21:00 to 08:00 in the person's zone nothing is sent, on days when the clocks change too; what is sent may not leave after the
 * next quiet time begins; without a zone nothing is sent at all. The oracle is the C library's own reading of the zones. */
#include "decide_world.h"
#include <time.h>

#define RULES                                                                                                                              \
  RULES_PING "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * days,\n"            \
             "  message = { en = \"hello\" } }\n"                                                                                          \
             "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"

/* Among them: half-hour steps (Lord Howe), changes at midnight (Havana, Beirut), a skipped day (Apia), two hours (Troll), none (Kolkata).
 */
static const struct {
  const char *zone;
  int year;
} zones[] = {
    {"Europe/Berlin", 2025},       {"America/New_York", 2025},   {"America/St_Johns", 2025},  {"America/Havana", 2025},
    {"Australia/Lord_Howe", 2025}, {"Pacific/Chatham", 2025},    {"Pacific/Apia", 2011},      {"Asia/Beirut", 2025},
    {"Asia/Kolkata", 2025},        {"Asia/Kathmandu", 2025},     {"Africa/Casablanca", 2025}, {"Antarctica/Troll", 2025},
    {"America/Santiago", 2025},    {"Pacific/Kiritimati", 2025},
};

static int oracle_minute(int64_t ms) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm tm;
  must(localtime_r(&seconds, &tm) != NULL);
  return tm.tm_hour * 60 + tm.tm_min;
}

static long oracle_offset(int64_t ms) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm tm;
  must(localtime_r(&seconds, &tm) != NULL);
  return tm.tm_gmtoff;
}

static void use_zone(struct world *w, const char *zone) {
  struct err e = {0};
  setenv("TZ", zone, 1);
  tzset();
  w->user->zone = tz_named(str_from(zone), &e);
  if (!w->user->zone) fail_msg("%s: %s", zone, e.text);
}

#define MINUTES (4 * 1440)
struct span { /* minutes around a change of the clocks, and the two quiet days after them */
  int64_t begin;
  bool quiet[MINUTES + 2 * 1440];
  int64_t next_quiet[MINUTES + 2 * 1440]; /* the first quiet minute after this one */
};

static void read_span(struct span *s, int64_t begin, int from, int to) {
  int64_t next = INT64_MAX;
  s->begin = begin;
  for (int m = MINUTES + 2 * 1440 - 1; m >= 0; m--) {
    int local = oracle_minute(begin + m * CLOCK_MINUTE);
    s->next_quiet[m] = next;
    s->quiet[m] = local >= from || local < to;
    if (s->quiet[m]) next = begin + m * CLOCK_MINUTE;
  }
}

static size_t sent, held_back;
static void one_minute(struct world *w, const struct span *s, int m, const char *zone) {
  int64_t clock = s->begin + m * CLOCK_MINUTE + (m % 7) * 8123 % 60000;
  w->user->send_count = 0;
  world_event(w, "ping", "{}", clock);
  const struct decision *d = world_of(w, "t");
  if (s->quiet[m]) {
    expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "quiet_hours");
    held_back++;
    return;
  }
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  sent++;
  if (d->send_before != s->next_quiet[m])
    fail_msg("%s: sent at %lld may leave until %lld, quiet time begins at %lld", zone, (long long)clock, (long long)d->send_before,
             (long long)s->next_quiet[m]);
}

static void around(struct world *w, int64_t change, const char *zone, int from, int to) {
  static struct span s;
  read_span(&s, (change / CLOCK_DAY - 1) * CLOCK_DAY, from, to);
  for (int m = 0; m < MINUTES; m++) one_minute(w, &s, m, zone);
}

static int through_a_year(struct world *w, const char *zone, int year, int from, int to) {
  char iso[32];
  snprintf(iso, sizeof iso, "%d-01-01T00:00:00Z", year);
  int changes = 0;
  int64_t begin = at(iso);
  for (int64_t hour = begin; hour < begin + 366 * CLOCK_DAY; hour += CLOCK_HOUR) {
    if (oracle_offset(hour) == oracle_offset(hour + CLOCK_HOUR)) continue;
    around(w, hour, zone, from, to);
    changes++;
  }
  if (!changes) around(w, begin + 100 * CLOCK_DAY, zone, from, to);
  return changes;
}

static void test_every_minute_when_clocks_change(void **state) {
  (void)state;
  struct world *w = world_new(RULES);
  int changes = 0;
  sent = held_back = 0;
  for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
    use_zone(w, zones[z].zone);
    changes += through_a_year(w, zones[z].zone, zones[z].year, 21 * 60, 8 * 60);
  }
  assert_in_range(changes, 18, 40);
  assert_in_range(sent, 20000, 200000);
  assert_in_range(held_back, 20000, 200000);
  world_free(w);
}

static void test_a_policy_lengthens_quiet_time(void **state) {
  (void)state;
  struct world *w = world_new(RULES "policy \"long\" { why = \"x\", quiet = { from = \"19:30\", to = \"09:45\" } }\n");
  use_zone(w, "Europe/Berlin");
  through_a_year(w, "Europe/Berlin", 2025, 19 * 60 + 30, 9 * 60 + 45);
  world_free(w);
}

static void test_unknown_zone_gets_nothing(void **state) {
  (void)state;
  struct world *w = world_new(RULES);
  w->user->zone = NULL;
  for (int m = 0; m < 1440; m++) {
    world_event(w, "ping", "{}", at("2025-06-01T00:00:00Z") + m * CLOCK_MINUTE);
    expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "zone_unknown");
  }
  world_free(w);
}

/* The edge itself: one millisecond before nine in the evening may be decided, and must be gone at nine. */
static void test_the_last_millisecond(void **state) {
  (void)state;
  struct world *w = world_new(RULES);
  use_zone(w, "Europe/Berlin");
  int64_t nine = at("2025-06-01T21:00:00+02:00"), eight = at("2025-06-02T08:00:00+02:00");
  world_event(w, "ping", "{}", nine - 1);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  assert_int_equal(world_of(w, "t")->send_before, nine);
  w->user->send_count = 0;
  world_event(w, "ping", "{}", nine);
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "quiet_hours");
  world_event(w, "ping", "{}", eight - 1);
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "quiet_hours");
  world_event(w, "ping", "{}", eight);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  world_free(w);
}

/* An option that expires before quiet time keeps its own end. */
static void test_expiry_before_quiet_time(void **state) {
  (void)state;
  struct world *w =
      world_new(RULES_PING RULES_OPTION("walk", "") "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n");
  world_event(w, "ping", "{}", at("2025-06-01T12:00:00Z"));
  assert_int_equal(world_of(w, "t")->send_before, at("2025-06-01T14:00:00Z"));
  assert_int_equal(world_of(w, "t")->expires, at("2025-06-01T14:00:00Z"));
  w->user->send_count = 0;
  world_event(w, "ping", "{}", at("2025-06-01T20:00:00Z"));
  assert_int_equal(world_of(w, "t")->send_before, at("2025-06-01T21:00:00Z"));
  assert_int_equal(world_of(w, "t")->expires, at("2025-06-01T22:00:00Z"));
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_minute_when_clocks_change), cmocka_unit_test(test_a_policy_lengthens_quiet_time),
      cmocka_unit_test(test_unknown_zone_gets_nothing),       cmocka_unit_test(test_the_last_millisecond),
      cmocka_unit_test(test_expiry_before_quiet_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
