/* Planning a comparison of two arms (METHODS 7.1): how many people it takes to find a difference, and which difference so many people
 * would show, for somebody who looks once at the end and for bounds that may be looked at after everybody. Promises whole people, never
 * fewer than any bound asks for, and "none" for a difference that cannot be, or that takes more people than there can be. Called by tools
 * and tests, on any thread. */
#include "stats.h"

#define PEOPLE_MOST 1e15 /* of one arm */

/* The variance of one person of the control arm (0) or of the other (1). */
static double variance_in(const struct plan *p, double difference, int arm) {
  const double mean = p->base + (arm ? difference : 0);
  return stats_none(p->deviation) ? mean * (1 - mean) : p->deviation * p->deviation;
}

static bool is_possible(const struct plan *p, double difference) {
  const double other = p->base + difference;
  const bool fits = stats_none(p->deviation) ? p->base >= 0 && p->base <= 1 && other >= 0 && other <= 1 : p->deviation > 0;
  const bool asks = p->alpha > 0 && p->alpha < .5 && p->power > p->alpha && p->power < 1 && p->share > 0 && p->share < 1;
  return fits && asks && (difference > 0 || difference < 0) && variance_in(p, difference, 0) + variance_in(p, difference, 1) > 0;
}

static double up(double people) { /* whole ones, and not one more for a rounding */
  const double whole = (double)(uint64_t)people;
  return people - whole > 1e-9 * people ? whole + 1 : whole;
}

/* Both arms together. A variance that has yet to be estimated costs a little more (Guenther). */
static void people_once(const struct plan *p, double difference, double people[2]) {
  const double wrong = -normal_quantile(p->alpha / 2), z = wrong + normal_quantile(p->power), ratio = p->share / (1 - p->share);
  const double least = z * z * (variance_in(p, difference, 0) + variance_in(p, difference, 1) / ratio) / (difference * difference);
  const double more = stats_none(p->deviation) ? 0 : wrong * wrong / 4;
  people[0] = least + more;
  people[1] = least * ratio + more;
}

/* By how many standard errors the bound is expected to be clear of no difference at all, with n in both arms, beyond what `power` asks for.
 */
static double spare_always(const struct plan *p, double difference, double n) {
  const double square = variance_in(p, difference, 0) / ((1 - p->share) * n) + variance_in(p, difference, 1) / (p->share * n);
  const double size = difference < 0 ? -difference : difference;
  return (size - anytime_width(square, n, p->alpha)) / math_sqrt(square) - normal_quantile(p->power);
}

static void people_always(const struct plan *p, double difference, double people[2]) {
  double low = 2, high = 4;
  while (spare_always(p, difference, high) < 0 && high < PEOPLE_MOST) low = high, high *= 2;
  if (spare_always(p, difference, high) < 0) high = low = __builtin_inf();
  for (int i = 0; i < 80; i++) {
    const double middle = (low + high) / 2;
    if (spare_always(p, difference, middle) < 0) low = middle;
    else high = middle;
  }
  people[0] = high * (1 - p->share);
  people[1] = high * p->share;
}

bool plan_people(const struct plan *p, bool always, double people[2]) {
  people[0] = people[1] = STATS_NONE;
  if (!is_possible(p, p->difference)) return false;
  if (always) people_always(p, p->difference, people);
  else people_once(p, p->difference, people);
  if (!(people[0] <= PEOPLE_MOST && people[1] <= PEOPLE_MOST)) {
    people[0] = people[1] = STATS_NONE;
    return false;
  }
  for (int arm = 0; arm < 2; arm++) {
    people[arm] = up(people[arm]);
    if (always && people[arm] < ANYTIME_LEAST) people[arm] = ANYTIME_LEAST;
    if (people[arm] < 2) people[arm] = 2; /* one has no variance */
  }
  return true;
}

double plan_difference(const struct plan *p, bool always, double n) {
  struct plan one = *p;
  double people[2], low = 0, high = stats_none(p->deviation) ? 1 - p->base : 1000 * p->deviation;
  one.difference = high;
  if (!plan_people(&one, always, people) || people[0] + people[1] > n) return STATS_NONE; /* the largest there is would not be seen */
  for (int i = 0; i < 80; i++) {
    one.difference = (low + high) / 2;
    if (plan_people(&one, always, people) && people[0] + people[1] <= n) high = one.difference;
    else low = one.difference;
  }
  return high;
}

double effect_size(const struct moments *a, const struct moments *b) {
  if (!(a->n >= 2) || !(b->n >= 2)) return STATS_NONE;
  const double pooled = ((a->n - 1) * a->variance + (b->n - 1) * b->variance) / (a->n + b->n - 2);
  return pooled > 0 ? (b->mean - a->mean) / math_sqrt(pooled) : STATS_NONE;
}
