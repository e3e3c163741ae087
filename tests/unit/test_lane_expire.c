/* rooms: lane flow program accept emit book kit; libraries: lib_uv lib_sqlite */
/* Messages of an engine without an endpoint: each ends as expired at its time, over restarts and lost turns; who opted out keeps that end.
 * And the courier's own lack of memory: a letter that it could not hold comes back and is pushed again. */
#include "emit/outbox.h"
#include "emit_receiver.h"
#include "failing_disk.h"
#include "kit/log.h"
#include "lane_world.h"
#include <signal.h>

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"
#define NOON  at("2025-03-03T12:00:00+01:00")
#define USERS 300 /* more than one turn ends */

struct looked {
  uint64_t ids[2 * USERS];
  size_t waiting, ends[5];
  bool said; /* the log says why */
};
static struct looked looked;

static bool count_one(void *context, uint64_t id, int64_t send_before) {
  struct looked *l = context;
  assert_true(send_before > 0);
  l->ids[l->waiting++] = id;
  return true;
}

static void list(struct job *j, struct flow *f) {
  assert_true(volume_expiring(flow_volume(f), count_one, &looked, &j->err));
}

static size_t waiting(struct fleet *f) {
  looked = (struct looked){0};
  fleet_call(f, "u0", list, false, NULL);
  fleet_wait(f);
  return looked.waiting;
}

static uint64_t asked[USERS];
static void look_up(struct job *j, struct flow *f) {
  looked = (struct looked){0};
  for (size_t i = 0; i < USERS; i++) {
    struct outbox_row row;
    assert_true(volume_outbox(flow_volume(f), asked[i], &j->arena, &row, &j->err));
    looked.ends[row.end]++;
    if (row.end == OUTBOX_EXPIRED) looked.said |= strstr(row.log.at, "expired: no endpoint was there") != NULL;
    assert_int_equal(row.attempts, 0);
  }
}

static void send_to_all(struct fleet *f) {
  for (int i = 0; i < USERS; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, NULL, "ping", "{\"n\":1}", NULL);
  }
  fleet_wait(f);
  assert_int_equal(waiting(f), USERS);
  memcpy(asked, looked.ids, sizeof asked);
}

/* The clock goes on: a turn that was lost, early or late on a slow machine, looks again a second after it. */
static void until_none_waits(struct fleet *f) {
  for (int i = 0; waiting(f) > 0; i++) {
    if (i > TEST_WAIT_SECONDS * 100) fail_msg("%zu messages wait for ever", looked.waiting);
    usleep(10000);
    clock_advance(CLOCK_SECOND);
  }
}

static void test_without_an_endpoint(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("expire-none", 1, RULES), 1, NULL, 0);
  send_to_all(f);
  fleet_say(f, ENTRY_CONSENT, "u7", NULL, "opt_out", NULL, NULL);
  clock_advance(2 * CLOCK_HOUR - 1000);
  fleet_say(f, ENTRY_EVENT, "u8", NULL, "ping", "{\"n\":1}", NULL); /* a turn, a second too early */
  fleet_wait(f);
  assert_int_equal(waiting(f), USERS - 1 + 1);
  clock_advance(2000);
  for (int i = 0; waiting(f) > 1; i++) {
    if (i > TEST_WAIT_SECONDS * 100) fail_msg("%zu messages wait for ever", looked.waiting);
    usleep(10000);
  }
  assert_int_equal(waiting(f), 1); /* that of u8, which has its own two hours */
  fleet_call(f, "u0", look_up, false, NULL);
  fleet_wait(f);
  assert_int_equal(looked.ends[OUTBOX_EXPIRED], USERS - 1);
  assert_int_equal(looked.ends[OUTBOX_WITHDRAWN], 1);
  assert_true(looked.said);
  world_free(fleet_close(f));
  clock_thaw();
}

static void test_over_a_restart_and_a_lost_turn(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("expire-restart", 1, RULES), 1, NULL, 0);
  send_to_all(f);
  struct world *w = fleet_close(f);
  disk_sync_failures = 0;
  clock_advance(3 * CLOCK_HOUR);
  f = fleet_new(w, 1, NULL, 0); /* late from its first turn on */
  disk_sync_failures = 1;       /* if the ends are under way already, their turn or the next one is lost */
  usleep(20000);
  clock_advance(2 * CLOCK_SECOND);
  disk_sync_failures = 0;
  until_none_waits(f);
  fleet_call(f, "u0", look_up, false, NULL);
  fleet_wait(f);
  assert_int_equal(looked.ends[OUTBOX_EXPIRED], USERS);
  world_free(fleet_close(f));
  clock_thaw();
}

/* The n-th allocation fails, for many n, in whichever thread it is: what was answered is delivered, and nothing waits for a restart. */
static void test_a_courier_without_memory(void **state) {
  (void)state;
  struct receiver *receiver = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &receiver->port, 1);
  desk_open(&d);
  size_t returned = 0, delivered = 0;
  for (uint64_t id = 1; id <= 200; id++) {
    int64_t now = clock_now();
    struct letter *l = desk_letter(id, now, now + CLOCK_HOUR);
    size_t ends = d.ends, hungry = d.hungry;
    kit_fail_allocation(1 + (int64_t)(id % 4));
    desk_push(&d, l);
    desk_wait(&d, &d.ends, ends + 1);
    kit_fail_allocation(0);
    if (d.results[d.count - 1].end == LETTER_RETURNED) {
      returned++;
      desk_wait(&d, &d.hungry, hungry + 1); /* it wants it again, a second later */
      desk_push(&d, desk_letter(id, now, now + CLOCK_HOUR));
      desk_wait(&d, &d.ends, ends + 2);
    }
    delivered += d.results[d.count - 1].end == LETTER_DELIVERED;
  }
  assert_int_equal(delivered, 200);
  assert_true(returned > 0);
  desk_close(&d);
  receiver_stop(receiver);
}

/* On the lane's side: a returned letter is not held any more, nothing is written of it, and the next refill pushes its row. */
static struct courier *other;
static void return_all(struct job *j, struct flow *f) {
  struct outbox mine = {.volume = flow_volume(f), .courier = other};
  static struct attempt_result results[USERS];
  assert_true(outbox_refill(&mine, &j->err));
  assert_int_equal(mine.held.count, USERS);
  for (size_t i = 0; i < USERS; i++) results[i] = (struct attempt_result){.id = asked[i], .end = LETTER_RETURNED, .reason = "no memory"};
  assert_true(outbox_results(&mine, results, USERS, &j->err));
  assert_true(mine.held.count == 0 && mine.refused);
  assert_true(outbox_refill(&mine, &j->err));
  assert_int_equal(mine.held.count, USERS);
  outbox_close(&mine);
}

static void test_what_comes_back_is_pushed_again(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct receiver *receiver = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &receiver->port, 1);
  desk_open(&d);
  other = d.courier;
  struct fleet *f = fleet_new(world_new("expire-returned", 1, RULES), 1, NULL, 0);
  send_to_all(f);
  fleet_call(f, "u0", return_all, false, NULL);
  fleet_wait(f);
  assert_int_equal(waiting(f), USERS);
  world_free(fleet_close(f));
  desk_wait(&d, &d.ends, USERS);
  desk_close(&d);
  receiver_stop(receiver);
  clock_thaw();
}

static void count_delivered(struct job *j, struct flow *f) {
  looked = (struct looked){0};
  for (size_t i = 0; i < USERS; i++) {
    struct outbox_row row;
    assert_true(volume_outbox(flow_volume(f), asked[i], &j->arena, &row, &j->err));
    looked.ends[row.end]++;
    assert_in_range(row.attempts, 1, 5);
  }
}

static bool behind_a_gate(struct receiver *r, int connection, size_t n) {
  while (!*(_Atomic bool *)r->context && !r->closing) usleep(200);
  return answer_204(r, connection, n);
}

/* Memory fails again and again while the courier reports: nothing aborts, and every message's end is in its row. */
static void test_reports_without_memory(void **state) {
  (void)state;
  _Atomic bool open = false;
  clock_freeze(NOON);
  struct receiver *receiver = receiver_start(behind_a_gate, (void *)&open);
  struct desk d;
  desk_init(&d, &receiver->port, 1);
  struct fleet *f = fleet_new(world_new("expire-reports", 1, RULES), 1, d.endpoints, 1);
  send_to_all(f);
  open = true;
  for (int burst = 0; burst < 60; burst++) {
    kit_fail_allocation(1 + burst % 3); /* in the courier, or in the lane; this thread asks for nothing */
    usleep(1000);
    kit_fail_allocation(0);
    if (burst % 10 == 9) clock_advance(200);
    courier_nudge(lanes_courier(f->lanes));
  }
  for (int i = 0; waiting(f) > 0; i++) {
    if (i > TEST_WAIT_SECONDS * 100) fail_msg("%zu messages wait for ever", looked.waiting);
    if (i % 10 == 9) clock_advance(200); /* not much faster than time goes: attempts have time-outs by this clock */
    courier_nudge(lanes_courier(f->lanes));
    usleep(10000);
  }
  fleet_call(f, "u0", count_delivered, false, NULL);
  fleet_wait(f);
  assert_int_equal(looked.ends[OUTBOX_DELIVERED], USERS);
  world_free(fleet_close(f));
  receiver_stop(receiver);
  clock_thaw();
}

static int quiet(void **state) {
  (void)state;
  log_setup((enum log_level)(LOG_ERROR + 1), false); /* lost turns are what is wanted here */
  disk_register();
  return 0;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_without_an_endpoint),      cmocka_unit_test(test_over_a_restart_and_a_lost_turn),
      cmocka_unit_test(test_a_courier_without_memory), cmocka_unit_test(test_what_comes_back_is_pushed_again),
      cmocka_unit_test(test_reports_without_memory),
  };
  return cmocka_run_group_tests(tests, quiet, NULL);
}
