/* rooms: api lane flow program book kit; inside: api */
/* A fact for which nobody waits, as a halt by itself, reaches every volume though they could not take it when it was said: it is said again
 * until they do. A later word about the same replaces it; the end of an experiment's other revision is not about the same. */
#include "api_world.h"
#include "failing_disk.h"
#include "inside.h"
#include "kit/hash.h"
#include "kit/log.h"
#include <time.h>

#define FAILURES 1000000

static void turn(struct world *w) {
  uv_run(&w->loop, UV_RUN_NOWAIT);
  facts_again(&w->api);
  nanosleep(&(struct timespec){0, 2000000}, NULL);
}

static void tell(struct world *w, const char *author, const char *kind, struct str name, const char *more) {
  struct fact *f = fact_unasked(&w->api, author, kind, name);
  assert_true(f && fact_say(f, more));
  fact_queue(f);
}

static void until_told(struct world *w) {
  for (int tries = 0; w->api.tellings || w->api.writing || w->api.writings; tries++) {
    if (tries > 30000) fail_msg("the fact is told still");
    turn(w);
  }
}

struct look {
  const struct book *book;
  int32_t stages[BOOK_PARTITIONS];
  bool ended[BOOK_PARTITIONS][2]; /* revisions 1 and 2 of "walk" */
  int waiting;
};

static void look(struct job *j, struct flow *f) {
  struct look *l = j->owner;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    if (book_volume_of(l->book, p) == j->volume) {
      const struct controls *c = flow_controls(f, p);
      l->stages[p] = controls_stage(c, hash_64(STR("beta")));
      l->ended[p][0] = controls_ended(c, hash_64(STR("walk#1")));
      l->ended[p][1] = controls_ended(c, hash_64(STR("walk#2")));
    }
}

static void looked(struct job *j) {
  ((struct look *)j->owner)->waiting--;
  job_free(j);
}

static struct look partitions(struct world *w) {
  struct look l = {.book = w->api.book, .waiting = 2};
  for (uint32_t v = 0; v < 2; v++) {
    struct job *j = job_new(v);
    assert_non_null(j);
    j->owner = &l;
    j->call = look;
    j->done = looked;
    assert_true(lanes_submit(w->api.lanes, j));
  }
  for (int tries = 0; l.waiting; tries++) {
    if (tries > 30000) fail_msg("no answer of a lane");
    turn(w);
  }
  return l;
}

/* The stage of "beta": the same one in all partitions, or the test fails. */
static int32_t stage(struct world *w) {
  const struct look l = partitions(w);
  for (uint32_t p = 1; p < BOOK_PARTITIONS; p++) assert_int_equal(l.stages[p], l.stages[0]);
  return l.stages[0];
}

static void a_lost_turn_is_made_good(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-tellings-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 2, &w.e));
  start(&w);
  fine(&w, lanes_run(w.api.lanes, &w.e));
  tell(&w, "test", "rollout", STR("beta"), "\"stage\":1,\"held\":false");
  until_told(&w);
  assert_int_equal(stage(&w), 1);

  disk_sync_failures = FAILURES; /* of the volumes: control.db's disk is well */
  tell(&w, "halt", "rollout", STR("beta"), "\"stage\":-1,\"held\":false");
  for (int tries = 0; disk_sync_failures > FAILURES - 4; tries++) {
    if (tries > 30000) fail_msg("the volumes did not try");
    turn(&w);
  }
  assert_non_null(w.api.tellings);
  disk_sync_failures = 0;
  until_told(&w);
  assert_int_equal(stage(&w), -1);

  disk_sync_failures = FAILURES;
  tell(&w, "halt", "rollout", STR("beta"), "\"stage\":0,\"held\":false");
  tell(&w, "test", "rollout", STR("beta"), "\"stage\":2,\"held\":false");
  disk_sync_failures = 0;
  until_told(&w);
  assert_int_equal(stage(&w), 2);
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

static void both_revisions_end(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-tellings-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 2, &w.e));
  start(&w);
  fine(&w, lanes_run(w.api.lanes, &w.e));
  disk_sync_failures = FAILURES;
  tell(&w, "guardrail", "experiment", STR("walk"), "\"revision\":1,\"ended\":true,\"why\":\"harm\"");
  for (int tries = 0; disk_sync_failures > FAILURES - 4; tries++) {
    if (tries > 30000) fail_msg("the volumes did not try");
    turn(&w);
  }
  tell(&w, "guardrail", "experiment", STR("walk"), "\"revision\":2,\"ended\":true,\"why\":\"harm\"");
  disk_sync_failures = 0;
  until_told(&w);
  const struct look l = partitions(&w);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) assert_true(l.ended[p][0] && l.ended[p][1]);
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

static bool is_whole(struct str text) {
  struct arena a = {0};
  struct json j;
  const bool whole = json_parse(&j, &a, text, &json_limits_default, NULL);
  arena_free(&a);
  return whole;
}

/* What is no JSON would be in control.db for ever, and no start could go on with it. */
static void what_memory_is_missing_for_is_not_said(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-tellings-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 1, &w.e));
  start(&w);
  int said = 0, unsaid = 0;
  for (int64_t nth = 1; nth <= 16; nth++) {
    kit_fail_allocation(nth);
    struct fact *f = fact_unasked(&w.api, "test", "rollout", STR("beta"));
    const char *why =
        f ? fact_quoted(f, STR("more messages failed than may fail, and each of them was one that somebody had waited for")) : NULL;
    const bool done = f && fact_say(f, "\"stage\":1,\"held\":false,\"holdback\":0.1");
    kit_fail_allocation(0);
    if (done && !is_whole(f->text)) fail_msg("without allocation %lld it says: " STR_FORMAT, (long long)nth, STR_ARG(f->text));
    if (why && !is_whole(str_from(why))) fail_msg("without allocation %lld it quotes: %s", (long long)nth, why);
    said += done && why;
    unsaid += !done || !why;
    if (f) fact_free(f);
  }
  assert_true(said > 0 && unsaid > 0);
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

int main(void) {
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  disk_spared = "control.db";
  disk_register();
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_lost_turn_is_made_good), cmocka_unit_test(both_revisions_end),
                                     cmocka_unit_test(what_memory_is_missing_for_is_not_said)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
