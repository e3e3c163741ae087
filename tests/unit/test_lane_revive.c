/* rooms: lane flow program accept emit book kit; libraries: lib_uv */
/* W7, dead letters: what failed in a span of time is sent again under the same webhook-id with all its attempts; what is too late, whose
 * user has opted out since, or what ended outside of the span is not; asked twice, nothing is sent twice. */
#include "emit_receiver.h"
#include "kit/log.h"
#include "lane_world.h"
#include <signal.h>

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "intervention \"rest\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 20 * minutes,\n"                   \
  "  message = { en = \"rest\" } }\n"                                                                                                      \
  "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 1\", offer = { \"walk\" } }\n"                                \
  "trigger \"short\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 2\", offer = { \"rest\" } }\n"
#define NOON  at("2025-03-03T12:00:00+01:00")
#define USERS 24

static _Atomic bool broken;
static bool answer_as_it_is(struct receiver *r, int connection, size_t n) {
  if (!broken) return answer_204(r, connection, n);
  receiver_say(connection, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"); /* the endpoint is disabled, and everything fails */
  return true;
}

static struct revival revival;
static void revive(struct job *j, struct flow *f) {
  uint64_t before = revival.again;
  if (!volume_revive(flow_volume(f), &revival, 5, &j->err)) return;
  j->outbox = revival.again > before;
}

static void revive_all(struct fleet *f, int64_t from, int64_t to) {
  revival = (struct revival){.from = from, .to = to, .now = clock_now(), .result_json = STR("{\"reason\":\"again\"}")};
  for (int i = 0; !revival.done; i++) {
    assert_true(i < 100);
    fleet_call(f, "u0", revive, false, NULL);
    fleet_wait(f);
  }
}

static size_t ends[5];
static uint64_t told[USERS];
static size_t told_count;
static void tell(void *context, struct job *j) {
  (void)context;
  for (size_t i = 0; i < j->items[0].told_count; i++) told[told_count++] = j->items[0].told[i].id;
}
static void count_ends(struct job *j, struct flow *f) {
  memset(ends, 0, sizeof ends);
  for (size_t i = 0; i < told_count; i++) {
    struct outbox_row row;
    assert_true(volume_outbox(flow_volume(f), told[i], &j->arena, &row, &j->err));
    ends[row.end]++;
  }
}
/* The clock goes on until so many messages have an end. */
static void until(struct fleet *f, enum outbox_end end, size_t count, int64_t step) {
  for (int i = 0; ends[end] != count; i++) {
    if (i > 20000) fail_msg("%zu messages ended so, expected %zu", ends[end], count);
    clock_advance(step);
    courier_nudge(lanes_courier(f->lanes));
    usleep(2000);
    fleet_call(f, "u0", count_ends, false, NULL);
    fleet_wait(f);
  }
}

static void test_dead_letters(void **state) {
  (void)state;
  clock_freeze(NOON);
  broken = true;
  struct receiver *receiver = receiver_start(answer_as_it_is, NULL);
  char url[96];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver->port);
  struct endpoint endpoint = {.name = "hook", .url = url, .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
  struct fleet *f = fleet_new(world_new("revive", 1, RULES), 1, &endpoint, 1);
  for (int i = 0; i < USERS; i++) {
    char user[16];
    const struct errand errand = {.done = tell};
    snprintf(user, sizeof user, "u%d", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, NULL, "ping", i % 4 == 3 ? "{\"n\":2}" : "{\"n\":1}", &errand);
  }
  fleet_wait(f);
  assert_int_equal(told_count, USERS);
  until(f, OUTBOX_FAILED, USERS, 1000);
  int64_t failed_at = clock_now();
  assert_true(failed_at - NOON < 20 * CLOCK_MINUTE); /* or the short ones would have expired instead */
  fleet_say(f, ENTRY_CONSENT, "u4", NULL, "opt_out", NULL, NULL);
  clock_advance(30 * CLOCK_MINUTE);
  broken = false;
  courier_enable(lanes_courier(f->lanes), 0);
  size_t requests = receiver->count;

  revive_all(f, failed_at + 1, INT64_MAX); /* nothing ended then */
  assert_true(revival.again == 0 && revival.too_late == 0 && revival.opted_out == 0);
  revive_all(f, NOON, failed_at + 1);
  assert_int_equal(revival.again, USERS - USERS / 4 - 1);
  assert_int_equal(revival.too_late, USERS / 4);
  assert_int_equal(revival.opted_out, 1);
  until(f, OUTBOX_DELIVERED, USERS - USERS / 4 - 1, 1000);
  assert_int_equal(ends[OUTBOX_FAILED], USERS / 4 + 1);
  assert_true(receiver->count >= requests + USERS - USERS / 4 - 1);
  requests = receiver->count;
  revive_all(f, NOON, INT64_MAX);
  assert_int_equal(revival.again, 0);
  fleet_call(f, "u0", count_ends, false, NULL);
  fleet_wait(f);
  assert_int_equal(receiver->count, requests);
  world_free(fleet_close(f));
  receiver_stop(receiver);
  clock_thaw();
}

static int setup(void **state) {
  (void)state;
  log_setup((enum log_level)(LOG_ERROR + 1), false); /* a broken endpoint is what is wanted here */
  return 0;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_dead_letters)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
