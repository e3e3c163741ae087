/* Training of a gbm: rows are chosen, boosting runs tree after tree, the forest becomes the model's. Promises one result for one table
 * (nothing is drawn; ties go to the first input, then the lowest threshold), a model left alone unless everything worked, and a refusal
 * with a sentence where there is nothing to learn: too few rows, one class, inputs that never change. Cancelling is asked for between
 * nodes. [train] */
#include "train.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/refuse.h"
#include "common/rows.h"
#include <math.h>
#include <stdio.h>

#define ROWS_LEAST 10
#define CLIP       0x1p-23 /* of the base rate, as scikit-learn: the float's epsilon */

/* ---- the table ---- */

/* Has a target, and at least one input. */
static bool row_counts(const kairos_batch *x, const kairos_batch *y, uint32_t row) {
  double value;
  if (!column_value(y->columns[0], row, &value)) return false;
  for (uint32_t i = 0; i < x->column_count; i++)
    if (column_value(x->columns[i], row, &value)) return true;
  return false;
}

static void fill_table(struct table *t, const kairos_batch *x, const kairos_batch *y) {
  uint32_t at = 0;
  for (uint32_t row = 0; row < x->rows && at < t->rows; row++) {
    double value;
    if (!row_counts(x, y, row)) continue;
    column_value(y->columns[0], row, &t->target[at]);
    for (uint32_t i = 0; i < t->inputs; i++) {
      const bool known = column_value(x->columns[i], row, &value) && fabs(value) <= (double)__FLT_MAX__;
      t->values[(size_t)i * t->rows + at] = known ? (float)value : __builtin_nanf("");
    }
    at++;
  }
}

static bool column_varies(const float *values, uint32_t rows) {
  uint32_t known = 0;
  float first = 0;
  for (uint32_t r = 0; r < rows; r++) {
    if (values[r] != values[r]) continue;
    if (known++ == 0) first = values[r];
    if (values[r] != first) return true;
  }
  return known > 0 && known < rows; /* then at least its missing says something */
}

static kairos_status check_table(const struct table *t, const struct settings *s, kairos_error *error) {
  double low = INFINITY, high = -INFINITY;
  for (uint32_t r = 0; r < t->rows; r++) {
    low = fmin(low, t->target[r]);
    high = fmax(high, t->target[r]);
  }
  if (s->objective == OBJECTIVE_LOGISTIC && (low < 0 || high > 1))
    return refuse(error, KAIROS_BAD_INPUT, "gbm: targets of %g to %g; the logistic objective expects 0 to 1", low, high);
  if (!number_usable(low) || !number_usable(high))
    return refuse(error, KAIROS_BAD_INPUT, "gbm: targets of %g to %g are too large to train on", low, high);
  if (low == high)
    return refuse(error, KAIROS_BAD_INPUT,
                  "gbm: the target is %g in all of the %u rows: one class teaches nothing, the base rate is all there is to say", low,
                  t->rows);
  for (uint32_t i = 0; i < t->inputs; i++)
    if (column_varies(t->values + (size_t)i * t->rows, t->rows)) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_INPUT, "gbm: none of the %u inputs ever changes over %u rows: there is nothing to split on", t->inputs,
                t->rows);
}

static bool table_new(struct table *t, const kairos_host *host, uint32_t rows, uint32_t inputs) {
  *t = (struct table){.rows = rows, .inputs = inputs};
  t->values = memory_take(host, (size_t)rows * inputs, sizeof *t->values);
  t->target = memory_take(host, rows, sizeof *t->target);
  return t->values && t->target;
}

static void table_free(struct table *t, const kairos_host *host) {
  memory_give(host, t->values, (size_t)t->rows * t->inputs, sizeof *t->values);
  memory_give(host, t->target, t->rows, sizeof *t->target);
}

/* ---- boosting ---- */

static double first_margin(const struct settings *s, const struct table *t) {
  double mean = 0;
  for (uint32_t r = 0; r < t->rows; r++) mean += t->target[r];
  mean /= t->rows;
  if (s->base_score == s->base_score) mean = s->base_score;
  if (s->objective == OBJECTIVE_SQUARED) return mean;
  mean = fmin(fmax(mean, CLIP), 1 - CLIP);
  return log(mean / (1 - mean));
}

static void tell(const struct stage *s, uint32_t tree, const char *method) {
  char note[160];
  const uint32_t all = s->settings->trees;
  if (tree % 10 && tree != all) return;
  snprintf(note, sizeof note, "%s: tree %u of %u, %u rows, %s %.6f", method, tree, all, s->table->rows,
           s->settings->objective == OBJECTIVE_SQUARED ? "mean square" : "log loss", stage_loss(s));
  progress_report(s->host, (double)tree / all, note);
}

static const char *const method_names[] = {"auto", "exact", "newton", "histogram"};

static kairos_status boost(struct stage *s, enum method method, kairos_error *error) {
  const struct grower_kind *kind = method == METHOD_HISTOGRAM ? &grower_histogram : &grower_exact;
  struct grower *grower = kind->begin(s);
  bool fine = grower != NULL;
  s->forest->base = first_margin(s->settings, s->table);
  s->forest->link = s->settings->objective == OBJECTIVE_LOGISTIC ? LINK_LOGISTIC : LINK_NONE;
  s->forest->rows = s->table->rows;
  for (uint32_t r = 0; r < s->table->rows; r++) {
    s->margin[r] = s->forest->base;
    s->weight[r] = 1;
  }
  for (uint32_t tree = 0; fine && tree < s->settings->trees; tree++) {
    tell(s, tree, method_names[method]);
    stage_derive(s);
    fine = !s->host->cancelled(s->host) && forest_add_tree(s->forest, s->host) && kind->grow(grower) && forest_close_tree(s->forest);
  }
  if (fine) tell(s, s->settings->trees, method_names[method]);
  kind->end(grower);
  if (fine) return KAIROS_OK;
  if (s->host->cancelled(s->host)) return refuse(error, KAIROS_CANCELLED, "gbm: cancelled after %u trees", s->forest->tree_count);
  return refuse(error, KAIROS_NO_MEMORY, "gbm: no memory for %u trees of depth %u over %u rows of %u inputs", s->settings->trees,
                s->settings->depth, s->table->rows, s->table->inputs);
}

static kairos_status learn(kairos_model *model, const struct table *t, kairos_error *error) {
  const kairos_host *host = model->host;
  const struct settings *settings = &model->settings;
  struct forest forest = forest_new(t->inputs);
  struct stage s = {.host = host, .settings = settings, .table = t, .forest = &forest};
  s.margin = memory_take(host, t->rows, 3 * sizeof *s.margin);
  enum method method = settings->method;
  if (method == METHOD_AUTO) method = t->rows <= GBM_EXACT_ROWS ? METHOD_EXACT : METHOD_HISTOGRAM;
  kairos_status status;
  if (s.margin && forest_begin(&forest, host)) {
    s.residual = s.margin + t->rows;
    s.weight = s.residual + t->rows;
    status = boost(&s, method, error);
  } else {
    status = refuse(error, KAIROS_NO_MEMORY, "gbm: no memory for %u rows", t->rows);
  }
  memory_give(host, s.margin, t->rows, 3 * sizeof *s.margin);
  if (status == KAIROS_OK) return model_adopt(model, &forest, error);
  forest_free(&forest, host);
  return status;
}

kairos_status gbm_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  const kairos_host *host = model->host;
  const uint32_t inputs = model->settings.shape.input_count;
  if (x->column_count != inputs || y->column_count != 1 || x->rows != y->rows)
    return refuse(error, KAIROS_BAD_INPUT, "gbm: expected %u inputs and one target of as many rows, got %u and %u", inputs, x->column_count,
                  y->column_count);
  uint32_t there = 0;
  for (uint32_t row = 0; row < x->rows; row++) there += row_counts(x, y, row);
  if (there < ROWS_LEAST || there > GBM_ROWS_MOST)
    return refuse(error, KAIROS_BAD_INPUT, "gbm: of %u rows %u have a target and an input; expected %d to %d", x->rows, there, ROWS_LEAST,
                  GBM_ROWS_MOST);
  struct table t;
  kairos_status status;
  if (table_new(&t, host, there, inputs)) {
    fill_table(&t, x, y);
    status = check_table(&t, &model->settings, error);
    if (status == KAIROS_OK) status = learn(model, &t, error);
  } else {
    status = refuse(error, KAIROS_NO_MEMORY, "gbm: no memory for %u rows of %u inputs", there, inputs);
  }
  table_free(&t, host);
  return status;
}
