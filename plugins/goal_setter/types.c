/* People as types (METHODS 4.4): a baseline, how much a goal moves them, how that decays, and how meeting a goal feeds it. Promises the
 * posterior over all 560 types of the grid, in one pass over the days and always in the same order of sums. A day without a measurement
 * teaches nothing, and the type's own answer stands for what was done; a day without a goal is a day at the baseline. Pure. [predict] */
#include "common/exponential.h"
#include "goal_setter.h"

static const double baselines[] = {3, 4, 5, 6, 7, 8, 9}, responses[] = {0, 1, 2, 4, 6}, decays[] = {.6, .75, .9, .97},
                    efficacies[] = {0, .25, .5, 1};

struct goal_type goal_type(uint32_t number) {
  return (struct goal_type){baselines[number / 80], responses[number / 16 % 5], decays[number / 4 % 4], efficacies[number % 4]};
}

double goal_log_prior(const struct goal_type *t) {
  const double away = (t->baseline - 6) / 2.5;
  return -0.5 * (away * away) - 0.1 * t->response - 0.2 * t->efficacy;
}

double goal_respond(double goal, double baseline, double response) {
  if (goal <= baseline) return baseline;
  const double reach = baseline + response / 2;
  return goal < reach ? goal : reach;
}

static double distance(double a, double b) {
  return a < b ? b - a : a - b;
}

static double live(const struct goal_type *t, const struct goal_day *days, uint32_t count, double noise, double *response) {
  double log_likelihood = 0, p = t->response;
  for (uint32_t d = 0; d < count; d++) {
    const bool set = days[d].goal == days[d].goal, measured = days[d].done == days[d].done;
    const double expected = set ? goal_respond(days[d].goal, t->baseline, p) : t->baseline;
    if (measured) log_likelihood -= distance(days[d].done, expected) / noise;
    if (set) p = t->decay * p + ((measured ? days[d].done : expected) >= days[d].goal - 1e-12 ? t->efficacy : 0);
  }
  *response = p;
  return log_likelihood;
}

void posterior_learn(struct posterior *p, const struct goal_day *days, uint32_t count, double noise) {
  double most = -1e300, sum = 0;
  for (uint32_t i = 0; i < GOAL_TYPES; i++) {
    const struct goal_type t = goal_type(i);
    p->log_weight[i] = goal_log_prior(&t) + live(&t, days, count, noise, &p->response[i]);
    if (p->log_weight[i] > most) most = p->log_weight[i];
  }
  for (uint32_t i = 0; i < GOAL_TYPES; i++) sum += p->weight[i] = exp_down(p->log_weight[i] - most);
  for (uint32_t i = 0; i < GOAL_TYPES; i++) p->weight[i] /= sum;
}
