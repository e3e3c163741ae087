/* Simulated people who walk, with weekly goals: the ground on which goal policies are compared. They are of the family that METHODS 4.4
 * assumes but off its grid and with what it does not know of: moods that last, weekends, baselines that drift, days without the device,
 * and goals that wear out when they are missed all week. Thousand steps. The same seed gives the same person and the same chance,
 * whatever the goals: each person's days draw the same numbers under every policy. */
#pragma once
#include "kit/math.h"
#include "kit/rng.h"
#include <stdbool.h>

#define PEOPLE_QUIET   2  /* weeks without a goal */
#define PEOPLE_WEEKS   24 /* weeks with one */
#define PEOPLE_DAYS    ((PEOPLE_QUIET + PEOPLE_WEEKS) * 7)
#define PEOPLE_BURDEN  0.05 /* what a missed day costs, in the reward's log steps */
#define PEOPLE_LOWEST  2.0
#define PEOPLE_HIGHEST 15.0

struct person {
  struct rng rng;
  double baseline, response, decay, efficacy, noise, mood, wear;
  int day;
  double done[PEOPLE_DAYS], seen[PEOPLE_DAYS], goals[PEOPLE_DAYS]; /* seen: NaN on a day that was not measured; goals: NaN for none */
};

static inline double laplace(struct rng *r, double scale) {
  const double u = rng_uniform(r) - 0.5, a = 1 - 2 * (u < 0 ? -u : u);
  return (u < 0 ? 1 : -1) * scale * math_log(a > 1e-12 ? a : 1e-12);
}

static inline void person_day(struct person *p, double goal) {
  const bool weekend = p->day % 7 >= 5, set = goal == goal;
  p->mood = 0.9 * p->mood + 0.25 * rng_normal(&p->rng);
  const double noise = laplace(&p->rng, p->noise), worn = rng_uniform(&p->rng);
  const double base = p->baseline * (weekend ? 0.9 : 1) + 0.5 * p->mood, response = p->response * (1 - p->wear);
  const double reach = base + response / 2, aim = !set || goal <= base ? base : goal < reach ? goal : reach;
  double x = aim + noise;
  x = x < 0.1 ? 0.1 : x;
  if (set) p->response = p->decay * p->response + (x >= goal ? p->efficacy : 0);
  p->done[p->day] = x;
  p->seen[p->day] = worn < 0.05 ? __builtin_nan("") : x;
  p->goals[p->day++] = goal;
}

/* A week with a goal (NaN: none). Returns the mean of log(0.5 + steps) less the burden of missed days. */
static inline double person_week(struct person *p, double goal) {
  double reward = 0;
  int missed = 0;
  for (int d = 0; d < 7; d++) {
    person_day(p, goal);
    const double x = p->done[p->day - 1];
    reward += math_log(0.5 + x);
    missed += goal == goal && x < goal;
  }
  p->wear = math_clamp(p->wear + (missed >= 6 ? 0.2 : -0.05), 0, 0.8);
  p->baseline = math_clamp(p->baseline + 0.1 * rng_normal(&p->rng), 1.5, 14);
  return (reward - PEOPLE_BURDEN * missed) / 7;
}

static inline struct person person_born(uint64_t seed) {
  struct person p = {.rng = rng_from(seed * UINT64_C(0x9E3779B97F4A7C15) + 1)};
  p.baseline = math_clamp(6 + 2 * rng_normal(&p.rng), 2.5, 11);
  p.response = 5 * rng_uniform(&p.rng);
  p.decay = 0.6 + 0.37 * rng_uniform(&p.rng);
  p.efficacy = rng_uniform(&p.rng);
  p.noise = 0.5 + 0.7 * rng_uniform(&p.rng);
  for (int w = 0; w < PEOPLE_QUIET; w++) person_week(&p, __builtin_nan(""));
  return p;
}

/* What the engine's safeguards make of a proposal (core/decide/goal.c), here with goals of 50 steps in thousands. */
static inline double goal_allowed(double before, double proposed) {
  double high = before * 1.1, low = before * 0.9;
  high = high > PEOPLE_HIGHEST ? PEOPLE_HIGHEST : high;
  low = low > high ? high : low;
  if (proposed < PEOPLE_LOWEST && proposed < before) proposed = before < PEOPLE_LOWEST ? before : PEOPLE_LOWEST;
  double goal = 0.05 * (double)(int64_t)(math_clamp(proposed, low, high) / 0.05 + 1e-9);
  if (goal < low) goal += 0.05;
  return goal > high * (1 + 1e-12) ? before : goal;
}
