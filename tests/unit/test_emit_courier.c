/* rooms: emit kit */
/* The courier from push to end, on a virtual clock: at least once with one webhook-id, the schedule of attempts, expiry, endpoints that are
 * full, broken, gone; and a full box that calls when there is room. */
#include "emit_receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START INT64_C(1736925600000)

static int freeze(void **state) {
  (void)state;
  clock_freeze(START);
  return 0;
}
static int thaw(void **state) {
  (void)state;
  clock_thaw();
  return 0;
}
static void advance(struct desk *d, int64_t ms) {
  clock_advance(ms);
  courier_nudge(d->courier);
}
/* A withdrawal of nobody is a full stop: once acknowledged, everything said before has been taken in; once a second one is, what the turn
 * of the first had to begin has begun. */
static void settle(struct desk *d) {
  for (int i = 0; i < 2; i++) {
    _Atomic bool done = false;
    courier_withdraw(d->courier, 63, 1, (void *)&done);
    while (!done) usleep(100);
  }
}
/* Attempts, whether their receivers have heard of them yet or not. */
static uint64_t begun(struct desk *d) {
  settle(d);
  const struct courier_figures f = courier_figures(d->courier);
  return f.attempts + f.in_flight;
}
static struct attempt_result result_at(struct desk *d, size_t n) {
  desk_wait(d, &d->count, n + 1);
  pthread_mutex_lock(&d->lock);
  struct attempt_result r = d->results[n];
  pthread_mutex_unlock(&d->lock);
  return r;
}

static void a_webhook_is_signed_and_delivered(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.endpoints[0].secrets[1] = TEST_SECRET_OLD; /* rotation: the first is the new one here, both are in the header */
  d.options.origin = "abc123";
  desk_open(&d);
  desk_push(&d, desk_letter(UINT64_C(3) << 48 | 17, START, START + CLOCK_HOUR));
  struct attempt_result first = result_at(&d, 0);
  assert_int_equal(first.end, LETTER_DELIVERED);
  assert_int_equal(first.attempt, 1);
  assert_int_equal(first.status, 204);
  assert_int_equal(first.at, START);
  assert_string_equal(r->seen[0].id, "msg_abc123_d3-17");
  assert_string_equal(r->seen[0].timestamp, "1736925600");
  assert_true(r->seen[0].verified);
  assert_true(webhook_verify(TEST_SECRET_OLD, str_from(r->seen[0].id), str_from(r->seen[0].timestamp), str_from(r->seen[0].signature),
                             STR("{\"type\":\"intervention.sent\"}"), START, NULL));
  struct courier_figures f = courier_figures(d.courier);
  assert_int_equal(f.delivered, 1);
  assert_int_equal(f.attempts, 1);
  desk_close(&d);
  receiver_stop(r);
}

static bool refuse_once(struct receiver *r, int connection, size_t n) {
  return n == 0 ? answer_500(r, connection, n) : answer_204(r, connection, n);
}

/* Whoever is sent a message can find what caused it; a message that nobody traces says nothing, on the same connection too. */
static void a_trace_goes_on_under_spans_of_its_own(void **state) {
  (void)state;
  static const char given[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  struct receiver *r = receiver_start(refuse_once, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  struct letter *l = desk_letter(1, START, START + CLOCK_HOUR);
  assert_true(trace_parse(str_from(given), &l->trace));
  desk_push(&d, l);
  assert_int_equal(result_at(&d, 0).end, LETTER_AGAIN);
  advance(&d, CLOCK_MINUTE);
  assert_int_equal(result_at(&d, 1).end, LETTER_DELIVERED);
  desk_push(&d, desk_letter(3, START, START + CLOCK_HOUR));
  assert_int_equal(result_at(&d, 2).end, LETTER_DELIVERED);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(strlen(r->seen[i].traceparent), TRACE_TEXT);
    assert_memory_equal(r->seen[i].traceparent, given, 36);          /* version and trace */
    assert_memory_equal(r->seen[i].traceparent + 52, given + 52, 3); /* flags */
    assert_memory_not_equal(r->seen[i].traceparent + 36, given + 36, 16);
  }
  assert_memory_not_equal(r->seen[0].traceparent + 36, r->seen[1].traceparent + 36, 16);
  assert_string_equal(r->seen[2].traceparent, "");
  desk_close(&d);
  receiver_stop(r);
}

/* Fails four times in the ways receivers fail, then takes it. */
static bool four_failures(struct receiver *r, int connection, size_t n) {
  if (n == 0) return answer_500(r, connection, n);
  if (n == 1) return false; /* took it, says nothing, closes: it will come again */
  if (n == 2) receiver_say(connection, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  if (n == 3) receiver_say(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  return n < 4 || answer_204(r, connection, n);
}

static void one_id_over_all_attempts_on_schedule(void **state) {
  (void)state;
  struct receiver *r = receiver_start(four_failures, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(99, START, START + CLOCK_HOUR));
  for (uint32_t attempt = 1; attempt <= 4; attempt++) {
    struct attempt_result a = result_at(&d, attempt - 1);
    int64_t pause = retry_delay(attempt, true, 99);
    assert_int_equal(a.end, LETTER_AGAIN);
    assert_int_equal(a.attempt, attempt);
    assert_int_equal(a.next_due, clock_now() + pause);
    advance(&d, pause - 1); /* a millisecond before: nothing */
    settle(&d);
    assert_int_equal(d.count, attempt);
    assert_int_equal(courier_figures(d.courier).in_flight, 0);
    advance(&d, 1);
  }
  assert_int_equal(result_at(&d, 4).end, LETTER_DELIVERED);
  assert_int_equal(r->count, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_string_equal(r->seen[i].id, "msg_d0-99");
    assert_true(r->seen[i].verified); /* signed anew each time */
    if (i) assert_string_not_equal(r->seen[i].timestamp, r->seen[i - 1].timestamp);
  }
  desk_close(&d);
  receiver_stop(r);
}

static void five_attempts_and_no_sixth(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_500, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(7, START, START + CLOCK_DAY));
  for (size_t i = 0; i < 5; i++) {
    struct attempt_result a = result_at(&d, i);
    assert_int_equal(a.end, i < 4 ? LETTER_AGAIN : LETTER_FAILED);
    advance(&d, 6 * CLOCK_MINUTE);
  }
  advance(&d, CLOCK_HOUR);
  settle(&d);
  assert_int_equal(r->count, 5);
  assert_int_equal(courier_figures(d.courier).failed, 1);
  desk_close(&d);
  receiver_stop(r);
}

static void nothing_leaves_at_or_after_send_before(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(1, START, START));                          /* too late when pushed */
  desk_push(&d, desk_letter(2, START - CLOCK_HOUR, START - CLOCK_DAY)); /* long ago: history */
  desk_push(&d, desk_letter(3, START + 1000, START + 1000));            /* becomes due and too late at once */
  settle(&d);
  assert_int_equal(d.count, 2);
  advance(&d, 1000);
  desk_wait(&d, &d.count, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(d.results[i].end, LETTER_EXPIRED);
    assert_int_equal(d.results[i].attempt, 0);
  }
  assert_int_equal(r->count, 0);
  assert_int_equal(courier_figures(d.courier).attempts, 0);
  desk_close(&d);
  receiver_stop(r);
}

/* The test holds every answer until it says so. */
static bool held(struct receiver *r, int connection, size_t n) {
  while (!*(_Atomic bool *)r->context && !r->closing) usleep(200);
  return answer_204(r, connection, n);
}

static void letters_behind_a_full_endpoint_expire_in_the_queue(void **state) {
  (void)state;
  _Atomic bool let = false;
  struct receiver *r = receiver_start(held, (void *)&let);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.options.total_ms = d.options.connect_ms = 30000;
  desk_open(&d);
  for (uint64_t i = 0; i < 20; i++) desk_push(&d, desk_letter(i + 1, START, START + CLOCK_MINUTE));
  while (r->count < 8) usleep(200);
  settle(&d);
  assert_int_equal(courier_figures(d.courier).in_flight, 8); /* W5 */
  assert_int_equal(courier_figures(d.courier).waiting, 12);
  advance(&d, CLOCK_MINUTE);
  desk_wait(&d, &d.ends, 12);
  for (size_t i = 0; i < 12; i++) assert_int_equal(d.results[i].end, LETTER_EXPIRED);
  let = true;
  desk_wait(&d, &d.ends, 20);
  for (size_t i = 12; i < 20; i++) assert_int_equal(d.results[i].end, LETTER_DELIVERED);
  assert_int_equal(r->count, 8);
  desk_close(&d);
  receiver_stop(r);
}

static void one_black_hole_delays_no_other(void **state) {
  (void)state;
  enum { HEALTHY = 20, EACH = 50 };
  _Atomic bool let = false;
  struct receiver *hole = receiver_start(held, (void *)&let), *r[HEALTHY];
  int ports[HEALTHY + 1] = {hole->port};
  for (int i = 0; i < HEALTHY; i++) r[i] = receiver_start(answer_204, NULL), ports[i + 1] = r[i]->port;
  struct desk d;
  desk_init(&d, ports, HEALTHY + 1);
  d.options.total_ms = d.options.connect_ms = 30000; /* longer than the test: nothing waits for the hole's time-out */
  desk_open(&d);
  for (uint64_t i = 0; i < EACH; i++)
    for (uint32_t endpoint = 1; endpoint <= HEALTHY + 1; endpoint++) {
      struct letter *l = desk_letter(i * 100 + endpoint, START, START + CLOCK_HOUR);
      l->endpoint = endpoint;
      desk_push(&d, l);
    }
  desk_wait(&d, &d.ends, HEALTHY * EACH);
  assert_false(let);
  for (size_t i = 0; i < HEALTHY * EACH; i++) {
    assert_int_equal(d.results[i].end, LETTER_DELIVERED);
    assert_int_not_equal(d.results[i].id % 100, 1);
  }
  assert_int_equal(courier_figures(d.courier).in_flight, 8);
  let = true;
  desk_wait(&d, &d.ends, (HEALTHY + 1) * EACH);
  desk_close(&d);
  receiver_stop(hole);
  for (int i = 0; i < HEALTHY; i++) assert_int_equal(r[i]->count, EACH), receiver_stop(r[i]);
}

static void a_broken_endpoint_is_passed_over_and_probed(void **state) {
  (void)state;
  struct receiver *first = receiver_start(answer_500, NULL), *second = receiver_start(answer_204, NULL);
  int ports[2] = {first->port, second->port};
  struct desk d;
  desk_init(&d, ports, 2);
  desk_open(&d);
  for (uint64_t i = 1; i <= 5; i++) {
    desk_push(&d, desk_letter(i, START, START + CLOCK_DAY));
    desk_wait(&d, &d.count, i);
  }
  desk_wait(&d, &d.changes, 1);
  assert_string_equal(d.state, "open");
  assert_int_equal(courier_endpoint(d.courier, 0), ENDPOINT_OPEN);
  assert_int_equal(courier_figures(d.courier).breaker_open, 1);
  for (uint64_t i = 6; i <= 15; i++) desk_push(&d, desk_letter(i, START, START + CLOCK_DAY));
  desk_wait(&d, &d.ends, 10);
  assert_int_equal(first->count, 5);
  assert_int_equal(second->count, 10);
  first->behave = answer_204;
  advance(&d, 10 * CLOCK_SECOND); /* the five are due again: the first of them is the probe, and it closes the breaker */
  desk_wait(&d, &d.ends, 15);
  settle(&d);
  assert_int_equal(courier_endpoint(d.courier, 0), ENDPOINT_CLOSED);
  assert_true(first->count >= 6);
  assert_string_equal(d.state, "closed");
  desk_close(&d);
  receiver_stop(first);
  receiver_stop(second);
}

static bool answer_410(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
  return true;
}

static void an_endpoint_that_is_gone_is_disabled_until_an_operator_acts(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_410, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(1, START, START + CLOCK_DAY));
  desk_wait(&d, &d.changes, 1);
  assert_string_equal(d.state, "disabled");
  struct endpoint_view view = courier_endpoint_view(d.courier, 0);
  assert_int_equal(view.state, ENDPOINT_DISABLED);
  assert_int_equal(view.since, START);
  assert_int_equal(view.try_at, 0);
  assert_string_equal(view.why, "HTTP 410, the endpoint is gone");
  desk_push(&d, desk_letter(2, START, START + CLOCK_DAY));
  desk_push(&d, desk_letter(3, START, START + CLOCK_MINUTE));
  advance(&d, CLOCK_MINUTE);
  desk_wait(&d, &d.ends, 1); /* what is too late ends; the others wait, the first one's next attempt too */
  assert_int_equal(d.results[1].id, 3);
  assert_int_equal(d.results[1].end, LETTER_EXPIRED);
  assert_int_equal(r->count, 1);
  r->behave = answer_204;
  courier_enable(d.courier, 0);
  courier_enable(d.courier, 99); /* nobody: nothing */
  desk_wait(&d, &d.ends, 3);
  assert_int_equal(d.results[2].end, LETTER_DELIVERED);
  assert_int_equal(d.results[3].end, LETTER_DELIVERED);
  assert_int_equal(r->count, 3);
  view = courier_endpoint_view(d.courier, 0);
  assert_true(view.state == ENDPOINT_CLOSED && view.since == 0 && !view.why[0]);
  desk_close(&d);
  receiver_stop(r);
}

static void five_days_without_a_success_disable(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_500, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  for (uint64_t hour = 0; hour <= 120; hour += 10) { /* one letter every ten hours; each opens and probes, none succeeds */
    desk_push(&d, desk_letter(hour + 1, clock_now(), clock_now() + 2000));
    desk_wait(&d, &d.ends, hour / 10 + 1);
    assert_int_equal(courier_endpoint(d.courier, 0) == ENDPOINT_DISABLED, hour == 120);
    advance(&d, 10 * CLOCK_HOUR);
  }
  desk_close(&d);
  receiver_stop(r);
}

static bool answer_429(struct receiver *r, int connection, size_t n) {
  if (n > 0) return answer_204(r, connection, n);
  receiver_say(connection, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 45\r\nContent-Length: 0\r\n\r\n");
  return true;
}
static bool answer_date(struct receiver *r, int connection, size_t n) {
  if (n > 0) return answer_204(r, connection, n);
  receiver_say(connection, "HTTP/1.1 503 Busy\r\nretry-after:  Wed, 15 Jan 2025 07:21:30 GMT\r\nContent-Length: 0\r\n\r\n");
  return true;
}

static void retry_after_holds_the_whole_endpoint(void **state) {
  (void)state;
  behaviour *const behaviours[] = {answer_429, answer_date};
  const int64_t waits[] = {45 * CLOCK_SECOND, 90 * CLOCK_SECOND}; /* START is 07:20:00 */
  for (int i = 0; i < 2; i++) {
    clock_freeze(START);
    struct receiver *r = receiver_start(behaviours[i], NULL);
    struct desk d;
    desk_init(&d, &r->port, 1);
    desk_open(&d);
    desk_push(&d, desk_letter(1, START, START + CLOCK_HOUR));
    struct attempt_result a = result_at(&d, 0);
    assert_int_equal(a.end, LETTER_AGAIN);
    assert_int_equal(a.next_due, START + waits[i]);
    desk_push(&d, desk_letter(2, START, START + CLOCK_HOUR)); /* another letter: the endpoint has asked for peace */
    advance(&d, 44 * CLOCK_SECOND);
    assert_int_equal(begun(&d), 1);
    advance(&d, waits[i] - 44 * CLOCK_SECOND);
    desk_wait(&d, &d.ends, 1);
    advance(&d, CLOCK_SECOND); /* and from now on it gets less than it got before */
    desk_wait(&d, &d.ends, 2);
    assert_int_equal(r->count, 3);
    desk_close(&d);
    receiver_stop(r);
  }
}

static void retry_after_beyond_expiry_ends_the_letter(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_429, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  desk_push(&d, desk_letter(1, START, START + 30 * CLOCK_SECOND));
  struct attempt_result a = result_at(&d, 0);
  assert_int_equal(a.end, LETTER_EXPIRED);
  assert_int_equal(a.attempt, 1);
  assert_int_equal(a.status, 429);
  desk_close(&d);
  receiver_stop(r);
}

static void the_bucket_spaces_attempts_out(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.endpoints[0].rate = 10, d.endpoints[0].burst = 3;
  desk_open(&d);
  for (uint64_t i = 1; i <= 10; i++) desk_push(&d, desk_letter(i, START, START + CLOCK_HOUR));
  desk_wait(&d, &d.ends, 3);
  for (size_t second = 0; second < 7; second++) {
    settle(&d);
    assert_int_equal(r->count, 3 + second);
    advance(&d, 101);
    desk_wait(&d, &d.ends, 4 + second);
  }
  desk_close(&d);
  receiver_stop(r);
}

static void a_row_read_twice_is_one_letter(void **state) {
  (void)state;
  _Atomic bool let = false;
  struct receiver *r = receiver_start(held, (void *)&let);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.options.total_ms = d.options.connect_ms = 30000;
  desk_open(&d);
  for (int i = 0; i < 3; i++) desk_push(&d, desk_letter(5, START, START + CLOCK_HOUR)); /* while it runs */
  while (r->count < 1) usleep(200);
  settle(&d);
  let = true;
  desk_wait(&d, &d.ends, 1);
  desk_push(&d, desk_letter(5, START, START + CLOCK_HOUR)); /* after it was delivered: said again, not sent again */
  desk_wait(&d, &d.ends, 2);
  assert_int_equal(d.results[1].end, LETTER_DELIVERED);
  assert_int_equal(d.results[1].attempt, 0);
  assert_int_equal(r->count, 1);
  desk_close(&d);
  receiver_stop(r);
}

static void a_full_courier_refuses_and_calls_when_there_is_room(void **state) {
  (void)state;
  _Atomic bool let = false;
  struct receiver *r = receiver_start(held, (void *)&let);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.options.letters_most = 16;
  d.options.total_ms = d.options.connect_ms = 30000;
  desk_open(&d);
  for (uint64_t i = 1; i <= 16; i++) assert_true(courier_push(d.courier, desk_letter(i, START, START + CLOCK_HOUR)));
  struct letter *over = desk_letter(17, START, START + CLOCK_HOUR);
  assert_false(courier_push(d.courier, over));
  assert_false(courier_push(d.courier, over));
  settle(&d); /* commands have room of their own */
  assert_int_equal(d.hungry, 0);
  let = true;
  desk_wait(&d, &d.hungry, 1);
  desk_push(&d, over);
  desk_wait(&d, &d.ends, 17);
  settle(&d);
  assert_int_equal(courier_figures(d.courier).waiting, 0);
  desk_close(&d);
  receiver_stop(r);
}

static void refuse_results(struct desk *d, bool refuses) {
  pthread_mutex_lock(&d->lock);
  d->refuses = refuses;
  pthread_mutex_unlock(&d->lock);
}

/* What is reported while the lanes have no memory is kept, letters count as held until their ends were taken, and none is lost or said
 * twice. */
static void results_wait_for_memory(size_t letters, size_t taken_meanwhile) {
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  d.options.letters_most = (uint32_t)letters;
  desk_open(&d);
  refuse_results(&d, true);
  /* Every third is too late already: an end without an attempt. */
  for (uint64_t i = 1; i <= letters; i++) desk_push(&d, desk_letter(i, START, i % 3 ? START + CLOCK_HOUR : START - 1));
  desk_wait(&d, &d.refused, 1);
  settle(&d); /* every letter was taken in */
  const size_t refused = d.refused;
  advance(&d, CLOCK_SECOND);
  desk_wait(&d, &d.refused, refused + 1); /* it comes again */
  settle(&d);
  assert_in_range(courier_figures(d.courier).attempts, 0, 8 + 256); /* none without room for what becomes of it */
  assert_in_range(d.ends, taken_meanwhile, letters - 1);
  for (size_t room = d.ends; taken_meanwhile == 0 && room == 0; room = 1) {
    struct letter *over = desk_letter(letters + 1, START, START + CLOCK_HOUR);
    assert_false(courier_push(d.courier, over));
    letter_free(over);
  }
  refuse_results(&d, false);
  advance(&d, CLOCK_SECOND);
  desk_wait(&d, &d.ends, letters);
  settle(&d);
  assert_int_equal(d.count, letters);
  unsigned char *seen = calloc(letters + 1, 1);
  for (size_t i = 0; i < d.count; i++) {
    assert_int_equal(d.results[i].end, d.results[i].id % 3 ? LETTER_DELIVERED : LETTER_EXPIRED);
    assert_int_equal(seen[d.results[i].id]++, 0);
  }
  free(seen);
  desk_push(&d, desk_letter(letters + 1, START, START + CLOCK_HOUR));
  desk_wait(&d, &d.ends, letters + 1);
  desk_close(&d);
  receiver_stop(r);
}

static void few_results_wait_for_memory(void **state) {
  (void)state;
  results_wait_for_memory(3, 0); /* so few that none is taken */
}
static void many_results_wait_for_memory(void **state) {
  (void)state;
  results_wait_for_memory(1500, 3); /* more than one batch; a part is taken each time */
}

static void the_last_results_are_waited_for(void **state) {
  (void)state;
  struct receiver *r = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  refuse_results(&d, true);
  desk_push(&d, desk_letter(1, START, START + CLOCK_HOUR));
  desk_wait(&d, &d.refused, 1);
  refuse_results(&d, false);
  desk_close(&d);
  assert_int_equal(d.count, 1);
  receiver_stop(r);
}

static void stopping_lets_attempts_end_and_keeps_the_rest(void **state) {
  (void)state;
  _Atomic bool let = false;
  struct receiver *r = receiver_start(held, (void *)&let);
  struct desk d;
  desk_init(&d, &r->port, 1);
  desk_open(&d);
  for (uint64_t i = 1; i <= 30; i++) desk_push(&d, desk_letter(i, START, START + CLOCK_HOUR));
  while (r->count < 8) usleep(200);
  let = true;
  courier_stop(d.courier); /* joins: what is reported is reported now */
  assert_true(d.count >= 8);
  for (size_t i = 0; i < d.count; i++) assert_int_equal(d.results[i].end, LETTER_DELIVERED);
  assert_int_equal(r->count, d.count); /* every request that left has its result; the others stay rows of the outbox */
  free(d.results);
  receiver_stop(r);
}

static void settings_that_cannot_work_are_refused(void **state) {
  (void)state;
  int port = 1;
  struct desk d;
  struct err e;
  desk_init(&d, &port, 1);
  d.options.endpoint_count = 0;
  assert_null(courier_start(&d.options, &e));
  assert_non_null(strstr(e.text, "endpoints"));
  d.options.endpoint_count = 1;
  d.endpoints[0].secrets[0] = NULL;
  assert_null(courier_start(&d.options, &e));
  assert_non_null(strstr(e.text, "secret"));
  d.endpoints[0].secrets[0] = "whsec_short";
  assert_null(courier_start(&d.options, &e));
  assert_non_null(strstr(e.text, "24 to 64"));
  d.endpoints[0].secrets[0] = TEST_SECRET;
  d.options.origin = "a.b"; /* ids hold no full stop: it separates what is signed */
  assert_null(courier_start(&d.options, &e));
  assert_non_null(strstr(e.text, "full stop"));
}

#define ON_CLOCK(test) cmocka_unit_test_setup_teardown(test, freeze, thaw)
int main(void) {
  const struct CMUnitTest tests[] = {
      ON_CLOCK(a_webhook_is_signed_and_delivered),
      ON_CLOCK(a_trace_goes_on_under_spans_of_its_own),
      ON_CLOCK(one_id_over_all_attempts_on_schedule),
      ON_CLOCK(five_attempts_and_no_sixth),
      ON_CLOCK(nothing_leaves_at_or_after_send_before),
      ON_CLOCK(letters_behind_a_full_endpoint_expire_in_the_queue),
      ON_CLOCK(one_black_hole_delays_no_other),
      ON_CLOCK(a_broken_endpoint_is_passed_over_and_probed),
      ON_CLOCK(an_endpoint_that_is_gone_is_disabled_until_an_operator_acts),
      ON_CLOCK(five_days_without_a_success_disable),
      ON_CLOCK(retry_after_holds_the_whole_endpoint),
      ON_CLOCK(retry_after_beyond_expiry_ends_the_letter),
      ON_CLOCK(the_bucket_spaces_attempts_out),
      ON_CLOCK(a_row_read_twice_is_one_letter),
      ON_CLOCK(a_full_courier_refuses_and_calls_when_there_is_room),
      ON_CLOCK(few_results_wait_for_memory),
      ON_CLOCK(many_results_wait_for_memory),
      ON_CLOCK(the_last_results_are_waited_for),
      ON_CLOCK(stopping_lets_attempts_end_and_keeps_the_rest),
      ON_CLOCK(settings_that_cannot_work_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
