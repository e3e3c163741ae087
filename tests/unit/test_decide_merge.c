/* rooms: decide program accept book kit; inside: decide */
/* Never does a merge allow a send that either person alone would have been refused for a reason that was known: over random pairs of
 * people, whatever refuses the one who stays, and whatever is known to refuse the other, refuses the merged person. What one of them merely
 * never said (consent, age, zone) refuses nothing once the one who stays has said it, and is never filled in by the other. Merging is the
 * same again from the same row, and the order in which several are merged does not matter to who is protected. */
#include "decide_world.h"
#include "rules_inside.h"

#define RULES                                                                                                                              \
  RULES_PING RULES_OPTION(                                                                                                                 \
      "walk", "") "trigger \"a\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"                                               \
                  "trigger \"f\" { why = \"x\", on = { follow_up { of = \"trigger:a\", after = 2 * hours } }, offer = { \"walk\" } }\n"    \
                  "policy \"p\" { why = \"x\", holdout = 0.2, gap = 90 * minutes }\n"

static const char *const zones[] = {NULL, "Etc/UTC", "Europe/Berlin", "Pacific/Auckland"};

static uint64_t below(struct rng *r, uint64_t bound) {
  return rng_next(r) % bound;
}

static struct user *person_new(const char *id) {
  struct user *u = user_new();
  assert_non_null(u);
  char *copy = kit_alloc(strlen(id) + 1);
  memcpy(copy, id, strlen(id) + 1);
  u->id = str_from(copy);
  return u;
}

static void move_to(struct user *u, const char *zone) {
  struct err e = {0};
  char patch[80];
  if (!zone) return;
  snprintf(patch, sizeof patch, "{\"timezone\":\"%s\"}", zone);
  if (!user_merge_profile(u, str_from(patch), true, &e)) fail_msg("%s", e.text);
}

static struct user *random_person(struct rng *r, const char *id, int64_t now) {
  struct user *u = person_new(id);
  u->consent = (enum consent)below(r, 3);
  if (below(r, 3)) u->age = 10 + (int32_t)below(r, 30);
  u->minor_consent = below(r, 2);
  move_to(u, zones[below(r, 4)]);
  for (uint64_t n = below(r, 5), i = 0; i < n; i++) {
    const int64_t ago = (int64_t)below(r, 10 * 24 * 60) * CLOCK_MINUTE;
    assert_true(user_add_send(u, &(struct send){now - ago, i + 1, hash_64(STR("a")), hash_64(STR("walk")), 0}));
  }
  return u;
}

static struct user *copy_of(const struct user *u) {
  struct buf bytes = {0};
  struct err e = {0};
  user_encode(u, &bytes);
  char id[64];
  snprintf(id, sizeof id, "%.*s", STR_ARG(u->id));
  struct user *copy = person_new(id);
  if (!user_decode(copy, buf_view(&bytes), &e)) fail_msg("%s", e.text);
  buf_free(&bytes);
  return copy;
}

/* As the row of a merge is made and applied. */
static void merge_into(const struct rules *r, struct user *into, const struct user *from, int64_t now) {
  struct arena a = {0};
  struct buf out = {0};
  struct event ev;
  struct err e = {0};
  char at_text[32];
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "userId", into->id);
  json_pair_text(&w, "eventType", "merged_from");
  json_pair_str(&w, "timestamp", (struct str){at_text, clock_format(now, at_text)});
  json_key(&w, "data");
  json_open_object(&w);
  json_pair_str(&w, "from", from->id);
  merge_carry(r, from, &a, &w);
  json_close_object(&w);
  json_close_object(&w);
  if (!event_parse(&a, buf_view(&out), now, STR("merge"), true, &ev, &e) || !merge_take(into, &ev, now, &a, &e)) fail_msg("%s", e.text);
  buf_free(&out);
  arena_free(&a);
}

static const char *refused(const struct rules *r, const struct user *u, int64_t clock) {
  static const struct controls none;
  struct guard_figures g;
  struct str detail = {0};
  struct arena a = {0};
  const char *reason = guard_user(r, &none, u, clock, &g, &a, &detail);
  arena_free(&a);
  return reason;
}

/* The other person, had they said what the one who stays has said. */
static void fill_in(struct user *from, const struct user *into) {
  if (from->consent == CONSENT_UNKNOWN) from->consent = CONSENT_GIVEN;
  if (from->age < 0) from->age = 40;
  if (!from->zone && into->zone) from->zone = into->zone;
}

static void no_merge_allows_what_was_refused(void **state) {
  (void)state;
  struct program *p = world_good(RULES);
  struct rng r = rng_from(7);
  int kept = 0, stopped = 0;
  for (int round = 0; round < 20000; round++) {
    char from_id[24], into_id[24];
    const int64_t now = at("2026-03-02T12:00:00Z") + (int64_t)below(&r, 48 * 60) * CLOCK_MINUTE;
    snprintf(from_id, sizeof from_id, "f%d", round);
    snprintf(into_id, sizeof into_id, "i%d", round);
    struct user *from = random_person(&r, from_id, now), *into = random_person(&r, into_id, now), *merged = copy_of(into);
    merge_into(p->rules, merged, from, now);
    for (int64_t later = now; later <= now + 2 * CLOCK_DAY; later += 3 * CLOCK_HOUR + 7 * CLOCK_MINUTE) {
      const char *alone = refused(p->rules, into, later), *both = refused(p->rules, merged, later);
      fill_in(from, into);
      const char *other = from->zone ? refused(p->rules, from, later) : NULL;
      if (alone && !both) fail_msg("round %d: %s no longer holds", round, alone);
      if (other && !both) fail_msg("round %d: %s of the other is lost", round, other);
      if (!both) kept++;
      if (!alone && both) stopped++;
    }
    user_free(from);
    user_free(into);
    user_free(merged);
  }
  assert_in_range(kept, 1000, INT32_MAX); /* the look is worth something: some are allowed, some stopped by the other's reasons */
  assert_in_range(stopped, 1000, INT32_MAX);
  program_free(p);
}

/* Sends of one person, two a day, none within the last `free` hours. */
static void send_lately(struct user *u, int sends, int64_t now, int free, uint64_t decision) {
  for (int i = sends - 1; i >= 0; i--)
    assert_true(user_add_send(u, &(struct send){now - (free + i / 2 * 24 + i % 2 * 2) * CLOCK_HOUR, decision++, 1, 2, 0}));
}

static bool is_full(const struct rules *r, const struct user *u, int64_t clock) {
  const char *reason = refused(r, u, clock);
  if (reason && strcmp(reason, "week_cap") != 0) fail_msg("refused for another reason: %s", reason);
  return reason != NULL;
}

/* Twelve in seven days are one person's, under however many ids: neither has had them alone. */
static void a_week_is_counted_over_both(void **state) {
  (void)state;
  struct program *p =
      world_good(RULES_PING RULES_OPTION("walk", "") "trigger \"a\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n");
  const int64_t now = at("2026-03-02T12:00:00Z");
  for (int theirs = 0; theirs <= 6; theirs++) {
    char from_id[24];
    snprintf(from_id, sizeof from_id, "from%d", theirs);
    struct user *from = person_new(from_id), *into = person_new("into");
    from->consent = into->consent = CONSENT_GIVEN;
    from->age = into->age = 40;
    move_to(from, "Etc/UTC");
    move_to(into, "Etc/UTC");
    send_lately(into, 6, now, 26, 100);
    send_lately(from, theirs, now, 27, 200);
    assert_false(is_full(p->rules, from, now) || is_full(p->rules, into, now));
    merge_into(p->rules, into, from, now);
    assert_int_equal(is_full(p->rules, into, now), theirs == 6);
    assert_false(is_full(p->rules, into, now + 6 * CLOCK_DAY)); /* by then the oldest are more than a week ago */
    user_free(from);
    user_free(into);
  }
  program_free(p);
}

static void what_was_given_is_not_given_again(void **state) {
  (void)state;
  struct program *p = world_good(RULES);
  const int64_t now = at("2026-03-02T12:00:00Z");
  struct user *from = person_new("from"), *into = person_new("into");
  struct err e = {0};
  assert_true(user_add_send(into, &(struct send){now - 2 * CLOCK_HOUR, 5, 1, 2, 0}));
  assert_true(user_add_send(from, &(struct send){now - 3 * CLOCK_HOUR, 4, 1, 2, 1}));
  assert_true(user_add_send(from, &(struct send){now - CLOCK_HOUR, 6, 3, 4, 2}));
  assert_true(user_set_mark(from, mark_key("goal", STR("steps")), now - CLOCK_DAY, 6000));
  assert_true(user_set_mark(into, mark_key("goal", STR("steps")), now - 9 * CLOCK_DAY, 4000));
  assert_true(user_set_mark(into, mark_key("goal", STR("active_minutes")), now, 100));
  size_t cursor = 0;
  uint64_t follow_up;
  assert_true(ticks_followed(p->rules, &cursor, &follow_up));
  assert_true(user_set_mark(from, follow_up, now - 3 * CLOCK_HOUR, 0));
  from->last_event = now - 1;
  if (!user_merge_profile(from, STR("{\"injured\":\"yes\",\"ill\":false,\"nick\":\"F\"}"), true, &e)) fail_msg("%s", e.text);
  merge_into(p->rules, into, from, now);
  assert_int_equal(into->send_count, 3);
  for (int i = 0; i < 3; i++) assert_int_equal(into->sends[i].decision, 4 + i);
  assert_int_equal(into->sends[0].response, 1);
  assert_int_equal(into->sends[2].option, 4);
  assert_true(goal_in_force(0, into).number == 6000 && goal_in_force(1, into).number == 100);
  assert_int_equal(user_mark(into, follow_up)->at, now - 3 * CLOCK_HOUR);
  assert_int_equal(into->last_event, now - 1);
  assert_true(str_is(into->profile, "{\"injured\":true}"));
  assert_non_null(user_mark(into, merge_mark(STR("from"))));
  assert_false(into->closed);
  user_free(from);
  user_free(into);
  program_free(p);
}

/* What is older on the other side takes nothing back; and an opt-out is one of both, which no enrolment fills in. */
static void the_newer_of_both_stays(void **state) {
  (void)state;
  struct program *p = world_good(RULES "policy \"q\" { why = \"signed on paper\", consent = \"by_enrolment\" }\n");
  const int64_t now = at("2026-03-02T12:00:00Z");
  size_t cursor = 0;
  uint64_t follow_up;
  assert_true(ticks_followed(p->rules, &cursor, &follow_up));
  for (int theirs = 0; theirs < 2; theirs++) { /* whose is the newer */
    struct user *from = person_new("from"), *into = person_new("into");
    struct user *newer = theirs ? from : into, *older = theirs ? into : from;
    newer->last_event = now - 1;
    older->last_event = now - CLOCK_DAY;
    assert_true(user_set_mark(newer, follow_up, now - CLOCK_HOUR, 0));
    assert_true(user_set_mark(older, follow_up, now - CLOCK_DAY, 0));
    assert_true(user_set_mark(newer, mark_key("goal", STR("steps")), now - CLOCK_DAY, 6000));
    assert_true(user_set_mark(older, mark_key("goal", STR("steps")), now - 9 * CLOCK_DAY, 4000));
    newer->consent = CONSENT_WITHDRAWN;
    merge_into(p->rules, into, from, now);
    assert_int_equal(into->last_event, now - 1);
    assert_int_equal(user_mark(into, follow_up)->at, now - CLOCK_HOUR);
    assert_true(goal_in_force(0, into).number == 6000);
    assert_string_equal(refused(p->rules, into, now), "opted_out");
    user_free(from);
    user_free(into);
  }
  program_free(p);
}

/* A known age is known from the first year on. */
static void the_youngest_are_minors(void **state) {
  (void)state;
  for (int32_t age = 0; age < 19; age++) {
    struct user *from = person_new("from"), *into = person_new("into");
    from->age = age;
    into->age = 40;
    into->minor_consent = true;
    merge_into(NULL, into, from, at("2026-03-02T12:00:00Z"));
    assert_int_equal(into->age, age < 18 ? age : 40);
    assert_int_equal(into->minor_consent, age == 18); /* a guardian of both has to have agreed */
    user_free(from);
    user_free(into);
  }
}

/* Whoever fills the profile of the one who stays does not stop a merge. */
static void a_full_profile_is_no_way_out(void **state) {
  (void)state;
  struct user *from = person_new("from"), *into = person_new("into");
  struct err e = {0};
  static char full[PROFILE_MOST + 1];
  memset(full, 'x', PROFILE_MOST);
  memcpy(full, "{\"x\":\"", 6);
  memcpy(full + PROFILE_MOST - 2, "\"}", 2);
  if (!user_merge_profile(into, str_from(full), false, &e)) fail_msg("%s", e.text);
  if (!user_merge_profile(from, STR("{\"injured\":true,\"ill\":true,\"pregnant\":true}"), true, &e)) fail_msg("%s", e.text);
  merge_into(NULL, into, from, at("2026-03-02T12:00:00Z"));
  struct str end = into->profile;
  assert_true(end.len > PROFILE_MOST);
  end = (struct str){end.at + PROFILE_MOST - 1, end.len - PROFILE_MOST + 1};
  assert_true(str_is(end, ",\"ill\":true,\"injured\":true,\"pregnant\":true}"));
  user_free(from);
  user_free(into);
}

/* The newest sends are kept when both have as many as there is room for. */
static void too_many_sends_keep_the_newest(void **state) {
  (void)state;
  const int64_t now = at("2026-03-02T12:00:00Z");
  struct user *from = person_new("from"), *into = person_new("into");
  for (int i = 0; i < SENDS_MOST; i++) {
    assert_true(user_add_send(into, &(struct send){now - (SENDS_MOST - i) * CLOCK_DAY, (uint64_t)(2 * i + 1), 1, 1, 0}));
    assert_true(user_add_send(from, &(struct send){now - (SENDS_MOST - i) * CLOCK_DAY + 1, (uint64_t)(2 * i + 2), 1, 1, 0}));
  }
  merge_into(NULL, into, from, now);
  assert_int_equal(into->send_count, SENDS_MOST);
  for (int i = 0; i < SENDS_MOST; i++) assert_int_equal(into->sends[i].decision, SENDS_MOST + i + 1);
  user_free(from);
  user_free(into);
}

static void a_closed_user_stays_closed(void **state) {
  (void)state;
  struct arena a = {0};
  struct err e = {0};
  struct event ev;
  struct user *u = person_new("from");
  const struct str body =
      STR("{\"userId\":\"from\",\"eventType\":\"merged_into\",\"timestamp\":\"2026-03-02T12:00:00Z\",\"data\":{\"into\":\"into\"}}");
  if (!event_parse(&a, body, at("2026-03-02T12:00:00Z"), STR("merge"), true, &ev, &e)) fail_msg("%s", e.text);
  assert_true(event_is_own(&ev));
  assert_true(merge_take(u, &ev, ev.timestamp, &a, &e));
  struct user *again = copy_of(u);
  assert_true(u->closed && again->closed);
  struct program *p = world_good(RULES_PING RULES_OPTION("walk", "") "trigger \"a\" { why = \"x\", on = { every \"day\":at \"12:00\" }, "
                                                                     "offer = { \"walk\" } }\n");
  move_to(again, "Etc/UTC");
  again->clock = ev.timestamp;
  struct str body_of_tick;
  assert_int_equal(ticks_next(p->rules, again), 0);
  assert_false(ticks_due(p->rules, again, ev.timestamp + 2 * CLOCK_DAY, false, &a, &body_of_tick)); /* nor in history */
  again->closed = false;
  assert_int_not_equal(ticks_next(p->rules, again), 0);
  assert_true(ticks_due(p->rules, again, ev.timestamp + 2 * CLOCK_DAY, false, &a, &body_of_tick));
  program_free(p);
  user_free(u);
  user_free(again);
  arena_free(&a);
}

/* Damaged rows are refused, never half believed. */
static void rows_that_are_no_merge(void **state) {
  (void)state;
  static const char *const bad[] = {"{}",
                                    "{\"from\":7}",
                                    "{\"from\":\"\"}",
                                    "{\"from\":\"x\",\"sends\":[7]}",
                                    "{\"from\":\"x\",\"sends\":[[1,\"d1-1\",\"00\",\"00\",0]]}",
                                    "{\"from\":\"x\",\"sends\":[[1,\"d1-1\",\"0000000000000000\",\"0000000000000000\",9]]}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct arena a = {0};
    struct err e = {0};
    struct event ev;
    struct user *u = person_new("into");
    const char *body =
        arena_printf(&a, "{\"userId\":\"into\",\"eventType\":\"merged_from\",\"timestamp\":\"2026-03-02T12:00:00Z\",\"data\":%s}", bad[i]);
    if (!event_parse(&a, str_from(body), at("2026-03-02T12:00:00Z"), STR("merge"), true, &ev, &e)) fail_msg("%s", e.text);
    assert_false(merge_take(u, &ev, ev.timestamp, &a, &e));
    assert_true(e.kind == ERR_INPUT);
    user_free(u);
    arena_free(&a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_merge_allows_what_was_refused),
                                     cmocka_unit_test(what_was_given_is_not_given_again),
                                     cmocka_unit_test(the_newer_of_both_stays),
                                     cmocka_unit_test(the_youngest_are_minors),
                                     cmocka_unit_test(a_week_is_counted_over_both),
                                     cmocka_unit_test(too_many_sends_keep_the_newest),
                                     cmocka_unit_test(a_full_profile_is_no_way_out),
                                     cmocka_unit_test(a_closed_user_stays_closed),
                                     cmocka_unit_test(rows_that_are_no_merge)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
