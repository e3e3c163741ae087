/* rooms: kit book */
/* The true path: what a turn wrote is there after the commit and after a restart, belongs to its user, and nothing else is. */
#include "book_fixture.h"

static struct volume *open_volume(struct fixture *f) {
  struct volume *v = volume_open(f->book, 0, NULL, &f->e);
  if (!v) fail_msg("%s", f->e.text);
  return v;
}

static void a_committed_turn_reads_back(void **state) {
  (void)state;
  struct fixture f;
  struct arena a = {0};
  fixture_open(&f, "book-turn", 1);
  struct volume *v = open_volume(&f);
  assert_null(volume_user(v, STR("anna"), false, &f.e));
  struct user *u = volume_user(v, STR("anna"), true, &f.e);
  assert_non_null(u);
  const int64_t first = append_event(v, u, "{\"userId\":\"anna\",\"n\":1}", "r1", &f.e);
  const int64_t second = append_event(v, u, "{\"userId\":\"anna\",\"n\":2}", "", &f.e);
  const uint64_t d1 = volume_next_decision(v, u->partition), d2 = d1 + 1;
  fine(&f.e, volume_add_decision(v, u, d1, first, STR("{\"why\":1}"), &f.e));
  fine(&f.e, volume_add_decision(v, u, d2, first, STR("{\"why\":2}"), &f.e));
  struct outbox_row out = {
      .id = d1, .user = u->number, .send_before = 9000, .due = 1000, .body = STR("{\"type\":\"x\"}"), .names = STR("n")};
  fine(&f.e, volume_add_outbox(v, u, &out, &f.e));
  fine(&f.e, volume_commit(v, &f.e));
  const uint64_t d3 = volume_next_decision(v, u->partition);
  fine(&f.e, volume_add_decision(v, u, d3, second, STR("late"), &f.e)); /* to a row of an earlier turn */
  fine(&f.e, volume_commit(v, &f.e));
  volume_close(v);
  book_close(f.book);

  f.book = book_open(f.directory, true, &f.e);
  v = open_volume(&f);
  struct entry row;
  struct user *owner;
  fine(&f.e, volume_entry(v, first, &a, &row, &owner, &f.e));
  assert_true(str_is(row.body, "{\"userId\":\"anna\",\"n\":1}") && str_is(row.record, "r1"));
  assert_true(str_is(owner->id, "anna"));
  assert_int_equal(row.previous, 0);
  assert_int_equal(row.decisions, 2);
  fine(&f.e, volume_entry(v, second, &a, &row, &owner, &f.e));
  assert_int_equal(row.previous, first);
  assert_int_equal(row.count, 2);
  assert_int_equal(row.decisions, 1);
  assert_int_equal(owner->head, second);
  assert_int_equal(owner->events, 2);
  struct str *records;
  uint64_t *ids;
  size_t count;
  fine(&f.e, volume_scan_decisions(v, first, &a, &records, &ids, &count, &f.e));
  assert_int_equal(count, 2);
  assert_true(ids[0] == d1 && ids[1] == d2 && str_is(records[1], "{\"why\":2}"));
  fine(&f.e, volume_scan_decisions(v, second, &a, &records, &ids, &count, &f.e));
  assert_true(count == 1 && ids[0] == d3 && str_is(records[0], "late"));
  struct outbox_row *waiting;
  fine(&f.e, volume_waiting(v, 1000, 10, &a, &waiting, &count, &f.e));
  assert_int_equal(count, 1);
  assert_true(waiting[0].id == d1 && str_is(waiting[0].body, "{\"type\":\"x\"}") && str_is(waiting[0].names, "n"));
  assert_int_equal(volume_next_decision(v, owner->partition), d3 + 1); /* counting goes on */
  assert_false(volume_entry(v, 99, &a, &row, NULL, &f.e));
  assert_int_equal(f.e.kind, ERR_MISSING);
  volume_close(v);
  arena_free(&a);
  fixture_close(&f);
}

static void a_turn_without_commit_leaves_nothing(void **state) {
  (void)state;
  struct fixture f;
  struct arena a = {0};
  struct entry row;
  fixture_open(&f, "book-nothing", 1);
  struct volume *v = open_volume(&f);
  struct user *u = volume_user(v, STR("anna"), true, &f.e);
  const int64_t kept = append_event(v, u, "{}", "", &f.e);
  fine(&f.e, volume_commit(v, &f.e));
  append_event(v, u, "{\"lost\":1}", "", &f.e);
  assert_non_null(volume_user(v, STR("berta"), true, &f.e));
  fine(&f.e, volume_entry(v, kept + 1, &a, &row, NULL, &f.e)); /* inside the turn it is seen */
  volume_close(v);
  v = open_volume(&f);
  assert_null(volume_user(v, STR("berta"), false, &f.e));
  assert_false(volume_entry(v, kept + 1, &a, &row, NULL, &f.e));
  u = volume_user(v, STR("anna"), false, &f.e);
  assert_int_equal(u->head, kept);
  volume_close(v);
  arena_free(&a);
  fixture_close(&f);
}

static void duplicates_are_known_and_compared(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-duplicates", 1);
  clock_freeze(INT64_C(1700000000000));
  struct volume *v = open_volume(&f);
  struct user *u = volume_user(v, STR("anna"), true, &f.e);
  const struct str body = STR("{\"id\":\"e1\"}");
  assert_int_equal(volume_duplicate(v, u, STR("app"), STR("e1"), body, clock_now(), &f.e), DUPLICATE_NO);
  const int64_t seq = append_event(v, u, body.at, "", &f.e);
  assert_true(volume_remember(v, u, STR("app"), STR("e1"), seq));
  assert_int_equal(volume_duplicate(v, u, STR("app"), STR("e1"), body, clock_now(), &f.e), DUPLICATE_SAME); /* in the same turn */
  fine(&f.e, volume_commit(v, &f.e));
  for (int round = 0; round < 2; round++) {
    assert_int_equal(volume_duplicate(v, u, STR("app"), STR("e1"), body, clock_now(), &f.e), DUPLICATE_SAME);
    assert_int_equal(volume_duplicate(v, u, STR("app"), STR("e1"), STR("{}"), clock_now(), &f.e), DUPLICATE_OTHER);
    assert_int_equal(volume_duplicate(v, u, STR("other"), STR("e1"), body, clock_now(), &f.e), DUPLICATE_NO);
    assert_int_equal(volume_duplicate(v, u, STR("app"), STR("e1"), body, clock_now() + 8 * CLOCK_DAY, &f.e), DUPLICATE_NO);
    volume_close(v); /* the second round has it from the stored state */
    v = open_volume(&f);
    u = volume_user(v, STR("anna"), false, &f.e);
  }
  clock_thaw();
  volume_close(v);
  fixture_close(&f);
}

struct try {
  uint64_t id;
  int64_t user;
  uint32_t attempt;
  int64_t at, due;
  enum outbox_end end;
  const char *json;
};
static bool attempt(struct volume *v, struct try t, struct err *e) {
  const struct outbox_attempt made = {t.id, t.user, t.attempt, t.at, t.due, t.end, str_from(t.json)};
  return volume_attempt(v, &made, e);
}

/* `known`: whether the results say whose row it is, which makes the way of a first attempt shorter. */
static void attempts_change_what_waits(bool known) {
  struct fixture f;
  struct arena a = {0};
  struct outbox_row row, *waiting;
  size_t count;
  fixture_open(&f, "book-outbox", 1);
  struct volume *v = open_volume(&f);
  struct user *u = volume_user(v, STR("anna"), true, &f.e);
  uint64_t id[3];
  const int64_t seq = append_event(v, u, "{}", "", &f.e), whose = known ? u->number : 0;
  for (int i = 0; i < 3; i++) {
    id[i] = volume_next_decision(v, u->partition);
    fine(&f.e, volume_add_decision(v, u, id[i], seq, STR("{}"), &f.e));
    struct outbox_row out = {.id = id[i], .send_before = 9000, .due = 100 - i, .body = STR("{}"), .names = STR("")};
    fine(&f.e, volume_add_outbox(v, u, &out, &f.e));
  }
  fine(&f.e, attempt(v, (struct try){id[0], whose, 1, 50, 5000, OUTBOX_WAITING, "{\"status\":500}"}, &f.e));
  fine(&f.e, attempt(v, (struct try){id[0], whose, 2, 60, 0, OUTBOX_DELIVERED, "{\"status\":200}"}, &f.e));
  fine(&f.e, attempt(v, (struct try){id[2], whose, 0, 60, 98, OUTBOX_WAITING, "{\"reason\":\"waits\"}"}, &f.e)); /* not an attempt */
  fine(&f.e, volume_commit(v, &f.e));
  fine(&f.e, volume_outbox(v, id[2], &a, &row, &f.e));
  assert_int_equal(row.attempts, 0);
  fine(&f.e, volume_outbox(v, id[0], &a, &row, &f.e));
  assert_true(str_is(row.log, "[{\"status\":500},{\"status\":200}]"));
  assert_true(row.attempts == 2 && row.end == OUTBOX_DELIVERED && row.due == 60);
  fine(&f.e, volume_waiting(v, INT64_MAX, 10, &a, &waiting, &count, &f.e));
  assert_true(count == 2 && waiting[0].id == id[2] && waiting[1].id == id[1]); /* by due */
  fine(&f.e, volume_withdraw(v, u, NULL, NULL, &f.e));
  fine(&f.e, volume_commit(v, &f.e));
  fine(&f.e, volume_waiting(v, INT64_MAX, 10, &a, &waiting, &count, &f.e));
  assert_int_equal(count, 0);
  fine(&f.e, volume_outbox(v, id[1], &a, &row, &f.e));
  assert_int_equal(row.end, OUTBOX_WITHDRAWN);
  fine(&f.e, attempt(v, (struct try){id[1], whose, 1, 70, 8000, OUTBOX_WAITING, "{\"status\":503}"}, &f.e)); /* was on its way */
  fine(&f.e, volume_outbox(v, id[1], &a, &row, &f.e));
  assert_int_equal(row.end, OUTBOX_WITHDRAWN);
  assert_false(attempt(v, (struct try){12345, whose, 1, 70, 0, OUTBOX_FAILED, "{}"}, &f.e));
  assert_int_equal(f.e.kind, ERR_MISSING);
  fine(&f.e, volume_commit(v, &f.e));
  volume_close(v);
  arena_free(&a);
  fixture_close(&f);
}

static void attempts_and_withdrawal_change_what_waits(void **state) {
  (void)state;
  attempts_change_what_waits(false);
  attempts_change_what_waits(true);
}

static void ids_read_back_in_one_spelling(void **state) {
  (void)state;
  char text[32];
  uint64_t id;
  const uint64_t some = UINT64_C(7) << 48 | 4711;
  assert_int_equal(decision_id_text(some, text), 7);
  assert_string_equal(text, "d7-4711");
  assert_true(decision_id_parse(STR("d7-4711"), &id) && id == some);
  const char *wrong[] = {"",       "d",    "7-4711", "d16-1", "d7-0", "d7-04", "d-1-1", "d7", "d7-", "d7-1 ", "d7-281474976710656",
                         "d7-1-1", "d07-1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(decision_id_parse(str_from(wrong[i]), &id));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_committed_turn_reads_back),       cmocka_unit_test(a_turn_without_commit_leaves_nothing),
      cmocka_unit_test(duplicates_are_known_and_compared), cmocka_unit_test(attempts_and_withdrawal_change_what_waits),
      cmocka_unit_test(ids_read_back_in_one_spelling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
