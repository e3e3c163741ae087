/* rooms: decide program accept kit; inside: decide */
/* Screening in two steps finds the same triggers as screening with every feature at hand, whatever the conditions ask: also where they ask
 * whether a feature is known, or name a value for it. And when a trigger is left, every feature that a condition reads is there. */
#include "decide_world.h"
#include "rules_inside.h"

#define TRIGGER(name, when) "trigger \"" name "\" { why = \"x\", on = { \"ping\" }, when = [[" when "]], offer = { \"walk\" } }\n"
#define RULES                                                                                                                              \
  RULES_PING RULES_OPTION("walk", "") TRIGGER("plain", "event.n > 7") TRIGGER("both", "workout_frequency_7d > 1 and event.n > 5")          \
      TRIGGER("either", "streak_length_current > 1 or event.n > 8") TRIGGER("known", "known(stress_level) and event.n > 6")                \
          TRIGGER("default", "(motivation_level or 9) > 8 and event.n > 6") TRIGGER("nil", "stress_level ~= nil and event.n < 1")          \
              TRIGGER("far", "habit_frequency > 5 and event.n > 2") TRIGGER("app", "app_interactions_7d >= 0 and event.n == 3")

static void make_history(struct world *w, struct rng *rng) {
  static const char *const marks[] = {"workout_completed", "ping", "app_interaction"};
  struct recorded r = {.may_identify = true, .decides = true};
  bool learned;
  int days = (int)(rng_next(rng) % 12);
  for (int i = 0; i < days; i++) {
    struct err e = {0};
    r.clock = r.received = at("2025-03-01T12:00:00Z") + i * CLOCK_DAY;
    world_parse(w, marks[rng_next(rng) % 3], rng_next(rng) % 2 ? "{\"stressLevel\":4,\"motivationLevel\":9}" : "{}", r.clock);
    assert_true(program_move(w->program, w->user, ENTRY_EVENT, &w->event, &r, &w->arena, &learned, &e));
  }
}

static size_t compare_screens(struct world *w, int64_t clock) {
  const struct program *p = w->program;
  const struct listening *l = rules_listening(p->rules, STR("ping"));
  unsigned char whole[16] = {0}, stepwise[16] = {0};
  struct value *slots = ARENA_ARRAY(&w->arena, struct value, p->symbols.count + 1);
  w->slots = ARENA_ARRAY(&w->arena, struct value, p->symbols.count + 1);
  assert_true(l->count == 8 && l->screen_early < l->screen_count);
  uint64_t models;
  struct working working = {0};
  program_fill(p, l->screen, l->screen_count, &w->event, w->user, clock, w->slots, &w->arena);
  assert_int_equal(decide_screen(p->rules, l, w->slots, whole), 0);
  bool any = program_screen(p, l, &w->event, w->user, clock, slots, stepwise, &models, &working, &w->arena);
  assert_int_equal(models, 0);
  assert_memory_equal(whole, stepwise, sizeof whole);
  assert_int_equal(any, memchr(whole, 1, sizeof whole) != NULL);
  for (size_t i = 0; any && i < l->screen_count; i++) assert_true(value_equal(&slots[l->screen[i]], &w->slots[l->screen[i]]));
  size_t found = 0;
  for (size_t k = 0; k < l->count; k++) found |= (size_t)whole[k] << k;
  return found;
}

static void two_steps_find_what_one_finds(void **state) {
  (void)state;
  struct rng rng = rng_from(7);
  struct world *w = world_new(RULES);
  size_t seen = 0, silent = 0;
  for (int i = 0; i < 400; i++) {
    char data[32];
    int64_t clock = at("2025-03-12T18:00:00Z") + (int64_t)(rng_next(&rng) % 30) * CLOCK_DAY;
    world_person(w, "ann");
    make_history(w, &rng);
    snprintf(data, sizeof data, "{\"n\":%d}", (int)(rng_next(&rng) % 11));
    world_parse(w, "ping", data, clock);
    size_t found = compare_screens(w, clock);
    seen |= found;
    silent += found == 0;
  }
  assert_int_equal(seen, 0xff & ~(1u << 4)); /* by name: each but the fifth, `far`, which nobody reaches, was true once */
  assert_in_range(silent, 20, 380);
  world_free(w);
}

/* As if event.n were said by a model that was not asked yet: it is asked where its answer may make the condition true, also where missing
 * has a meaning of its own and says no so far; and not where no answer could. */
static void a_model_is_asked_where_it_may_matter(void **state) {
  (void)state;
  static const struct {
    const char *rules;
    bool asked;
  } cases[] = {{RULES_PING RULES_OPTION("walk", "") TRIGGER("t", "event.n > 2"), true},
               {RULES_PING RULES_OPTION("walk", "") TRIGGER("t", "known(event.n)"), true},
               {RULES_PING RULES_OPTION("walk", "") TRIGGER("t", "(event.n or 0) > 2"), true},
               {RULES_PING RULES_OPTION("walk", "") TRIGGER("t", "not known(event.n)"), true}, /* it may be known by then */
               {RULES_PING RULES_OPTION("walk", "") TRIGGER("t", "event.n > 2 and event.local_hour < 1"), false},
               {RULES_PING RULES_OPTION("walk", "") TRIGGER("t", "event.n > 2 or event.local_hour < 1"), true}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct world *w = world_new(cases[k].rules);
    const struct program *p = w->program;
    const struct listening *l = rules_listening(p->rules, STR("ping"));
    struct trigger *t = &p->rules->triggers[0];
    unsigned char maybe[1] = {0};
    uint32_t wanted[8];
    world_event(w, "ping", "{}", at("2025-03-12T18:00:00Z"));
    t->screen_models = 1;
    t->models = 5; /* another one speaks in its message */
    assert_int_equal(decide_screen(p->rules, l, w->slots, maybe), cases[k].asked ? 5 : 0);
    assert_int_equal(maybe[0], cases[k].asked);
    decide_screen_early(p->rules, l, w->slots, maybe, wanted);
    if (cases[k].asked) assert_int_equal(maybe[0], 1);
    world_free(w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(two_steps_find_what_one_finds),
                                     cmocka_unit_test(a_model_is_asked_where_it_may_matter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
