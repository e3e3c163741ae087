/* rooms: kit book; inside: book */
/* Checkpoints on a thread beside: no row is lost while turns are committed against them, the log stays bounded and begins anew, and a
 * volume that is closed or recovered in the middle of one has all that was committed. */
#include "book_toy.h"
#include "volume.h"

static void limits_small(void) {
  volume_limits.wal_idle = 32u << 10;
  volume_limits.wal_always = 64u << 10;
  volume_limits.wal_wait = 2u << 20;
  volume_limits.wal_most = 4u << 20;
}

static void nothing_is_lost_while_the_thread_copies(void **state) {
  (void)state;
  const struct volume_limits usual = volume_limits;
  struct fixture f;
  char name[16];
  limits_small();
  fixture_open(&f, "book-beside", 1);
  book_checkpoint_beside(f.book);
  assert_non_null(f.book->beside);
  struct volume *v = toy_open(&f, 0, NULL);
  uint64_t longest = 0, anew = 0, before = 0;
  int rows = 0;
  for (int n = 0; n < 4000; n++) {
    snprintf(name, sizeof name, "user-%d", n % 50);
    fine(&f.e, toy_event(v, name, n, n % 7 == 0, &f.e));
    rows++;
    fine(&f.e, volume_commit(v, &f.e));
    fine(&f.e, volume_settle(v, false, &f.e));
    if (v->wal_pages < before) anew++;
    before = v->wal_pages;
    if (before > longest) longest = before;
    if (n % 1000 == 999) fine(&f.e, volume_recover(v, &f.e)); /* whatever the thread is at */
  }
  assert_true(anew > 0);
  assert_true(longest * 4120 < volume_limits.wal_most);
  assert_true(volume_figures(v).checkpoints > 4);
  assert_int_equal(v->next_seq - 1, rows);
  volume_close(v);
  v = toy_open(&f, 0, NULL);
  int64_t kept;
  fine(&f.e, sql_int(v->db, "SELECT count(*) FROM journal", 0, &kept, &f.e));
  assert_int_equal(kept, rows);
  volume_close(v);
  fixture_close(&f);
  volume_limits = usual;
}

static void asking_and_closing_at_once_is_in_order(void **state) {
  (void)state;
  const struct volume_limits usual = volume_limits;
  struct fixture f;
  limits_small();
  fixture_open(&f, "book-beside-close", 1);
  book_checkpoint_beside(f.book);
  int rows = 0;
  for (int round = 0; round < 20; round++) {
    struct volume *v = toy_open(&f, 0, NULL);
    for (int n = 0; n < 40; n++, rows++) {
      fine(&f.e, toy_event(v, "somebody", rows, false, &f.e));
      fine(&f.e, volume_commit(v, &f.e));
      fine(&f.e, volume_settle(v, n % 3 == 0, &f.e));
    }
    assert_int_equal(v->next_seq - 1, rows);
    volume_close(v);
  }
  fixture_close(&f);
  volume_limits = usual;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_lost_while_the_thread_copies),
      cmocka_unit_test(asking_and_closing_at_once_is_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
