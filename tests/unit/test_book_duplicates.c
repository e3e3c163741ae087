/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* D3: the window of duplicates is seven days of arrival to the last millisecond and SEEN_MOST events to the last one; it reads back as it
 * was; and nobody is told that an event is in whose row cannot be read. */
#include "book_fixture.h"
#include "seen.h"
#include "sql.h"
#include "volume.h"

static struct volume *open_volume(struct fixture *f) {
  struct volume *v = volume_open(f->book, 0, NULL, &f->e);
  if (!v) fail_msg("%s", f->e.text);
  return v;
}

/* An event arrives at `now` and is remembered under `id`. */
static void arrive(struct fixture *f, struct volume *v, struct user *u, struct str id, int64_t now) {
  struct entry entry = {.partition = u->partition, .kind = ENTRY_EVENT, .body = STR("{}"), .record = STR(""), .arrived = now};
  fine(&f->e, volume_append(v, u, &entry, &f->e));
  assert_true(volume_remember(v, u, STR("app"), id, entry.seq));
  fine(&f->e, volume_commit(v, &f->e));
}

static enum duplicate asked(struct fixture *f, struct volume *v, struct user *u, const char *id, int64_t now) {
  return volume_duplicate(v, u, STR("app"), str_from(id), STR("{}"), now, &f->e);
}

/* Wherever within its hour the first one came, and whatever came in between. */
static void seven_days_are_seven_days(void **state) {
  (void)state;
  struct fixture f;
  const int64_t hour = INT64_C(472222) * CLOCK_HOUR, week = 7 * CLOCK_DAY, within[] = {0, 1, 30 * CLOCK_MINUTE, CLOCK_HOUR - 1};
  fixture_open(&f, "book-week", 1);
  struct volume *v = open_volume(&f);
  for (size_t i = 0; i < sizeof within / sizeof *within; i++) {
    char name[16];
    const int64_t first = hour + within[i];
    snprintf(name, sizeof name, "user-%zu", i);
    struct user *u = volume_user(v, str_from(name), true, &f.e);
    arrive(&f, v, u, STR("first"), first);
    assert_int_equal(asked(&f, v, u, "first", first + week), DUPLICATE_SAME);
    arrive(&f, v, u, STR("second"), first + week); /* what comes drops what is too old, and nothing else */
    assert_int_equal(asked(&f, v, u, "first", first + week), DUPLICATE_SAME);
    assert_int_equal(asked(&f, v, u, "first", first + week + CLOCK_HOUR), DUPLICATE_NO);
    assert_int_equal(asked(&f, v, u, "second", first + week + CLOCK_HOUR), DUPLICATE_SAME);
  }
  volume_close(v);
  fixture_close(&f);
}

static void the_newest_are_kept_to_the_last(void **state) {
  (void)state;
  struct user u, again;
  struct buf stored = {0};
  assert_true(user_init(&u) && user_init(&again));
  for (int64_t n = 1; n <= SEEN_MOST; n++) assert_true(seen_add(&u, (uint64_t)n, n, 100));
  assert_int_equal(seen_find(u.seen, 1, 100), 1);
  for (int64_t n = SEEN_MOST + 1; n <= SEEN_MOST + 50; n++) {
    assert_true(seen_add(&u, (uint64_t)n, n, 100));
    assert_int_equal(seen_find(u.seen, (uint64_t)(n - SEEN_MOST), 100), 0); /* one came, one went */
    assert_int_equal(seen_find(u.seen, (uint64_t)(n - SEEN_MOST + 1), 100), n - SEEN_MOST + 1);
    assert_int_equal(seen_find(u.seen, (uint64_t)n, 100), n);
  }
  seen_encode(u.seen, &stored);
  struct unpack in = unpack_from(buf_view(&stored));
  assert_true(seen_decode(&again, &in) && in.at == in.end);
  for (int64_t n = 1; n <= SEEN_MOST + 50; n++) assert_int_equal(seen_find(again.seen, (uint64_t)n, 100), n <= 50 ? 0 : n);
  buf_free(&stored);
  user_clear(&u);
  user_clear(&again);
}

/* "duplicate" means: it is in. Of a row that does not open nobody knows. */
static void a_row_that_does_not_open_is_no_duplicate(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-unread", 1);
  struct volume *v = open_volume(&f);
  struct user *u = volume_user(v, STR("anna"), true, &f.e);
  arrive(&f, v, u, STR("e1"), clock_now());
  fine(&f.e, sql_exec(v->db, "UPDATE journal SET body=zeroblob(100) WHERE user>0", &f.e));
  assert_int_equal(asked(&f, v, u, "e1", clock_now()), DUPLICATE_FAILED);
  assert_int_equal(f.e.kind, ERR_STORAGE);
  assert_false(volume_commit(v, &f.e)); /* nothing is told until the file was looked at again */
  volume_close(v);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(seven_days_are_seven_days), cmocka_unit_test(the_newest_are_kept_to_the_last),
                                     cmocka_unit_test(a_row_that_does_not_open_is_no_duplicate)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
