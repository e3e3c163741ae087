/* The two reference simulators of METHODS 15 in C: StepCountJITAI (Karine and Marlin 2024) and KSim-1. Both draw from SplitMix64 in the
 * order of the specification, so that a trace can be compared number by number. */
#pragma once
#include "kit/math.h"
#include "kit/rng.h"
#include <stdbool.h>

/* ---- StepCountJITAI: actions 0 none, 1 generic, 2 and 3 for context 0 and 1 ---- */
struct stepcount {
  struct rng rng;
  int context, t;
  double habituation, disengagement, likely; /* likely: that the context is 1, as it is observed */
};

static inline struct stepcount stepcount_begin(uint64_t seed) {
  return (struct stepcount){.rng = rng_from(seed), .habituation = 0.1, .disengagement = 0.1, .likely = 0.5};
}

/* True: the episode is over. */
static inline bool stepcount_step(struct stepcount *s, int action, double *reward) {
  static const double sigma = 0.4;
  const bool right = action == 2 + s->context;
  const double h = action == 0 ? 0.9 * s->habituation : math_clamp(s->habituation + 0.05, 0, 1);
  const double d = action == 0            ? s->disengagement
                   : action == 1 || right ? 0.9 * s->disengagement
                                          : math_clamp(s->disengagement + 0.4, 0, 1);
  const double steps = 0.1 + (action == 0 ? 0 : (1 - h) * (action == 1 ? 50 : right ? 200 : 0));
  const int next = rng_uniform(&s->rng) < 0.5 ? 0 : 1;
  const double x = next + sigma * rng_normal(&s->rng), far = (x - 1) / sigma, near = x / sigma;
  const double one = math_exp(-0.5 * far * far), none = math_exp(-0.5 * near * near);
  const bool over = s->t >= 50 || d >= 0.99;
  *s = (struct stepcount){s->rng, next, s->t + 1, h, d, one / (none + one)};
  *reward = over ? 0 : steps;
  return over;
}

/* ---- KSim-1: five slots a day ---- */
#define KSIM_SLOTS 5
struct ksim {
  struct rng rng;
  double base, fit, sens, peak, habit, motivation, habituation, burden, stress;
  int day, slot, missed;
  bool did;
};
struct ksim_slot {
  bool location, available, sent, workout;
  double probability, log_steps;
};

static inline struct ksim ksim_begin(uint64_t seed) {
  struct ksim k = {.rng = rng_from(seed)};
  k.base = 0.5 * rng_normal(&k.rng);
  k.fit = rng_normal(&k.rng);
  k.sens = math_exp(0.3 * rng_normal(&k.rng));
  k.peak = 6 + 16 * rng_uniform(&k.rng);
  k.habit = 0.05 + 0.1 * rng_uniform(&k.rng);
  k.motivation = 0.3 * rng_normal(&k.rng);
  return k;
}

static inline double ksim_logistic(double x) {
  return 1 / (1 + math_exp(-x));
}

static inline void ksim_morning(struct ksim *k) {
  k->motivation = 0.9 * k->motivation + 0.25 * rng_normal(&k->rng);
  k->stress = math_clamp(4 + 2 * rng_normal(&k->rng), 0, 10);
  k->did = false;
}

/* `policy`: the probability of a message where the person is available, from day, slot, location and burden. */
static inline struct ksim_slot ksim_live_slot(struct ksim *k, double (*policy)(int day, int slot, bool location, double burden)) {
  struct ksim_slot s = {0};
  const double hour = 7 + 3.5 * k->slot;
  s.location = rng_uniform(&k->rng) < 0.55;
  s.available = rng_uniform(&k->rng) < ksim_logistic(1.4 - 0.5 * k->burden);
  s.probability = policy(k->day, k->slot, s.location, k->burden) * s.available;
  s.sent = rng_uniform(&k->rng) < s.probability;
  const double time = math_cos(2 * 3.14159265358979323846 * (hour - k->peak) / 24);
  const double effect = k->sens * (1 - k->habituation) * (0.55 + 0.35 * s.location - 0.012 * k->day);
  const double linear = -0.4 - 2.6 + k->base + 2.2 * k->habit + 0.8 * k->motivation + 0.5 * 0.3 * k->fit + 0.25 * (k->day % 7 < 5) -
                        0.35 * (k->stress - 4) / 2 + 0.6 * time + s.sent * effect;
  s.workout = !k->did && rng_uniform(&k->rng) < ksim_logistic(linear);
  k->did |= s.workout;
  const bool none = rng_uniform(&k->rng) < ksim_logistic(-0.85 - 0.5 * s.sent * effect);
  s.log_steps = none ? math_log(0.5) : 4.6 + 0.3 * k->fit + 0.9 * s.workout + 0.13 * s.sent * effect + 1.1 * rng_normal(&k->rng);
  k->habituation = s.sent ? math_clamp(k->habituation + 0.09, 0, 1) : (1 - 0.08) * k->habituation;
  k->burden = 0.85 * k->burden + 0.25 * s.sent;
  k->slot++;
  return s;
}

/* True: the person leaves. */
static inline bool ksim_evening(struct ksim *k) {
  k->habit = k->did ? k->habit + 0.05 * (1 - k->habit) : k->habit - 0.02 * k->habit;
  k->missed = k->did ? 0 : k->missed + 1;
  k->day++;
  k->slot = 0;
  return rng_uniform(&k->rng) < ksim_logistic(-6.2 + 1.4 * k->burden + 0.35 * k->missed / 3 - 1.5 * k->habit);
}
