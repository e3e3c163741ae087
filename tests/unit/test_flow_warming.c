/* rooms: flow program accept compute book kit; libraries: lib_sqlite */
/* A definition that comes later is unknown until it is filled, and then it is what it would have been, had it always been there: the same
 * bytes of state. The row that fills it is what counts: after a kill, in replay, in a rebuilt past. */
#include "book/retention.h"
#include "flow_world.h"
#include "program/moving.h"

#define WORDS                                                                                                                              \
  "event \"walk\" { doc = \"x\", fields = { steps = \"number\", place = \"text\" } }\n"                                                    \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"profile_updated\" { doc = \"x\", fields = { timezone = \"text\" } }\n"                                                          \
  "intervention \"go\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                        \
  "  message = { en = \"go\" } }\n"
#define KEPT "feature \"kept\" { window = \"sum\", of = \"walk\", field = \"steps\", days = 7 }\n"
#define OLD  "feature \"old\" { window = \"count\", of = \"walk\", where = \"event.steps > 9000\", days = 7 }\n"
#define NEW                                                                                                                                \
  "feature \"kept_longer\" { window = \"sum\", of = \"walk\", field = \"steps\", days = 28 }\n"                                            \
  "feature \"b_count\" { window = \"count\", of = \"walk\", where = \"event.steps > 100\", days = 7 }\n"                                   \
  "feature \"c_mean\" { window = \"mean\", of = \"walk\", field = \"steps\", days = 7 }\n"                                                 \
  "feature \"d_rate\" { window = \"rate\", of = \"walk\", where = \"event.steps > 100\", days = 7 }\n"                                     \
  "feature \"e_trend\" { window = \"trend\", of = \"ping\", field = \"n\", days = 7 }\n"                                                   \
  "feature \"f_since\" { window = \"since_last\", of = \"walk\", where = \"event.place == 'park'\" }\n"                                    \
  "feature \"g_streak\" { window = \"streak\", of = \"ping\" }\n"                                                                          \
  "feature \"h_entropy\" { window = \"entropy\", of = \"walk\", field = \"place\", days = 7 }\n"                                           \
  "feature \"i_circular\" { window = \"circular\", of = \"walk\", days = 7 }\n"                                                            \
  "feature \"k_early\" { window = \"count\", of = \"walk\", where = \"event.local_hour < 8.5\", days = 7 }\n"                              \
  "feature \"j_last\" { window = \"last\", of = \"walk\", field = \"steps\", days = 7 }\n"                                                 \
  "feature \"l_derived\" { value = \"b_count + kept\" }\n"
#define BEFORE WORDS KEPT OLD "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"kept > 1e9\", offer = { \"go\" } }\n"
#define AFTER  WORDS KEPT NEW "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"b_count > 2\", offer = { \"go\" } }\n"
#define PEOPLE 8

static const char *person(struct world *w, uint64_t n) {
  return arena_printf(&w->arena, "p%d", (int)(n % PEOPLE));
}

/* Walks, late ones too, in zones that change. Without ids, so that nothing is remembered of the rows' places. */
static void live(struct world *w, uint64_t seed, int events, int64_t *clock) {
  static const char *const places[] = {"park", "street", "gym", "beach"};
  struct rng r = rng_from(seed);
  struct item **items = ARENA_ARRAY(&w->arena, struct item *, (size_t)events);
  for (int i = 0; i < events; i++) {
    *clock += (int64_t)(rng_next(&r) % (uint64_t)(3 * CLOCK_HOUR));
    const char *user = person(w, rng_next(&r));
    const uint64_t dice = rng_next(&r) % 100;
    const int64_t late = dice % 5 == 0 ? (int64_t)(rng_next(&r) % (uint64_t)(40 * CLOCK_DAY)) : 0;
    const char *walk = arena_printf(&w->arena, "{\"steps\":%d,\"place\":\"%s\"}", (int)(rng_next(&r) % 300), places[rng_next(&r) % 4]);
    const char *zone = dice % 2 ? "{\"timezone\":\"America/New_York\"}" : "{\"timezone\":\"Asia/Tokyo\"}";
    struct item *item;
    if (dice < 60) item = world_item(w, ENTRY_EVENT, world_envelope(w, user, NULL, "walk", *clock - late, walk), *clock, false);
    else if (dice < 85) item = world_event(w, user, NULL, "ping", *clock, false, "{\"n\":1.5}");
    else if (dice < 92) item = world_item(w, ENTRY_PROFILE, world_envelope(w, user, NULL, "profile_updated", *clock, zone), *clock, false);
    else if (dice < 96) item = world_item(w, ENTRY_ASKED, world_envelope(w, user, NULL, "decision_asked", *clock, NULL), *clock, false);
    else item = world_event(w, user, NULL, "unheard_of", *clock, false, "{\"x\":1}");
    items[i] = item;
  }
  world_walk(w, items, (size_t)events); /* one commit */
  for (int i = 0; i < events; i++) {
    const struct item *item = items[i];
    assert_true(item->state == ITEM_TAKEN || item->kind == ENTRY_ASKED); /* whom nobody knows yet, nobody asks about */
  }
}

static struct value value_of(struct world *w, const char *user, const char *feature) {
  struct symbol s;
  const struct program *p = flow_program(world_flow(w, user), world_user(w, user)->partition);
  struct value *slots = ARENA_ARRAY(&w->arena, struct value, p->symbols.count + 1);
  assert_true(features_find(p->features, str_from(feature), &s));
  return feature_read(p->features, s.index, world_user(w, user), world_user(w, user)->clock, slots, &w->arena);
}

static bool at_once(const void *context) {
  (void)context;
  return true;
}

/* A piece for each volume; false: nothing is left to do. */
static bool warm(struct world *w, bool (*spent)(const void *context)) {
  bool any = false;
  for (uint32_t v = 0; v < w->volumes; v++) {
    bool more;
    fine(&w->e, flow_warm(w->flows[v], spent, NULL, &more, &w->e));
    fine(&w->e, flow_commit(w->flows[v], &w->e));
    any |= more;
  }
  return any;
}

/* What may not differ: everything of the state but the places of rows. */
static struct str comparable(struct world *w, const char *user) {
  struct user *copy = user_new();
  struct buf out = {0};
  fine(&w->e, user_decode(copy, world_state(w, user), &w->e));
  assert_null(copy->seen);
  copy->head = 0;
  copy->events = 0;
  assert_true(user_encode(copy, &out));
  struct str bytes = {arena_text(&w->arena, out.at, out.len), out.len};
  buf_free(&out);
  user_free(copy);
  return bytes;
}

static void expect_same_people(struct world *a, struct world *b) {
  for (uint64_t p = 0; p < PEOPLE; p++) {
    struct str x = comparable(a, person(a, p)), y = comparable(b, person(b, p));
    if (!str_eq(x, y)) fail_msg("%s: the states differ (%zu and %zu bytes)", person(a, p), x.len, y.len);
  }
}

static void test_filled_is_as_if_it_had_always_been(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    struct world *always = world_new("warm-always", 1, AFTER), *later = world_new("warm-later", seed % 2 ? 1 : 3, BEFORE);
    int64_t one = at("2025-03-03T06:00:00Z"), two = one;
    live(always, seed, 250, &one);
    live(later, seed, 250, &two);
    world_activate(later, world_program(later, AFTER));
    assert_true(warm(later, at_once));  /* begun */
    for (uint64_t i = 0; i < 30; i++) { /* they go on living while it fills */
      live(always, seed + 100 + i, 2, &one);
      live(later, seed + 100 + i, 2, &two);
      for (uint64_t k = 0; k < seed * 3; k++) warm(later, at_once);
    }
    while (warm(later, at_once)) continue;
    live(always, seed + 200, 60, &one);
    live(later, seed + 200, 60, &two);
    expect_same_people(always, later);
    uint64_t filled = 0;
    for (uint32_t v = 0; v < later->volumes; v++) filled += flow_figures(later->flows[v])->filled;
    assert_in_range(filled, 1, PEOPLE); /* once each */
    struct world *killed = world_killed(later, "warm-later-killed");
    for (uint64_t p = 0; p < PEOPLE; p++) {
      struct str x = world_state(later, person(later, p)), y = world_state(killed, person(killed, p));
      assert_true(str_eq(x, y));
    }
    assert_false(warm(killed, NULL));
    world_free(killed);
    world_free(later);
    world_free(always);
  }
}

static void walks(struct world *w, const char *user, int64_t clock, int count) {
  for (int i = 0; i < count; i++)
    world_say(w, world_event(w, user, NULL, "walk", clock + i * CLOCK_MINUTE, false, "{\"steps\":200,\"place\":\"park\"}"));
}

static void test_unknown_until_it_is_filled(void **state) {
  (void)state;
  const int64_t noon = at("2025-03-03T12:00:00Z");
  struct world *w = world_new("warm-unknown", 1, BEFORE);
  world_person(w, "anna", noon - CLOCK_HOUR, false);
  walks(w, "anna", noon, 3);
  world_activate(w, world_program(w, AFTER));
  struct value b = value_of(w, "anna", "b_count"); /* she has not been met yet */
  assert_int_equal(b.kind, VALUE_MISSING);
  assert_int_equal(b.reason, MISSING_WARMING);
  assert_int_equal(value_of(w, "anna", "l_derived").reason, MISSING_WARMING);
  assert_true(value_of(w, "anna", "kept").number == 600);
  assert_true(value_of(w, "anna", "kept_longer").number == 600); /* the same window, read over more days */
  struct item *ping = world_say(w, world_event(w, "anna", NULL, "ping", noon + CLOCK_HOUR, false, "{\"n\":1}"));
  assert_int_equal(ping->told_count, 0); /* 3 > 2, but nobody knows that yet */
  walks(w, "anna", noon + 2 * CLOCK_HOUR, 1);
  assert_int_equal(value_of(w, "anna", "b_count").reason, MISSING_WARMING);
  assert_true(value_of(w, "anna", "kept").number == 800);
  world_person(w, "bert", noon, false); /* new: whole from the beginning */
  walks(w, "bert", noon, 3);
  assert_true(value_of(w, "bert", "b_count").number == 3);
  assert_int_equal(world_say(w, world_event(w, "bert", NULL, "ping", noon + CLOCK_HOUR, false, "{\"n\":1}"))->told_count, 1);
  warm(w, NULL);
  assert_true(value_of(w, "anna", "b_count").number == 4);
  assert_true(value_of(w, "anna", "l_derived").number == 804);
  assert_int_equal(world_say(w, world_event(w, "anna", NULL, "ping", noon + 3 * CLOCK_HOUR, false, "{\"n\":1}"))->told_count, 1);
  assert_int_equal(flow_figures(w->flows[0])->filled, 1);
  world_free(w);
}

static void test_a_kill_at_every_step(void **state) {
  (void)state;
  struct world *always = world_new("warm-steps-always", 1, AFTER), *w = world_new("warm-steps", 1, BEFORE);
  int64_t one = at("2025-03-03T06:00:00Z"), two = one;
  live(always, 7, 120, &one);
  live(w, 7, 120, &two);
  world_activate(w, world_program(w, AFTER));
  for (int step = 0;; step++) {
    struct world *killed = world_killed(w, "warm-steps-killed");
    for (int i = 0; i < step % 5; i++) warm(killed, at_once); /* and once more, in the second walk */
    struct world *twice = world_killed(killed, "warm-steps-twice");
    warm(twice, NULL);
    expect_same_people(always, twice);
    world_free(twice);
    world_free(killed);
    bool more = true;
    for (int i = 0; more && i < 17; i++) more = warm(w, at_once);
    if (!more) break;
  }
  expect_same_people(always, w);
  assert_false(warm(w, at_once));
  world_free(w);
  world_free(always);
}

static void test_what_went_and_came_back(void **state) {
  (void)state;
  const int64_t noon = at("2025-03-03T12:00:00Z");
  struct world *w = world_new("warm-back", 1, AFTER);
  const struct program *after = w->program;
  walks(w, "anna", noon, 3);
  walks(w, "bert", noon, 3);
  const uint16_t series = world_user(w, "anna")->series_count, marks = world_user(w, "anna")->mark_count;
  const struct program *before = world_program(w, BEFORE);
  world_activate(w, before);
  walks(w, "anna", noon + CLOCK_HOUR, 1);                              /* met by the program that does not count this */
  assert_in_range(world_user(w, "anna")->series_count, 1, series - 1); /* nothing is left of what is not defined any more */
  world_activate(w, after);
  assert_int_equal(value_of(w, "anna", "b_count").reason, MISSING_WARMING);
  assert_true(value_of(w, "bert", "b_count").number == 3); /* nothing happened to him meanwhile */
  assert_true(value_of(w, "anna", "kept").number == 800);
  warm(w, NULL);
  assert_true(value_of(w, "anna", "b_count").number == 4);
  assert_int_equal(world_user(w, "anna")->series_count, series);
  assert_int_equal(world_user(w, "anna")->mark_count, marks);
  assert_int_equal(flow_figures(w->flows[0])->filled, 1);
  for (int i = 0; i < 3; i++) { /* a thousand edits leave nothing behind either */
    world_activate(w, before);
    walks(w, "anna", noon + (2 + i) * CLOCK_HOUR, 1);
    warm(w, NULL);
    world_activate(w, after);
    walks(w, "anna", noon + (2 + i) * CLOCK_HOUR + CLOCK_MINUTE, 1);
    warm(w, NULL);
  }
  assert_true(value_of(w, "anna", "b_count").number == 10);
  assert_int_equal(world_user(w, "anna")->series_count, series);
  assert_int_equal(world_user(w, "anna")->mark_count, marks);
  world_free(w);
}

/* A program tried and taken back: to whom nothing happened meanwhile but what was refused, nothing happened. A replay never sees it. */
static void test_what_is_refused_meets_no_program(void **state) {
  (void)state;
  const int64_t noon = at("2025-03-03T12:00:00Z");
  struct world *w = world_new("warm-refused", 1, AFTER);
  const struct program *after = w->program;
  world_person(w, "anna", noon, false);
  walks(w, "anna", noon, 3);
  const struct str was = world_state(w, "anna");
  world_activate(w, world_program(w, BEFORE));
  const char *moved = world_envelope(w, "anna", NULL, "profile_updated", noon, "{\"timezone\":\"Mars/Olympus\"}");
  const struct item *refused = world_say(w, world_item(w, ENTRY_PROFILE, moved, noon + CLOCK_HOUR, false));
  assert_int_equal(refused->state, ITEM_REFUSED);
  assert_true(str_eq(world_state(w, "anna"), was));
  world_activate(w, after);
  assert_true(value_of(w, "anna", "b_count").number == 3);
  world_free(w);
}

static struct user *as_of(struct world *w, const char *user, int64_t until, struct rebuild **r) {
  bool done = false;
  struct flow *f = world_flow(w, user);
  *r = rebuild_begin(w->program, flow_controls(f, world_user(w, user)->partition), world_user(w, user), until);
  assert_non_null(*r);
  fine(&w->e, rebuild_step(*r, flow_volume(f), NULL, NULL, &done, &w->e));
  assert_true(done);
  return rebuild_user(*r);
}

static void test_the_past_is_as_it_was(void **state) {
  (void)state;
  const int64_t first = clock_now() - 3 * CLOCK_HOUR;
  struct world *w = world_new("warm-past", 1, BEFORE);
  struct rebuild *r;
  walks(w, "anna", first, 3);
  world_activate(w, world_program(w, AFTER));
  warm(w, NULL);
  const int64_t filled = clock_now();
  struct user *then = as_of(w, "anna", first + CLOCK_HOUR, &r);
  assert_int_equal(features_lacking(w->program->features, then), 10);
  rebuild_free(r);
  then = as_of(w, "anna", filled, &r);
  assert_int_equal(features_lacking(w->program->features, then), 0);
  struct buf a = {0}, b = {0};
  assert_true(user_encode(then, &a) && user_encode(world_user(w, "anna"), &b));
  then->due = world_user(w, "anna")->due;
  assert_true(str_eq(buf_view(&a), buf_view(&b)));
  buf_free(&a);
  buf_free(&b);
  rebuild_free(r);
  world_free(w);
}

static void test_history_stays_history(void **state) {
  (void)state;
  const int64_t then = at("2015-03-03T12:00:00Z");
  struct world *w = world_new("warm-history", 1, BEFORE);
  for (int i = 0; i < 4; i++)
    world_say(w, world_event(w, "anna", NULL, "walk", then + i * CLOCK_HOUR, true, "{\"steps\":200,\"place\":\"park\"}"));
  world_activate(w, world_program(w, AFTER));
  warm(w, NULL);
  assert_true(value_of(w, "anna", "b_count").number == 4);
  assert_int_equal(world_user(w, "anna")->clock, then + 3 * CLOCK_HOUR);
  world_say(w, world_event(w, "anna", NULL, "walk", then + 5 * CLOCK_HOUR, true, "{\"steps\":200,\"place\":\"park\"}"));
  assert_int_equal(world_user(w, "anna")->clock, then + 5 * CLOCK_HOUR);
  assert_true(value_of(w, "anna", "b_count").number == 5);
  world_free(w);
}

static uint64_t retained(struct world *w) {
  const struct retention keep = {.events = 400, .decisions = 1600, .letters = 1600}; /* ms */
  struct trimmed sums = {0};
  world_stop(w);
  fine(&w->e, book_retain(w->data, &keep, false, NULL, NULL, &sums, &w->e));
  world_start(w);
  return sums.rows;
}

/* What is gone cannot be counted, but in whose day the rest lies is still known. */
static void test_where_rows_were_trimmed(void **state) {
  (void)state;
  struct world *w = world_new("warm-trimmed", 1, BEFORE);
  const int64_t then = at("2025-03-03T00:00:00Z");
  world_person(w, "anna", then, false); /* Berlin: half past eight is half past seven here */
  walks(w, "anna", then, 3);
  uint64_t rows = retained(w);
  for (int i = 0; i < 20 && rows == 0; i++) { /* checkpoints are taken as time goes by, then rows go behind them */
    usleep(150000);
    walks(w, "anna", at("2025-03-04T07:00:00Z") + i * CLOCK_MINUTE, 1);
    rows += retained(w);
  }
  assert_in_range(rows, 1, 40);
  world_activate(w, world_program(w, AFTER));
  walks(w, "anna", at("2025-03-05T07:00:00Z"), 1); /* eight in the morning in Berlin */
  walks(w, "anna", at("2025-03-05T07:45:00Z"), 1); /* a quarter to nine: too late to be early, but not in UTC */
  warm(w, NULL);
  struct value all = value_of(w, "anna", "b_count"), early = value_of(w, "anna", "k_early");
  assert_int_equal(features_lacking(w->program->features, world_user(w, "anna")), 0);
  assert_true(all.number >= 2 && early.number == all.number - 1);
  world_free(w);
}

static void test_damaged_fillings_change_nothing(void **state) {
  (void)state;
  const int64_t noon = at("2025-03-03T12:00:00Z");
  struct world *w = world_new("warm-damaged", 1, BEFORE);
  walks(w, "anna", noon, 3);
  world_activate(w, world_program(w, AFTER));
  walks(w, "anna", noon + CLOCK_HOUR, 1);
  struct user *anna = world_user(w, "anna"), *whole = user_new();
  struct buf packed = {0};
  assert_true(features_meet(w->program->features, whole, true));
  struct event walk;
  struct err why = {0};
  const char *body = world_envelope(w, "x", NULL, "walk", noon, "{\"steps\":200,\"place\":\"park\"}");
  fine(&why, event_parse(&w->arena, str_from(body), noon, STR("test"), false, &walk, &why));
  fine(&why, features_update(w->program->features, whole, &walk, w->program->vocabulary, true, &why));
  features_pack(w->program->features, anna, whole, &packed);
  struct str before = world_state(w, "anna");
  for (size_t cut = 0; cut < packed.len; cut++) {
    struct err e = {0};
    assert_false(features_fill_in(w->program->features, anna, (struct str){packed.at, cut}, &e));
    assert_true(e.text[0] != 0);
    assert_true(str_eq(before, world_state(w, "anna")));
  }
  for (size_t bit = 0; bit < 8 * packed.len; bit++) { /* turned bits: refused, or something that is a state all the same */
    struct user *other = user_new(), *again = user_new();
    struct buf bytes = {0};
    struct err e = {0};
    fine(&e, user_decode(other, before, &e));
    packed.at[bit / 8] = (char)(packed.at[bit / 8] ^ 1 << bit % 8);
    if (!features_fill_in(w->program->features, other, buf_view(&packed), &e)) assert_true(e.text[0] != 0);
    packed.at[bit / 8] = (char)(packed.at[bit / 8] ^ 1 << bit % 8);
    assert_true(user_encode(other, &bytes));
    fine(&e, user_decode(again, buf_view(&bytes), &e));
    buf_free(&bytes);
    user_free(other);
    user_free(again);
  }
  buf_free(&packed);
  user_free(whole);
  world_free(w);
}

/* ---- moments ---- */
#define WAITS(moment) WORDS "trigger \"t\" { why = \"x\", on = { \"ping\", " moment " }, when = \"true\", offer = { \"go\" } }\n"
#define NOBODY        WORDS "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"true\", offer = { \"go\" } }\n"

/* What the lane's heap is told, which is all that a lane goes by. */
static size_t told_due(struct world *w) {
  struct user *users[PEOPLE + 1];
  size_t n = 0;
  for (uint32_t v = 0; v < w->volumes; v++) n += flow_due_take(w->flows[v], users, PEOPLE + 1);
  return n;
}

static bool count_due(void *context, int64_t number, int64_t due) {
  (void)number;
  ++*(size_t *)context;
  return due > 0;
}

/* What a start fills its heap with. */
static size_t stored_due(struct world *w) {
  size_t n = 0;
  for (uint32_t v = 0; v < w->volumes; v++) fine(&w->e, volume_due_users(flow_volume(w->flows[v]), count_due, &n, &w->e));
  return n;
}

static void expect_due(struct world *w, int64_t after) {
  for (uint64_t p = 0; p < PEOPLE; p++) assert_int_equal(world_user(w, person(w, p))->due - world_user(w, person(w, p))->last_event, after);
}

static struct world *silent_people(const char *name) {
  struct world *w = world_new(name, 1, NOBODY);
  const int64_t clock = at("2025-03-03T06:00:00Z");
  for (uint64_t p = 0; p < PEOPLE; p++) {
    struct item *item = world_event(w, person(w, p), NULL, "ping", clock + (int64_t)p, false, "{\"n\":1}");
    world_walk(w, &item, 1);
  }
  while (warm(w, at_once)) continue;
  told_due(w);
  assert_int_equal(stored_due(w), 0);
  return w;
}

/* Whoever says nothing learns of a new program's moments as well, without a start, and of other ones, and that there are none any more. */
static void test_the_silent_wait_for_what_is_new(void **state) {
  (void)state;
  struct world *w = silent_people("warm-silent");
  world_activate(w, world_program(w, WAITS("silence(3 * days)")));
  while (warm(w, at_once)) continue;
  assert_int_equal(told_due(w), PEOPLE);
  expect_due(w, 3 * CLOCK_DAY);
  world_activate(w, world_program(w, WAITS("silence(2 * days)")));
  while (warm(w, at_once)) continue;
  assert_int_equal(told_due(w), PEOPLE);
  expect_due(w, 2 * CLOCK_DAY);
  world_activate(w, world_program(w, NOBODY));
  while (warm(w, at_once)) continue;
  world_activate(w, world_program(w, WAITS("silence(2 * days)"))); /* taken back */
  while (warm(w, at_once)) continue;
  told_due(w);
  expect_due(w, 2 * CLOCK_DAY);
  world_free(w);
}

/* Nothing happened to them that a row could tell, so their own rows must hold it, also where the walk was cut short; and where the state of
 * before was not written yet, the rows of before say what was next by the program of before. */
static void test_the_silent_are_not_forgotten_by_a_kill(void **state) {
  (void)state;
  for (int written = 0; written < 2; written++)
    for (int pieces = 0; pieces <= PEOPLE + 2; pieces++) {
      struct world *w = silent_people("warm-silent-kill");
      if (written) world_stop(w), world_start(w);
      world_activate(w, world_program(w, WAITS("silence(3 * days)")));
      for (int i = 0; i < pieces; i++) warm(w, at_once);
      struct world *killed = world_killed(w, "warm-silent-killed");
      if (written && pieces == PEOPLE + 2) assert_int_equal(stored_due(killed), PEOPLE); /* it was over: nobody walks again */
      while (warm(killed, at_once)) continue;
      expect_due(killed, 3 * CLOCK_DAY);
      assert_int_equal(stored_due(killed), PEOPLE);
      world_free(killed);
      world_free(w);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_filled_is_as_if_it_had_always_been),
      cmocka_unit_test(test_unknown_until_it_is_filled),
      cmocka_unit_test(test_a_kill_at_every_step),
      cmocka_unit_test(test_what_went_and_came_back),
      cmocka_unit_test(test_what_is_refused_meets_no_program),
      cmocka_unit_test(test_the_past_is_as_it_was),
      cmocka_unit_test(test_history_stays_history),
      cmocka_unit_test(test_damaged_fillings_change_nothing),
      cmocka_unit_test(test_where_rows_were_trimmed),
      cmocka_unit_test(test_the_silent_wait_for_what_is_new),
      cmocka_unit_test(test_the_silent_are_not_forgotten_by_a_kill),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
