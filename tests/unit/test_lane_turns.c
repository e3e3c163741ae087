/* rooms: lane flow program accept emit book kit; inside: book; libraries: lib_uv lib_sqlite */
/* Turns of a lane: nothing is answered before it is durable, a lost turn answers everyone with an error and is as if it had never been,
 * what the courier reports is not lost with it, and each tick that is due happens once. */
#include "emit_receiver.h"
#include "failing_disk.h"
#include "kit/log.h"
#include "lane_world.h"
#include "volume.h"
#include <signal.h>

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"
#define RULES_DAY   RULES "trigger \"daily\" { why = \"x\", on = { every \"day\" : at \"12:30\" }, offer = { \"walk\" } }\n"
#define RULES_QUIET RULES "trigger \"quiet\" { why = \"x\", on = { silence(3 * hours) }, offer = { \"walk\" } }\n"
#define NOON        at("2025-03-03T12:00:00+01:00")

/* ---- lost turns ---- */

#define LOST 40
static void test_a_lost_turn_is_an_error_for_all(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-lost", 2, RULES), 1, NULL, 0);
  static struct err errors[LOST];
  static enum item_state states[LOST];
  size_t refused = 0, taken = 0;
  for (int round = 0; round < 12; round++) {
    for (int i = 0; i < LOST; i++) {
      char user[16], id[16];
      snprintf(user, sizeof user, "u%d", i % 7);
      snprintf(id, sizeof id, "e%d-%d", round, i);
      errors[i] = (struct err){0};
      if (round % 3 && i == LOST / 2) disk_sync_failures = 1;
      struct errand errand = {.err = &errors[i], .state = &states[i]};
      fleet_say(f, ENTRY_EVENT, user, id, "ping", "{\"n\":1}", &errand);
    }
    fleet_wait(f);
    disk_sync_failures = 0;
    for (int i = 0; i < LOST; i++) {
      if (errors[i].kind != ERR_NONE) assert_int_equal(errors[i].kind, ERR_STORAGE);
      bool lost = errors[i].kind != ERR_NONE;
      refused += lost;
      taken += !lost;
      /* Sent again: there, if it was taken; new, if it was not. */
      char user[16], id[16];
      snprintf(user, sizeof user, "u%d", i % 7);
      snprintf(id, sizeof id, "e%d-%d", round, i);
      struct errand errand = {.err = &errors[i], .state = &states[i]};
      fleet_say(f, ENTRY_EVENT, user, id, "ping", "{\"n\":1}", &errand);
      fleet_wait(f);
      assert_int_equal(errors[i].kind, ERR_NONE);
      assert_int_equal(states[i], lost ? ITEM_TAKEN : ITEM_DUPLICATE);
    }
  }
  assert_true(refused > 20 && taken > 100);
  world_free(fleet_close(f));
  clock_thaw();
}

/* Lets the lanes look at the clock: an errand of nobody wakes each. */
static void look(struct job *j, struct flow *f) {
  (void)j;
  (void)f;
}
static void wake(struct fleet *f) {
  for (int i = 0; i < 3; i++) {
    fleet_call(f, "u0", look, false, NULL);
    fleet_wait(f);
  }
}

static void open_hook(struct receiver *r, char url[96], struct endpoint *endpoint) {
  snprintf(url, 96, "http://127.0.0.1:%d/hook", r->port);
  *endpoint = (struct endpoint){.name = "hook", .url = url, .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
}

/* Tried again as after a 500, and the endpoint is not left alone after five of them: on a busy machine they come one after the other. */
static bool answer_403(struct receiver *r, int connection, size_t n) {
  (void)r, (void)n;
  receiver_say(connection, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  return true;
}

/* Everybody has one message, which was refused once and waits in the courier. */
static void let_wait(struct fleet *f, size_t users) {
  struct lanes_figures figures = {0};
  char user[16];
  for (size_t i = 0; i < users; i++) {
    snprintf(user, sizeof user, "u%zu", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, "go", "ping", "{\"n\":1}", NULL);
  }
  fleet_wait(f);
  for (int tries = 0; tries < 6000 && figures.courier.attempts < users; tries++) {
    usleep(10000);
    lanes_figures(f->lanes, &figures);
  }
  assert_int_equal(figures.courier.attempts, users);
  assert_int_equal(figures.courier.withdrawn, 0);
}

static void erase_them(struct job *j, struct flow *f) {
  struct user *u = volume_user(flow_volume(f), j->user, false, &j->err);
  if (!u) return;
  j->number = u->number;
  struct err e = {0};
  if (!flow_erase(f, u, &e)) j->err = e;
}

/* The disk fails at any of an erasure's commits: whether the person is gone by then or not, the courier has let go of the message when it
 * is answered, for nobody finds the number of an erased person again. */
static void test_an_erasure_that_fails_stops_messages(void **state) {
  (void)state;
  enum { USERS = 6 };
  clock_freeze(NOON);
  struct receiver *receiver = receiver_start(answer_403, NULL);
  char url[96], user[16];
  struct endpoint endpoint;
  open_hook(receiver, url, &endpoint);
  struct fleet *f = fleet_new(world_new("lane-erased", 1, RULES), 1, &endpoint, 1);
  let_wait(f, USERS);
  size_t failed = 0;
  for (int i = 0; i < USERS; i++) {
    struct err why = {0};
    struct errand errand = {.err = &why};
    struct lanes_figures figures;
    snprintf(user, sizeof user, "u%d", i);
    disk_syncs_before = i;
    disk_sync_failures = 1;
    fleet_call(f, user, erase_them, true, &errand);
    fleet_wait(f);
    disk_syncs_before = disk_sync_failures = 0;
    failed += why.kind != ERR_NONE;
    lanes_figures(f->lanes, &figures);
    if (figures.courier.withdrawn != (uint64_t)i + 1) fail_msg("a failure at sync %d: the message still waits", i);
    wake(f);
  }
  assert_true(failed > 1);
  world_free(fleet_close(f));
  receiver_stop(receiver);
  clock_thaw();
}

/* What waits was decided for somebody in another zone, of another age, with or without a guardian's consent, healthy, or one of two people.
 */
static void test_a_message_to_somebody_else_by_now_is_withdrawn(void **state) {
  (void)state;
  static const struct {
    enum entry_kind kind;
    const char *type, *data;
    bool stays;
  } said[] = {{ENTRY_PROFILE, "profile_updated", "{\"timezone\":\"Asia/Tokyo\"}", false},
              {ENTRY_EVENT, "profile_updated", "{\"timezone\":null}", false},
              {ENTRY_EVENT, "profile_updated", "{\"age\":12}", false},
              {ENTRY_PROFILE, "profile_updated", "{\"guardianConsent\":true}", false},
              {ENTRY_EVENT, "profile_updated", "{\"ill\":true}", false},
              {ENTRY_MERGE, "merged_into", "{\"into\":\"other\",\"number\":1}", false},
              {ENTRY_PROFILE, "profile_updated", "{\"timezone\":\"Europe/Berlin\",\"age\":40,\"ill\":false,\"partner\":\"bo\"}", true}};
  enum { USERS = sizeof said / sizeof *said };
  clock_freeze(NOON);
  struct receiver *receiver = receiver_start(answer_403, NULL);
  char url[96], user[16];
  struct endpoint endpoint;
  open_hook(receiver, url, &endpoint);
  struct fleet *f = fleet_new(world_new("lane-recalled", 1, RULES), 1, &endpoint, 1);
  let_wait(f, USERS);
  for (size_t i = 0; i < USERS; i++) {
    struct err why = {0};
    enum item_state taken = ITEM_REFUSED;
    struct errand errand = {.err = &why, .state = &taken};
    struct lanes_figures figures;
    snprintf(user, sizeof user, "u%zu", i);
    fleet_say(f, said[i].kind, user, NULL, said[i].type, said[i].data, &errand);
    fleet_wait(f);
    assert_true(why.kind == ERR_NONE && taken == ITEM_TAKEN);
    lanes_figures(f->lanes, &figures);
    if (figures.courier.withdrawn != i + !said[i].stays)
      fail_msg("%s: answered with %zu withdrawn", said[i].data, (size_t)figures.courier.withdrawn);
  }
  wake(f); /* the courier's reports */
  struct world *w = fleet_close(f);
  for (size_t i = 0; i < USERS; i++) {
    struct outbox_row row;
    snprintf(user, sizeof user, "u%zu", i);
    fine(&w->e, volume_outbox(flow_volume(w->flows[0]), world_user(w, user)->sends[0].decision, &w->arena, &row, &w->e));
    if (row.end != (said[i].stays ? OUTBOX_WAITING : OUTBOX_WITHDRAWN)) fail_msg("%s: ended as %d", said[i].data, row.end);
    const bool says = memmem(row.log.at, row.log.len, "health changed", 14) != NULL;
    if (says == said[i].stays) fail_msg("%s: the log is %.*s", said[i].data, (int)row.log.len, row.log.at);
  }
  world_free(w);
  receiver_stop(receiver);
  clock_thaw();
}

/* Attempts are reported into turns that are lost: each message has its end all the same, and goes out once. */
static void test_reports_outlive_a_lost_turn(void **state) {
  (void)state;
  enum { USERS = 60 };
  clock_freeze(NOON);
  struct receiver *receiver = receiver_start(answer_204, NULL);
  char url[96];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", receiver->port);
  struct endpoint endpoint = {.name = "hook", .url = url, .secrets = {TEST_SECRET, NULL}, .allow_http = true, .allow_private = true};
  struct fleet *f = fleet_new(world_new("lane-reports", 1, RULES), 1, &endpoint, 1);
  for (int i = 0; i < USERS; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    fleet_person(f, user);
  }
  fleet_wait(f);
  for (int i = 0; i < USERS; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    fleet_say(f, ENTRY_EVENT, user, "go", "ping", "{\"n\":1}", NULL);
    fleet_wait(f);
    if (i % 3 == 0) disk_sync_failures = 1; /* strikes the turn that joins the report */
    usleep(3000);
  }
  disk_sync_failures = 0;
  for (int tries = 0; tries < 6000; tries++) {
    struct lanes_figures figures;
    lanes_figures(f->lanes, &figures);
    if (!figures.book.failed && !figures.courier.waiting && !figures.courier.in_flight) break;
    usleep(10000);
    wake(f);
  }
  usleep(20000);
  wake(f); /* reports of a lost turn join the next */
  struct world *w = fleet_close(f);
  for (int i = 0; i < USERS; i++) {
    char user[16];
    struct outbox_row row;
    snprintf(user, sizeof user, "u%d", i);
    const struct user *u = world_user(w, user);
    if (!u->send_count) continue; /* its own turn was the lost one */
    fine(&w->e, volume_outbox(flow_volume(w->flows[0]), u->sends[0].decision, &w->arena, &row, &w->e));
    if (row.end != OUTBOX_DELIVERED) fail_msg("%s: ended as %d", user, row.end);
    assert_int_equal(row.attempts, 1);
  }
  for (size_t i = 0; i < receiver->count; i++)
    for (size_t k = 0; k < i; k++) assert_string_not_equal(receiver->seen[i].id, receiver->seen[k].id);
  world_free(w);
  receiver_stop(receiver);
  clock_thaw();
}

/* A reader that holds a full log costs answers, and nothing else: the volume is not reopened, its users stay in memory, and everything is
 * taken again when the reader is done. */
static uint64_t reopened(struct fleet *f) {
  struct lanes_figures figures;
  lanes_figures(f->lanes, &figures);
  return figures.book.recoveries;
}
static void test_a_held_log_is_waited_for(void **state) {
  (void)state;
  enum { MOST = 3000 };
  clock_freeze(NOON);
  const struct volume_limits usual = volume_limits;
  volume_limits.wal_idle = 20000;
  volume_limits.wal_always = 50000;
  volume_limits.wal_wait = volume_limits.wal_most = 100000;
  struct fleet *f = fleet_new(world_new("lane-held", 1, RULES), 1, NULL, 0);
  const uint64_t before = reopened(f);
  sqlite3 *reader;
  char path[700], id[16];
  snprintf(path, sizeof path, "%s/volume-00.db", f->world->data);
  assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM journal", NULL, NULL, NULL), SQLITE_OK);
  struct err e = {0};
  enum item_state what;
  int n = 0, refused = 0;
  for (; n < MOST && refused < 5; n++) {
    snprintf(id, sizeof id, "e%d", n);
    fleet_say(f, ENTRY_EVENT, "u0", id, "ping", "{\"n\":1}", &(struct errand){.err = &e});
    fleet_wait(f);
    refused += e.kind != ERR_NONE;
    if (e.kind != ERR_NONE) assert_int_equal(e.kind, ERR_BUSY);
  }
  assert_int_equal(refused, 5);
  sqlite3_exec(reader, "ROLLBACK", NULL, NULL, NULL);
  assert_int_equal(sqlite3_close(reader), SQLITE_OK);
  for (int tries = 0; tries < 6000; tries++) { /* the last one refused goes in as new */
    fleet_say(f, ENTRY_EVENT, "u0", id, "ping", "{\"n\":1}", &(struct errand){.err = &e, .state = &what});
    fleet_wait(f);
    if (e.kind == ERR_NONE) break;
    usleep(10000);
  }
  assert_int_equal(e.kind, ERR_NONE);
  assert_int_equal(what, ITEM_TAKEN);
  assert_int_equal(reopened(f), before);
  for (int i = 0; i < n; i++) { /* all others are there or not, as was said */
    snprintf(id, sizeof id, "e%d", i);
    fleet_say(f, ENTRY_EVENT, "u0", id, "ping", "{\"n\":1}", &(struct errand){.err = &e, .state = &what});
    fleet_wait(f);
    assert_int_equal(e.kind, ERR_NONE);
    assert_int_equal(what, i < n - 5 || i == n - 1 ? ITEM_DUPLICATE : ITEM_TAKEN);
  }
  struct world *world = fleet_close(f);
  volume_limits = usual; /* no lane looks any more */
  world_free(world);
  clock_thaw();
}

/* What fails after the answers takes nothing back, and the volume is there again without anybody's request being lost for it. */
static void test_a_failed_settling_is_mended_at_once(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-settle", 1, RULES), 1, NULL, 0);
  const uint64_t before = reopened(f);
  for (uint64_t round = 0; round < 6; round++) {
    struct err e = {0};
    char id[16];
    snprintf(id, sizeof id, "e%d", (int)round);
    fleet_say(f, ENTRY_EVENT, "u0", id, "ping", "{\"n\":1}", &(struct errand){.err = &e});
    fleet_wait(f);
    assert_int_equal(e.kind, ERR_NONE);
    if (round == 0) continue; /* its state is written at once; the later ones' when a second has gone by */
    disk_sync_failures = 1;
    clock_advance(2000);
    for (int tries = 0; tries < 6000 && reopened(f) < before + round; tries++) {
      wake(f);
      usleep(1000);
    }
    assert_int_equal(reopened(f), before + round);
    assert_int_equal(disk_sync_failures, 0);
  }
  world_free(fleet_close(f));
  clock_thaw();
}

/* ---- ticks ---- */

struct tally {
  struct arena arena;
  size_t ticks, caught_up, decisions;
  int64_t last;
};
static void tally_row(void *context, const struct world_row *row) {
  struct tally *t = context;
  if (row->entry.kind != ENTRY_TICK) return;
  struct recorded r;
  struct event ev;
  struct err e = {0};
  fine(&e, recorded_unpack(row->entry.record, &t->arena, &r, &e));
  fine(&e, event_parse(&t->arena, row->entry.body, r.received, r.source, r.history, &ev, &e));
  t->ticks++;
  t->caught_up += str_is(ev.type, "tick.caught_up");
  t->decisions += row->count;
  t->last = ev.timestamp;
}

static struct tally tally_of(struct world *w) {
  struct tally t = {0};
  for (uint32_t v = 0; v < w->volumes; v++) world_rows(w, v, tally_row, &t);
  arena_free(&t.arena);
  return t;
}

enum { EARLY = 20 };
static void people_with_events(struct fleet *f) {
  for (int i = 0; i < EARLY; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    fleet_person(f, user);
    for (int k = 0; k < 5; k++) fleet_say(f, ENTRY_EVENT, user, NULL, "ping", "{\"n\":1}", NULL); /* many events, one due time */
  }
  fleet_wait(f);
}

static void test_each_tick_once(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-ticks", 1, RULES_DAY), 1, NULL, 0);
  people_with_events(f);
  for (int day = 0; day < 3; day++) {
    for (int minute = 0; minute < 60; minute += 10) {
      clock_advance(10 * CLOCK_MINUTE);
      wake(f);
    }
    clock_advance(23 * CLOCK_HOUR);
    wake(f);
  }
  struct world *w = fleet_close(f);
  struct tally t = tally_of(w);
  assert_int_equal(t.ticks, 3 * EARLY);
  assert_int_equal(t.decisions, 3 * EARLY);
  assert_int_equal(t.caught_up, 0);
  world_free(w);
  clock_thaw();
}

/* Nobody gets a week of mornings at once, also not after a restart. */
static void test_missed_ticks_are_written_off(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-missed", 1, RULES_DAY), 1, NULL, 0);
  people_with_events(f);
  struct world *w = fleet_close(f);
  clock_advance(7 * CLOCK_DAY);
  f = fleet_new(w, 1, NULL, 0);
  wake(f);
  w = fleet_close(f);
  struct tally t = tally_of(w);
  assert_int_equal(t.ticks, EARLY);
  assert_int_equal(t.caught_up, EARLY);
  assert_int_equal(t.decisions, 0);
  world_free(w);
  clock_thaw();
}

static void test_silence_is_noticed_once(void **state) {
  (void)state;
  clock_freeze(at("2025-03-03T08:30:00+01:00"));
  struct fleet *f = fleet_new(world_new("lane-silence", 1, RULES_QUIET), 1, NULL, 0);
  people_with_events(f);
  for (int hour = 0; hour < 10; hour++) {
    clock_advance(CLOCK_HOUR);
    if (hour == 2) { /* somebody speaks in the very moment */
      fleet_say(f, ENTRY_EVENT, "u3", NULL, "ping", "{\"n\":1}", NULL);
      fleet_wait(f);
    }
    wake(f);
  }
  struct world *w = fleet_close(f);
  struct tally t = tally_of(w);
  assert_int_equal(t.ticks, EARLY); /* u3's came later, but once as well */
  world_free(w);
  clock_thaw();
}

/* A tick whose turn is lost is due still. */
static void test_a_lost_tick_comes_again(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-lost-tick", 1, RULES_DAY), 1, NULL, 0);
  people_with_events(f);
  clock_advance(20 * CLOCK_MINUTE);
  wake(f);
  disk_sync_failures = 1;
  clock_advance(15 * CLOCK_MINUTE);
  fleet_call(f, "u0", look, false, NULL);
  fleet_wait(f);
  disk_sync_failures = 0;
  wake(f);
  struct world *w = fleet_close(f);
  struct tally t = tally_of(w);
  assert_int_equal(t.ticks, EARLY);
  world_free(w);
  clock_thaw();
}

/* An erasure in the midst of a turn takes nobody else's ticks away. */
static void erase(struct job *j, struct flow *f) {
  struct user *u = volume_user(flow_volume(f), j->user, false, &j->err);
  if (!u) return;
  j->number = u->number;
  if (!flow_erase(f, u, &j->err)) abort();
}

static void test_erasure_among_others(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(world_new("lane-erase", 1, RULES_DAY), 1, NULL, 0);
  for (int i = 0; i < EARLY; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, NULL, "ping", "{\"n\":1}", NULL);
    if (i % 2) fleet_call(f, user, erase, true, NULL);
  }
  fleet_wait(f);
  for (int minute = 0; minute < 60; minute += 10) {
    clock_advance(10 * CLOCK_MINUTE);
    wake(f);
  }
  struct world *w = fleet_close(f);
  struct tally t = tally_of(w);
  assert_int_equal(t.ticks, EARLY / 2);
  world_free(w);
  clock_thaw();
}

/* A program that begins to listen to the hours is heard by those who were there before. */
static void a_new_program_has_its_ticks(bool recovered) {
  fleet_recovers = recovered;
  clock_freeze(NOON);
  struct world *w = world_new("lane-reprogram", 1, RULES);
  for (int i = 0; i < EARLY; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    world_person(w, user, clock_now(), false);
  }
  w->program = world_program(w, RULES_DAY);
  struct fleet *f = fleet_new(w, 1, NULL, 0);
  for (int minute = 0; minute < 60; minute += 10) {
    clock_advance(10 * CLOCK_MINUTE);
    wake(f);
  }
  w = fleet_close(f);
  struct tally t = tally_of(w);
  assert_int_equal(t.ticks, EARLY);
  assert_int_equal(t.decisions, EARLY);
  world_free(w);
  clock_thaw();
}

static int setup(void **state) {
  (void)state;
  log_setup((enum log_level)(LOG_ERROR + 1), false); /* lost turns are what is wanted here */
  disk_register();
  return 0;
}

static void test_a_new_program_has_its_ticks(void **state) {
  (void)state;
  a_new_program_has_its_ticks(false);
}

/* So it has when a volume had to be recovered on the way. */
static void test_a_recovered_start_has_its_ticks(void **state) {
  (void)state;
  a_new_program_has_its_ticks(true);
  fleet_recovers = false;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_lost_turn_is_an_error_for_all),
      cmocka_unit_test(test_reports_outlive_a_lost_turn),
      cmocka_unit_test(test_an_erasure_that_fails_stops_messages),
      cmocka_unit_test(test_a_message_to_somebody_else_by_now_is_withdrawn),
      cmocka_unit_test(test_a_held_log_is_waited_for),
      cmocka_unit_test(test_a_failed_settling_is_mended_at_once),
      cmocka_unit_test(test_each_tick_once),
      cmocka_unit_test(test_missed_ticks_are_written_off),
      cmocka_unit_test(test_silence_is_noticed_once),
      cmocka_unit_test(test_a_lost_tick_comes_again),
      cmocka_unit_test(test_erasure_among_others),
      cmocka_unit_test(test_a_new_program_has_its_ticks),
      cmocka_unit_test(test_a_recovered_start_has_its_ticks),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
