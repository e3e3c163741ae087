/* rooms: lane flow program accept emit book kit; libraries: lib_uv */
/* W7, dead letters: what failed in a span of time is sent again under the same webhook-id with all its attempts; what is too late, whose
 * user has opted out since, or what ended outside of the span is not; asked twice, nothing is sent twice. Nor is what was decided for
 * somebody who is another by now, also when they opted in again, or what an operator stopped meanwhile, also when that was lifted; and what
 * is damaged keeps no other. */
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
  receiver_say(connection, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); /* every attempt of everything fails */
  return true;
}

static struct revival revival;
static void revive(struct job *j, struct flow *f) {
  uint64_t before = revival.again;
  if (!flow_revive(f, &revival, 5, &j->err)) return;
  j->outbox = revival.again > before;
}

static void fine_job(struct job *j) {
  if (j->err.kind != ERR_NONE) fail_msg("%s", j->err.text);
}
static void check(void *context, struct job *j) {
  (void)context;
  fine_job(j);
}

static void revive_all(struct fleet *f, int64_t from, int64_t to) {
  revival = (struct revival){.from = from, .to = to, .now = clock_now(), .result_json = STR("{\"reason\":\"again\"}")};
  for (int i = 0; !revival.done; i++) {
    assert_true(i < 100);
    fleet_call(f, "u0", revive, false, &(struct errand){.done = check});
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
  size_t requests = receiver->count;

  revive_all(f, failed_at + 1, INT64_MAX); /* nothing ended then */
  assert_true(revival.again == 0 && revival.too_late == 0 && revival.opted_out == 0);
  revive_all(f, NOON, failed_at + 1);
  assert_int_equal(revival.again, USERS - USERS / 4 - 1);
  assert_int_equal(revival.too_late, USERS / 4);
  assert_int_equal(revival.opted_out, 0); /* withdrawn at once, as what waits is */
  until(f, OUTBOX_DELIVERED, USERS - USERS / 4 - 1, 1000);
  assert_int_equal(ends[OUTBOX_FAILED], USERS / 4);
  assert_int_equal(ends[OUTBOX_WITHDRAWN], 1);
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

/* ---- what happened since ---- */

#define STOPPABLE(time)                                                                                                                    \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = " time ",\n"                       \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "trigger \"one\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 1\", offer = { \"walk\" } }\n"                                    \
  "trigger \"two\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 2\", offer = { \"walk\" } }\n"                                    \
  "trigger \"three\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 3\", offer = { \"walk\" } }\n"                                  \
  "rollout \"slowly\" { why = \"x\", gates = { \"trigger:three\" }, stages = { { name = \"all\", share = 1 } } }\n"                        \
  "rollout \"fast\" { why = \"x\", gates = { \"trigger:one\" }, stages = { { name = \"some\", share = 1, hold = 1 * days }, "              \
  "{ name = \"all\", share = 1 } } }\n"

struct since { /* what happens to a user between the failure and the replay */
  enum entry_kind kind;
  const char *event; /* of the ping: which trigger */
  const char *type, *data;
  bool again;
};
static const struct since since[] = {
    {ENTRY_PROFILE, "{\"n\":1}", "profile_updated", "{\"timezone\":\"Asia/Tokyo\"}", false},
    {ENTRY_EVENT, "{\"n\":1}", "profile_updated", "{\"timezone\":null}", false},
    {ENTRY_EVENT, "{\"n\":1}", "profile_updated", "{\"age\":12}", false},
    {ENTRY_PROFILE, "{\"n\":1}", "profile_updated", "{\"guardianConsent\":true}", false},
    {ENTRY_EVENT, "{\"n\":1}", "profile_updated", "{\"ill\":true}", false},
    {ENTRY_MERGE, "{\"n\":1}", "merged_into", "{\"into\":\"other\",\"number\":1}", false},
    {ENTRY_CONSENT, "{\"n\":1}", "opt_out", "{}", false},
    {ENTRY_PROFILE, "{\"n\":1}", "profile_updated", "{\"timezone\":\"Europe/Berlin\",\"age\":40,\"ill\":false,\"partner\":\"bo\"}", true},
    {ENTRY_EVENT, "{\"n\":1}", "ping", "{\"n\":0}", true},
    {ENTRY_EVENT, "{\"n\":2}", "ping", "{\"n\":0}", false}, /* its trigger is killed, and the kill lifted */
    {ENTRY_EVENT, "{\"n\":3}", "ping", "{\"n\":0}", false}, /* its rollout is halted, and goes on */
};
#define SINCE (sizeof since / sizeof *since)

static void say_fact(struct fleet *f, const char *fact) {
  struct job *j = fleet_job(f, "u0", &(struct errand){.done = check});
  j->fact = str_from(fact);
  fleet_submit(f, j);
}

/* One message a user, all of them failed; their ids are in told[]. */
static struct fleet *let_fail(const char *name, const char *rules, struct endpoint *endpoint, size_t users) {
  clock_freeze(NOON);
  broken = true;
  told_count = 0;
  memset(ends, 0, sizeof ends);
  struct fleet *f = fleet_new(world_new(name, 1, rules), 1, endpoint, 1);
  const struct errand errand = {.done = tell};
  for (size_t i = 0; i < users; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%zu", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, NULL, "ping", since[i % SINCE].event, &errand);
    fleet_wait(f); /* told[] is in their order */
  }
  assert_int_equal(told_count, users);
  until(f, OUTBOX_FAILED, users, 1000);
  return f;
}

static struct endpoint endpoint_of(const struct receiver *receiver, char url[96]) {
  snprintf(url, 96, "http://127.0.0.1:%d/hook", receiver->port);
  return (struct endpoint){.name = "hook", .url = url, .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
}

static size_t sent_again(void) {
  size_t count = 0;
  for (size_t i = 0; i < SINCE; i++) count += since[i].again;
  return count;
}

static void test_what_happened_since(void **state) {
  (void)state;
  char url[96], user[16];
  struct receiver *receiver = receiver_start(answer_as_it_is, NULL);
  struct endpoint endpoint = endpoint_of(receiver, url);
  struct fleet *f = let_fail("revive-since", STOPPABLE("2 * hours"), &endpoint, SINCE);
  for (size_t i = 0; i < SINCE; i++) {
    snprintf(user, sizeof user, "u%zu", i);
    fleet_say(f, since[i].kind, user, NULL, since[i].type, since[i].data, &(struct errand){.done = check});
  }
  fleet_say(f, ENTRY_CONSENT, "u6", NULL, "opt_in", "{}", &(struct errand){.done = check});
  say_fact(f, "{\"kind\":\"kill\",\"name\":\"trigger:two\"}");
  say_fact(f, "{\"kind\":\"unkill\",\"name\":\"trigger:two\"}");
  say_fact(f, "{\"kind\":\"rollout\",\"name\":\"slowly\",\"stage\":-1,\"held\":false}");
  say_fact(f, "{\"kind\":\"rollout\",\"name\":\"slowly\",\"stage\":0,\"held\":false}");
  say_fact(f, "{\"kind\":\"rollout\",\"name\":\"fast\",\"stage\":1,\"held\":false}"); /* steps stop nobody, also back to the first */
  say_fact(f, "{\"kind\":\"rollout\",\"name\":\"fast\",\"stage\":0,\"held\":false}");
  fleet_wait(f);
  broken = false;
  const size_t requests = receiver->count;
  revive_all(f, NOON, INT64_MAX);
  assert_int_equal(revival.again, sent_again());
  assert_int_equal(revival.killed, 2);
  until(f, OUTBOX_DELIVERED, sent_again(), 1000);
  assert_int_equal(receiver->count, requests + sent_again());
  struct world *w = fleet_close(f);
  for (size_t i = 0; i < SINCE; i++) {
    struct outbox_row row;
    fine(&w->e, volume_outbox(flow_volume(w->flows[0]), told[i], &w->arena, &row, &w->e));
    const bool stopped = str_is(str_from(since[i].type), "ping");
    if (row.end != (since[i].again ? OUTBOX_DELIVERED : stopped ? OUTBOX_FAILED : OUTBOX_WITHDRAWN))
      fail_msg("%s, %s: ended as %d", since[i].type, since[i].data, row.end);
    if (row.end == OUTBOX_WITHDRAWN && !memmem(row.log.at, row.log.len, "it had failed", 13))
      fail_msg("%s: the log does not say why: " STR_FORMAT, since[i].type, STR_ARG(row.log));
  }
  world_free(w);
  receiver_stop(receiver);
  clock_thaw();
}

/* What waited in its file while there was no courier: a kill ends it, although nobody is killed any more when there is one; a halt lets it
 * go on, as it lets what the courier holds. */
static void killed_while_it_waited(const char *kill, const char *unkill, bool all) {
  enum { WHO = 3 };
  static const char *const pings[WHO] = {"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"};
  char url[96], user[16];
  clock_freeze(NOON);
  broken = false;
  told_count = 0;
  memset(ends, 0, sizeof ends);
  struct receiver *receiver = receiver_start(answer_as_it_is, NULL);
  struct endpoint endpoint = endpoint_of(receiver, url);
  struct fleet *f = fleet_new(world_new("revive-waited", 1, STOPPABLE("8 * hours")), 1, NULL, 0);
  say_fact(f, "{\"kind\":\"kill\",\"name\":\"trigger:one\"}"); /* lifted before anything was decided: it ends nothing of later */
  say_fact(f, "{\"kind\":\"unkill\",\"name\":\"trigger:one\"}");
  fleet_wait(f);
  for (size_t i = 0; i < WHO; i++) {
    snprintf(user, sizeof user, "u%zu", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, NULL, "ping", pings[i], &(struct errand){.done = tell});
    fleet_wait(f);
  }
  assert_int_equal(told_count, WHO);
  say_fact(f, kill);
  say_fact(f, unkill);
  say_fact(f, "{\"kind\":\"rollout\",\"name\":\"slowly\",\"stage\":-1,\"held\":false}");
  fleet_wait(f);
  clock_advance(3 * CLOCK_HOUR); /* as long as messages live, kills of before are known */
  f = fleet_new(fleet_close(f), 1, &endpoint, 1);
  until(f, OUTBOX_WITHDRAWN, all ? WHO : 1, 10);
  until(f, OUTBOX_DELIVERED, all ? 0 : WHO - 1, 10);
  assert_int_equal(receiver->count, all ? 0 : WHO - 1);
  struct world *w = fleet_close(f);
  struct outbox_row row;
  fine(&w->e, volume_outbox(flow_volume(w->flows[0]), told[1], &w->arena, &row, &w->e));
  assert_int_equal(row.end, OUTBOX_WITHDRAWN);
  assert_non_null(memmem(row.log.at, row.log.len, "killed", 6));
  world_free(w);
  receiver_stop(receiver);
  clock_thaw();
}

static void test_what_was_killed_while_it_waited(void **state) {
  (void)state;
  killed_while_it_waited("{\"kind\":\"kill\",\"name\":\"trigger:two\"}", "{\"kind\":\"unkill\",\"name\":\"trigger:two\"}", false);
}

static void test_what_waited_while_all_was_killed(void **state) {
  (void)state;
  killed_while_it_waited("{\"kind\":\"kill\",\"name\":\"all\"}", "{\"kind\":\"unkill\",\"name\":\"all\"}", true);
}

static int setup(void **state) {
  (void)state;
  log_setup((enum log_level)(LOG_ERROR + 1), false); /* a broken endpoint is what is wanted here */
  return 0;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_dead_letters), cmocka_unit_test(test_what_happened_since),
                                     cmocka_unit_test(test_what_was_killed_while_it_waited),
                                     cmocka_unit_test(test_what_waited_while_all_was_killed)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
