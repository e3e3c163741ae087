/* rooms: emit kit; inside: emit */
/* W2 and W6 as tables: the pauses and their jitter, what each answer means, when a breaker opens, when an endpoint is disabled. */
#include "attempt.h"
#include "breaker.h"
#include "kit/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void pauses_are_the_tables_within_a_fifth(void **state) {
  (void)state;
  static const int64_t interventions[] = {0, 5, 30, 120, 300}, others[] = {0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
  for (uint32_t kind = 0; kind < 2; kind++) {
    const int64_t *seconds = kind ? interventions : others;
    uint32_t count = kind ? 5 : 10;
    for (uint32_t made = 0; made < count; made++) {
      int64_t least = INT64_MAX, most = 0;
      for (uint64_t id = 0; id < 10000; id++) {
        int64_t pause = retry_delay(made, kind, id << 48 | id);
        assert_true(pause >= seconds[made] * 800 && pause <= seconds[made] * 1200);
        assert_int_equal(pause, retry_delay(made, kind, id << 48 | id)); /* the same on every machine, every time */
        if (pause < least) least = pause;
        if (pause > most) most = pause;
      }
      if (made > 0) assert_true(least < seconds[made] * 805 && most > seconds[made] * 1195); /* the whole width is used */
    }
    assert_int_equal(retry_delay(count, kind, 7), -1);
    assert_int_equal(retry_delay(UINT32_MAX, kind, 7), -1);
  }
}

/* ---- outcomes ---- */

#define NOW INT64_C(1736925600000)

static struct attempt_result judged;
static enum verdict judge(struct letter l, struct http_outcome o, enum refusal refusal) {
  judged = (struct attempt_result){.id = 1};
  struct attempt_facts f = {&l, &o, refusal, NOW};
  return attempt_judge(&f, &judged);
}
static struct http_outcome status(int32_t number) {
  return (struct http_outcome){.sent = true, .status = number, .retry_after = -1};
}
static struct http_outcome broken(const char *reason) {
  struct http_outcome o = {.sent = true, .retry_after = -1, .timeout = strcmp(reason, "timeout") == 0};
  strcpy(o.reason, reason);
  return o;
}
static struct letter letter(uint32_t made, int64_t left) {
  return (struct letter){.id = 42, .attempts = made, .due = NOW, .send_before = NOW + left};
}

static void every_2xx_is_a_delivery(void **state) {
  (void)state;
  for (int32_t number = 200; number < 300; number++) {
    assert_int_equal(judge(letter(0, CLOCK_HOUR), status(number), REFUSAL_NONE), VERDICT_TAKEN);
    assert_int_equal(judged.end, LETTER_DELIVERED);
    assert_int_equal(judged.attempt, 1);
  }
  /* even when it came back too late, or after an opt-out: it was delivered */
  judge(letter(4, 0), status(204), REFUSAL_OPTED_OUT);
  assert_int_equal(judged.end, LETTER_DELIVERED);
}

static void failures_are_tried_again_until_the_table_ends(void **state) {
  (void)state;
  static const int32_t numbers[] = {301, 302, 307, 400, 401, 404, 408, 422, 429, 500, 502, 503, 504};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    for (uint32_t made = 0; made < 5; made++) {
      judge(letter(made, CLOCK_HOUR), status(numbers[i]), REFUSAL_NONE);
      assert_int_equal(judged.end, made < 4 ? LETTER_AGAIN : LETTER_FAILED);
      assert_int_equal(judged.attempt, made + 1);
      assert_int_equal(judged.next_due, made < 4 ? NOW + retry_delay(made + 1, true, 42) : 0);
    }
}

static void no_attempt_after_send_before(void **state) {
  (void)state;
  int64_t pause = retry_delay(1, true, 42);
  judge(letter(0, pause), status(500), REFUSAL_NONE);
  assert_int_equal(judged.end, LETTER_EXPIRED); /* at send_before is too late: it may be the start of quiet hours */
  judge(letter(0, pause + 1), status(500), REFUSAL_NONE);
  assert_int_equal(judged.end, LETTER_AGAIN);
  struct http_outcome o = {.refused = true, .retry_after = -1};
  assert_int_equal(judge(letter(0, 0), o, REFUSAL_EXPIRED), VERDICT_UNTRIED);
  assert_int_equal(judged.end, LETTER_EXPIRED);
  assert_int_equal(judged.attempt, 0);
}

static void retry_after_is_honoured_within_expiry(void **state) {
  (void)state;
  struct http_outcome o = status(429);
  o.retry_after = 90 * CLOCK_SECOND;
  judge(letter(0, CLOCK_HOUR), o, REFUSAL_NONE);
  assert_int_equal(judged.next_due, NOW + 90 * CLOCK_SECOND);
  judge(letter(3, CLOCK_HOUR), o, REFUSAL_NONE); /* the table's pause is longer */
  assert_int_equal(judged.next_due, NOW + retry_delay(4, true, 42));
  judge(letter(0, 90 * CLOCK_SECOND), o, REFUSAL_NONE);
  assert_int_equal(judged.end, LETTER_EXPIRED);
}

static void a_minute_at_least_for_notices_after_429_and_timeout(void **state) {
  (void)state;
  struct letter notice = letter(0, 200 * CLOCK_HOUR);
  notice.notice = true;
  judge(notice, status(429), REFUSAL_NONE);
  assert_int_equal(judged.next_due, NOW + CLOCK_MINUTE);
  judge(notice, broken("timeout"), REFUSAL_NONE);
  assert_int_equal(judged.next_due, NOW + CLOCK_MINUTE);
  judge(notice, status(500), REFUSAL_NONE);
  assert_int_equal(judged.next_due, NOW + retry_delay(1, false, 42));
  notice.attempts = 9;
  judge(notice, status(500), REFUSAL_NONE);
  assert_int_equal(judged.end, LETTER_FAILED);
}

static void refusals_and_what_they_are_called(void **state) {
  (void)state;
  struct http_outcome refused = {.refused = true, .retry_after = -1};
  judge(letter(0, CLOCK_HOUR), refused, REFUSAL_KILLED);
  assert_int_equal(judged.end, LETTER_WITHDRAWN);
  assert_string_equal(judged.reason, "killed");
  assert_int_equal(judged.attempt, 0);
  judge(letter(0, CLOCK_HOUR), refused, REFUSAL_OPTED_OUT);
  assert_string_equal(judged.reason, "opted out");
  judge(letter(1, CLOCK_HOUR), status(500), REFUSAL_OPTED_OUT); /* was on its way, failed: no other follows */
  assert_int_equal(judged.end, LETTER_WITHDRAWN);
  assert_int_equal(judged.attempt, 2);
  assert_int_equal(judged.status, 500);
}

static void what_an_answer_says_about_the_endpoint(void **state) {
  (void)state;
  struct letter l = letter(0, CLOCK_HOUR);
  assert_int_equal(judge(l, status(410), REFUSAL_NONE), VERDICT_GONE);
  assert_int_equal(judge(l, status(404), REFUSAL_NONE), VERDICT_REFUSED);
  assert_int_equal(judge(l, status(302), REFUSAL_NONE), VERDICT_REFUSED);
  assert_non_null(strstr(judged.reason, "redirects are not followed"));
  assert_int_equal(judge(l, status(429), REFUSAL_NONE), VERDICT_FAILED);
  assert_int_equal(judge(l, status(503), REFUSAL_NONE), VERDICT_FAILED);
  assert_int_equal(judge(l, broken("connection refused"), REFUSAL_NONE), VERDICT_FAILED);
  assert_string_equal(judged.reason, "connection refused");
}

/* ---- breaker ---- */

static void five_failures_open_and_one_probe_decides(void **state) {
  (void)state;
  struct breaker b;
  breaker_reset(&b);
  int64_t now = 1000, pause = 10 * CLOCK_SECOND;
  for (int i = 0; i < 4; i++) assert_false(breaker_judge(&b, VERDICT_FAILED, now));
  assert_false(breaker_judge(&b, VERDICT_TAKEN, now)); /* a success in between starts the count again */
  for (int i = 0; i < 4; i++) assert_false(breaker_judge(&b, VERDICT_FAILED, now));
  assert_true(breaker_allows(&b, now));
  assert_true(breaker_judge(&b, VERDICT_FAILED, now));
  assert_false(breaker_judge(&b, VERDICT_FAILED, now)); /* those that were on their way do not lengthen it */
  for (int round = 0; round < 8; round++) {
    assert_false(breaker_allows(&b, now + pause - 1));
    assert_true(breaker_allows(&b, now += pause));
    breaker_started(&b);
    assert_false(breaker_allows(&b, now)); /* one probe, no second */
    assert_true(breaker_judge(&b, VERDICT_FAILED, now));
    pause = pause * 2 > 5 * CLOCK_MINUTE ? 5 * CLOCK_MINUTE : pause * 2;
  }
  assert_true(breaker_allows(&b, now += pause));
  breaker_started(&b);
  assert_false(breaker_judge(&b, VERDICT_UNTRIED, now)); /* the probe was refused at the gate: another may go */
  assert_true(breaker_allows(&b, now));
  breaker_started(&b);
  assert_true(breaker_judge(&b, VERDICT_TAKEN, now));
  assert_int_equal(b.state, BREAKER_CLOSED);
}

static void gone_or_five_days_of_failure_disable(void **state) {
  (void)state;
  struct breaker b;
  breaker_reset(&b);
  assert_true(breaker_judge(&b, VERDICT_GONE, 5));
  assert_false(breaker_allows(&b, INT64_MAX));
  assert_false(breaker_judge(&b, VERDICT_TAKEN, 6)); /* a late success does not take it back: an operator does */
  breaker_reset(&b);
  breaker_judge(&b, VERDICT_FAILED, 0);
  breaker_judge(&b, VERDICT_REFUSED, 5 * CLOCK_DAY - 1);
  assert_int_not_equal(b.state, BREAKER_DISABLED);
  assert_true(breaker_judge(&b, VERDICT_FAILED, 5 * CLOCK_DAY));
  assert_int_equal(b.state, BREAKER_DISABLED);
  breaker_reset(&b);
  breaker_judge(&b, VERDICT_FAILED, 0);
  breaker_judge(&b, VERDICT_TAKEN, CLOCK_DAY);
  breaker_judge(&b, VERDICT_FAILED, 5 * CLOCK_DAY);
  assert_int_not_equal(b.state, BREAKER_DISABLED); /* a success within the five days */
}

static void a_poisonous_letter_opens_nothing(void **state) {
  (void)state;
  struct breaker b;
  breaker_reset(&b);
  for (int i = 0; i < 100; i++) assert_false(breaker_judge(&b, VERDICT_REFUSED, i));
  assert_true(breaker_allows(&b, 100));
}

static uint32_t takes(struct bucket *b, int64_t from, int64_t to) {
  uint32_t count = 0;
  for (int64_t now = from; now < to; now++)
    while (bucket_take(b, now)) count++;
  return count;
}

static void the_bucket_gives_its_burst_and_then_its_rate(void **state) {
  (void)state;
  struct bucket b = bucket_new(100, 20, 0);
  for (int i = 0; i < 20; i++) assert_true(bucket_take(&b, 0));
  assert_false(bucket_take(&b, 0));
  assert_int_equal(bucket_ready(&b, 0), 11); /* rounded up, never early */
  assert_in_range(takes(&b, 0, 10001), 999, 1001);
  bucket_slow(&b, 10001);
  assert_in_range(takes(&b, 10001, 20001), 495, 506); /* half of what it has been getting */
  for (int i = 0; i < 20; i++) bucket_mend(&b);
  assert_in_range(takes(&b, 20001, 30001), 995, 1005);
  for (int i = 0; i < 1000; i++) bucket_slow(&b, 30001);
  assert_true(bucket_ready(&b, 30001) <= 1001); /* never stops for good */
  b = bucket_new(0, 0, 0);                      /* the default is wide; a complaint halves what is really sent, not what might be */
  for (int i = 0; i < 200; i++) assert_true(bucket_take(&b, i * 10));
  bucket_slow(&b, 2000);
  assert_in_range(takes(&b, 2000, 12000), 450, 560);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pauses_are_the_tables_within_a_fifth),
      cmocka_unit_test(every_2xx_is_a_delivery),
      cmocka_unit_test(failures_are_tried_again_until_the_table_ends),
      cmocka_unit_test(no_attempt_after_send_before),
      cmocka_unit_test(retry_after_is_honoured_within_expiry),
      cmocka_unit_test(a_minute_at_least_for_notices_after_429_and_timeout),
      cmocka_unit_test(refusals_and_what_they_are_called),
      cmocka_unit_test(what_an_answer_says_about_the_endpoint),
      cmocka_unit_test(five_failures_open_and_one_probe_decides),
      cmocka_unit_test(gone_or_five_days_of_failure_disable),
      cmocka_unit_test(a_poisonous_letter_opens_nothing),
      cmocka_unit_test(the_bucket_gives_its_burst_and_then_its_rate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
