/* Planning with the posterior (METHODS 4.4): what a goal that is held for a week would bring, the goal that brings most while it stays
 * within reach, and the probability of meeting one tomorrow. Promises the same sums in the same order; types of less than a millionth
 * weigh nothing. Pure. [predict] */
#include "common/exponential.h"
#include "goal_setter.h"

#define NEGLIGIBLE 1e-6
#define ONE_STEP   1e-3

struct plan plan_goal(const struct posterior *p, double goal) {
  struct plan plan = {.goal = goal};
  for (uint32_t i = 0; i < GOAL_TYPES; i++) {
    if (p->weight[i] < NEGLIGIBLE) continue;
    const struct goal_type t = goal_type(i);
    double done = 0, response = p->response[i];
    int hits = 0;
    for (int day = 0; day < GOAL_HORIZON; day++) {
      const double x = goal_respond(goal, t.baseline, response);
      const bool hit = x >= goal - 1e-12;
      done += x;
      hits += hit;
      response = t.decay * response + (hit ? t.efficacy : 0);
    }
    plan.expected += p->weight[i] * (done / GOAL_HORIZON);
    plan.hit_rate += p->weight[i] * ((double)hits / GOAL_HORIZON);
  }
  return plan;
}

uint32_t plan_best(const struct posterior *p, const double *candidates, uint32_t count, double hit_rate, bool unconstrained,
                   struct plan *best) {
  uint32_t found = count;
  for (uint32_t i = 0; i < count; i++) {
    const struct plan plan = plan_goal(p, candidates[i]);
    if (!unconstrained && plan.hit_rate < hit_rate) continue;
    if (found < count && plan.expected <= best->expected + 1e-12) continue;
    *best = plan;
    found = i;
  }
  if (found < count) return found;
  *best = plan_goal(p, candidates[0]);
  return 0;
}

uint32_t plan_highest(const struct posterior *p, const double *candidates, uint32_t count, double hit_rate) {
  struct plan best;
  uint32_t found = plan_best(p, candidates, count, hit_rate, false, &best);
  for (uint32_t i = found + 1; i < count; i++) {
    const struct plan plan = plan_goal(p, candidates[i]);
    if (plan.hit_rate >= hit_rate && plan.expected >= best.expected - ONE_STEP) found = i;
  }
  return found;
}

double plan_success(const struct posterior *p, double goal, double told, double noise) {
  double success = 0;
  for (uint32_t i = 0; i < GOAL_TYPES; i++) {
    const struct goal_type t = goal_type(i);
    const double x = told == told ? goal_respond(told, t.baseline, p->response[i]) : t.baseline;
    const double above = (goal - x) / noise;
    success += p->weight[i] * (above > 0 ? 0.5 * exp_down(-above) : 1 - 0.5 * exp_down(above));
  }
  return success < 0 ? 0 : success > 1 ? 1 : success;
}
