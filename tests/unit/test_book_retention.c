/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* Retention over the toy: the daily look trims by itself in small steps on a virtual clock; a process that dies at any unit of it, inside a
 * transaction or between two, leaves chains, states and decisions whole; what is left reads back, and nothing recent is touched. */
#include "book_toy.h"
#include "kit/log.h"
#include "kit/rng.h"
#include "retaining.h"
#include <sys/wait.h>
#include <unistd.h>

#define USERS 5
#define OLD   40 /* events of each user that are to go */
#define NEW   12 /* and that are to stay */

static const struct retention keep = {.events = 400 * RETENTION_DAY, .decisions = 1095 * RETENTION_DAY, .letters = 30 * RETENTION_DAY};

static void user_name(int i, char name[16]) {
  snprintf(name, 16, "person-%d", i);
}

static void live(struct volume *v, int from, int to, struct err *e) {
  char name[16];
  for (int n = from; n < to; n++) {
    user_name(n % USERS, name);
    fine(e, toy_event(v, name, n, n % 3 == 0, e) && volume_commit(v, e));
  }
}

/* A past whose rows arrived at TOY_NOW, and newer rows that the toy is told arrived 400 days later. */
static struct volume *past(struct fixture *f) {
  struct volume *v = toy_open(f, 0, NULL);
  live(v, 0, USERS * OLD, &f->e);
  fine(&f->e, settle_all(v, &f->e));
  return v;
}

static void at(struct volume *v, int64_t arrived, int n, bool decided, struct err *e) {
  char name[16], body[64];
  user_name(n % USERS, name);
  struct user *u = volume_user(v, str_from(name), true, e);
  snprintf(body, sizeof body, "{\"newer\":%d}", n);
  struct entry entry = {
      .partition = u->partition, .kind = ENTRY_EVENT, .body = str_from(body), .record = STR("toy"), .arrived = arrived + n};
  const uint64_t events = u->events;
  fine(e, volume_append(v, u, &entry, e));
  u->events = events;
  assert_true(toy_apply(v, u, &entry));
  u->events = events + 1;
  if (decided) fine(e, volume_add_decision(v, u, volume_next_decision(v, u->partition), entry.seq, STR("{\"toy\":true}"), e));
  fine(e, volume_commit(v, e));
}

static void newer(struct volume *v, struct err *e) {
  for (int n = 0; n < USERS * NEW; n++) at(v, TOY_NOW + 390 * RETENTION_DAY, n, false, e);
}

static int64_t count(struct volume *v, const char *text) {
  int64_t n;
  struct err e = {0};
  fine(&e, sql_int(v->db, text, 0, &n, &e));
  return n;
}

/* Every chain leads from its head to its beginning or to a link, and everything on the way opens; no row is beside them; the number of
 * whole rows. */
static int whole_rows(struct volume *v, struct err *e) {
  int rows = 0, reached = 0;
  char name[16];
  for (int i = 0; i < USERS; i++) {
    user_name(i, name);
    struct arena a = {0};
    struct entry row;
    uint64_t *ids;
    struct user *u = volume_user(v, str_from(name), false, e);
    if (!u) fail_msg("%s is gone: %s", name, e->text);
    uint64_t next = u->events;
    int64_t seq = u->head;
    for (; seq; seq = row.previous, next = row.count - 1) {
      const bool whole = volume_entry(v, seq, &a, &row, NULL, e);
      if (!whole && !volume_remnant(v, seq, &a, &row, &ids, e)) fail_msg("row %lld of %s: %s", (long long)seq, name, e->text);
      if (whole) assert_int_equal(row.count, next);
      assert_int_equal(row.user, u->number);
      assert_true(row.previous < seq);
      rows += whole;
      reached++;
    }
    arena_free(&a);
  }
  *e = (struct err){0};
  assert_int_equal(reached, count(v, "SELECT count(*) FROM journal WHERE user>0"));
  return rows;
}

static void states(struct volume *v, struct buf *out, struct err *e) {
  struct buf one = {0};
  char name[16];
  buf_clear(out);
  for (int i = 0; i < USERS; i++) {
    user_name(i, name);
    toy_state(v, name, &one, e);
    buf_str(out, buf_view(&one));
  }
  buf_free(&one);
}

/* The look in a process that dies after so many units; without a commit after the last few. */
static void die_trimming(struct fixture *f, int units) {
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct err e = {0};
    const struct volume_replay replay = {.row = toy_replay};
    struct volume *v = volume_open(f->book, 0, &replay, &e);
    if (!v) _exit(1);
    volume_retain(v, &keep);
    struct retaining *r = v->retaining;
    r->now = clock_now();
    r->phase = RETAIN_USERS;
    for (int n = 0; n < units; n++) {
      if (r->phase == RETAIN_USERS && r->number == USERS) _exit(volume_commit(v, &e) ? 0 : 5); /* it got to the end */
      if (r->phase == RETAIN_USERS) { /* as next_user does: they are numbered from 1 */
        r->number++;
        fine(&e, settle_all(v, &e));
        sqlite3_stmt *applied = sql_prepare(v->db, "SELECT applied FROM users WHERE number=?", &e);
        sqlite3_bind_int64(applied, 1, r->number);
        if (sql_row(applied, "test", &e) == 1) r->applied = sqlite3_column_int64(applied, 0);
        sql_finalize(&applied);
        if (!trim_begin(v, r, &e)) _exit(2);
      } else if (!trim_step(v, r, &e)) _exit(3);
      if (n % 7 == 6 && !volume_commit(v, &e)) _exit(4);
    }
    _exit(0); /* nothing is closed or given back: like kill -9 */
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (status) fail_msg("the look failed with %d", WEXITSTATUS(status));
}

static void whoever_dies_while_trimming_loses_nothing(void **state) {
  (void)state;
  struct fixture f;
  struct buf before = {0}, after = {0};
  clock_freeze(TOY_NOW + 401 * RETENTION_DAY);
  fixture_open(&f, "book-retention-dies", 1);
  struct volume *v = past(&f);
  newer(v, &f.e);
  states(v, &before, &f.e);
  const int64_t decisions = count(v, "SELECT count(*) FROM decisions");
  volume_close(v);
  int rows = USERS * (OLD + NEW), least = rows;
  for (int units = 1; units < 3 * USERS * (OLD + NEW); units += 29) {
    die_trimming(&f, units);
    v = toy_open(&f, 0, NULL);
    states(v, &after, &f.e);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.at, after.at, before.len);
    assert_int_equal(count(v, "SELECT count(*) FROM decisions"), decisions);
    assert_int_equal(count(v, "SELECT count(*) FROM decisions d WHERE NOT EXISTS(SELECT 1 FROM journal j WHERE j.seq=d.seq)"), 0);
    const int left = whole_rows(v, &f.e);
    assert_true(left <= least && left >= USERS * NEW);
    least = left;
    volume_close(v);
  }
  assert_int_equal(least, USERS * NEW);
  buf_free(&before);
  buf_free(&after);
  fixture_close(&f);
  clock_thaw();
}

/* As a lane does: it settles when it has nothing to do. A leap of the clock is believed a day later. */
static void let_time_pass(struct volume *v, int64_t ms, struct err *e) {
  const bool leaps = ms > 2 * RETENTION_DAY;
  if (leaps) {
    clock_advance(ms - RETENTION_DAY);
    for (int i = 0; i < 2; i++) {
      clock_advance(25);
      fine(e, volume_settle(v, true, e));
    }
  }
  clock_advance(leaps ? RETENTION_DAY : ms);
  for (int i = 0; i < 400; i++) {
    clock_advance(25);
    fine(e, volume_settle(v, true, e));
  }
}

static void a_volume_trims_by_itself(void **state) {
  (void)state;
  struct fixture f;
  struct arena a = {0};
  struct outbox_row letter;
  clock_freeze(TOY_NOW + 1000);
  fixture_open(&f, "book-retention-itself", 1);
  struct volume *v = past(&f);
  struct err e = {0};
  fine(&e, sql_exec(v->db, "UPDATE outbox SET fate=2", &e)); /* all of them failed when they were due */
  const int64_t first = count(v, "SELECT min(id) FROM outbox");
  volume_retain(v, &keep);
  assert_false(volume_retain_waits(v));
  let_time_pass(v, 2000, &e); /* the first look comes a day after the first quiet moment */
  let_time_pass(v, 2 * RETENTION_DAY, &e);
  assert_false(volume_retain_waits(v)); /* a look is over */
  assert_int_equal(count(v, "SELECT count(*) FROM checkpoints"), USERS);
  assert_int_equal(whole_rows(v, &e), USERS * OLD);
  fine(&e, volume_outbox(v, (uint64_t)first, &a, &letter, &e));
  assert_true(letter.body.len > 0); /* a dead letter is kept for 30 days … */
  let_time_pass(v, 30 * RETENTION_DAY, &e);
  fine(&e, volume_outbox(v, (uint64_t)first, &a, &letter, &e));
  assert_int_equal(letter.body.len, 0); /* … and its end for as long as its decision */
  assert_int_equal(letter.end, OUTBOX_FAILED);
  newer(v, &e);
  let_time_pass(v, 369 * RETENTION_DAY, &e);
  assert_int_equal(whole_rows(v, &e), USERS * NEW);
  /* What is still in the duplicates' memory is known, trimmed or not. */
  struct user *u = volume_user(v, STR("person-0"), false, &e);
  assert_int_equal(volume_duplicate(v, u, STR("toy"), STR("{\"newer\":0}"), STR("{\"newer\":0}"), TOY_NOW + 390 * RETENTION_DAY, &e),
                   DUPLICATE_SAME);
  let_time_pass(v, 700 * RETENTION_DAY, &e);
  assert_int_equal(count(v, "SELECT count(*) FROM decisions"), 0);
  assert_int_equal(count(v, "SELECT count(*) FROM outbox"), 0);
  const uint64_t next = volume_next_decision(v, u->partition);
  volume_close(v);
  v = toy_open(&f, 0, NULL);
  u = volume_user(v, STR("person-0"), false, &e);
  assert_int_equal(volume_next_decision(v, u->partition), next); /* numbers are never given again */
  volume_close(v);
  arena_free(&a);
  fixture_close(&f);
  clock_thaw();
}

/* The checkpoint that somebody stands on is what is left of the rows behind it: it stays, opens, and is held against its digest. */
static void what_everybody_stands_on_is_kept(void **state) {
  (void)state;
  struct fixture f;
  struct err e = {0};
  struct user into;
  int64_t base;
  clock_freeze(TOY_NOW + 1000);
  fixture_open(&f, "book-retention-base", 1);
  struct volume *v = past(&f);
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  let_time_pass(v, 2 * RETENTION_DAY, &e);
  newer(v, &e);
  let_time_pass(v, 399 * RETENTION_DAY, &e);
  assert_int_equal(whole_rows(v, &e), USERS * NEW);
  assert_int_equal(count(v, "SELECT count(*) FROM trims WHERE base>0"), USERS);
  assert_int_equal(count(v, "SELECT count(*) FROM trims t JOIN checkpoints c ON c.user=t.user AND c.head=t.base"), USERS);
  for (int64_t number = 1; number <= USERS; number++) {
    assert_true(user_init(&into));
    fine(&e, volume_base(v, number, &into, &base, &e));
    assert_true(base > 0 && into.head == base && into.mark_count == OLD);
    user_clear(&into);
  }
  fine(&e, sql_exec(v->db, "UPDATE checkpoints SET digest=zeroblob(32) WHERE user=2", &e));
  assert_true(user_init(&into));
  assert_false(volume_base(v, 2, &into, &base, &e));
  assert_non_null(strstr(e.text, "does not fit its digest"));
  user_clear(&into);
  volume_close(v);
  fixture_close(&f);
  clock_thaw();
}

/* An endpoint that was out of service for long: what waits for it is not an old message, it is one that was never sent. */
static void a_message_that_waits_keeps_its_bytes(void **state) {
  (void)state;
  struct fixture f;
  struct arena a = {0};
  struct outbox_row *rows;
  size_t waiting;
  struct err e = {0};
  clock_freeze(TOY_NOW + 1000);
  fixture_open(&f, "book-retention-waits", 1);
  struct volume *v = past(&f);
  const int64_t all = count(v, "SELECT count(*) FROM outbox");
  fine(&e, sql_exec(v->db, "UPDATE outbox SET fate=1 WHERE id%2=0", &e));
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  for (int month = 0; month < 3; month++) let_time_pass(v, 31 * RETENTION_DAY, &e);
  fine(&e, volume_waiting(v, INT64_MAX, 1000, &a, &rows, &waiting, &e));
  assert_true(waiting > 20 && (int64_t)waiting < all);
  for (size_t i = 0; i < waiting; i++) assert_true(!rows[i].damaged && str_is(rows[i].body, "{}"));
  volume_close(v);
  arena_free(&a);
  fixture_close(&f);
  clock_thaw();
}

/* What is said meanwhile goes into a file. */
static int said(struct volume *v, int64_t ms, const char *what, struct err *e) {
  char line[512];
  int times = 0;
  FILE *log = tmpfile();
  const int was = dup(STDERR_FILENO);
  assert_true(log && was >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
  log_setup(LOG_WARN, 0);
  let_time_pass(v, ms, e);
  log_setup(LOG_ERROR, 0);
  assert_true(dup2(was, STDERR_FILENO) >= 0);
  close(was);
  rewind(log);
  while (fgets(line, sizeof line, log)) times += strstr(line, what) != NULL;
  fclose(log);
  return times;
}

/* let_time_pass fails as soon as the volume would have to be recovered. */
static void who_does_not_read_back_keeps_nobody_elses_rows(void **state) {
  (void)state;
  struct fixture f;
  struct err e = {0};
  clock_freeze(TOY_NOW + 1000);
  fixture_open(&f, "book-retention-damaged", 1);
  struct volume *v = past(&f);
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  fine(&e, sql_exec(v->db, "UPDATE journal SET body=zeroblob(50) WHERE seq=(SELECT applied FROM users WHERE number=2)", &e));
  fine(&e, sql_exec(v->db, "UPDATE users SET state=zeroblob(50) WHERE number=3", &e));
  assert_int_equal(said(v, 2 * RETENTION_DAY, "nothing of theirs is trimmed", &e), 2);
  assert_false(volume_retain_waits(v)); /* the look is over */
  assert_int_equal(count(v, "SELECT count(*) FROM checkpoints"), USERS - 2);
  newer(v, &e); /* which writes the state anew */
  assert_int_equal(said(v, 400 * RETENTION_DAY, "user 2: nothing of theirs is trimmed", &e), 1);
  assert_false(volume_retain_waits(v));
  assert_int_equal(count(v, "SELECT count(*) FROM journal WHERE length(body)>20"), USERS * NEW + OLD);
  volume_close(v);
  fixture_close(&f);
  clock_thaw();
}

static void a_look_that_fails_is_not_begun_anew_at_once(void **state) {
  (void)state;
  struct fixture f;
  struct err e = {0};
  bool failed = false;
  clock_freeze(TOY_NOW + 1000);
  fixture_open(&f, "book-retention-fails", 1);
  struct volume *v = past(&f);
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  fine(&e, sql_exec(v->db, "CREATE TEMP TRIGGER no BEFORE INSERT ON main.checkpoints BEGIN SELECT RAISE(ABORT, 'no'); END", &e));
  clock_advance(2 * RETENTION_DAY);
  for (int i = 0; i < 10 && !failed; i++) {
    clock_advance(25);
    failed = !volume_settle(v, true, &e);
  }
  assert_true(failed);
  e = (struct err){0};
  fine(&e, volume_recover(v, &e)); /* the trigger is gone with the connection */
  let_time_pass(v, 0, &e);
  assert_int_equal(count(v, "SELECT count(*) FROM checkpoints"), 0);
  let_time_pass(v, 3600000, &e);
  assert_int_equal(count(v, "SELECT count(*) FROM checkpoints"), USERS);
  volume_close(v);
  fixture_close(&f);
  clock_thaw();
}

/* The step rides in the transaction of the turn that comes next. */
static void a_lane_without_a_pause_trims_too(void **state) {
  (void)state;
  struct fixture f;
  struct err e = {0};
  clock_freeze(TOY_NOW + 1000);
  fixture_open(&f, "book-retention-busy", 1);
  struct volume *v = past(&f);
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  clock_advance(2 * RETENTION_DAY);
  const uint64_t commits = v->commits;
  for (int i = 0; i < 100; i++) {
    clock_advance(25);
    fine(&e, volume_settle(v, false, &e));
  }
  assert_int_equal(v->commits, commits);
  fine(&e, volume_commit(v, &e));
  assert_int_equal(count(v, "SELECT count(*) FROM checkpoints"), USERS);
  volume_close(v);
  fixture_close(&f);
  clock_thaw();
}

/* The wall clock stood far ahead for a while, then it was set right: old, "new" and old again along one chain. */
static void a_clock_that_went_back_tears_no_chain(void **state) {
  (void)state;
  static const struct {
    int days;
    bool decided;
  } lives[] = {{0, true}, {0, true}, {600, true}, {600, false}, {200, true}, {1, true}, {2, false}};
  struct fixture f;
  struct err e = {0};
  clock_freeze(TOY_NOW + 300 * RETENTION_DAY);
  fixture_open(&f, "book-retention-back", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
    for (int n = 0; n < USERS; n++) at(v, TOY_NOW + lives[i].days * RETENTION_DAY, (int)i * USERS + n, lives[i].decided, &e);
  newer(v, &e);
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  let_time_pass(v, 110 * RETENTION_DAY, &e); /* day 410 */
  assert_int_equal(whole_rows(v, &e), USERS * NEW);
  assert_int_equal(count(v, "SELECT count(*) FROM decisions"), USERS * 5);
  let_time_pass(v, 690 * RETENTION_DAY, &e); /* day 1100: decisions until day 73 or so are over, and what is behind them */
  assert_int_equal(whole_rows(v, &e), 0);
  assert_int_equal(count(v, "SELECT count(*) FROM decisions"), 0);
  volume_close(v);
  fixture_close(&f);
  clock_thaw();
}

/* The wall clock leaps ten years ahead for some hours, while it runs or at a start, and is set right: nothing went, and what is due goes in
 * its time. */
static void a_clock_that_leaps_trims_nothing(void **state) {
  (void)state;
  for (int restarts = 0; restarts < 2; restarts++) {
    struct fixture f;
    struct err e = {0};
    clock_freeze(TOY_NOW + 1000);
    fixture_open(&f, "book-retention-leap", 1);
    struct volume *v = past(&f);
    volume_retain(v, &keep);
    let_time_pass(v, 2000, &e);
    let_time_pass(v, 2 * RETENTION_DAY, &e); /* a checkpoint each, behind which everything could go */
    for (int leap = 0; leap < 2; leap++) {
      for (int back = 0; back < 2; back++) {
        clock_advance((back ? -1 : 1) * 3650 * RETENTION_DAY);
        if (restarts) {
          volume_close(v);
          v = toy_open(&f, 0, NULL);
          volume_retain(v, &keep);
        }
        let_time_pass(v, 20 * 3600000, &e);
        assert_int_equal(whole_rows(v, &e), USERS * OLD);
      }
    }
    newer(v, &e);
    let_time_pass(v, 410 * RETENTION_DAY, &e);
    assert_int_equal(whole_rows(v, &e), USERS * NEW);
    volume_close(v);
    fixture_close(&f);
    clock_thaw();
  }
}

/* Decisions of several ages behind a checkpoint whose own row has none. */
static void a_link_without_decisions_takes_none_with_it(void **state) {
  (void)state;
  struct fixture f;
  struct err e = {0};
  clock_freeze(TOY_NOW + 300 * RETENTION_DAY);
  fixture_open(&f, "book-retention-link", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  for (int n = 0; n < USERS * 4; n++) at(v, TOY_NOW + n / USERS * 100 * RETENTION_DAY, n, n / USERS < 3, &e);
  volume_retain(v, &keep);
  let_time_pass(v, 2000, &e);
  let_time_pass(v, 2 * RETENTION_DAY, &e); /* a checkpoint each */
  newer(v, &e);
  let_time_pass(v, 410 * RETENTION_DAY, &e); /* day 712: everything behind it */
  assert_int_equal(whole_rows(v, &e), USERS * NEW);
  let_time_pass(v, 390 * RETENTION_DAY, &e); /* day 1102: the decisions of day 0 are over */
  assert_int_equal(whole_rows(v, &e), 0);
  assert_int_equal(count(v, "SELECT count(*) FROM decisions"), USERS * 2);
  volume_close(v);
  fixture_close(&f);
  clock_thaw();
}

static void days_that_make_no_sense_are_refused(void **state) {
  (void)state;
  struct retention out;
  struct err e = {0};
  assert_true(retention_from_days(&out, 400, 1095, 30, &e));
  assert_true(retention_from_days(&out, 0, 0, 0, &e)); /* for ever */
  assert_false(retention_from_days(&out, 7, 1095, 30, &e));
  assert_false(retention_from_days(&out, 400, 399, 30, &e));
  assert_false(retention_from_days(&out, 0, 399, 30, &e)); /* decisions of rows that stay must stay */
  assert_false(retention_from_days(&out, -1, 0, 30, &e));
}

int main(void) {
  log_setup(LOG_ERROR, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(whoever_dies_while_trimming_loses_nothing),
                                     cmocka_unit_test(a_volume_trims_by_itself),
                                     cmocka_unit_test(what_everybody_stands_on_is_kept),
                                     cmocka_unit_test(a_message_that_waits_keeps_its_bytes),
                                     cmocka_unit_test(who_does_not_read_back_keeps_nobody_elses_rows),
                                     cmocka_unit_test(a_look_that_fails_is_not_begun_anew_at_once),
                                     cmocka_unit_test(a_lane_without_a_pause_trims_too),
                                     cmocka_unit_test(a_clock_that_went_back_tears_no_chain),
                                     cmocka_unit_test(a_clock_that_leaps_trims_nothing),
                                     cmocka_unit_test(a_link_without_decisions_takes_none_with_it),
                                     cmocka_unit_test(days_that_make_no_sense_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
