/* hazard: a discrete-time hazard, private to its folder. Of somebody who is still there, the chance to be lost in the next step of time:
 *   h(t, x) = 1 / (1 + exp(−(constant + sum of slope(i) · z(i))))     z: standardised inputs, the time among them
 * and from it what is foreseen, with all inputs but the time as they are now:
 *   P(lost within n steps) = 1 − S(n) / S(now) = 1 − product over k < n of (1 − h(t + k steps, x)) */
#ifndef KAIROS_HAZARD_H
#define KAIROS_HAZARD_H
#include "common/shape.h"

#define HAZARD_STEPS_MOST 520

struct settings {
  struct shape shape;
  char time[SHAPE_NAME_MOST + 1]; /* the input that counts time; empty: the hazard is the same at all times */
  double unit;                    /* of that input, a step */
  double steps;                   /* that are looked ahead */
  double ridge;                   /* half of it times the squared slopes of standardised inputs is added to the loss */
};
/* Reads the configuration; what it holds is then the caller's to give back with settings_free. [build] */
kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error);
void settings_free(struct settings *s, const kairos_host *host);

/* What was learned: person-steps in, a hazard out. */
struct curve {
  uint32_t inputs, rows, events; /* person-steps and losses that it was learned from */
  bool ridged;                   /* without a ridge there was no end: one of RIDGE_SEPARATED was added */
  double *mean, *scale, *slopes; /* [inputs]; slopes of standardised inputs. One block */
  double constant;
};
#define RIDGE_SEPARATED 1e-4
bool curve_new(struct curve *c, const kairos_host *host, uint32_t inputs); /* zeroed, scale 1. False: no memory. [build] [train] */
void curve_free(struct curve *c, const kairos_host *host);
/* The row's standardised inputs, within ±10; what is missing becomes 0, the training mean. False: more than half of them are missing. */
bool curve_standardise(const struct curve *c, const kairos_batch *in, uint32_t row, double *z);
double curve_margin(const struct curve *c, const double *z); /* log odds of the hazard */
/* `z` as standardised; `time` is the number of the input that counts it, or c->inputs. [predict] */
double curve_lost(const struct curve *c, const double *z, uint32_t time, double unit, uint32_t steps);
/* Newton's method on person-steps: `counts[row]` says which rows are learned from. [train] */
kairos_status curve_fit(struct curve *c, const kairos_host *host, const kairos_batch *x, const kairos_batch *y, const bool *counts,
                        double ridge, kairos_error *error);

struct kairos_model {
  const kairos_host *host;
  struct settings settings;
  uint32_t time; /* number of settings.time, or the count of inputs */
  bool trained;
  struct curve curve; /* only when trained */
};
void model_adopt(kairos_model *model, struct curve *curve); /* takes it; the old one is freed */
kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error);
kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
kairos_status hazard_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error);

#endif
