/* Groups (METHODS 12.1): whether predictions of 0/1 outcomes serve all groups of people alike: how often they say yes, how often they are
 * right where it comes and wrong where it does not. The largest difference between several groups is never 0, so beside each gap stands
 * what it would be if the groups meant nothing: people, with all their rows, dealt to the same groups anew. Promises the same figures for
 * the same seed, and no comparison with a handful. Called by tools and tests, on any thread. */
#include "kit/rng.h"
#include "stats.h"

void served_count(const struct serving *in, const uint32_t *of, struct served *out) {
  for (uint32_t g = 0; g < in->groups; g++) out[g] = (struct served){0};
  for (uint32_t k = 0; k < in->people; k++) out[of[k]].people++;
  for (size_t r = 0; r < in->rows; r++) {
    struct served *g = &out[of[in->person[r]]];
    const bool yes = in->y[r] >= .5, said = in->p[r] >= in->threshold;
    g->rows++;
    g->yes += yes;
    g->said += said;
    g->hits += said && yes;
    g->wrong += said && !yes;
    g->predicted += in->p[r];
  }
}

double served_rate(const struct served *g, enum gap of) {
  const double no = g->rows - g->yes;
  switch (of) {
  case GAP_SAID: return g->rows > 0 ? g->said / g->rows : STATS_NONE;
  case GAP_HITS: return g->yes > 0 ? g->hits / g->yes : STATS_NONE;
  case GAP_WRONG: return no > 0 ? g->wrong / no : STATS_NONE;
  case GAP_ACCURACY: return g->rows > 0 ? (g->hits + no - g->wrong) / g->rows : STATS_NONE;
  case GAP_CALIBRATION: return g->rows > 0 ? (g->predicted - g->yes) / g->rows : STATS_NONE;
  case GAPS: break;
  }
  return STATS_NONE;
}

double served_gap(const struct served *g, uint32_t groups, enum gap of, double *ratio) {
  double low = STATS_NONE, high = STATS_NONE;
  uint32_t told = 0;
  for (uint32_t i = 0; i < groups; i++) {
    const double rate = g[i].people >= SERVED_LEAST ? served_rate(&g[i], of) : STATS_NONE;
    if (stats_none(rate)) continue;
    if (told == 0 || rate < low) low = rate;
    if (told == 0 || rate > high) high = rate;
    told++;
  }
  if (ratio) *ratio = told >= 2 && high > 0 ? low / high : STATS_NONE;
  return told >= 2 ? high - low : STATS_NONE;
}

static void deal(uint32_t *of, uint32_t people, struct rng *chance) {
  for (uint32_t k = people; k > 1; k--) {
    const uint32_t other = (uint32_t)(rng_uniform(chance) * k), held = of[k - 1];
    of[k - 1] = of[other];
    of[other] = held;
  }
}

void served_chance(const struct serving *in, uint64_t seed, uint32_t *dealt, struct served *counts, struct gap_chance out[GAPS]) {
  struct rng chance = rng_from(seed);
  double gaps[GAPS][SERVED_DEALS], observed[GAPS], reached[GAPS] = {0};
  uint32_t told[GAPS] = {0};
  served_count(in, in->group, counts);
  for (int k = 0; k < GAPS; k++) observed[k] = served_gap(counts, in->groups, (enum gap)k, NULL);
  for (uint32_t i = 0; i < in->people; i++) dealt[i] = in->group[i];
  for (int i = 0; i < SERVED_DEALS; i++) {
    deal(dealt, in->people, &chance);
    served_count(in, dealt, counts);
    for (int k = 0; k < GAPS; k++) {
      const double gap = served_gap(counts, in->groups, (enum gap)k, NULL);
      if (stats_none(gap)) continue;
      gaps[k][told[k]++] = gap;
      reached[k] += gap >= observed[k] - 1e-12;
    }
  }
  for (int k = 0; k < GAPS; k++) {
    const bool known = !stats_none(observed[k]) && told[k] > 0;
    stats_sort(gaps[k], told[k]);
    out[k] = (struct gap_chance){known ? mean_of(gaps[k], told[k]) : STATS_NONE, known ? (reached[k] + 1) / (told[k] + 1.0) : STATS_NONE,
                                 known ? quantile_sorted(gaps[k], told[k], .99, 7) : STATS_NONE};
  }
}
