/* rooms: kit book; inside: book */
/* A turn of any length is kept whole, though it is packed, sealed and written in groups and, when it grows large, before its commit: every
 * row and decision is there afterwards, in its order, in its chain; and memory for what waits stays bounded meanwhile. */
#include "book_fixture.h"
#include "volume.h"

#define PEOPLE     3
#define ROWS       900               /* many groups of what is packed at a time */
#define WAITS_MOST ((size_t)3 << 20) /* what may wait in memory: a megabyte, and the largest row that this test appends */

struct expected {
  int64_t user, previous;
  uint64_t count;
  uint32_t decisions;
};
struct told { /* what the turn was told, a row each; and who told it */
  struct volume *v;
  struct user *people[PEOPLE];
  struct expected rows[ROWS];
  int64_t first;
  uint64_t decisions;
  size_t most_waiting;
};

/* The body of a row: of no bytes that could be another's, small as a rule, some of pages, two of megabytes. */
static struct str body_of(int n, struct buf *out) {
  const int numbers = n == 450 || n == 700 ? 250000 : n % 10 == 7 ? 3000 : 3;
  buf_clear(out);
  buf_printf(out, "{\"n\":%d,\"all\":[", n);
  for (int i = 0; i < numbers; i++) buf_printf(out, "%d,", (int)((n * 7919 + INT64_C(104729) * i) % 1000003));
  buf_printf(out, "%d]}", n);
  return buf_view(out);
}

static struct str record_of(uint64_t id, struct buf *out) {
  buf_clear(out);
  buf_printf(out, "{\"decision\":%llu}", (unsigned long long)(id & 0xffffffff));
  return buf_view(out);
}

static void tell_decision(struct told *t, struct user *u, int n, struct err *e) {
  struct buf record = {0};
  const uint64_t id = volume_next_decision(t->v, u->partition);
  fine(e, volume_add_decision(t->v, u, id, t->first + n, record_of(id, &record), e));
  t->rows[n].decisions++;
  t->decisions++;
  buf_free(&record);
}

/* Every eleventh row is a control fact; the others are events of people in turn, of none to three decisions. */
static void tell_row(struct told *t, int n, struct err *e) {
  struct buf body = {0};
  struct user *u = n % 11 == 5 ? NULL : t->people[n % PEOPLE];
  struct entry entry = {.partition = u ? u->partition : 0, .kind = u ? ENTRY_EVENT : ENTRY_CONTROL, .body = body_of(n, &body)};
  fine(e, volume_append(t->v, u, &entry, e));
  if (!n) t->first = entry.seq;
  assert_int_equal(entry.seq, t->first + n);
  t->rows[n] = (struct expected){entry.user, entry.previous, entry.count, 0};
  for (int i = 0; u && i < n % 4; i++) tell_decision(t, u, n, e);
  if (t->v->pending.bytes.len > t->most_waiting) t->most_waiting = t->v->pending.bytes.len;
  buf_free(&body);
}

/* All of it in one turn; at the end decisions of rows that were written long before, for one of which it is the first. */
static void tell_all(struct told *t, struct err *e) {
  const char *names[PEOPLE] = {"anna", "berta", "carla"};
  for (int i = 0; i < PEOPLE; i++) t->people[i] = volume_user(t->v, str_from(names[i]), true, e);
  for (int n = 0; n < ROWS; n++) tell_row(t, n, e);
  for (int n = 1; n < 5; n++) tell_decision(t, t->people[n % PEOPLE], n, e);
  assert_true(t->rows[4].decisions == 1 && t->rows[3].decisions == 4);
  fine(e, volume_commit(t->v, e));
}

static void expect_decisions(struct volume *v, const struct told *t, int n, struct arena *a, struct err *e) {
  struct buf wanted = {0};
  struct str *records;
  uint64_t *ids;
  size_t count;
  fine(e, volume_scan_decisions(v, t->first + n, a, &records, &ids, &count, e));
  assert_int_equal(count, t->rows[n].decisions);
  for (size_t i = 0; i < count; i++) {
    const struct str record = record_of(ids[i], &wanted);
    assert_true(i == 0 || ids[i] > ids[i - 1]);
    assert_true(records[i].len == record.len && memcmp(records[i].at, record.at, record.len) == 0);
  }
  buf_free(&wanted);
}

/* In the journal's order, as a replay reads it. */
static void expect_all(struct fixture *f, const struct told *t) {
  struct arena a = {0};
  struct buf wanted = {0};
  struct entry row;
  struct user *u;
  uint64_t decisions = 0;
  struct volume *v = volume_reader(f->book, 0, &f->e);
  assert_non_null(v);
  for (int n = 0; n < ROWS; n++) {
    if (!volume_scan(v, t->first, &row, &u, &f->e)) fail_msg("after %d rows: %s", n, f->e.text);
    const struct expected *x = &t->rows[n];
    const struct str body = body_of(n, &wanted);
    assert_int_equal(row.seq, t->first + n);
    assert_true(row.user == x->user && row.previous == x->previous && row.count == x->count);
    assert_int_equal(row.kind, x->user ? ENTRY_EVENT : ENTRY_CONTROL);
    assert_true(row.body.len == body.len && memcmp(row.body.at, body.at, body.len) == 0);
    expect_decisions(v, t, n, &a, &f->e);
    decisions += x->decisions;
    arena_reset(&a);
  }
  assert_false(volume_scan(v, t->first, &row, &u, &f->e));
  assert_int_equal(f->e.kind, ERR_NONE);
  assert_int_equal(decisions, t->decisions);
  volume_close(v);
  buf_free(&wanted);
  arena_free(&a);
}

/* Back along each chain, from the head to the first row. */
static void expect_chains(struct fixture *f, const struct told *t) {
  struct volume *v = volume_open(f->book, 0, NULL, &f->e);
  assert_non_null(v);
  uint64_t rows = 0;
  for (int i = 0; i < PEOPLE; i++) {
    const char *names[PEOPLE] = {"anna", "berta", "carla"};
    const struct user *u = volume_user(v, str_from(names[i]), false, &f->e);
    assert_non_null(u);
    enum entry_kind kind;
    uint64_t steps = 0;
    for (int64_t seq = u->head, previous; seq; seq = previous, steps++) {
      fine(&f->e, volume_step_back(v, seq, &previous, &kind, &f->e));
      assert_int_equal(t->rows[seq - t->first].count, u->events - steps);
    }
    assert_int_equal(steps, u->events);
    rows += steps;
  }
  assert_int_equal(rows, ROWS - ROWS / 11 - (ROWS % 11 > 5));
  volume_close(v);
}

static void a_long_turn_is_kept_whole(void **state) {
  (void)state;
  static struct told t;
  struct fixture f;
  struct arena a = {0};
  struct doctor_line *lines;
  size_t count;
  fixture_open(&f, "book-pending", 1);
  t.v = volume_open(f.book, 0, NULL, &f.e);
  assert_non_null(t.v);
  tell_all(&t, &f.e);
  assert_in_range(t.most_waiting, (size_t)1 << 20, WAITS_MOST);
  volume_close(t.v);
  expect_all(&f, &t);
  expect_chains(&f, &t);
  book_close(f.book);
  fine(&f.e, book_doctor(f.directory, &a, &lines, &count, &f.e));
  for (size_t i = 0; i < count; i++)
    if (!lines[i].ok) fail_msg("%s: %s", lines[i].check, lines[i].text);
  arena_free(&a);
  f.book = book_open(f.directory, true, &f.e);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_long_turn_is_kept_whole)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
