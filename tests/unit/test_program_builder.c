/* rooms: program book kit; libraries: lib_uv */
/* The builder's thread: what lies in the directory comes as a draft once it has settled, good or refused; what says nothing new does not
 * come; errands are done in their order, and those whose turn never comes are told so. */
#include "kit/clock.h"
#include "program/builder.h"
#include "program_files.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

struct shop {
  struct files files;
  char data[420];
  struct book *book;
  struct library *library;
  struct builder *builder;
  uv_loop_t loop;
  uv_async_t async;
  struct err e;
  int found, errors;
  bool good, any; /* any: whatever is found is fine */
  char digest[65], order[64];
  struct state_of_files state;
};

static void on_found(void *context, struct found *f) {
  struct shop *s = context;
  s->found++;
  if (s->any) return;
  s->good = f->draft && f->draft->program;
  s->errors = f->draft ? (int)f->draft->errors : -1;
  s->state = f->files;
  assert_true(f->sources);
  assert_false(f->plugins);
  snprintf(s->digest, sizeof s->digest, "%s", f->draft->digest);
  if (!s->good) {
    assert_true(f->draft->finding_count > 0);
    assert_non_null(strstr(f->draft->findings[0].file, "rules/all.lua"));
    assert_true(f->draft->findings[0].line > 0);
  }
}

static void wake(void *context) {
  uv_async_send(&((struct shop *)context)->async);
}

static void on_async(uv_async_t *async) {
  struct shop *s = async->data;
  builder_done(s->builder);
}

static void start(struct shop *s, bool watched) {
  const struct builder_options o = {.library = s->library,
                                    .directory = watched ? s->files.root : NULL,
                                    .known = s->state,
                                    .settle_ms = 5,
                                    .rescan_ms = 10,
                                    .found = on_found,
                                    .wake = wake,
                                    .context = s};
  fine(&s->e, (s->builder = builder_start(&o, &s->e)) != NULL);
}

static void setup(struct shop *s, const char *name) {
  *s = (struct shop){0};
  files_new(&s->files, name);
  snprintf(s->data, sizeof s->data, "%s-data", s->files.root);
  file_remove_tree(s->data, NULL);
  fine(&s->e, book_create(s->data, 1, &s->e));
  fine(&s->e, (s->book = book_open(s->data, true, &s->e)) != NULL);
  s->library = library_new(s->book, &(struct program_from){0});
  files_now(NULL, NULL, NULL, &s->state); /* the start has seen nothing */
  uv_loop_init(&s->loop);
  uv_async_init(&s->loop, &s->async, on_async);
  s->async.data = s;
}

static void teardown(struct shop *s) {
  builder_stop(s->builder);
  uv_close((uv_handle_t *)&s->async, NULL);
  uv_run(&s->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&s->loop), 0);
  library_free(s->library);
  book_close(s->book);
  files_gone(&s->files);
  file_remove_tree(s->data, NULL);
}

static void expect_found(struct shop *s, int times) {
  while (s->found < times) uv_run(&s->loop, UV_RUN_ONCE); /* ctest's time limit is the limit */
  assert_int_equal(s->found, times);
}

static void test_what_lies_there_is_built(void **state) {
  (void)state;
  struct shop s;
  setup(&s, "builder-built");
  start(&s, true);
  expect_found(&s, 1);
  assert_true(s.good);
  assert_string_equal(s.digest, s.state.sources); /* of a good directory they are one */
  char first[65];
  memcpy(first, s.digest, sizeof first);
  files_write(&s.files, "rules/all.lua", "trigger \"half");
  expect_found(&s, 2);
  assert_false(s.good);
  assert_true(s.errors > 0);
  assert_string_not_equal(s.digest, first);
  files_good(&s.files, 0);
  expect_found(&s, 3); /* mended: the same as before, which was not what lay there last */
  assert_true(s.good);
  assert_string_equal(s.digest, first);
  files_good(&s.files, 0); /* other times, the same bytes: the change after it is the next that is told */
  files_write(&s.files, "rules/more.lua", "-- more\n");
  expect_found(&s, 4);
  assert_string_not_equal(s.digest, first);
  teardown(&s);
}

static void test_what_the_start_has_seen_is_no_news(void **state) {
  (void)state;
  struct shop s;
  setup(&s, "builder-known");
  files_now(s.files.root, NULL, NULL, &s.state);
  start(&s, true);
  files_good(&s.files, 0);
  files_write(&s.files, "rules/more.lua", "-- more\n");
  expect_found(&s, 1); /* not two */
  struct state_of_files now;
  files_now(s.files.root, NULL, NULL, &now);
  assert_string_equal(s.state.sources, now.sources);
  teardown(&s);
}

/* The n-th allocation fails, for many n: good, refused or built again, what changed is told within a moment. */
static void test_without_memory_a_change_is_told_all_the_same(void **state) {
  (void)state;
  struct shop s;
  setup(&s, "builder-memory");
  start(&s, true);
  s.any = true;
  expect_found(&s, 1);
  for (int nth = 1; nth <= 40; nth++) {
    const int found = s.found;
    char text[40];
    snprintf(text, sizeof text, "-- %d\n", nth);
    kit_fail_allocation(nth); /* this thread asks for nothing until it writes */
    files_write(&s.files, "rules/more.lua", text);
    for (int tries = 0; s.found == found; tries++) {
      if (tries > 2000) fail_msg("what changed without allocation %d is never told", nth);
      uv_run(&s.loop, UV_RUN_NOWAIT);
      nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    kit_fail_allocation(0);
  }
  teardown(&s);
}

/* What this process has read so far; −1: the system does not say. */
static int64_t bytes_read(void) {
  struct buf text = {0};
  int64_t n = -1;
  if (file_read("/proc/self/io", &text, 4096, NULL)) {
    buf_char(&text, 0);
    const char *at = strstr(text.at, "rchar: ");
    if (at) n = atoll(at + 7);
  }
  buf_free(&text);
  return n;
}

static void expect_as_read_anew(struct files *f, struct plugin_memory *m, bool changed, char last[65]) {
  struct state_of_files with, without;
  files_now(NULL, f->root, m, &with);
  files_now(NULL, f->root, NULL, &without);
  assert_string_equal(with.plugins, without.plugins);
  assert_int_equal(strcmp(last, with.plugins) != 0, changed);
  memcpy(last, with.plugins, 65);
}

/* A plugin that lies there as it lay there is not read again; one that changed in any way is, whatever its size and times say. */
static void test_plugins_are_read_when_they_change(void **state) {
  (void)state;
  struct files f;
  struct plugin_memory m = {0};
  struct err e = {0};
  struct stat about;
  char large[300000], last[65] = "";
  memset(large, 'x', sizeof large);
  snprintf(f.root, sizeof f.root, "%s/plugin-memory-%d", KAIROS_BINARY_DIR, (int)getpid());
  fine(&e, file_make_directory(f.root, 0755, &e));
  fine(&e, file_write_atomic(files_path(&f, "a.so"), (struct str){large, sizeof large}, 0644, &e));
  fine(&e, file_write_atomic(files_path(&f, "b.so"), STR("small"), 0644, &e));
  expect_as_read_anew(&f, &m, true, last);
  fine(&e, stat(files_path(&f, "a.so"), &about) == 0);
  clock_freeze((int64_t)about.st_ctim.tv_sec * CLOCK_SECOND + about.st_ctim.tv_nsec / 1000000 + 2 * CLOCK_SECOND);
  expect_as_read_anew(&f, &m, false, last);
  const int64_t early = bytes_read(); /* a clock of whole two seconds would not show a change since: not taken for what it was */
  expect_as_read_anew(&f, &m, false, last);
  if (early >= 0) assert_true(bytes_read() - early >= 2 * (int64_t)sizeof large);
  clock_freeze(clock_now() + CLOCK_MINUTE); /* they have lain still for a while */
  expect_as_read_anew(&f, &m, false, last);
  const int64_t before = bytes_read();
  struct state_of_files now;
  files_now(NULL, f.root, &m, &now);
  if (before >= 0) assert_true(bytes_read() - before < (int64_t)sizeof large);
  assert_string_equal(now.plugins, last);

  /* other bytes in the same file, of the same size, with the old time set again */
  fine(&e, stat(files_path(&f, "a.so"), &about) == 0);
  FILE *file = fopen(f.path, "r+");
  assert_true(file && fputc('y', file) == 'y' && fclose(file) == 0);
  const struct timespec times[2] = {about.st_atim, about.st_mtim};
  fine(&e, utimensat(AT_FDCWD, f.path, times, 0) == 0);
  expect_as_read_anew(&f, &m, true, last);
  clock_thaw();
  fine(&e, file_write_atomic(files_path(&f, "b.so"), STR("other"), 0644, &e)); /* another file under the name */
  expect_as_read_anew(&f, &m, true, last);
  unlink(files_path(&f, "b.so"));
  expect_as_read_anew(&f, &m, true, last);
  plugin_memory_free(&m);
  file_remove_tree(f.root, NULL);
}

struct task { /* an errand that writes its letter */
  struct errand errand;
  struct shop *shop;
  char letter;
  bool slow;
};

static void write_letter(struct errand *e) {
  struct task *l = (struct task *)e;
  if (l->slow) usleep(100000);
}

static void letter_done(struct errand *e) {
  struct task *l = (struct task *)e;
  const size_t n = strlen(l->shop->order);
  l->shop->order[n] = e->worked ? l->letter : (char)(l->letter - 'a' + 'A');
  l->shop->order[n + 1] = 0;
}

static void test_errands_come_back_in_order(void **state) {
  (void)state;
  struct shop s;
  setup(&s, "builder-order");
  start(&s, false);
  struct task letters[8];
  for (int i = 0; i < 8; i++) {
    letters[i] = (struct task){{.work = write_letter, .done = letter_done}, &s, (char)('a' + i), false};
    builder_ask(s.builder, &letters[i].errand);
  }
  while (strlen(s.order) < 8) uv_run(&s.loop, UV_RUN_ONCE);
  assert_string_equal(s.order, "abcdefgh");
  assert_int_equal(s.found, 0); /* nothing is watched */
  teardown(&s);
}

static void test_a_stop_tells_everybody(void **state) {
  (void)state;
  struct shop s;
  setup(&s, "builder-stop");
  start(&s, false);
  struct task letters[5];
  for (int i = 0; i < 5; i++) {
    letters[i] = (struct task){{.work = write_letter, .done = letter_done}, &s, (char)('a' + i), true};
    builder_ask(s.builder, &letters[i].errand);
  }
  teardown(&s);
  assert_int_equal(strlen(s.order), 5); /* in order; capitals: its turn did not come */
  for (int i = 0, stopped = 0; i < 5; i++) {
    const bool worked = s.order[i] == 'a' + i;
    assert_true(worked || s.order[i] == 'A' + i);
    assert_false(worked && stopped);
    stopped |= !worked;
  }
}

static void test_an_upload_is_an_errand(void **state) {
  (void)state;
  struct shop s;
  char text[600];
  setup(&s, "builder-upload");
  start(&s, false);
  snprintf(text, sizeof text, GOOD_RULES, 5);
  const struct source good = {.path = "rules/x.lua", .text = str_from(text)}, bad = {.path = "rules/x.lua", .text = STR("trigger \"half")};
  for (int i = 0; i < 2; i++) {
    struct draft *d = draft_new(DRAFT_UPLOAD, s.library, &(struct program_from){0});
    d->given = i ? &bad : &good;
    d->given_count = 1;
    struct task waits = {{.work = draft_errand, .done = letter_done, .owner = d}, &s, 'u', false};
    builder_ask(s.builder, &waits.errand);
    while (strlen(s.order) < (size_t)i + 1) uv_run(&s.loop, UV_RUN_ONCE);
    assert_int_equal(d->program != NULL, i == 0);
    assert_int_equal(d->errors > 0, i == 1);
    assert_true(strlen(d->digest) == 64);
    draft_free(d);
  }
  teardown(&s);
}

/* Dozens of drafts stay for what is said of them: the files that were sent are the program's by then, and no draft keeps them. */
static void test_what_was_sent_goes_when_it_is_built(void **state) {
  (void)state;
  enum { LONG = 1 << 20 };
  struct shop s;
  char text[600];
  setup(&s, "builder-sent");
  for (int good = 0; good < 2; good++) {
    struct draft *d = draft_new(DRAFT_UPLOAD, s.library, &(struct program_from){0});
    struct source *given = ARENA_ARRAY(&d->sent, struct source, 1);
    char *rules = arena_alloc(&d->sent, LONG);
    snprintf(text, sizeof text, GOOD_RULES, 5);
    const int length = good ? snprintf(rules, LONG, "%s\n--", text) : snprintf(rules, LONG, "trigger \"half --");
    memset(rules + length, 'x', (size_t)(LONG - length));
    *given = (struct source){.path = "rules/x.lua", .text = {rules, LONG}};
    d->given = given;
    d->given_count = 1;
    draft_build(d);
    assert_int_equal(d->program != NULL, good);
    assert_int_equal(d->sent.total, 0);
    assert_true(d->arena.total < LONG / 4);
    assert_null(d->given);
    assert_true(d->file_count == 1 && strcmp(d->files[0].path, "rules/x.lua") == 0); /* what is said of it stands on its own */
    if (good) assert_memory_equal(d->program->sources[0].text.at, text, strlen(text));
    draft_free(d);
  }
  teardown(&s);
}

/* A look at the past walks over thousands of programs, and the builder, which tidies, may be busy meanwhile. */
static void test_a_walk_over_many_programs_keeps_few(void **state) {
  (void)state;
  enum { MANY = 12, FEW = 4 };
  struct shop s;
  char text[700], digests[MANY][65];
  setup(&s, "builder-walk");
  library_tidy(s.library); /* from here on who lets go of a live program leaves it to the builder */
  for (int i = 0; i < MANY; i++) {
    struct draft *d = draft_new(DRAFT_UPLOAD, s.library, &(struct program_from){0});
    const int length = snprintf(text, sizeof text, GOOD_RULES, 5);
    snprintf(text + length, sizeof text - (size_t)length, "\n-- %d\n", i);
    const struct source one = {.path = "rules/x.lua", .text = str_from(text)};
    d->given = &one;
    d->given_count = 1;
    draft_build(d);
    assert_non_null(d->program);
    memcpy(digests[i], d->digest, sizeof digests[i]);
    draft_free(d);
    assert_true(library_size(s.library) <= FEW);
  }
  for (int i = 0; i < 3 * MANY; i++) {
    const struct program *p = library_plain(s.library, str_from(digests[i % MANY]), &s.e);
    assert_non_null(p);
    assert_string_equal(p->digest, digests[i % MANY]);
    assert_true(library_size(s.library) <= FEW);
    library_release(s.library, p);
    assert_true(library_size(s.library) <= FEW);
  }
  teardown(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_lies_there_is_built),
      cmocka_unit_test(test_what_the_start_has_seen_is_no_news),
      cmocka_unit_test(test_without_memory_a_change_is_told_all_the_same),
      cmocka_unit_test(test_plugins_are_read_when_they_change),
      cmocka_unit_test(test_errands_come_back_in_order),
      cmocka_unit_test(test_a_stop_tells_everybody),
      cmocka_unit_test(test_an_upload_is_an_errand),
      cmocka_unit_test(test_what_was_sent_goes_when_it_is_built),
      cmocka_unit_test(test_a_walk_over_many_programs_keeps_few),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
