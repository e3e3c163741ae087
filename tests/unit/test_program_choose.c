/* rooms: program book kit; libraries: lib_uv */
/* Which program a start runs: the directory's, once; what operators did afterwards stands until the directory changes; one that broke keeps
 * nobody from the last good one. Each start here is a start: the data directory is closed and opened again. */
#include "kit/clock.h"
#include "program/choose.h"
#include "program_files.h"

struct starts {
  struct files files;
  char data[420], live[65], refused[65];
  struct book *book;
  struct library *library;
  struct chosen chosen;
  struct err e;
};

static const struct program_from nothing = {0};

static void setup(struct starts *s, const char *name) {
  *s = (struct starts){0};
  files_new(&s->files, name);
  snprintf(s->data, sizeof s->data, "%s-data", s->files.root);
  file_remove_tree(s->data, NULL);
  fine(&s->e, book_create(s->data, 1, &s->e));
}

static void open_book(struct starts *s) {
  fine(&s->e, (s->book = book_open(s->data, true, &s->e)) != NULL);
  volume_close(volume_open(s->book, 0, NULL, &s->e)); /* as an engine has before it writes down what runs */
  s->library = library_new(s->book, &nothing);
}

static void close_book(struct starts *s) {
  chosen_free(&s->chosen);
  library_free(s->library);
  book_close(s->book);
}

/* As an engine does: what is chosen becomes live, and is written down when it is other than the last. */
static bool start(struct starts *s, bool with_directory) {
  open_book(s);
  s->e = (struct err){0};
  s->live[0] = s->refused[0] = 0;
  const bool runs = program_choose(s->library, &nothing, with_directory ? s->files.root : NULL, &s->chosen, &s->e);
  const struct chosen *c = &s->chosen;
  assert_int_equal(runs, c->live != NULL);
  if (runs) memcpy(s->live, c->live->digest, sizeof s->live);
  if (c->refused) memcpy(s->refused, c->refused->digest, sizeof s->refused);
  if (runs && (!c->last.identity || strcmp(c->last.identity, c->live->identity) != 0)) {
    int64_t number;
    const struct announcement a = {.program = c->live->program,
                                   .author = "test",
                                   .from = "directory",
                                   .why = "a start",
                                   .acted = c->acted,
                                   .plugins = c->files.plugins};
    fine(&s->e, program_announce(s->book, &a, &number, &s->e));
    assert_true(number > 0);
  }
  close_book(s);
  return runs;
}

/* An operator's act on a running engine: this program is live, whatever lies in the directory. */
static void publish_as(struct starts *s, const char *digest, const char *from, struct program_health before) {
  open_book(s);
  struct state_of_files now;
  int64_t number;
  files_now(s->files.root, NULL, NULL, &now);
  const struct program *p = library_get(s->library, str_from(digest), &s->e);
  fine(&s->e, p != NULL);
  const struct announcement a = {
      .program = p, .author = "test", .from = from, .why = "x", .acted = now.sources, .plugins = now.plugins, .before = before};
  fine(&s->e, program_announce(s->book, &a, &number, &s->e));
  library_release(s->library, p);
  close_book(s);
}
static void publish(struct starts *s, const char *digest) {
  publish_as(s, digest, "undo", (struct program_health){0});
}

/* What the watch goes by after a start; the number of the fact that began the probation. */
static int64_t knows(struct starts *s, int64_t since, bool returned, struct program_health earlier) {
  open_book(s);
  fine(&s->e, program_choose(s->library, &nothing, s->files.root, &s->chosen, &s->e));
  const struct last_program *last = &s->chosen.last;
  assert_int_equal(last->since, since);
  assert_int_equal(last->returned, returned);
  assert_memory_equal(&last->earlier, &earlier, sizeof earlier);
  const int64_t change = last->change;
  close_book(s);
  return change;
}

static void teardown(struct starts *s) {
  files_gone(&s->files);
  file_remove_tree(s->data, NULL);
}

static void test_nothing_to_run_is_said(void **state) {
  (void)state;
  struct starts s;
  setup(&s, "choose-nothing");
  assert_false(start(&s, false));
  assert_non_null(strstr(s.e.text, "no program has ever run here"));
  files_write(&s.files, "rules/all.lua", "trigger \"half");
  assert_false(start(&s, true));
  assert_non_null(strstr(s.e.text, "the program has 1 error"));
  assert_true(strlen(s.refused) == 64);
  files_gone(&s.files);
  assert_false(start(&s, true));
  assert_true(s.e.text[0] != 0);
  teardown(&s);
}

static void test_the_last_good_one_stays(void **state) {
  (void)state;
  struct starts s;
  char first[65], second[65];
  setup(&s, "choose-last");
  assert_true(start(&s, true));
  memcpy(first, s.live, sizeof first);
  assert_true(start(&s, true)); /* the same again */
  assert_string_equal(s.live, first);
  files_good(&s.files, 1); /* changed while nothing ran */
  assert_true(start(&s, true));
  assert_string_not_equal(s.live, first);
  memcpy(second, s.live, sizeof second);
  files_write(&s.files, "rules/all.lua", "trigger \"half");
  for (int i = 0; i < 2; i++) { /* broken, and again */
    assert_true(start(&s, true));
    assert_string_equal(s.live, second);
    assert_true(strlen(s.refused) == 64);
  }
  assert_true(start(&s, false)); /* without any directory */
  assert_string_equal(s.live, second);
  files_gone(&s.files);
  assert_true(start(&s, true)); /* with one that is gone */
  assert_string_equal(s.live, second);
  files_good(&s.files, 0); /* an old one comes back */
  assert_true(start(&s, true));
  assert_string_equal(s.live, first);
  teardown(&s);
}

static void test_an_undo_stands_until_the_directory_changes(void **state) {
  (void)state;
  struct starts s;
  char first[65];
  setup(&s, "choose-undo");
  assert_true(start(&s, true));
  memcpy(first, s.live, sizeof first);
  files_good(&s.files, 1);
  assert_true(start(&s, true));
  publish(&s, first); /* undone */
  for (int i = 0; i < 2; i++) {
    assert_true(start(&s, true));
    assert_string_equal(s.live, first);
    assert_int_equal(strlen(s.refused), 0);
  }
  files_good(&s.files, 2); /* the directory says something new */
  assert_true(start(&s, true));
  assert_string_not_equal(s.live, first);
  teardown(&s);
}

/* What should run cannot be read any more: the directory's runs, or nothing does and it is said why. */
static void test_a_store_that_lost_it(void **state) {
  (void)state;
  struct starts s;
  char first[65], path[600];
  setup(&s, "choose-lost");
  assert_true(start(&s, true));
  memcpy(first, s.live, sizeof first);
  files_good(&s.files, 1);
  assert_true(start(&s, true));
  publish(&s, first);
  snprintf(path, sizeof path, "%s/store/%s", s.data, first);
  assert_int_equal(unlink(path), 0);
  assert_true(start(&s, true));
  assert_string_not_equal(s.live, first);
  publish(&s, s.live);
  snprintf(path, sizeof path, "%s/store/%s", s.data, s.live);
  assert_int_equal(unlink(path), 0);
  assert_false(start(&s, false));
  assert_true(s.e.text[0] != 0);
  teardown(&s);
}

static void test_what_an_undo_returns_to(void **state) {
  (void)state;
  struct starts s;
  char first[65];
  setup(&s, "choose-before");
  assert_true(start(&s, true));
  memcpy(first, s.live, sizeof first);
  files_good(&s.files, 1);
  assert_true(start(&s, true));
  open_book(&s);
  fine(&s.e, program_choose(s.library, &nothing, NULL, &s.chosen, &s.e));
  assert_string_equal(s.chosen.last.before, first);
  assert_string_equal(s.chosen.last.identity, s.live);
  assert_string_equal(s.chosen.last.directory, s.live);
  close_book(&s);
  teardown(&s);
}

/* Each with the time of the change, however often the same program was written down since. */
static void test_a_start_knows_the_probation(void **state) {
  (void)state;
  struct starts s;
  char first[65], second[65];
  const struct program_health fared = {.events = 70, .events_refused = 3, .rows = 9, .rows_failed = 1};
  const int64_t begun = INT64_C(1767225600000);
  clock_freeze(begun);
  setup(&s, "choose-probation");
  assert_true(start(&s, true));
  memcpy(first, s.live, sizeof first);
  knows(&s, begun, false, (struct program_health){0});
  clock_freeze(begun + 1000);
  files_good(&s.files, 1);
  assert_true(start(&s, true));
  memcpy(second, s.live, sizeof second);
  publish_as(&s, first, "undo", fared);
  const int64_t change = knows(&s, begun + 1000, false, fared);
  clock_freeze(begun + 2000);
  publish(&s, first);
  assert_int_equal(knows(&s, begun + 1000, false, fared), change); /* it was live already: no other probation */
  publish_as(&s, second, "watch", (struct program_health){.events = 1});
  assert_int_equal(knows(&s, begun + 2000, true, (struct program_health){.events = 1}), change + 2);
  publish(&s, first);
  knows(&s, begun + 2000, false, (struct program_health){0}); /* without the figures, as older engines wrote it */
  clock_thaw();
  teardown(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_to_run_is_said),      cmocka_unit_test(test_the_last_good_one_stays),
      cmocka_unit_test(test_a_start_knows_the_probation), cmocka_unit_test(test_an_undo_stands_until_the_directory_changes),
      cmocka_unit_test(test_a_store_that_lost_it),        cmocka_unit_test(test_what_an_undo_returns_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
