/* Evaluation: what predictions of 0/1 outcomes are worth, always beside the base rate (METHODS 2.1): an accuracy alone means nothing.
 * Promises null where a figure is undefined. Called by the training tool and by tests, any thread. */
#include "features.h"

static void pair(struct json_writer *w, const char *key, double value) {
  json_key(w, key);
  if (stats_none(value)) json_put_null(w);
  else json_put_double(w, math_round6(value));
}

void evaluate_binary(const double *p, const double *y, size_t n, struct json_writer *w) {
  double base = mean_of(y, n), slope = STATS_NONE, intercept = STATS_NONE;
  uint32_t *scratch = kit_alloc((n + 1) * sizeof *scratch);
  if (!calibration_line(p, y, n, &slope, &intercept)) slope = intercept = STATS_NONE;
  json_open_object(w);
  json_pair_int(w, "rows", (int64_t)n);
  pair(w, "base_rate", base);
  pair(w, "majority_accuracy", base > .5 ? base : 1 - base);
  pair(w, "accuracy", accuracy_at(p, y, n, .5));
  pair(w, "f1", f1_at(p, y, n, .5));
  pair(w, "auc", scratch ? auc_midrank(p, y, n, scratch) : STATS_NONE);
  pair(w, "brier", brier_score(p, y, n));
  pair(w, "brier_of_base_rate", base * (1 - base));
  pair(w, "log_loss", log_loss(p, y, n));
  pair(w, "calibration_slope", slope);
  pair(w, "calibration_intercept", intercept);
  json_close_object(w);
  kit_free(scratch);
}
