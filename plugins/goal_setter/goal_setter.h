/* What the files of the goal_setter share: settings, the posterior over types of people, plans, the two simple rules, and the proposal that
 * predict hands out. Amounts are in the user's own unit (steps a day) outside and in `unit`s of it (thousand steps) inside the model. */
#ifndef KAIROS_GOAL_SETTER_H
#define KAIROS_GOAL_SETTER_H
#include "common/config.h"
#include "kairos_plugin.h"

#define GOAL_DAYS_MOST       35
#define GOAL_NAME_MOST       128
#define GOAL_TYPES           560 /* 7 baselines × 5 responses × 4 decays × 4 self-efficacies */
#define GOAL_CANDIDATES_MOST 512

enum method { METHOD_POSTERIOR, METHOD_PERCENTILE, METHOD_FACTOR };
struct settings {
  char names[2][GOAL_NAME_MOST + 1]; /* of the inputs: what was done each day, and the goal of each day */
  uint32_t days;                     /* width of both */
  enum method method;
  double unit;         /* one of the model's units in the user's: 1000 steps */
  double low, high;    /* of any goal */
  double step;         /* goals are multiples of it */
  double change;       /* share that a goal may differ from the one before; the engine's own safeguard stands behind it */
  double valid;        /* a day with less than this was not measured */
  double hit_rate;     /* least expected share of days on which the goal is met */
  double noise;        /* scale of the Laplace noise, in units */
  double explore;      /* probability of one step up or down, half each */
  bool symmetric;      /* factor rule: × 1.1 and / 1.1 instead of × 1.1 and × 0.9 */
  uint32_t least_days; /* valid days before the first goal */
};
/* [build] */
kairos_status settings_read(struct settings *s, const char *config_json, kairos_error *error);

/* ---- types.c: METHODS 4.4, people as types with weights ---- */
struct goal_type {
  double baseline, response, decay, efficacy;
};
struct goal_type goal_type(uint32_t number);
double goal_log_prior(const struct goal_type *t);
/* argmax over x of −(x − baseline)² − response · max(goal − x, 0). */
double goal_respond(double goal, double baseline, double response);
/* One day: NaN where nothing was measured, or no goal was set. */
struct goal_day {
  double goal, done;
};
struct posterior {
  double log_weight[GOAL_TYPES]; /* prior and likelihood, but for the days' log(2 · noise) */
  double weight[GOAL_TYPES];     /* sum 1 */
  double response[GOAL_TYPES];   /* after the last day */
};
void posterior_learn(struct posterior *p, const struct goal_day *days, uint32_t count, double noise);

/* ---- plan.c ---- */
#define GOAL_HORIZON 7 /* days that a goal is held */
struct plan {
  double goal, expected, hit_rate; /* hit rate: share of the days on which the type meets the goal, without noise */
};
struct plan plan_goal(const struct posterior *p, double goal);
/* The candidate of the most expected steps among those whose hit rate is at least `hit_rate`; when there is none, the lowest. Ties go to
 * the lower goal. `unconstrained`: whatever the hit rate. Candidates ascend. */
uint32_t plan_best(const struct posterior *p, const double *candidates, uint32_t count, double hit_rate, bool unconstrained,
                   struct plan *best);
/* The highest candidate that brings as much as that one, to a step: below the baseline all goals bring the same, and the lowest would sink
 * from week to week. */
uint32_t plan_highest(const struct posterior *p, const double *candidates, uint32_t count, double hit_rate);
/* P(done + noise ≥ goal) tomorrow; `told`: the goal that the person is told, NaN for none. */
double plan_success(const struct posterior *p, double goal, double told, double noise);

/* ---- simple.c: METHODS 4.2 and 4.3 ---- */
/* Linear interpolation at the rank (count + 1) · share: Hyndman and Fan's type 6. Sorts `values`. */
double simple_percentile(double *values, uint32_t count, double share);
#define FACTOR_WINDOW 5
/* `hits` of the last days, newest last; fewer than the window: 1. The factor by which the goal changes. */
double simple_factor(const unsigned char *hits, uint32_t count, bool symmetric);

/* ---- propose.c ---- */
enum strategy { STRATEGY_HOLD, STRATEGY_EASE, STRATEGY_MAINTAIN, STRATEGY_RAISE };
struct proposal {
  double goal;               /* in the user's unit */
  double action, propensity; /* action: the goal as a number of steps above `low`; its probability given everything but the seed */
  double difficulty, success;
  enum strategy strategy;
};
struct proposing {
  const struct settings *settings;
  struct posterior posterior;
  double candidates[GOAL_CANDIDATES_MOST];
};
/* False: too few valid days to say anything. */
bool propose(struct proposing *scratch, const struct goal_day *days, uint32_t count, uint64_t seed, struct proposal *out);
/* A uniform in [0, 1) from a seed. */
double goal_uniform(uint64_t seed);

#endif
