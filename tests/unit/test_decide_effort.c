/* rooms: decide program accept kit; inside: decide */
/* C6: nobody is asked for hard effort who is ill, injured or pregnant, slept two hours too little a night for a week, is under stress, or
 * has not rested for six days; whatever rules ask for it. 24 adversarial programs over 6 000 simulated person-days, held against a count
 * of their own; and who has recovered may be asked. KAIROS_EFFORT=all: 200 programs over a million person-days. */
#include "decide_world.h"
#include "kit/rng.h"

#define EVENTS                                                                                                                             \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\nevent \"sleep_logged\" { doc = \"x\", fields = { sleepHours = "            \
  "\"number\" } }\nevent \"check_in\" { doc = \"x\", fields = { stressLevel = \"number\" } }\nevent \"workout_completed\" { doc = \"x\" "  \
  "}\n"                                                                                                                                    \
  "event \"profile_updated\" { doc = \"x\", fields = { ill = \"boolean\", injured = \"boolean\", pregnant = \"boolean\" } }\n"
#define SPRINT RULES_OPTION("sprint", "vigorous = true, effectiveness = 1,")
#define DAYS   250

struct life { /* what a person's last days held, counted here */
  double slept[DAYS], stress[DAYS];
  bool done[DAYS], unwell;
};

static bool strained(const struct life *l, int today) {
  double debt = 0, nights = 0;
  int streak = 0;
  for (int d = today; d >= 0 && d > today - 7; d--)
    if (l->slept[d] >= 0) debt += l->slept[d] < 8 ? 8 - l->slept[d] : 0, nights++;
  if (nights >= 3 && debt / nights > 2) return true;
  for (int d = today; d >= 0 && d > today - 7; d--)
    if (l->stress[d] >= 0) {
      if (l->stress[d] > 7) return true;
      break;
    }
  for (int d = l->done[today] ? today : today - 1; d >= 0 && l->done[d]; d--) streak++;
  return streak >= 6;
}

static void tell(struct world *w, const char *type, int day, int hour, const char *format, double value) {
  char data[80];
  snprintf(data, sizeof data, format, value);
  world_event(w, type, data, at("2025-03-03T00:00:00Z") + day * CLOCK_DAY + hour * CLOCK_HOUR);
}

static void live_a_day(struct world *w, struct life *l, int day, struct rng *r) {
  static const char *const words[] = {"ill", "injured", "pregnant"};
  l->slept[day] = rng_uniform(r) < .8 ? (int)(4 * (3 + 6 * rng_uniform(r) * rng_uniform(r) + (day / 20 % 2 ? 2 : 0))) / 4.0 : -1;
  l->stress[day] = rng_uniform(r) < .6 ? (int)(9.5 * rng_uniform(r)) : -1;
  l->done[day] = rng_uniform(r) < .85;
  if (l->slept[day] >= 0) tell(w, "sleep_logged", day, 7, "{\"sleepHours\":%g}", l->slept[day]);
  if (l->stress[day] >= 0) tell(w, "check_in", day, 8, "{\"stressLevel\":%g}", l->stress[day]);
  if (l->done[day]) tell(w, "workout_completed", day, 10, "{}", 0);
  if (rng_uniform(r) < .05) {
    char data[40];
    snprintf(data, sizeof data, "{\"%s\":%s}", words[(int)(3 * rng_uniform(r))], rng_uniform(r) < .3 ? "true" : "false");
    if (strstr(data, "true") || !l->unwell) tell(w, "profile_updated", day, 11, data, 0);
    l->unwell |= strstr(data, "true") != NULL;
  } else if (l->unwell && rng_uniform(r) < .2) {
    tell(w, "profile_updated", day, 11, "{\"ill\":false,\"injured\":false,\"pregnant\":false}", 0);
    l->unwell = false;
  }
}

/* Rules that ask whenever it is forbidden, or always, and say so loudly. */
static const char *adversary(int number) {
  static const char *const whens[] = {"event.n >= 0", "(sleep_debt or 9) > 2 or event.n >= 0", "(stress_level or 9) > 7 or event.n >= 0",
                                      "(profile.ill or profile.injured or profile.pregnant or true) and event.n >= 0", "not (event.n < 0)"};
  static char text[2000];
  snprintf(text, sizeof text,
           "%s%strigger \"sprint\" { why = \"x\", on = { \"ping\" }, when = \"%s\", offer = { \"sprint\" }, priority = %d }\n", EVENTS,
           SPRINT, whens[number % 5], 10 + number / 5);
  return text;
}

static void no_adversary_asks_too_much(void **state) {
  (void)state;
  struct rng r = rng_from(11);
  const char *all = getenv("KAIROS_EFFORT");
  const int models = all ? 200 : 24, people = all ? 20 : 1;
  int sent = 0, unwell = 0, tired = 0, days = 0;
  for (int person = 0; person < models * people; person++) {
    struct world *w = world_new(adversary(person % models));
    struct life life = {.unwell = false};
    for (int day = 0; day < DAYS; day++, days++) {
      live_a_day(w, &life, day, &r);
      w->user->send_count = 0;
      tell(w, "ping", day, 12, "{\"n\":1}", 0);
      assert_int_equal(w->count, 1);
      const struct decision *d = &w->decisions[0];
      const bool forbidden = life.unwell || strained(&life, day);
      if (!forbidden) {
        if (d->outcome != OUTCOME_SENT) fail_msg("person %d, day %d: recovered, and not asked: %s", person, day, d->candidates[0].reason);
        sent++;
        continue;
      }
      if (d->outcome == OUTCOME_SENT) fail_msg("person %d, day %d: asked for hard effort", person, day);
      assert_string_equal(d->candidates[0].reason, life.unwell ? "unwell" : "recovery");
      unwell += life.unwell;
      tired += !life.unwell;
    }
    world_free(w);
  }
  assert_int_equal(days, all ? 1000000 : 6000);
  if (sent < 600 || unwell < 150 || tired < 600) fail_msg("%d asked, %d unwell, %d tired: not all of it was tried", sent, unwell, tired);
}

/* What asks for no effort is nobody's risk; and a stranger, of whom nothing is known, may be asked. */
static void only_effort_is_withheld(void **state) {
  (void)state;
  struct world *w = world_new(EVENTS SPRINT RULES_OPTION(
      "calm", "") "trigger \"calm\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 1\", "
                  "offer = { \"calm\" } }\n"
                  "trigger \"sprint\" { why = \"x\", on = { \"ping\" }, when = \"event.n == 2\", offer = { \"sprint\" } }\n");
  tell(w, "ping", 0, 12, "{\"n\":2}", 0);
  expect_outcome(w, "sprint", OUTCOME_SENT, NULL);
  tell(w, "check_in", 1, 8, "{\"stressLevel\":%g}", 9);
  w->user->send_count = 0;
  tell(w, "ping", 1, 12, "{\"n\":2}", 0);
  expect_outcome(w, "sprint", OUTCOME_UNAVAILABLE, "no_option");
  assert_string_equal(world_of(w, "sprint")->candidates[0].reason, "recovery");
  tell(w, "ping", 1, 13, "{\"n\":1}", 0);
  expect_outcome(w, "calm", OUTCOME_SENT, NULL);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_adversary_asks_too_much), cmocka_unit_test(only_effort_is_withheld)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
