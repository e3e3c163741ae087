/* rooms: decide program accept kit; inside: decide */
/* Ticks: the day in the user's own zone, schedules over changes of the clocks, a silence once, each send followed once and by everything
 * that wants to follow it, and what was missed written off in one. Due times are a function of state and program. */
#include "decide_world.h"
#include "rules_inside.h"

#define HEAD             RULES_PING RULES_OPTION("walk", "") RULES_OPTION("rest", "")
#define LISTEN(name, on) "trigger \"" name "\" { why = \"x\", on = { " on " }, offer = { \"rest\" } }\n"
#define WALK             "trigger \"walk\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"

static void in_zone(struct world *w, const char *zone) {
  struct err e = {0};
  w->user->zone = tz_named(str_from(zone), &e);
  if (!w->user->zone) fail_msg("%s", e.text);
}

static void begin(struct world *w, int64_t clock) {
  struct err e = {0};
  struct recorded r = {.clock = clock, .received = clock, .may_identify = true};
  bool learned;
  world_parse(w, "unheard", "{}", clock);
  assert_true(program_move(w->program, w->user, ENTRY_EVENT, &w->event, &r, &w->arena, &learned, &e));
}

/* Fires the oldest tick that is due at `now`; its type, or NULL. */
static const char *fire(struct world *w, int64_t now, bool live, int64_t *due) {
  struct str body;
  struct err e = {0};
  arena_reset(&w->arena);
  if (!ticks_due(w->program->rules, w->user, now, live, &w->arena, &body)) return NULL;
  if (!event_parse(&w->arena, body, now, STR("tick"), true, &w->event, &e)) fail_msg("%s", e.text);
  if (due) *due = w->event.timestamp;
  struct recorded r = {.clock = w->event.timestamp, .received = w->event.timestamp, .may_identify = true, .decides = true};
  bool learned;
  assert_true(program_move(w->program, w->user, ENTRY_TICK, &w->event, &r, &w->arena, &learned, &e));
  world_decide(w, ticks_listening(w->program->rules, &w->event, &w->arena), w->event.timestamp, NO_ONE);
  world_apply(w);
  return arena_text(&w->arena, w->event.type.at, w->event.type.len);
}

static struct silence silence_of(const struct world *w, int64_t now) {
  const struct trigger *t = &w->program->rules->triggers[rules_trigger(w->program->rules, STR("quiet"))];
  return ticks_silence(w->user, t, &t->noun->on[0], now);
}

/* What is said of a silence is what ticks do: from the last word on, due once, and again only after another word. */
static void test_a_silence_says_when_it_is_due(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("quiet", "silence(3 * hours)"));
  int64_t begun = at("2025-03-01T10:00:00Z"), due = 0;
  assert_int_equal(silence_of(w, begun).state, SILENCE_UNHEARD);
  begin(w, begun);
  const struct silence s = silence_of(w, begun + CLOCK_HOUR);
  assert_int_equal(s.state, SILENCE_WAITING);
  assert_int_equal(s.last, begun);
  assert_int_equal(s.due, ticks_next(w->program->rules, w->user));
  assert_int_equal(silence_of(w, s.due).state, SILENCE_DUE);
  assert_string_equal(fire(w, s.due, true, &due), "tick.silence");
  assert_int_equal(silence_of(w, due + CLOCK_DAY).state, SILENCE_TOLD);
  begin(w, begun + CLOCK_DAY);
  assert_int_equal(silence_of(w, begun + CLOCK_DAY).state, SILENCE_WAITING);
  assert_string_equal(fire(w, begun + 3 * CLOCK_DAY, true, NULL), "tick.caught_up");
  assert_int_equal(silence_of(w, begun + 3 * CLOCK_DAY).state, SILENCE_MISSED);
  assert_int_equal(ticks_next(w->program->rules, w->user), 0);
  world_free(w);
}

static void test_nothing_is_due_without_listeners(void **state) {
  (void)state;
  struct world *w = world_new(HEAD WALK);
  begin(w, at("2025-03-01T10:00:00Z"));
  assert_int_equal(ticks_next(w->program->rules, w->user), 0);
  assert_null(fire(w, at("2030-01-01T00:00:00Z"), false, NULL));
  assert_false(rules_have_moments(w->program->rules));
  world_free(w);
}

/* Every day once, at the local time, over both changes of the clocks; within the spread of two minutes. */
static void test_schedules_keep_local_time(void **state) {
  (void)state;
  static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"};
  for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
    struct world *w = world_new(HEAD LISTEN("at", "every \"day\" : at \"09:30\""));
    in_zone(w, zones[z]);
    begin(w, at("2025-01-01T00:00:00Z"));
    int32_t day = INT32_MIN;
    int64_t due = 0;
    size_t days = 0;
    while (fire(w, at("2026-01-01T00:00:00Z"), false, &due)) {
      struct tz_local local = tz_local(w->user->zone, due);
      assert_in_range(local.minute, 9 * 60 + 30, 9 * 60 + 32);
      if (day != INT32_MIN) assert_int_equal(local.day, day + 1);
      day = local.day;
      days++;
    }
    assert_in_range(days, 364, 366);
    world_free(w);
  }
}

static void test_weekdays(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("mondays", "every \"monday\" : at \"18:00\"") LISTEN("ends", "every \"weekend\" : at \"11:00\""));
  in_zone(w, "Asia/Tokyo");
  begin(w, at("2025-01-01T00:00:00Z"));
  size_t mondays = 0, ends = 0;
  int64_t due;
  while (fire(w, at("2025-01-29T00:00:00Z"), false, &due)) {
    int32_t weekday = tz_local(w->user->zone, due).weekday;
    bool monday = world_of(w, "mondays") != NULL;
    assert_true(monday ? weekday == 0 : weekday >= 5);
    mondays += monday;
    ends += !monday;
  }
  assert_int_equal(mondays, 4);
  assert_int_equal(ends, 8);
  world_free(w);
}

static void test_a_time_that_does_not_exist(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("night", "every \"day\" : at \"02:30\""));
  in_zone(w, "Europe/Berlin"); /* 2025-03-30 has no 02:30; 2025-10-26 has two */
  begin(w, at("2025-03-28T12:00:00Z"));
  size_t fired = 0;
  int64_t last = 0, due;
  for (; fire(w, at("2025-04-02T12:00:00Z"), false, &due); fired++) {
    if (last) assert_in_range(due - last, 22 * CLOCK_HOUR, 26 * CLOCK_HOUR);
    last = due;
    bool left_out = due > at("2025-03-30T00:00:00Z") && due < at("2025-03-31T00:00:00Z"); /* later by the hour that is left out */
    assert_in_range(tz_local(w->user->zone, due).minute, (left_out ? 210 : 150), (left_out ? 212 : 152));
  }
  assert_int_equal(fired, 5);
  begin(w, at("2025-10-24T12:00:00Z"));
  while (ticks_next(w->program->rules, w->user) < at("2025-10-25T00:00:00Z")) fire(w, at("2025-10-24T23:59:00Z"), true, NULL);
  fired = 0;
  for (; fire(w, at("2025-10-28T12:00:00Z"), false, &due); fired++)
    if (due > at("2025-10-26T00:00:00Z") && due < at("2025-10-26T12:00:00Z"))
      assert_in_range(due, at("2025-10-26T00:30:00Z"), at("2025-10-26T00:32:00Z")); /* the first of the two */
  assert_in_range(fired, 4, 5);                                                     /* once on the day with two, not twice */
  world_free(w);
}

static void test_days_begin_at_midnight_there(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("day", "\"day_started\""));
  in_zone(w, "Pacific/Auckland");
  begin(w, at("2025-06-01T00:00:00Z"));
  size_t days = 0;
  int64_t due;
  while (fire(w, at("2025-06-11T00:00:00Z"), false, &due)) {
    assert_in_range(tz_local(w->user->zone, due).minute, 0, 10);
    days++;
  }
  assert_int_equal(days, 10);
  world_free(w);
}

/* Mornings are spread over two minutes, so that they are not all one second's. */
static void test_due_times_are_spread(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("at", "every \"day\" : at \"09:30\""));
  int64_t first = at("2025-06-02T09:30:00Z");
  size_t in_first_quarter = 0;
  for (int i = 0; i < 400; i++) {
    char id[24];
    snprintf(id, sizeof id, "riser-%d", i);
    world_person(w, id);
    begin(w, at("2025-06-02T00:00:00Z"));
    int64_t due = ticks_next(w->program->rules, w->user);
    assert_in_range(due - first, 0, 2 * CLOCK_MINUTE);
    in_first_quarter += due - first < 30 * CLOCK_SECOND;
  }
  assert_in_range(in_first_quarter, 60, 140);
  world_free(w);
}

static void test_silence_once_each(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("quiet", "silence(3 * hours), silence(2 * days)"));
  int64_t begun = at("2025-06-02T09:00:00Z"), due;
  begin(w, begun);
  assert_null(fire(w, begun + 3 * CLOCK_HOUR - 1, false, NULL));
  assert_string_equal(fire(w, begun + 10 * CLOCK_DAY, false, &due), "tick.silence");
  assert_int_equal(due, begun + 3 * CLOCK_HOUR);
  assert_string_equal(fire(w, begun + 10 * CLOCK_DAY, false, &due), "tick.silence");
  assert_int_equal(due, begun + 2 * CLOCK_DAY);
  assert_null(fire(w, begun + 100 * CLOCK_DAY, false, NULL));
  begin(w, begun + 20 * CLOCK_DAY); /* a word ends it, and another silence may begin */
  assert_string_equal(fire(w, begun + 21 * CLOCK_DAY, false, &due), "tick.silence");
  assert_int_equal(due, begun + 20 * CLOCK_DAY + 3 * CLOCK_HOUR);
  world_free(w);
}

static void test_every_send_is_followed_once(void **state) {
  (void)state;
  struct world *w = world_new(HEAD WALK LISTEN("soon", "follow_up { of = \"trigger:walk\", after = 1 * hours }, follow_up { of = "
                                                       "\"intervention:walk\", after = 5 * hours }"));
  int64_t begun = at("2025-06-02T08:00:00Z"), due;
  w->user->zone = tz_named(STR("UTC"), NULL);
  for (int i = 0; i < 3; i++) {
    world_event(w, "ping", "{}", begun + i * 61 * CLOCK_MINUTE);
    expect_outcome(w, "walk", OUTCOME_SENT, NULL);
  }
  size_t fired = 0;
  int64_t dues[8];
  while (fire(w, begun + CLOCK_DAY, false, &due)) dues[fired++ % 8] = due;
  assert_int_equal(fired, 6); /* three sends, each followed twice: an hour and five hours later */
  for (int i = 0; i < 3; i++) {
    assert_int_equal(dues[i], begun + i * 61 * CLOCK_MINUTE + CLOCK_HOUR);
    assert_int_equal(dues[3 + i], begun + i * 61 * CLOCK_MINUTE + 5 * CLOCK_HOUR);
  }
  world_free(w);
}

/* What a follow-up is about is found by the send's own moment; told that it never arrived, the tick is the same one and nobody listens. */
static void test_what_never_arrived_is_asked_of_nobody(void **state) {
  (void)state;
  struct world *w = world_new(HEAD WALK LISTEN("soon", "follow_up { of = \"intervention:walk\", after = 1 * hours }")
                                  LISTEN("later", "follow_up { of = \"trigger:walk\", after = 2 * hours }"));
  int64_t begun = at("2025-06-02T08:00:00Z");
  w->user->zone = tz_named(STR("UTC"), NULL);
  for (int i = 0; i < 2; i++) world_event(w, "ping", "{}", begun + i * 3 * CLOCK_HOUR);
  assert_int_equal(w->user->send_count, 2);
  for (int k = 0; k < 2; k++) {
    struct str body;
    struct err e = {0};
    struct event tick, told;
    uint64_t decisions[4];
    assert_true(ticks_due(w->program->rules, w->user, begun + (k + 1) * CLOCK_HOUR, true, &w->arena, &body));
    assert_true(event_parse(&w->arena, body, begun + (k + 1) * CLOCK_HOUR, STR("tick"), true, &tick, &e));
    assert_int_equal(ticks_follows(w->user, &tick, &w->arena, decisions, 4), 1);
    assert_int_equal(decisions[0], w->user->sends[0].decision);
    assert_int_equal(ticks_follows(w->user, &tick, &w->arena, decisions, 0), 0);
    assert_non_null(ticks_listening(w->program->rules, &tick, &w->arena));
    body = ticks_undelivered(body, "expired", &w->arena);
    assert_true(event_parse(&w->arena, body, begun + (k + 1) * CLOCK_HOUR, STR("tick"), true, &told, &e));
    assert_true(str_eq(told.id, tick.id) && told.timestamp == tick.timestamp);
    assert_null(ticks_listening(w->program->rules, &told, &w->arena));
    assert_true(ticks_fired(w->user, &told, &w->arena)); /* asked of nobody, and owed no more */
  }
  struct event ping = w->event;
  uint64_t decisions[4];
  assert_int_equal(ticks_follows(w->user, &ping, &w->arena, decisions, 4), 0);
  assert_int_equal(ticks_next(w->program->rules, w->user), begun + 4 * CLOCK_HOUR); /* the second send's */
  world_free(w);
}

static void test_what_was_missed_is_written_off(void **state) {
  (void)state;
  struct world *w = world_new(HEAD WALK LISTEN("at", "every \"day\" : at \"09:30\"")
                                  LISTEN("after", "follow_up { of = \"trigger:walk\", after = 30 * hours }"));
  int64_t begun = at("2025-06-02T08:00:00Z"), due;
  world_event(w, "ping", "{}", begun);
  expect_outcome(w, "walk", OUTCOME_SENT, NULL);
  int64_t back = begun + 28 * CLOCK_HOUR; /* two mornings were missed; what follows the walk is not due yet */
  assert_string_equal(fire(w, back, true, &due), "tick.caught_up");
  assert_int_equal(due, back);
  assert_int_equal(w->count, 0);
  assert_null(fire(w, back, true, NULL));
  assert_string_equal(fire(w, begun + 30 * CLOCK_HOUR, true, &due), "tick.follow_up");
  assert_int_equal(due, begun + 30 * CLOCK_HOUR);
  assert_string_equal(fire(w, at("2025-06-04T09:33:00Z"), true, NULL), "tick.schedule");
  assert_null(fire(w, at("2025-06-05T09:00:00Z"), true, NULL));
  /* A little late is in time. */
  assert_string_equal(fire(w, at("2025-06-05T10:25:00Z"), true, NULL), "tick.schedule");
  assert_string_equal(fire(w, at("2025-06-06T10:35:00Z"), true, NULL), "tick.caught_up");
  world_free(w);
}

/* An hour late is in time, to the millisecond; what is written off is all that was due up to then, and nothing after it. */
static void test_an_hour_late_is_in_time(void **state) {
  (void)state;
  struct world *w = world_new(HEAD WALK LISTEN("after", "follow_up { of = \"trigger:walk\", after = 1 * hours }, follow_up { of = "
                                                        "\"trigger:walk\", after = 5 * hours }"));
  int64_t begun = at("2025-06-02T08:00:00Z"), due;
  world_event(w, "ping", "{}", begun);
  expect_outcome(w, "walk", OUTCOME_SENT, NULL);
  assert_string_equal(fire(w, begun + CLOCK_HOUR + TICK_DECIDES_WITHIN, true, &due), "tick.follow_up");
  assert_int_equal(due, begun + CLOCK_HOUR);
  assert_int_equal(w->count, 1);
  world_event(w, "ping", "{}", begun + 2 * CLOCK_HOUR);
  expect_outcome(w, "walk", OUTCOME_SENT, NULL);
  /* The second walk's hour is missed, and the first one's five hours are over in that moment. */
  assert_string_equal(fire(w, begun + 5 * CLOCK_HOUR, true, &due), "tick.caught_up");
  assert_int_equal(ticks_next(w->program->rules, w->user), begun + 7 * CLOCK_HOUR);
  world_free(w);
}

/* What is due in one moment comes in the order of the triggers' names. */
static void test_ties_are_told_by_name(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("b", "silence(3 * hours)") LISTEN("a", "silence(3 * hours)") LISTEN("c", "silence(3 * hours)"));
  static const char *const names[] = {"a", "b", "c"};
  int64_t begun = at("2025-06-02T08:00:00Z");
  begin(w, begun);
  for (int i = 0; i < 3; i++) {
    assert_string_equal(fire(w, begun + 3 * CLOCK_HOUR, true, NULL), "tick.silence");
    assert_int_equal(w->count, 1);
    assert_non_null(world_of(w, names[i]));
  }
  world_free(w);
}

/* Of several triggers' sends each is followed by whom it concerns. */
static void test_only_what_it_follows(void **state) {
  (void)state;
  struct world *w =
      world_new(HEAD WALK LISTEN("other", "\"pong\"") LISTEN("soon", "follow_up { of = \"trigger:other\", after = 1 * hours }")
                    LISTEN("later", "follow_up { of = \"intervention:rest\", after = 2 * hours }"));
  int64_t begun = at("2025-06-02T08:00:00Z");
  world_event(w, "ping", "{}", begun);
  expect_outcome(w, "walk", OUTCOME_SENT, NULL);
  assert_int_equal(ticks_next(w->program->rules, w->user), 0);
  world_event(w, "pong", "{}", begun + 61 * CLOCK_MINUTE);
  expect_outcome(w, "other", OUTCOME_SENT, NULL);
  assert_int_equal(ticks_next(w->program->rules, w->user), begun + 121 * CLOCK_MINUTE);
  world_free(w);
}

/* Who was met in history last has no tick of today, only those before the next event of that history. */
static void test_history_has_its_own_ticks(void **state) {
  (void)state;
  struct world *w = world_new(HEAD LISTEN("at", "every \"day\" : at \"09:30\""));
  struct err e = {0};
  struct recorded r = {.clock = at("2015-08-03T12:00:00Z"), .received = at("2025-06-02T08:00:00Z"), .history = true, .may_identify = true};
  bool learned;
  world_parse(w, "unheard", "{}", r.clock);
  assert_true(program_move(w->program, w->user, ENTRY_EVENT, &w->event, &r, &w->arena, &learned, &e));
  assert_int_equal(ticks_next(w->program->rules, w->user), 0);
  struct str body;
  assert_true(ticks_due(w->program->rules, w->user, at("2015-08-04T12:00:00Z"), false, &w->arena, &body));
  begin(w, at("2025-06-02T08:00:00Z"));
  assert_true(ticks_next(w->program->rules, w->user) != 0);
  world_free(w);
}

/* The same tick has the same bytes, wherever it is made. */
static void test_a_tick_is_the_same_everywhere(void **state) {
  (void)state;
  struct str bodies[2];
  struct world *w[2];
  for (int k = 0; k < 2; k++) {
    w[k] = world_new(HEAD LISTEN("at", "every \"day\" : at \"09:30\", silence(2 * hours)"));
    begin(w[k], at("2025-06-02T05:00:00Z"));
    assert_true(ticks_due(w[k]->program->rules, w[k]->user, at("2025-06-02T12:00:00Z"), false, &w[k]->arena, &bodies[k]));
  }
  assert_true(str_eq(bodies[0], bodies[1]));
  for (int k = 0; k < 2; k++) world_free(w[k]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_is_due_without_listeners),
      cmocka_unit_test(test_schedules_keep_local_time),
      cmocka_unit_test(test_weekdays),
      cmocka_unit_test(test_a_time_that_does_not_exist),
      cmocka_unit_test(test_days_begin_at_midnight_there),
      cmocka_unit_test(test_due_times_are_spread),
      cmocka_unit_test(test_silence_once_each),
      cmocka_unit_test(test_a_silence_says_when_it_is_due),
      cmocka_unit_test(test_every_send_is_followed_once),
      cmocka_unit_test(test_what_never_arrived_is_asked_of_nobody),
      cmocka_unit_test(test_what_was_missed_is_written_off),
      cmocka_unit_test(test_an_hour_late_is_in_time),
      cmocka_unit_test(test_only_what_it_follows),
      cmocka_unit_test(test_ties_are_told_by_name),
      cmocka_unit_test(test_history_has_its_own_ticks),
      cmocka_unit_test(test_a_tick_is_the_same_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
