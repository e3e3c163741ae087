/* goal: the safeguard behind every goal that a person is given (PROMISES C6, C7), whatever rule or model proposes it. Promises that a goal
 * holds for seven days, that the next one differs by at most a tenth, that a first one begins where the person is, that none is above the
 * public-health band or lowered below it, and that nobody who is a minor, ill, injured or pregnant is given a higher one. It only looks at
 * the user, the proposal and the clock; slate.c asks before any draw, decision_apply keeps what was given. In a lane. */
#include "goal.h"
#include "kit/clock.h"
#include "kit/math.h"
#include "reasons_words.h"

#define HOLD  (7 * CLOCK_DAY)
#define LOWER 0.9
#define UPPER 1.1

/* The bands: WHO's 150 to 300 active minutes a week with room on both sides; steps as in METHODS 4.2. */
static const struct goal_kind kinds[] = {
    {"steps", "a day", 2000, 15000, 50},
    {"active_minutes", "a week", 30, 420, 1},
};

const struct goal_kind *goal_kind(struct str name) {
  for (size_t i = 0; i < GOAL_KINDS; i++)
    if (str_is(name, kinds[i].name)) return &kinds[i];
  return NULL;
}

const struct goal_kind *goal_kind_at(uint32_t number) {
  return &kinds[number];
}

struct value goal_in_force(uint32_t kind, const struct user *u) {
  const struct mark *m = user_mark(u, goal_mark(&kinds[kind]));
  return m ? value_number(m->value) : value_missing(MISSING_ABSENT);
}

uint64_t goal_mark(const struct goal_kind *k) {
  return mark_key("goal", str_from(k->name));
}

static bool may_rise(const struct user *u, struct arena *a) {
  return !guard_minor(u) && !guard_unwell(u, a);
}

static bool usable(double value) {
  return math_finite(value) && value > 0 && value < 1e9;
}

/* The multiple of the step below, or the one above where that would leave the limits. */
static bool round_within(double *value, double low, double high, double step) {
  const double below = step * (double)(int64_t)(*value / step + 1e-9);
  *value = below >= low ? below : below + step;
  return *value <= high * (1 + 1e-12);
}

const char *goal_guard(const struct goal_kind *k, const struct user *u, double proposed, double usual, int64_t clock, struct arena *a,
                       struct goal_given *out) {
  const struct mark *last = user_mark(u, goal_mark(k));
  const double from = last ? last->value : usual;
  if (!usable(proposed) || !usable(from)) return REASON_GOAL_UNKNOWN;
  if (last && clock - last->at < HOLD) return REASON_GOAL_STANDS; /* a clock that went back counts as no time */
  double low = from * LOWER, high = from * UPPER, value = proposed;
  if (value < k->low && value < from) value = from < k->low ? from : k->low;
  if (high > from && !may_rise(u, a)) high = from;
  if (high > k->high) high = k->high;
  if (low > high) low = high; /* a first goal of somebody far above the band */
  value = math_clamp(value, low, high);
  if (!round_within(&value, low, high, k->step)) return last ? REASON_GOAL_STANDS : REASON_GOAL_UNKNOWN;
  if (last && value == last->value) return REASON_GOAL_STANDS;
  *out = (struct goal_given){.kind = k, .proposed = proposed, .before = last ? last->value : 0, .value = value};
  return NULL;
}
