/* rooms: api lane flow program accept book kit; inside: api */
/* A large batch of somebody of many ids means tens of thousands of looks for duplicates. They find what there is, count as work of the
 * lane, leave others their turns, and are refused like any work while the lane has enough. */
#include "api_world.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include <string.h>
#include <time.h>

#define EVENTS 2500
#define LOOKS  ((uint64_t)EVENTS * ALIASES_RECENT)
#define TURN   4096  /* a lane's, about */
#define ENOUGH 16384 /* of work, for a lane */

static void turn(struct world *w) {
  uv_run(&w->loop, UV_RUN_NOWAIT);
  nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static struct event event_of(struct arena *a, const char *user, int number) {
  char time[32];
  struct event e = {0};
  struct err err = {0};
  const int length = (int)clock_format(clock_now(), time);
  const char *body = arena_printf(a, "{\"id\":\"e%d\",\"userId\":\"%s\",\"eventType\":\"ping\",\"timestamp\":\"%.*s\",\"data\":{}}", number,
                                  user, length, time);
  if (!body || !event_parse(a, str_from(body), clock_now(), STR("test"), false, &e, &err)) fail_msg("%s", err.text);
  return e;
}

static _Atomic int back;
static void is_back(struct job *j) {
  if (j->err.kind != ERR_NONE || (j->item_count && j->items[0].state != ITEM_TAKEN)) fail_msg("%s", j->err.text);
  back++;
  job_free(j);
}

static void submit(struct world *w, struct job *j) {
  j->done = is_back;
  assert_true(lanes_submit(w->api.lanes, j));
}

static void until_back(struct world *w, int count) {
  for (int tries = 0; back < count; tries++) {
    if (tries > 60000) fail_msg("%d of %d jobs are back", back, count);
    turn(w);
  }
}

static void take(struct world *w, const char *user, int number) {
  struct job *j = job_new(volume_for(&w->api, str_from(user)));
  assert_true(j && (j->items = ARENA_NEW(&j->arena, struct item)));
  j->item_count = 1;
  *j->items = (struct item){
      .kind = ENTRY_EVENT, .event = event_of(&j->arena, user, number), .asked = NO_ONE, .may_identify = true, .results = &j->arena};
  const int before = back;
  submit(w, j);
  until_back(w, before + 1);
}

static _Atomic bool held;
static void hold(struct job *j, struct flow *f) {
  (void)j;
  (void)f;
  while (held) nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static bool over;
static void is_over(struct elsewhere *l) {
  (void)l;
  over = true;
}

static void look_for_all(struct world *w, struct elsewhere *l, struct arena *a) {
  over = false;
  assert_true(elsewhere_look(l, a));
  for (int tries = 0; !over; tries++) {
    if (tries > 60000) fail_msg("looking does not end");
    turn(w);
  }
}

static struct lanes_figures figures(struct world *w) {
  struct lanes_figures f;
  lanes_figures(w->api.lanes, &f);
  return f;
}

static void looks_are_work(void **state) {
  (void)state;
  struct world w = {.directory = "/tmp/kairos-elsewhere-XXXXXX"};
  assert_non_null(mkdtemp(w.directory));
  fine(&w, file_remove_tree(w.directory, &w.e) && book_create(w.directory, 2, &w.e));
  start(&w);
  fine(&w, lanes_run(w.api.lanes, &w.e));
  take(&w, "old3", 7);
  take(&w, "old15", 2499);
  take(&w, "other", 8); /* nobody's old id */
  for (int i = 0; i < ALIASES_RECENT; i++) {
    char id[16];
    unsigned char mark[16] = {(unsigned char)i, 1};
    snprintf(id, sizeof id, "old%d", i);
    fine(&w, aliases_begin(w.api.aliases, "tester", str_from(id), STR("stays"), mark, &w.e) != NULL);
    fine(&w, aliases_done(w.api.aliases, str_from(id), &w.e));
  }
  struct arena a = {0};
  struct event *events = ARENA_ARRAY(&a, struct event, EVENTS);
  for (int i = 0; i < EVENTS; i++) events[i] = event_of(&a, "stays", i);
  struct elsewhere l = {.api = &w.api, .events = events, .count = EVENTS, .then = is_over};

  const struct lanes_figures before = figures(&w);
  look_for_all(&w, &l, &a);
  if (l.err.kind != ERR_NONE) fail_msg("%s", l.err.text);
  for (int i = 0; i < EVENTS; i++) assert_int_equal(l.found[i] != DUPLICATE_NO, i == 7 || i == 2499);
  const struct lanes_figures after = figures(&w);
  assert_true(after.turn_items - before.turn_items >= LOOKS);
  assert_true(after.turns - before.turns >= LOOKS / TURN);

  for (uint32_t v = 0; v < 2; v++) { /* the lane has enough: nothing is done, and it is said */
    struct job *j = job_new(v);
    assert_non_null(j);
    held = true;
    j->call = hold;
    j->work = ENOUGH;
    const int once = back;
    submit(&w, j);
    assert_false(lanes_room(w.api.lanes, UINT64_C(1) << v));
    l = (struct elsewhere){.api = &w.api, .events = events, .count = EVENTS, .then = is_over};
    look_for_all(&w, &l, &a);
    assert_int_equal(l.err.kind, ERR_BUSY);
    held = false;
    until_back(&w, once + 1);
    assert_true(lanes_room(w.api.lanes, UINT64_C(1) << v));
  }
  arena_free(&a);
  stop(&w);
  file_remove_tree(w.directory, NULL);
}

int main(void) {
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  const struct CMUnitTest tests[] = {cmocka_unit_test(looks_are_work)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
