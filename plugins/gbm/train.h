/* train: what the parts of gbm's training share. Everything here runs in the training child, on one thread. */
#ifndef KAIROS_GBM_TRAIN_H
#define KAIROS_GBM_TRAIN_H
#include "gbm.h"

struct table { /* what is trained on, column by column */
  uint32_t rows, inputs;
  float *values;  /* [inputs × rows]: NaN is missing */
  double *target; /* [rows] */
};

/* Where boosting stands. */
struct stage {
  const kairos_host *host;
  const struct settings *settings;
  const struct table *table;
  struct forest *forest;
  double *margin;   /* [rows] */
  double *residual; /* [rows]: target − prediction */
  double *weight;   /* [rows]: second derivative, p(1 − p) or 1 */
};

void stage_derive(struct stage *s); /* residuals and weights by the margins */
/* Each row's residual and weight times their scales, rounded to whole numbers, the residual's 2^32 times as high. The scaled ones are below
 * 2^51. */
void stage_pack(const struct stage *s, double residual_scale, double weight_scale, int64_t *sums);
double stage_loss(const struct stage *s); /* mean log loss, or mean square */

/* A way of growing trees: begin once, grow a tree at a time (it adds rate × leaf to the margins of its rows), end in any case. False from
 * begin or grow: no memory, or cancelled (then host->cancelled says so again). */
struct grower;
struct grower_kind {
  struct grower *(*begin)(const struct stage *s);
  bool (*grow)(struct grower *g);
  void (*end)(struct grower *g);
};
extern const struct grower_kind grower_exact; /* also newton */
extern const struct grower_kind grower_histogram;

/* The rows' numbers in order of a column's values, equal ones in order of rows, missing ones last. `spare`: [rows]. Returns how many are
 * not missing. */
uint32_t order_column(const float *values, uint32_t rows, uint32_t *order, uint32_t *spare);

#define BIN_MISSING 255
#define ROWS_SLACK  16 /* so many numbers behind rows and spare, and bytes behind the columns, may be read and written */
/* Parts `count` rows: those whose bin is at most `bin` come first, and with `missing_left` those that are missing; both in the order they
 * had. Returns how many. `column` is the input's bins by row; `wide`: with wide instructions, if the machine has them. */
uint32_t rows_part(const uint8_t *column, uint8_t bin, bool missing_left, uint32_t *rows, uint32_t count, uint32_t *spare, bool wide,
                   bool *any_missing);

/* Two sums of a side of a split: scikit-learn's (count of rows) or XGBoost's (second derivatives). */
static inline double leaf_addend(const struct settings *s, bool newton, double residuals, double weights) {
  const double below = weights + (newton ? s->lambda : 0);
  return below > -1e-150 && below < 1e-150 ? 0 : s->rate * residuals / below;
}

#endif
