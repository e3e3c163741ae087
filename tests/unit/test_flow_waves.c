/* rooms: flow program accept book kit */
/* The same events give the same decisions, byte for byte, however they are cut: one by one or a thousand at once, into one file or four.
 * A user's events stay in their order; due ticks of history come before the event that follows them. */
#include "flow_world.h"

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"pong\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "feature \"pings\" { doc = \"x\", unit = \"1\", window = \"count\", of = \"ping\", days = 7 }\n"                                         \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  effectiveness = 0.5, message = { en = \"{n} pings\" }, values = { n = \"pings or 0\" } }\n"                                           \
  "intervention \"rest\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  effectiveness = 0.5, message = { en = \"rest\" } }\n"                                                                                 \
  "trigger \"often\" { why = \"x\", on = { \"ping\" }, when = \"pings >= 2\", offer = { \"walk\", \"rest\" } }\n"                          \
  "trigger \"morning\" { why = \"x\", on = { every \"day\" : at \"09:30\" }, offer = { \"rest\" } }\n"                                     \
  "trigger \"quiet\" { why = \"x\", on = { silence(2 * days) }, offer = { \"rest\" } }\n"                                                  \
  "experiment \"trial\" { why = \"x\", revision = 1, at = \"trigger:often\", randomise = \"decision\",\n"                                  \
  "  arms = { none = { weight = 0.4, send = nothing }, walk = { weight = 0.3, send = \"walk\" },\n"                                        \
  "           rest = { weight = 0.3, send = \"rest\" } }, outcome = { metric = \"n\", within = 1 * hours } }\n"

#define PEOPLE 90
#define EVENTS 2500

/* People come and go at random; some send several events in a row, new ones appear in the middle. Times rise. */
static struct item **some_history(struct world *w, uint64_t seed) {
  struct item **items = ARENA_ARRAY(&w->arena, struct item *, EVENTS);
  struct rng r = rng_from(seed);
  int64_t clock = at("2025-02-03T06:00:00Z");
  for (size_t i = 0; i < EVENTS; i++) {
    char user[16], id[16];
    clock += (int64_t)(rng_next(&r) % (uint64_t)(20 * CLOCK_MINUTE));
    uint64_t known = i * PEOPLE / EVENTS + 1, who = rng_next(&r) % 3 ? rng_next(&r) % known : known - 1;
    snprintf(user, sizeof user, "p%d", (int)who);
    snprintf(id, sizeof id, "e%zu", i);
    if (i == 0 || (i - 1) * PEOPLE / EVENTS + 1 != known || rng_next(&r) % 50 == 0)
      items[i] = world_event(w, user, id, "profile_updated", clock, true,
                             rng_next(&r) % 2 ? "{\"timezone\":\"Asia/Tokyo\",\"age\":30}" : "{\"timezone\":\"Europe/Berlin\",\"age\":50}");
    else items[i] = world_event(w, user, id, rng_next(&r) % 4 ? "ping" : "pong", clock, true, "{\"n\":1}");
  }
  return items;
}

#define ENROLLED "policy \"p\" { why = \"signed\", consent = \"by_enrolment\" }\n"

static struct world *history_in(const char *name, uint32_t volumes, size_t batch, uint64_t seed) {
  struct world *w = world_new(name, volumes, RULES ENROLLED);
  struct item **items = some_history(w, seed);
  for (size_t i = 0; i < EVENTS; i += batch) world_walk(w, items + i, i + batch < EVENTS ? batch : EVENTS - i);
  return w;
}

static void test_waves_and_files_do_not_matter(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 2; seed++) {
    struct world *one = history_in("flow-one", 1, 1, seed);
    struct world_lines lines = world_decisions(one);
    assert_in_range(lines.count, 800, 20000);
    free(lines.at);
    static const struct {
      uint32_t volumes;
      size_t batch;
    } cuts[] = {{1, 7}, {1, 1000}, {2, 100}, {4, 1000}, {16, 333}};
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
      struct world *other = history_in("flow-other", cuts[k].volumes, cuts[k].batch, seed);
      expect_same_decisions(one, other);
      for (int i = 0; i < PEOPLE; i++) {
        char user[16];
        snprintf(user, sizeof user, "p%d", i);
        assert_int_equal(world_user(one, user)->clock, world_user(other, user)->clock);
        assert_int_equal(world_user(one, user)->events, world_user(other, user)->events);
      }
      world_free(other);
    }
    world_free(one);
  }
}

/* ---- order ---- */

struct order {
  struct arena arena;
  int64_t clocks[PEOPLE], timestamps[PEOPLE];
  size_t rows, ticks;
};
static void check_order(void *context, const struct world_row *row) {
  struct order *o = context;
  struct recorded r;
  struct event ev;
  struct err e = {0};
  if (row->entry.kind == ENTRY_CONTROL) return;
  fine(&e, recorded_unpack(row->entry.record, &o->arena, &r, &e));
  fine(&e, event_parse(&o->arena, row->entry.body, r.received, r.source, r.history, &ev, &e));
  int who = atoi(arena_text(&o->arena, row->user.at + 1, row->user.len - 1));
  assert_true(r.history);
  assert_true(r.clock >= o->clocks[who]);          /* monotone per user */
  assert_true(ev.timestamp >= o->timestamps[who]); /* and here, where events come in order, ticks stand before what follows them */
  o->clocks[who] = r.clock;
  o->timestamps[who] = str_is(ev.type, "profile_updated") ? 0 : ev.timestamp; /* in another zone another morning may be due */
  o->rows++;
  o->ticks += row->entry.kind == ENTRY_TICK;
  arena_reset(&o->arena);
}

static void test_ticks_come_before_what_follows_them(void **state) {
  (void)state;
  struct world *w = history_in("flow-order", 1, 500, 3);
  struct order o = {0};
  world_rows(w, 0, check_order, &o);
  assert_int_equal(o.rows - o.ticks, EVENTS);
  assert_in_range(o.ticks, 300, 10000);
  arena_free(&o.arena);
  world_free(w);
}

/* Forty years between two events of history: a turn that ends, the later event taken, and nothing due twice. */
static void test_ticks_of_one_event_are_bounded(void **state) {
  (void)state;
  struct world *w = world_new("flow-years", 1, RULES ENROLLED);
  int64_t begun = at("1980-02-03T06:00:00Z"), back = at("2020-02-03T11:00:00Z");
  struct item *items[3] = {world_event(w, "p1", "e0", "profile_updated", begun, true, "{\"timezone\":\"Europe/Berlin\",\"age\":50}"),
                           world_event(w, "p1", "e1", "ping", begun + 1000, true, "{\"n\":1}"),
                           world_event(w, "p1", "e2", "ping", back, true, "{\"n\":1}")};
  world_walk(w, items, 3);
  assert_int_equal(items[2]->state, ITEM_TAKEN);
  struct order o = {0};
  world_rows(w, 0, check_order, &o);
  assert_int_equal(o.rows - o.ticks, 3);
  assert_in_range(o.ticks, HISTORY_TICKS_MOST + 1, HISTORY_TICKS_MOST + 8);
  struct user *ann = world_user(w, "p1");
  struct str body;
  assert_false(ticks_due(w->program->rules, ann, back, false, &w->arena, &body));
  struct item *next = world_event(w, "p1", "e3", "ping", back + CLOCK_DAY, true, "{\"n\":1}"); /* the next morning is one again */
  world_walk(w, &next, 1);
  arena_free(&o.arena);
  o = (struct order){0};
  world_rows(w, 0, check_order, &o);
  assert_int_equal(o.rows - o.ticks, 4);
  assert_in_range(o.ticks, HISTORY_TICKS_MOST + 2, HISTORY_TICKS_MOST + 9);
  arena_free(&o.arena);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_waves_and_files_do_not_matter),
                                     cmocka_unit_test(test_ticks_come_before_what_follows_them),
                                     cmocka_unit_test(test_ticks_of_one_event_are_bounded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
