/* rooms: kit book; inside: book */
/* State is a function of the journal: whatever was written behind, a start brings every user to the same bytes; and what is written behind
 * respects its bounds. */
#include "book_toy.h"
#include "volume.h"

static void a_start_applies_the_tail(void **state) {
  (void)state;
  struct fixture f;
  struct buf before[7] = {{0}}, after = {0};
  char name[16];
  fixture_open(&f, "book-recovery", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  /* Nothing is written behind here, so the next start has the whole journal to apply. */
  for (int n = 0; n < 300; n++) {
    snprintf(name, sizeof name, "user-%d", n % 7);
    fine(&f.e, toy_event(v, name, n, n % 5 == 0, &f.e));
    if (n % 10 == 9) fine(&f.e, volume_commit(v, &f.e));
  }
  for (int i = 0; i < 7; i++) {
    snprintf(name, sizeof name, "user-%d", i);
    toy_state(v, name, &before[i], &f.e);
  }
  fine(&f.e, volume_recover(v, &f.e)); /* forgets memory, as a crash does */
  for (int i = 0; i < 7; i++) {
    snprintf(name, sizeof name, "user-%d", i);
    toy_state(v, name, &after, &f.e);
    assert_true(str_eq(buf_view(&before[i]), buf_view(&after)));
  }
  volume_close(v); /* writes all states */
  int replayed = 0;
  v = toy_open(&f, 0, &replayed);
  assert_int_equal(replayed, 0);
  for (int i = 0; i < 7; i++) {
    snprintf(name, sizeof name, "user-%d", i);
    toy_state(v, name, &after, &f.e);
    assert_true(str_eq(buf_view(&before[i]), buf_view(&after)));
    buf_free(&before[i]);
  }
  volume_close(v);
  buf_free(&after);
  fixture_close(&f);
}

static void half_written_states_and_the_tail_make_the_whole(void **state) {
  (void)state;
  struct fixture f;
  struct buf before = {0}, after = {0};
  const struct volume_limits usual = volume_limits;
  volume_limits.tail_soft = 20;
  volume_limits.tail_hard = 60;
  volume_limits.states_a_turn = 1;
  fixture_open(&f, "book-half", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  char name[16];
  for (int n = 0; n < 500; n++) {
    snprintf(name, sizeof name, "user-%d", n * n % 23);
    fine(&f.e, toy_event(v, name, n, false, &f.e));
    fine(&f.e, volume_commit(v, &f.e));
    fine(&f.e, volume_settle(v, false, &f.e));
    assert_true(v->next_seq - 1 - v->watermark <= 61); /* the bound on what a start replays */
  }
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "user-%d", i == 2 ? 9 : i);
    toy_state(v, name, &before, &f.e);
    fine(&f.e, volume_recover(v, &f.e));
    toy_state(v, name, &after, &f.e);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
  }
  assert_true(volume_figures(v).dirty > 0);
  volume_close(v);
  volume_limits = usual;
  buf_free(&before);
  buf_free(&after);
  fixture_close(&f);
}

static int leavings;
static void count_leaving(void *context, struct volume *v, struct user *u) {
  (void)context;
  (void)v;
  assert_int_equal(u->first_dirty, 0);
  leavings++;
}

static void clean_users_leave_memory_and_come_back_whole(void **state) {
  (void)state;
  struct fixture f;
  struct buf before = {0}, after = {0};
  const struct volume_limits usual = volume_limits;
  volume_limits.hot_users = 10;
  fixture_open(&f, "book-evict", 1);
  const struct volume_replay replay = {.row = toy_replay, .leaving = count_leaving};
  struct volume *v = volume_open(f.book, 0, &replay, &f.e);
  char name[16];
  leavings = 0;
  for (int n = 0; n < 200; n++) {
    snprintf(name, sizeof name, "user-%d", n % 50);
    fine(&f.e, toy_event(v, name, n, false, &f.e));
    if (n == 199) toy_state(v, "user-3", &before, &f.e);
    fine(&f.e, volume_commit(v, &f.e));
    fine(&f.e, volume_settle(v, false, &f.e));
    assert_true(volume_figures(v).users_hot <= 10 + 1 + volume_figures(v).dirty);
  }
  assert_true(leavings > 50);
  assert_int_equal(volume_figures(v).users_all, 50);
  toy_state(v, "user-3", &after, &f.e);
  assert_true(str_eq(buf_view(&before), buf_view(&after)));
  volume_close(v);
  volume_limits = usual;
  buf_free(&before);
  buf_free(&after);
  fixture_close(&f);
}

/* A second chance: whoever was looked for since trimming last passed by. */
static void who_was_looked_for_is_the_last_to_leave(void **state) {
  (void)state;
  struct fixture f;
  const struct volume_limits usual = volume_limits;
  fixture_open(&f, "book-chance", 1);
  struct volume *v = volume_open(f.book, 0, &(struct volume_replay){.row = toy_replay}, &f.e);
  char name[16];
  for (int n = 0; n < 6; n++) {
    snprintf(name, sizeof name, "user-%d", n);
    fine(&f.e, toy_event(v, name, n, false, &f.e));
  }
  volume_limits.tail_soft = 0;
  volume_limits.hot_users = 5; /* everybody's mark goes, and the oldest leaves */
  fine(&f.e, volume_commit(v, &f.e));
  fine(&f.e, volume_settle(v, true, &f.e));
  assert_int_equal(volume_figures(v).dirty, 0);
  assert_int_equal(volume_figures(v).users_hot, 5);
  const int64_t second = volume_user(v, STR("user-1"), false, &f.e)->number;
  const int64_t fourth = volume_user_number(v, second + 2, &f.e)->number;
  volume_limits.hot_users = 2;
  fine(&f.e, volume_settle(v, true, &f.e));
  assert_int_equal(volume_figures(v).users_hot, 2);
  assert_non_null(users_hot(v, second));
  assert_non_null(users_hot(v, fourth));
  volume_limits.hot_users = 0; /* marks keep nobody for ever */
  fine(&f.e, volume_settle(v, true, &f.e));
  assert_int_equal(volume_figures(v).users_hot, 0);
  volume_close(v);
  volume_limits = usual;
  fixture_close(&f);
}

/* When the bound is met for the first time everybody is marked; going through them all would be one long pause. */
static void few_are_looked_at_for_each_who_is_too_many(void **state) {
  (void)state;
  struct fixture f;
  const struct volume_limits usual = volume_limits;
  fixture_open(&f, "book-chances", 1);
  struct volume *v = volume_open(f.book, 0, &(struct volume_replay){.row = toy_replay}, &f.e);
  char name[16];
  for (int n = 0; n < 100; n++) {
    snprintf(name, sizeof name, "user-%d", n);
    fine(&f.e, toy_event(v, name, n, false, &f.e));
    assert_non_null(volume_user(v, str_from(name), false, &f.e));
  }
  volume_limits.tail_soft = 0;
  volume_limits.hot_users = 98;
  fine(&f.e, volume_commit(v, &f.e));
  fine(&f.e, volume_settle(v, true, &f.e));
  int marked = 0;
  for (const struct user *u = v->newest; u; u = u->older) marked += u->used;
  assert_int_equal(marked, 100 - 2 * 16);
  assert_int_equal(volume_figures(v).users_hot, 100);
  for (int n = 0; n < 4; n++) fine(&f.e, volume_settle(v, true, &f.e));
  assert_int_equal(volume_figures(v).users_hot, 98);
  volume_close(v);
  volume_limits = usual;
  fixture_close(&f);
}

static char facts[64];
static bool note_fact(void *context, struct volume *v, struct user *u, const struct entry *row, struct err *e) {
  (void)context;
  (void)v;
  (void)e;
  strncat(facts, u ? "e" : row->body.at, 1);
  return true;
}

static void every_control_fact_comes_at_each_start_in_order(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-facts", 1);
  const struct volume_replay replay = {.row = note_fact};
  struct volume *v = volume_open(f.book, 0, &replay, &f.e);
  const char *bodies[] = {"A", "B", "C", "D"};
  for (uint32_t i = 0; i < 4; i++) {
    struct entry fact = {.partition = i % 2, .kind = ENTRY_CONTROL, .body = str_from(bodies[i])};
    fine(&f.e, volume_append(v, NULL, &fact, &f.e));
    assert_int_equal(fact.previous, i < 2 ? 0 : fact.seq - 6);
    struct user *u = volume_user(v, STR("anna"), true, &f.e);
    append_event(v, u, "e", "", &f.e);
    if (i == 0) u->due = 77;
    append_event(v, u, "e", "", &f.e);
    fine(&f.e, volume_commit(v, &f.e));
    if (i != 1) continue;
    volume_close(v); /* states and two heads are stored; two facts follow in the tail */
    facts[0] = 0;
    v = volume_open(f.book, 0, &replay, &f.e);
    assert_string_equal(facts, "AB");
  }
  facts[0] = 0;
  fine(&f.e, volume_recover(v, &f.e));
  assert_string_equal(facts, "ABCeeDee");
  volume_close(v);
  facts[0] = 0;
  v = volume_open(f.book, 0, &replay, &f.e);
  assert_string_equal(facts, "ABCD");
  volume_close(v);
  fixture_close(&f);
}

/* A fact as the very last row is behind the watermark that a quiet end stores, and comes all the same: so does what became live at a start
 * after which nothing happened. */
static void a_fact_that_is_the_last_row_comes(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-last-fact", 1);
  const struct volume_replay replay = {.row = note_fact};
  struct volume *v = volume_open(f.book, 0, &replay, &f.e);
  append_event(v, volume_user(v, STR("anna"), true, &f.e), "e", "", &f.e);
  struct entry fact = {.partition = 3, .kind = ENTRY_CONTROL, .body = STR("A")};
  fine(&f.e, volume_append(v, NULL, &fact, &f.e) && volume_commit(v, &f.e));
  volume_close(v);
  facts[0] = 0;
  v = volume_open(f.book, 0, &replay, &f.e);
  assert_int_equal(v->watermark, fact.seq);
  assert_string_equal(facts, "A");
  volume_close(v);
  fixture_close(&f);
}

/* Where a row says that it follows another one than it does, somebody was in the file: the place in the chain is sealed, the link is not.
 */
static void a_link_that_was_changed_stops_the_start(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-link", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  for (int n = 0; n < 6; n++) fine(&f.e, toy_event(v, n % 2 ? "anna" : "berta", n, false, &f.e));
  fine(&f.e, volume_commit(v, &f.e));
  fine(&f.e, sql_exec(v->db, "UPDATE journal SET prev=prev-1 WHERE seq=(SELECT max(seq) FROM journal)", &f.e));
  assert_false(volume_recover(v, &f.e));
  assert_int_equal(f.e.kind, ERR_STORAGE);
  assert_non_null(strstr(f.e.text, "the chain is broken"));
  volume_close(v);
  fixture_close(&f);
}

static bool note_due(void *context, int64_t number, int64_t due) {
  int64_t *sum = context;
  sum[0] += number;
  sum[1] += due;
  return true;
}

static bool note_user(void *context, struct user *u) {
  buf_printf(context, "%lld ", (long long)u->number);
  return true;
}

static void walks_see_memory_and_disk(void **state) {
  (void)state;
  struct fixture f;
  struct buf seen = {0};
  int64_t sum[2] = {0};
  fixture_open(&f, "book-walk", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  fine(&f.e, toy_event(v, "anna", 1, false, &f.e));
  fine(&f.e, toy_event(v, "berta", 2, false, &f.e));
  fine(&f.e, volume_commit(v, &f.e));
  volume_close(v);
  v = toy_open(&f, 0, NULL);
  fine(&f.e, toy_event(v, "carla", 3, false, &f.e));
  fine(&f.e, volume_commit(v, &f.e));
  struct user *u = volume_user(v, STR("anna"), false, &f.e);
  u->due = 5; /* newer in memory than on disk */
  volume_user_changed(v, u);
  fine(&f.e, volume_due_users(v, note_due, sum, &f.e));
  assert_int_equal(sum[0], 1 + 2 + 3);
  assert_int_equal(sum[1], 5 + (TOY_NOW + 2 + 1000) + (TOY_NOW + 3 + 1000));
  fine(&f.e, volume_each_user(v, note_user, &seen, &f.e));
  assert_true(str_is(buf_view(&seen), "1 2 3 "));
  volume_close(v);
  buf_free(&seen);
  fixture_close(&f);
}

static void the_log_is_checkpointed_and_bounded(void **state) {
  (void)state;
  struct fixture f;
  const struct volume_limits usual = volume_limits;
  volume_limits.wal_idle = 40000;
  volume_limits.wal_always = 200000;
  volume_limits.wal_wait = 400000;
  volume_limits.wal_most = 600000;
  fixture_open(&f, "book-log", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  uint64_t most = 0;
  int n = 0;
  for (; n < 400; n++) {
    fine(&f.e, toy_event(v, "anna", n, true, &f.e));
    fine(&f.e, volume_commit(v, &f.e));
    fine(&f.e, volume_settle(v, n % 2 == 0, &f.e));
    if (volume_figures(v).wal_bytes > most) most = volume_figures(v).wal_bytes;
  }
  assert_true(most < 200000 && volume_figures(v).checkpoints > 3);
  /* A reader that stays: turns go on up to the bound, then they are refused before anything is written; and come back with the reader's
   * end. */
  sqlite3 *reader = sql_open(v->path, SQL_READER, &f.e);
  int64_t rows;
  fine(&f.e, sql_exec(reader, "BEGIN", &f.e) && sql_int(reader, "SELECT count(*) FROM journal", 0, &rows, &f.e));
  struct err e = {0};
  for (; n < 20000; n++) {
    if (!toy_event(v, "anna", n, true, &e)) break;
    fine(&f.e, volume_commit(v, &f.e));
    if (volume_figures(v).wal_bytes < volume_limits.wal_wait) fine(&f.e, volume_settle(v, false, &f.e));
    assert_true(volume_figures(v).wal_bytes < 700000);
  }
  assert_int_equal(e.kind, ERR_BUSY);
  assert_true(volume_figures(v).wal_bytes >= volume_limits.wal_wait);
  sqlite3_exec(reader, "ROLLBACK", NULL, NULL, NULL);
  sql_close(&reader);
  fine(&f.e, volume_settle(v, true, &f.e));
  assert_true(volume_figures(v).wal_bytes < volume_limits.wal_idle); /* all but the states just written */
  fine(&f.e, toy_event(v, "anna", n, true, &f.e));
  fine(&f.e, volume_commit(v, &f.e));
  volume_close(v);
  volume_limits = usual;
  fixture_close(&f);
}

static void connections_have_the_promised_pragmas(void **state) {
  (void)state;
  struct fixture f;
  int64_t value;
  fixture_open(&f, "book-pragmas", 1);
  struct volume *v = toy_open(&f, 0, NULL), *r = volume_reader(f.book, 0, &f.e);
  const struct {
    const char *text;
    int64_t writer;
  } expected[] = {{"PRAGMA synchronous", 2},  {"PRAGMA wal_autocheckpoint", 0}, {"PRAGMA secure_delete", 1},
                  {"PRAGMA page_size", 4096}, {"PRAGMA query_only", 0},         {"SELECT journal_mode='wal' FROM pragma_journal_mode", 1}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    fine(&f.e, sql_int(v->db, expected[i].text, -1, &value, &f.e));
    assert_int_equal(value, expected[i].writer);
  }
  fine(&f.e, sql_int(r->db, "PRAGMA query_only", -1, &value, &f.e));
  assert_int_equal(value, 1);
  fine(&f.e, sql_int(r->db, "PRAGMA wal_autocheckpoint", -1, &value, &f.e));
  assert_int_equal(value, 0);
  assert_false(sql_exec(r->db, "DELETE FROM users", &f.e));
  for (int i = 0; i < 2; i++) { /* whoever is the last to close takes the log nowhere */
    int forbidden = 0;
    assert_int_equal(sqlite3_db_config(i ? r->db : v->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &forbidden), SQLITE_OK);
    assert_int_equal(forbidden, 1);
  }
  volume_close(r);
  volume_close(v);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_start_applies_the_tail),
      cmocka_unit_test(half_written_states_and_the_tail_make_the_whole),
      cmocka_unit_test(clean_users_leave_memory_and_come_back_whole),
      cmocka_unit_test(who_was_looked_for_is_the_last_to_leave),
      cmocka_unit_test(few_are_looked_at_for_each_who_is_too_many),
      cmocka_unit_test(every_control_fact_comes_at_each_start_in_order),
      cmocka_unit_test(a_fact_that_is_the_last_row_comes),
      cmocka_unit_test(a_link_that_was_changed_stops_the_start),
      cmocka_unit_test(walks_see_memory_and_disk),
      cmocka_unit_test(the_log_is_checkpointed_and_bounded),
      cmocka_unit_test(connections_have_the_promised_pragmas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
