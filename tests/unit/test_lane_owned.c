/* rooms: lane flow program book kit; inside: lane */
/* What a lane has of a volume: whoever's tick found no memory, at a recovery or when it was decided, is looked for again and comes late;
 * opening a volume without the memory for it is refused. */
#include "flow_world.h"
#include "owned.h"

#define RULES  "event \"ping\" { doc = \"x\" }\n"
#define PEOPLE 200 /* their ticks do not fit into a heap's first piece */

static struct world *people(const char *name) {
  struct world *w = world_new(name, 1, RULES);
  struct volume *v = flow_volume(w->flows[0]);
  for (int i = 0; i < PEOPLE; i++) {
    char id[16];
    snprintf(id, sizeof id, "u%d", i);
    struct user *u = volume_user(v, str_from(id), true, &w->e);
    fine(&w->e, u && volume_set_due(v, u, clock_now() + CLOCK_DAY + i, &w->e));
  }
  fine(&w->e, volume_commit(v, &w->e));
  return w;
}

static void close_owned(struct owned *o) {
  heap_free(&o->due);
  kit_free(o->items);
}

static void nobody_is_missed(void **state) {
  (void)state;
  clock_freeze(at("2025-03-03T12:00:00+01:00"));
  struct world *w = people("lane-owned");
  struct arena turn = {0};
  int lacked = 0;
  for (int64_t nth = 1; lacked < 3; nth++) {
    if (nth > 5000) fail_msg("no allocation is one for a tick");
    struct owned o = {.flow = w->flows[0]};
    kit_fail_allocation(nth);
    owned_recover(&o);
    kit_fail_allocation(0);
    if (volume_figures(flow_volume(o.flow)).failed) owned_recover(&o); /* it was another one */
    else lacked += o.due.count < PEOPLE;
    clock_advance(2000);
    assert_int_equal(owned_ticks(&o, &turn), 0);
    assert_int_equal(o.due.count, PEOPLE);
    close_owned(&o);
    arena_reset(&turn);
  }
  arena_free(&turn);
  world_free(w);
}

static bool nobody(void *context, int64_t number, int64_t due) {
  (void)context;
  (void)number;
  return due == 0;
}

static void without_memory_it_says_so(void **state) {
  (void)state;
  struct world *w = people("lane-due");
  struct err e = {0};
  assert_false(volume_due_users(flow_volume(w->flows[0]), nobody, NULL, &e));
  assert_int_equal(e.kind, ERR_STORAGE);
  world_free(w);
}

int main(void) {
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_is_missed), cmocka_unit_test(without_memory_it_says_so)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
