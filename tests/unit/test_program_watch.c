/* rooms: program kit; inside: program; libraries: lib_uv */
/* What the watch says of a folder: each settled change once, whatever way the files came to be otherwise; nothing about what is as it was,
 * and nothing about files that are no program's. The loop stands still while a test changes files, so that a change is one, however slow.
 */
#include "program_files.h"
#include "watch.h"

struct looker {
  struct files files;
  uv_loop_t loop;
  uv_timer_t end;
  struct watch *watch;
  const char *plugins;
  int told;
  void (*on_told)(struct looker *l);
};

static void settled(void *context) {
  struct looker *l = context;
  l->told++;
  if (l->on_told) l->on_told(l);
}

static void on_end(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

static void listen_now(struct looker *l, uint64_t rescan_ms) {
  uv_loop_init(&l->loop);
  uv_timer_init(&l->loop, &l->end);
  const struct watch_options o = {
      .directory = l->files.root, .plugins = l->plugins, .settle_ms = 5, .rescan_ms = rescan_ms, .settled = settled, .context = l};
  assert_non_null(l->watch = watch_open(&l->loop, &o));
}

/* Until it was told so often; a test that waits a minute has failed. */
static void expect_told(struct looker *l, int times) {
  uv_timer_start(&l->end, on_end, 60000, 0);
  while (l->told < times && uv_is_active((uv_handle_t *)&l->end)) uv_run(&l->loop, UV_RUN_ONCE);
  uv_timer_stop(&l->end);
  assert_int_equal(l->told, times);
}

/* Goes on for some looks more: who would speak again does so now. */
static void expect_silence(struct looker *l) {
  const int told = l->told;
  uv_timer_start(&l->end, on_end, 60, 0);
  uv_run(&l->loop, UV_RUN_DEFAULT);
  assert_int_equal(l->told, told);
}

static void close_all(struct looker *l) {
  watch_close(l->watch);
  uv_close((uv_handle_t *)&l->end, NULL);
  uv_run(&l->loop, UV_RUN_DEFAULT);
  watch_free(l->watch);
  assert_int_equal(uv_loop_close(&l->loop), 0);
  files_gone(&l->files);
}

static void test_a_start_is_told_once(void **state) {
  (void)state;
  struct looker l = {0};
  files_new(&l.files, "watch-start");
  listen_now(&l, 10);
  expect_told(&l, 1);
  expect_silence(&l);
  close_all(&l);
}

static void many_ways(struct looker *l, int round) {
  struct files *f = &l->files;
  char from[520], text[40];
  snprintf(text, sizeof text, "-- %d\n", round);
  if (round == 0) { /* written over in place, as cp does */
    FILE *out = fopen(files_path(f, "rules/all.lua"), "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
  }
  if (round == 1) files_write(f, "rules/new.lua", text); /* another file */
  if (round == 2) {                                      /* renamed over, as editors do */
    files_write(f, "rules/.new.lua.swp", text);
    snprintf(from, sizeof from, "%s", files_path(f, "rules/.new.lua.swp"));
    assert_int_equal(rename(from, files_path(f, "rules/new.lua")), 0);
  }
  if (round == 3) assert_int_equal(unlink(files_path(f, "rules/new.lua")), 0);
  if (round == 4) files_write(f, "models/deep/er/m.state", text); /* folders that were not there */
  if (round == 5) files_write(f, "models/deep/er/m.state", "other\n");
  if (round == 6) { /* the whole tree moved away and made again */
    char away[520];
    snprintf(away, sizeof away, "%s-away", f->root);
    assert_int_equal(rename(f->root, away), 0);
    files_good(f, 7);
    file_remove_tree(away, NULL);
  }
  if (round == 7) files_write(f, "interventions/i.lua", text);
}

/* With nothing but events, then with nothing but looking again and again: what a file system does not tell. */
static void test_each_change_is_told_once(void **state) {
  (void)state;
  for (int deaf = 0; deaf < 2; deaf++) {
    struct looker l = {0};
    files_new(&l.files, "watch-change");
    listen_now(&l, deaf ? 10 : 3600000);
    expect_told(&l, 1);
    for (int round = 0; round < 8; round++) {
      if (round == 6 && !deaf) continue; /* a root that is moved tells its old name's events: looking again finds the new one */
      many_ways(&l, round);
      expect_told(&l, l.told + 1);
    }
    expect_silence(&l);
    close_all(&l);
  }
}

static void test_what_is_no_program_is_nothing(void **state) {
  (void)state;
  struct looker l = {0};
  files_new(&l.files, "watch-nothing");
  listen_now(&l, 10);
  expect_told(&l, 1);
  files_write(&l.files, "rules/all.lua~", "x");
  files_write(&l.files, "rules/.all.lua.swp", "x");
  files_write(&l.files, "rules/4913", "x");
  files_write(&l.files, "rules/README.md", "x");
  files_write(&l.files, "notes/x.lua", "x");
  assert_int_equal(unlink(files_path(&l.files, "rules/4913")), 0);
  expect_silence(&l);
  close_all(&l);
}

static void change_while_told(struct looker *l) {
  if (l->told == 2) files_good(&l->files, 9); /* somebody writes while it is read */
  assert_int_equal(watch_unchanged(l->watch), l->told != 2);
}

static void test_what_changes_meanwhile_is_told_again(void **state) {
  (void)state;
  struct looker l = {.on_told = change_while_told};
  files_new(&l.files, "watch-meanwhile");
  listen_now(&l, 3600000);
  expect_told(&l, 1);
  files_good(&l.files, 8);
  expect_told(&l, 3);
  expect_silence(&l);
  close_all(&l);
}

static void test_a_folder_that_is_not_there_yet(void **state) {
  (void)state;
  struct looker l = {0};
  files_new(&l.files, "watch-missing");
  files_gone(&l.files);
  listen_now(&l, 10);
  expect_told(&l, 1);
  files_good(&l.files, 3);
  expect_told(&l, 2);
  files_gone(&l.files);
  expect_told(&l, 3);
  close_all(&l);
}

/* Of two directories with ":" between them, each is looked at, and one level of folders in it; with events, then without. */
static void test_plugins_lie_in_several_directories(void **state) {
  (void)state;
  for (int deaf = 0; deaf < 2; deaf++) {
    struct looker l = {0};
    char both[1000];
    files_new(&l.files, "watch-plugins");
    files_write(&l.files, "first/a.so", "a");
    files_write(&l.files, "second/b/b.so", "b");
    snprintf(both, sizeof both, "%s/first:%s/second", l.files.root, l.files.root);
    l.plugins = both;
    listen_now(&l, deaf ? 10 : 3600000);
    expect_told(&l, 1);
    files_write(&l.files, "first/a.so", "other");
    expect_told(&l, 2);
    files_write(&l.files, "second/b/b.so", "other");
    expect_told(&l, 3);
    files_write(&l.files, "second/new.so", "new");
    expect_told(&l, 4);
    expect_silence(&l);
    close_all(&l);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_start_is_told_once),           cmocka_unit_test(test_each_change_is_told_once),
      cmocka_unit_test(test_what_is_no_program_is_nothing),  cmocka_unit_test(test_what_changes_meanwhile_is_told_again),
      cmocka_unit_test(test_a_folder_that_is_not_there_yet), cmocka_unit_test(test_plugins_lie_in_several_directories),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
