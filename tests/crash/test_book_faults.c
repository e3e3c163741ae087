/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* D6, D7: whichever write, sync or allocation fails, nothing is told to be durable that is not; after volume_recover life goes on; and what
 * was told survives a power loss on top of it, also after a failed sync whose pages the kernel has forgotten. */
#include "crash/power_script.h"
#include "kit/arena.h"
#include "kit/log.h"

#define TURNS 14

/* ---- SQLite's own allocations, so that their n-th fails too ---- */
static sqlite3_mem_methods below_memory;
static int64_t allocations, fail_allocation;

static bool memory_strikes(void) {
  return ++allocations == fail_allocation;
}
static void *failing_malloc(int size) {
  return memory_strikes() ? NULL : below_memory.xMalloc(size);
}
static void *failing_realloc(void *old, int size) {
  return memory_strikes() ? NULL : below_memory.xRealloc(old, size);
}

static void hook_memory(void) {
  must(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below_memory) == SQLITE_OK);
  static sqlite3_mem_methods methods;
  methods = below_memory;
  methods.xMalloc = failing_malloc;
  methods.xRealloc = failing_realloc;
  must(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}

/* ---- the story: turns, settling, recovery as often as it takes ---- */

static struct volume *open_stubbornly(struct fixture *f) {
  const struct volume_replay replay = {.row = toy_replay};
  struct volume *v = NULL;
  for (int i = 0; !v && i < 50; i++) {
    if (!f->book) f->book = book_open(f->directory, true, &f->e);
    if (f->book) v = volume_open(f->book, 0, &replay, &f->e);
    if (!v) script.refused++;
  }
  if (!v) fail_msg("never opened: %s", f->e.text);
  return v;
}

/* Once failed, everything says no until recovery has succeeded. */
static void recover_stubbornly(struct volume *v, struct err *e) {
  script.refused++;
  for (int i = 0; i < 200; i++) {
    if (volume_recover(v, e)) {
      script.recovered++;
      return;
    }
    assert_false(volume_commit(v, e));
    assert_null(volume_user(v, STR("user-1"), true, e));
  }
  fail_msg("never recovered: %s", e->text);
}

static void run_story(struct fixture *f) {
  struct rng r = rng_from(5);
  struct volume *v = open_stubbornly(f);
  for (int turn = 0; turn < TURNS; turn++) {
    if (!script_turn(v, 1 + (int)(rng_next(&r) % 4), &f->e)) {
      assert_int_not_equal(f->e.kind, ERR_NONE);
      recover_stubbornly(v, &f->e);
    }
    if (!volume_settle(v, turn % 2, &f->e)) recover_stubbornly(v, &f->e);
  }
  volume_close(v);
}

static void prepare(struct fixture *f, const char *name) {
  script_forget();
  power_forget();
  fixture_names(f, name);
  fine(&f->e, book_create(f->directory, 1, &f->e));
}

/* The directory as it stands, then as a power loss at the end and at some points before would leave it. */
static void judge(struct fixture *f, const char *name, uint64_t seed, struct verdict *found) {
  struct fixture at;
  book_close(f->book);
  f->book = NULL;
  power.fail_at = 0;
  book_use_vfs(NULL);
  fixture_names(&at, name);
  copy_quiet_files(f->directory, at.directory);
  struct rng r = rng_from(seed);
  for (int i = 0; i < 4; i++) {
    const size_t point = i == 0 ? power.count : (size_t)(rng_uniform(&r) * (double)(power.count + 1));
    power_rebuild(at.directory, point, rng_next(&r));
    check_directory(at.directory, point, found);
  }
  check_directory(f->directory, power.count, found);
  file_remove_tree(at.directory, NULL);
  file_remove_tree(f->directory, NULL);
}

struct fault {
  const char *name;
  int64_t fails; /* calls in a row */
  bool only_syncs;
  int code;
};

static void try_fault(const struct fault *fault) {
  struct fixture f;
  struct verdict found = {0};
  int64_t refused = 0, recovered = 0, n = 1, tried = 0;
  for (;; n++) {
    prepare(&f, "book-fault");
    book_use_vfs("power");
    power.fail_at = n;
    power.fails = fault->fails;
    power.only_syncs = fault->only_syncs;
    power.fail_code = fault->code;
    run_story(&f);
    const bool struck = power.calls >= n;
    refused += script.refused;
    recovered += script.recovered;
    tried++;
    judge(&f, "book-fault-point", (uint64_t)n, &found);
    assert_int_equal(found.lost, 0);
    assert_int_equal(found.corrupt, 0);
    assert_int_equal(found.torn, 0);
    if (!struck) break;
  }
  print_message("%s: %lld places, refused %lld times, recovered %lld times\n", fault->name, (long long)tried, (long long)refused,
                (long long)recovered);
  assert_true(tried > 20 && recovered > 10);
}

static void failing_writes_and_syncs_tell_no_lie(void **state) {
  (void)state;
  const struct fault faults[] = {{"the n-th write, sync or truncation fails", 1, false, 0},
                                 {"the n-th sync fails", 1, true, 0},
                                 {"three syncs in a row fail", 3, true, 0},
                                 {"the disk is full for 12 calls", 12, false, SQLITE_FULL}};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) try_fault(&faults[i]);
}

static void failing_allocations_tell_no_lie(void **state) {
  (void)state;
  struct fixture f;
  struct verdict found = {0};
  int64_t refused = 0, recovered = 0;
  for (int ours = 0; ours < 2; ours++) {
    int64_t tried = 0, step = 1;
    for (int64_t n = 1;; n += step) {
      prepare(&f, "book-memory");
      book_use_vfs("power");
      allocations = 0;
      fail_allocation = ours ? 0 : n;
      if (ours) kit_fail_allocation(n);
      run_story(&f);
      const bool struck = ours ? n < 3000 : allocations >= n;
      fail_allocation = 0;
      kit_fail_allocation(0);
      refused += script.refused;
      recovered += script.recovered;
      tried++;
      /* Not every place needs the power losses on top, but each needs the plain look. */
      if (tried % 8 == 0) judge(&f, "book-memory-point", (uint64_t)n, &found);
      else {
        book_close(f.book);
        f.book = NULL;
        book_use_vfs(NULL);
        check_directory(f.directory, power.count, &found);
        file_remove_tree(f.directory, NULL);
      }
      assert_true(!found.lost && !found.corrupt && !found.torn);
      if (!struck) break;
      if (tried >= 150) step = 23; /* the early ones are all tried, the later ones sampled */
    }
    print_message("%s: %lld places, refused %lld times, recovered %lld times\n", ours ? "our n-th allocation" : "SQLite's n-th allocation",
                  (long long)tried, (long long)refused, (long long)recovered);
  }
  assert_true(recovered > 20);
}

int main(void) {
  volume_limits.wal_idle = 30000;
  volume_limits.wal_always = 60000;
  volume_limits.tail_soft = 6;
  volume_limits.tail_hard = 20;
  volume_limits.states_a_turn = 2;
  volume_limits.idle_states_ns = 0;
  log_setup(LOG_ERROR, 0);
  hook_memory();
  power_register();
  const struct CMUnitTest tests[] = {cmocka_unit_test(failing_writes_and_syncs_tell_no_lie),
                                     cmocka_unit_test(failing_allocations_tell_no_lie)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
