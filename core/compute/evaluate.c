/* Evaluation: what predictions of 0/1 outcomes are worth, always beside the base rate (METHODS 2.1): an accuracy alone means nothing.
 * Promises null where a figure is undefined. Called by the training tool and by tests, any thread. */
#include "features.h"

struct figures figures_of(const double *p, const double *y, size_t n) {
  struct figures f = {.rows = n, .base_rate = mean_of(y, n), .slope = STATS_NONE, .intercept = STATS_NONE};
  uint32_t *scratch = kit_alloc((n + 1) * sizeof *scratch);
  if (!calibration_line(p, y, n, &f.slope, &f.intercept)) f.slope = f.intercept = STATS_NONE;
  f.majority_accuracy = f.base_rate > .5 ? f.base_rate : 1 - f.base_rate;
  f.accuracy = accuracy_at(p, y, n, .5);
  f.f1 = f1_at(p, y, n, .5);
  f.auc = scratch ? auc_midrank(p, y, n, scratch) : STATS_NONE;
  f.brier = brier_score(p, y, n);
  f.brier_of_base_rate = f.base_rate * (1 - f.base_rate);
  f.log_loss = log_loss(p, y, n);
  kit_free(scratch);
  return f;
}

void figures_write(const struct figures *f, struct json_writer *w) {
  json_open_object(w);
  json_pair_int(w, "rows", (int64_t)f->rows);
  json_pair_figure(w, "base_rate", f->base_rate);
  json_pair_figure(w, "majority_accuracy", f->majority_accuracy);
  json_pair_figure(w, "accuracy", f->accuracy);
  json_pair_figure(w, "f1", f->f1);
  json_pair_figure(w, "auc", f->auc);
  json_pair_figure(w, "brier", f->brier);
  json_pair_figure(w, "brier_of_base_rate", f->brier_of_base_rate);
  json_pair_figure(w, "log_loss", f->log_loss);
  json_pair_figure(w, "calibration_slope", f->slope);
  json_pair_figure(w, "calibration_intercept", f->intercept);
  json_close_object(w);
}
