/* The proposal: which goal, with which probability, how hard, how likely, and what kind of step it is (requirement D08). Promises a goal
 * between low and high, a multiple of the step, within `change` of the goal before it; and the probability with which exactly this goal is
 * drawn, so that effects can be estimated later. Whether a person is told is the engine's decision, behind its own limits. [predict] */
#include "goal_setter.h"

#define PERCENTILE_DAYS  9
#define PERCENTILE_LEAST 5
#define FIRST_FACTOR     1.05 /* of the median: a first goal is a small step */

/* SplitMix64's output function. */
double goal_uniform(uint64_t seed) {
  uint64_t z = seed + UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double not_a_number(void) {
  return __builtin_nan("");
}

struct history {
  double done[GOAL_DAYS_MOST]; /* valid days in order */
  uint32_t count;
  double goal; /* the newest; NaN when there was none */
  unsigned char hits[GOAL_DAYS_MOST];
  uint32_t hit_count; /* valid days that had a goal */
};

static void look_back(const struct settings *s, const struct goal_day *days, uint32_t count, struct goal_day *units, struct history *h) {
  *h = (struct history){.goal = not_a_number()};
  for (uint32_t d = 0; d < count; d++) {
    const bool valid = days[d].done >= s->valid, set = days[d].goal > 0;
    units[d].done = valid ? days[d].done / s->unit : not_a_number();
    units[d].goal = set ? days[d].goal / s->unit : not_a_number();
    if (valid) h->done[h->count++] = days[d].done;
    if (valid && set) h->hits[h->hit_count++] = days[d].done >= days[d].goal;
    if (set) h->goal = days[d].goal;
  }
}

static double round_to_step(double value, double step) {
  return step * (double)(int64_t)(value / step + 1e-9);
}

/* Multiples of the step within the limits, ascending; at least one. */
static uint32_t list_candidates(const struct settings *s, double from, double *candidates) {
  double low = from * (1 - s->change), high = from * (1 + s->change);
  if (low < s->low) low = s->low;
  if (high > s->high) high = s->high;
  uint32_t count = 0;
  for (double goal = round_to_step(low + s->step * (1 - 1e-9), s->step); goal <= high && count < GOAL_CANDIDATES_MOST; goal += s->step)
    candidates[count++] = goal;
  if (count == 0) {
    const double near = round_to_step(from, s->step);
    candidates[count++] = near < s->low ? s->low : near > s->high ? s->high : near;
  }
  return count;
}

static uint32_t nearest(const double *candidates, uint32_t count, double wanted) {
  uint32_t at = 0;
  while (at + 1 < count && candidates[at + 1] <= wanted + 1e-9) at++; /* down, never up */
  return at;
}

static uint32_t choose(struct proposing *p, struct history *h, uint32_t count, double from) {
  const struct settings *s = p->settings;
  if (s->method == METHOD_FACTOR) return nearest(p->candidates, count, from * simple_factor(h->hits, h->hit_count, s->symmetric));
  if (s->method == METHOD_PERCENTILE) {
    const uint32_t last = h->count < PERCENTILE_DAYS ? h->count : PERCENTILE_DAYS;
    if (last < PERCENTILE_LEAST) return nearest(p->candidates, count, from);
    double values[PERCENTILE_DAYS];
    for (uint32_t i = 0; i < last; i++) values[i] = h->done[h->count - last + i];
    return nearest(p->candidates, count, simple_percentile(values, last, 0.6));
  }
  double units[GOAL_CANDIDATES_MOST];
  for (uint32_t i = 0; i < count; i++) units[i] = p->candidates[i] / s->unit;
  return plan_highest(&p->posterior, units, count, s->hit_rate);
}

/* One step up or down with probability `explore`, half each; a step out of the list stays where it is. */
static uint32_t explore(const struct settings *s, uint32_t planned, uint32_t count, uint64_t seed, double *propensity) {
  const double half = s->explore / 2, u = goal_uniform(seed);
  const uint32_t down = planned > 0 ? planned - 1 : planned, up = planned + 1 < count ? planned + 1 : planned;
  const uint32_t taken = u < half ? down : u < s->explore ? up : planned;
  *propensity = (taken == planned ? 1 - s->explore : 0) + (taken == down ? half : 0) + (taken == up ? half : 0);
  return taken;
}

bool propose(struct proposing *p, const struct goal_day *days, uint32_t count, uint64_t seed, struct proposal *out) {
  const struct settings *s = p->settings;
  struct goal_day units[GOAL_DAYS_MOST];
  struct history h;
  look_back(s, days, count, units, &h);
  if (h.count < s->least_days && !(h.goal > 0)) return false;
  const bool first = !(h.goal > 0), blind = h.count < PERCENTILE_LEAST;
  double from = h.goal;
  if (first) {
    double copy[GOAL_DAYS_MOST];
    for (uint32_t i = 0; i < h.count; i++) copy[i] = h.done[i];
    from = simple_percentile(copy, h.count, 0.5);
  }
  posterior_learn(&p->posterior, units, count, s->noise);
  const uint32_t candidates = list_candidates(s, from, p->candidates);
  const uint32_t planned = blind   ? nearest(p->candidates, candidates, from)
                           : first ? nearest(p->candidates, candidates, from * FIRST_FACTOR)
                                   : choose(p, &h, candidates, from);
  double propensity = 1;
  const uint32_t taken = blind ? planned : explore(s, planned, candidates, seed, &propensity);
  const double goal = p->candidates[taken], told = goal / s->unit;
  *out = (struct proposal){.goal = goal, .action = (double)(int64_t)((goal - s->low) / s->step + 0.5), .propensity = propensity};
  out->success = plan_success(&p->posterior, told, told, s->noise);
  out->difficulty = 1 - plan_success(&p->posterior, told, first ? not_a_number() : from / s->unit, s->noise);
  out->strategy = blind ? STRATEGY_HOLD : goal > from ? STRATEGY_RAISE : goal < from ? STRATEGY_EASE : STRATEGY_MAINTAIN;
  return true;
}
