/* rooms: lane flow program accept emit book kit; libraries: lib_uv lib_sqlite */
/* A row of the outbox that is damaged in its file keeps no other message waiting: it is not sent, ends as failed and is counted, whether
 * its bytes, its names or its person's key cannot be read; without an endpoint it expires like the others. One of which only the notes
 * about earlier attempts are damaged is sent. */
#include "emit_receiver.h"
#include "kit/log.h"
#include "lane_world.h"
#include <signal.h>
#include <sqlite3.h>

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "trigger \"at_ping\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" } }\n"
#define NOON  at("2025-03-03T12:00:00+01:00")
#define USERS 12

static const struct {
  const char *damage;
  bool unreadable;
} damages[] = {{"UPDATE outbox SET body=zeroblob(length(body)) WHERE id IN (", true},
               {"UPDATE outbox SET names=x'' WHERE id IN (", true},
               {"UPDATE users SET key=zeroblob(length(key)) WHERE number IN (SELECT user FROM outbox WHERE id=", true},
               {"UPDATE outbox SET log=zeroblob(40) WHERE id IN (", false}};
#define DAMAGES (sizeof damages / sizeof *damages)

static uint64_t told[USERS];
static size_t told_count;
static void tell(void *context, struct job *j) {
  (void)context;
  for (size_t i = 0; i < j->items[0].told_count; i++) told[told_count++] = j->items[0].told[i].id;
}

/* A message for each waits, and the first of them are damaged. */
static struct world *with_damage(const char *name) {
  struct fleet *f = fleet_new(world_new(name, 1, RULES), 1, NULL, 0);
  told_count = 0;
  for (int i = 0; i < USERS; i++) {
    char user[16];
    const struct errand errand = {.done = tell};
    snprintf(user, sizeof user, "u%d", i);
    fleet_person(f, user);
    fleet_say(f, ENTRY_EVENT, user, NULL, "ping", "{\"n\":1}", &errand);
  }
  fleet_wait(f);
  assert_int_equal(told_count, USERS);
  struct world *w = fleet_close(f);
  char path[1024], order[256];
  world_stop(w);
  snprintf(path, sizeof path, "%s/volume-00.db", w->data);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  for (size_t i = 0; i < DAMAGES; i++) {
    snprintf(order, sizeof order, "%s%llu)", damages[i].damage, (unsigned long long)told[i]);
    assert_int_equal(sqlite3_exec(db, order, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
  }
  sqlite3_close(db);
  world_start(w);
  w->program = flow_program(w->flows[0], 0);
  return w;
}

/* Ends as they are stored, since a damaged row says no more. */
static void stored_ends(const struct world *w, int ends[USERS]) {
  char path[1024];
  snprintf(path, sizeof path, "%s/volume-00.db", w->data);
  sqlite3 *db;
  sqlite3_stmt *select;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT fate, attempts FROM outbox WHERE id=?", -1, &select, NULL), SQLITE_OK);
  for (size_t i = 0; i < USERS; i++) {
    sqlite3_bind_int64(select, 1, (int64_t)told[i]);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    ends[i] = sqlite3_column_int(select, 0);
    assert_true((sqlite3_column_int(select, 1) > 0) == (ends[i] == OUTBOX_DELIVERED));
    sqlite3_reset(select);
  }
  sqlite3_finalize(select);
  sqlite3_close(db);
}

static size_t waiting;
static bool count_one(void *context, uint64_t id, int64_t send_before) {
  (void)context, (void)id, (void)send_before;
  waiting++;
  return true;
}
static void count(struct job *j, struct flow *f) {
  waiting = 0;
  assert_true(volume_expiring(flow_volume(f), count_one, NULL, &j->err));
}
static void until_none_waits(struct fleet *f) {
  for (int i = 0; !i || waiting > 0; i++) {
    if (i > TEST_WAIT_SECONDS * 100) fail_msg("%zu messages wait for ever", waiting);
    if (i) usleep(10000);
    clock_advance(10);
    courier_nudge(lanes_courier(f->lanes));
    fleet_call(f, "u0", count, false, NULL);
    fleet_wait(f);
  }
}

static void test_the_others_are_sent(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct receiver *receiver = receiver_start(answer_204, NULL);
  struct desk d;
  desk_init(&d, &receiver->port, 1);
  struct fleet *f = fleet_new(with_damage("damaged-sent"), 1, d.endpoints, 1);
  until_none_waits(f);
  struct lanes_figures figures;
  lanes_figures(f->lanes, &figures);
  assert_int_equal(figures.unreadable, 3);
  assert_int_equal(figures.book.recoveries, 0); /* no turn was lost for it */
  assert_int_equal(receiver->count, USERS - 3);
  struct world *w = fleet_close(f);
  struct outbox_row row;
  assert_false(volume_outbox(flow_volume(w->flows[0]), told[0], &w->arena, &row, &w->e));
  assert_true(row.damaged);
  w->e = (struct err){0};
  fine(&w->e, volume_outbox(flow_volume(w->flows[0]), told[1], &w->arena, &row, &w->e));
  assert_non_null(memmem(row.log.at, row.log.len, "it is damaged", 13));
  fine(&w->e, volume_outbox(flow_volume(w->flows[0]), told[3], &w->arena, &row, &w->e));
  assert_non_null(memmem(row.log.at, row.log.len, "cannot be read any more\"},{\"at\"", 31));
  world_stop(w);
  int ends[USERS];
  stored_ends(w, ends);
  for (size_t i = 0; i < USERS; i++) assert_int_equal(ends[i], i < DAMAGES && damages[i].unreadable ? OUTBOX_FAILED : OUTBOX_DELIVERED);
  world_start(w);
  world_free(w);
  receiver_stop(receiver);
  clock_thaw();
}

static void test_without_an_endpoint_all_expire(void **state) {
  (void)state;
  clock_freeze(NOON);
  struct fleet *f = fleet_new(with_damage("damaged-expired"), 1, NULL, 0);
  clock_advance(3 * CLOCK_HOUR);
  for (int i = 0; !i || waiting > 0; i++) {
    if (i > TEST_WAIT_SECONDS * 100) fail_msg("%zu messages wait for ever", waiting);
    usleep(10000);
    clock_advance(CLOCK_SECOND);
    fleet_call(f, "u0", count, false, NULL);
    fleet_wait(f);
  }
  struct world *w = fleet_close(f);
  world_stop(w);
  int ends[USERS];
  stored_ends(w, ends);
  for (size_t i = 0; i < USERS; i++) assert_int_equal(ends[i], OUTBOX_EXPIRED);
  world_start(w);
  world_free(w);
  clock_thaw();
}

static int quiet(void **state) {
  (void)state;
  log_setup((enum log_level)(LOG_ERROR + 1), false); /* damage is what is wanted here */
  return 0;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_others_are_sent), cmocka_unit_test(test_without_an_endpoint_all_expire)};
  return cmocka_run_group_tests(tests, quiet, NULL);
}
