/* rooms: kit book */
/* A user's containers keep their order and bounds; a profile merges whole or not at all; a stored state reads back to the same bytes. */
#include "book/user.h"
#include "book_fixture.h"
#include "kit/rng.h"

static void marks_stay_sorted(void **state) {
  (void)state;
  struct user u;
  struct rng r = rng_from(7);
  assert_true(user_init(&u));
  for (int i = 0; i < 1000; i++) {
    const uint64_t key = rng_next(&r) % 200;
    if (i % 3) assert_true(user_set_mark(&u, key, i, i * 0.5));
    else user_clear_mark(&u, key);
    for (uint16_t m = 1; m < u.mark_count; m++) assert_true(u.marks[m - 1].key < u.marks[m].key);
    const struct mark *m = user_mark(&u, key);
    assert_true(i % 3 ? m && m->at == i : !m);
  }
  assert_true(mark_key("cooldown", STR("x")) != mark_key("gap", STR("x")));
  user_clear(&u);
}

static void day_rings_age_by_time_alone(void **state) {
  (void)state;
  struct user u;
  assert_true(user_init(&u));
  struct series *s = user_series(&u, 5, true);
  assert_null(user_series(&u, 6, false));
  assert_null(series_at(s, 100));
  assert_true(series_add(s, 100, 2.5) && series_add(s, 100, 1.5) && series_add(s, 98, 4));
  assert_true(series_at(s, 100)->n == 2 && series_at(s, 100)->sum == 4.0f);
  assert_int_equal(series_at(s, 99)->n, 0);
  assert_int_equal(series_at(s, 98)->n, 1);
  assert_true(series_add(s, 134, 1)); /* 99 … 134 are in the ring now */
  assert_null(series_at(s, 98));
  assert_int_equal(series_at(s, 100)->n, 2);
  assert_true(series_add(s, 98, 9)); /* too old: ignored */
  assert_null(series_at(s, 98));
  assert_null(series_at(s, 135)); /* not yet */
  assert_true(series_add(s, 500, 1));
  for (int32_t day = 465; day < 500; day++) assert_int_equal(series_at(s, day)->n, 0);
  struct series *before = user_series(&u, 77, true);
  assert_true(series_add(before, -3, 1) && series_at(before, -3)->n == 1 && series_at(before, -38)->n == 0); /* before 1970 too */
  user_clear(&u);
}

static void attempts_and_sends_keep_the_newest(void **state) {
  (void)state;
  struct user u;
  assert_true(user_init(&u));
  for (int i = 0; i < 200; i++) {
    const struct attempt a = {.day = (i * 37) % 200, .minute = (uint16_t)i};
    assert_true(user_add_attempt(&u, &a));
    for (uint16_t k = 1; k < u.attempt_count; k++) assert_true(u.attempts[k - 1].day <= u.attempts[k].day);
    assert_true(user_add_send(&u, &(struct send){.at = i, .decision = (uint64_t)i + 1}));
  }
  assert_int_equal(u.attempt_count, ATTEMPTS_MOST);
  assert_int_equal(u.attempts[0].day, 200 - ATTEMPTS_MOST);
  assert_int_equal(u.attempts[ATTEMPTS_MOST - 1].day, 199);
  assert_int_equal(u.send_count, SENDS_MOST);
  assert_int_equal(u.sends[0].decision, 200 - SENDS_MOST + 1);
  assert_null(user_send(&u, 3));
  assert_int_equal(user_send(&u, 150)->at, 149);
  user_clear(&u);
}

/* A cooldown may be longer than it takes to send SENDS_MOST others: the last send of each trigger and of each option is kept. */
static void the_last_send_of_each_is_kept(void **state) {
  (void)state;
  struct user u;
  assert_true(user_init(&u));
  for (int i = 0; i < 400; i++) {
    const bool rare = i == 3 || i == 7 || i == 11;
    const struct send s = {.at = i, .decision = (uint64_t)i + 1, .trigger = rare ? 1 : 2, .option = i == 11 ? 3 : rare ? 4 : 5};
    assert_true(user_add_send(&u, &s));
    assert_int_equal(u.sends[u.send_count - 1].at, i);
    for (uint16_t k = 1; k < u.send_count; k++) assert_true(u.sends[k - 1].at < u.sends[k].at);
  }
  assert_int_equal(u.send_count, SENDS_MOST);
  assert_null(user_send(&u, 4));      /* 8 and 12 are newer ones of its trigger, 8 of its option */
  assert_non_null(user_send(&u, 8));  /* the last of its option */
  assert_non_null(user_send(&u, 12)); /* the last of its trigger, and of its option */
  for (int i = 0; i < 200; i++)       /* a hundred triggers: the newest ones are there in any case */
    assert_true(
        user_add_send(&u, &(struct send){.at = 400 + i, .decision = (uint64_t)i + 401, .trigger = 100 + (uint64_t)i % 150, .option = 5}));
  assert_int_equal(u.send_count, SENDS_MOST);
  for (int i = 0; i < SENDS_MOST / 2; i++) assert_int_equal(u.sends[SENDS_MOST - 1 - i].at, 599 - i);
  user_clear(&u);
}

static void profiles_merge_whole_or_not(void **state) {
  (void)state;
  struct user u;
  struct err e = {0};
  assert_true(user_init(&u));
  fine(&e, user_merge_profile(&u, STR("{\"goal\":\"run\",\"timezone\":\"Europe/Berlin\",\"demographics\":{\"age\":28}}"), true, &e));
  assert_true(str_is(u.zone_name, "Europe/Berlin") && u.zone && u.age == 28);
  const uint32_t version = u.profile_version;
  fine(&e, user_merge_profile(&u, STR("{\"goal\":\"walk\",\"new\":[1,2],\"demographics\":null}"), true, &e));
  assert_true(str_is(u.profile, "{\"goal\":\"walk\",\"timezone\":\"Europe/Berlin\",\"new\":[1,2]}"));
  assert_int_equal(u.profile_version, version + 1);
  assert_int_equal(u.age, -1);
  u.age = 28;
  const char *wrong[] = {"[]",
                         "{\"a\":",
                         "{\"new\":3,\"timezone\":\"Mars/Base\"}",
                         "{\"new\":3,\"timezone\":5}",
                         "{\"new\":3,\"age\":131}",
                         "{\"new\":3,\"demographics\":{\"age\":\"x\"}}",
                         "{\"new\":3,\"guardianConsent\":\"yes\"}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_false(user_merge_profile(&u, str_from(wrong[i]), true, &e));
    assert_int_equal(e.kind, ERR_INPUT);
    assert_int_equal(u.profile_version, version + 1);
  }
  /* A public write key moves traits, never who somebody is. */
  fine(&e, user_merge_profile(&u, STR("{\"age\":50,\"timezone\":\"UTC\",\"consent\":true,\"demographics\":{\"age\":3},\"mood\":1}"), false,
                              &e));
  assert_true(str_is(u.profile, "{\"goal\":\"walk\",\"timezone\":\"Europe/Berlin\",\"new\":[1,2],\"mood\":1}"));
  assert_true(u.age == 28 && str_is(u.zone_name, "Europe/Berlin"));
  fine(&e, user_merge_profile(&u, STR("{\"timezone\":null,\"age\":null,\"guardianConsent\":true}"), true, &e));
  assert_true(!u.zone && !u.zone_name.len && u.age == -1 && u.minor_consent);
  user_clear(&u);
}

/* Of two ages the lower one counts, in one patch and in what is kept; a new one may take back either. */
static void the_lower_age_counts(void **state) {
  (void)state;
  static const struct {
    const char *patch;
    int32_t age;
  } said[] = {{"{\"age\":15,\"demographics\":{\"age\":30}}", 15},
              {"{\"age\":30,\"demographics\":{\"age\":15}}", 15},
              {"{\"age\":41}", 15},
              {"{\"demographics\":{\"age\":40}}", 40},
              {"{\"age\":null,\"demographics\":{\"age\":39}}", 39},
              {"{\"age\":38}", 38},
              {"{\"demographics\":{\"age\":50}}", 38},
              {"{\"age\":null}", -1}};
  struct user u;
  struct err e = {0};
  assert_true(user_init(&u));
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    fine(&e, user_merge_profile(&u, str_from(said[i].patch), true, &e));
    if (u.age != said[i].age) fail_msg("%s: expected %d, got %d", said[i].patch, said[i].age, u.age);
  }
  user_clear(&u);
}

/* A health flag in any form but absent, null and false protects; a public write key sets it, and only who may identify takes it back. */
static void health_flags_fail_closed(void **state) {
  (void)state;
  struct arena a = {0};
  struct user u;
  struct err e = {0};
  assert_true(user_init(&u));
  assert_int_equal(user_health(&u, &a), 0);
  fine(&e, user_merge_profile(&u, STR("{\"ill\":\"true\",\"injured\":1,\"pregnant\":false}"), true, &e));
  assert_int_equal(user_health(&u, &a), 3);
  fine(&e, user_merge_profile(&u, STR("{\"ill\":false,\"injured\":null,\"pregnant\":true}"), false, &e));
  assert_int_equal(user_health(&u, &a), 7);
  assert_true(str_is(u.profile, "{\"ill\":\"true\",\"injured\":1,\"pregnant\":true}"));
  fine(&e, user_merge_profile(&u, STR("{\"ill\":null,\"injured\":false,\"pregnant\":null}"), true, &e));
  assert_int_equal(user_health(&u, &a), 0);
  fine(&e, user_merge_profile(&u, STR("{\"ill\":\"no\"}"), false, &e)); /* nor does it put anything there but true */
  assert_true(str_is(u.profile, "{\"injured\":false}"));
  arena_free(&a);
  user_clear(&u);
}

/* A profile at its bound takes the engine's own keys, and after them what does not make it longer. */
static void a_full_profile_takes_what_protects(void **state) {
  (void)state;
  struct user u;
  struct err e = {0};
  static char full[PROFILE_MOST + 1];
  assert_true(user_init(&u));
  memset(full, 'x', PROFILE_MOST);
  memcpy(full, "{\"x\":\"", 6);
  memcpy(full + PROFILE_MOST - 2, "\"}", 2);
  fine(&e, user_merge_profile(&u, str_from(full), false, &e));
  assert_int_equal(u.profile.len, PROFILE_MOST);
  assert_false(user_merge_profile(&u, STR("{\"ill\":true}"), true, &e));
  assert_int_equal(e.kind, ERR_INPUT);
  fine(&e, user_merge_own(&u, STR("{\"ill\":true}"), &e));
  assert_true(u.profile.len > PROFILE_MOST);
  fine(&e, user_merge_profile(&u, str_from(full), false, &e)); /* sent again: it became no longer */
  fine(&e, user_merge_profile(&u, STR("{\"timezone\":null}"), true, &e));
  assert_false(user_merge_profile(&u, STR("{\"y\":1}"), false, &e));
  fine(&e, user_merge_profile(&u, STR("{\"x\":null,\"y\":1}"), false, &e));
  assert_true(str_is(u.profile, "{\"ill\":true,\"y\":1}"));
  user_clear(&u);
}

static void fill(struct user *u, uint64_t seed) {
  struct rng r = rng_from(seed);
  u->head = (int64_t)(rng_next(&r) % 1000000);
  u->events = rng_next(&r) % 5000;
  u->clock = INT64_C(1700000000000);
  u->due = -5;
  u->consent = CONSENT_GIVEN;
  u->age = 44;
  assert_true(user_merge_profile(u, STR("{\"timezone\":\"Asia/Tokyo\",\"x\":\"\\u00e9\"}"), true, NULL));
  for (uint64_t i = 0; i < 40; i++) {
    struct series *s = user_series(u, 1 + i % 9, true);
    assert_true(s && series_add(s, (int32_t)(rng_next(&r) % 80), rng_uniform(&r)));
    assert_true(user_set_mark(u, rng_next(&r), (int64_t)i, rng_uniform(&r)));
    const struct attempt a = {.day = (int32_t)(rng_next(&r) % 100), .done = (uint8_t)(i % 2), .social = 2, .completion = 65535};
    assert_true(user_add_attempt(u, &a) && user_add_send(u, &(struct send){.at = 5, .decision = rng_next(&r), .response = 3}));
  }
}

static void states_read_back_to_the_same_bytes(void **state) {
  (void)state;
  struct user u, again;
  struct buf one = {0}, two = {0};
  struct err e = {0};
  assert_true(user_init(&u) && user_init(&again));
  fill(&u, 99);
  assert_true(user_encode(&u, &one));
  fine(&e, user_decode(&again, buf_view(&one), &e));
  assert_true(user_encode(&again, &two) && str_eq(buf_view(&one), buf_view(&two)));
  assert_true(again.age == 44 && again.zone == u.zone && again.series_count == 9 && again.mark_count == u.mark_count);
  for (size_t cut = 0; cut < one.len; cut++) { /* no beginning of a state is a state */
    assert_false(user_decode(&again, (struct str){one.at, cut}, &e));
    assert_true(again.age == -1 && again.mark_count == 0 && str_is(again.profile, "{}"));
  }
  struct rng r = rng_from(3);
  for (int i = 0; i < 20000; i++) { /* damaged bytes are refused or read as some state, never more */
    buf_clear(&two);
    buf_str(&two, buf_view(&one));
    for (int k = 0; k < 3; k++) two.at[rng_next(&r) % two.len] = (char)rng_next(&r);
    if (user_decode(&again, buf_view(&two), &e)) {
      buf_clear(&two);
      assert_true(user_encode(&again, &two));
    }
  }
  user_clear(&u);
  user_clear(&again);
  buf_free(&one);
  buf_free(&two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(marks_stay_sorted),
      cmocka_unit_test(day_rings_age_by_time_alone),
      cmocka_unit_test(attempts_and_sends_keep_the_newest),
      cmocka_unit_test(the_last_send_of_each_is_kept),
      cmocka_unit_test(profiles_merge_whole_or_not),
      cmocka_unit_test(the_lower_age_counts),
      cmocka_unit_test(health_flags_fail_closed),
      cmocka_unit_test(a_full_profile_takes_what_protects),
      cmocka_unit_test(states_read_back_to_the_same_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
