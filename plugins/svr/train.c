/* Training of an svr: rows are chosen, inputs standardised, libsvm solves the dual, its support vectors are copied flat. Promises one
 * result for one table (libsvm draws no random numbers for epsilon-SVR without probabilities), at most SVR_VECTORS_MOST rows (evenly
 * spread over the table when there are more), and a model left alone unless everything worked. libsvm allocates by itself and does not
 * check, so this runs in the training child, whose end is not the engine's. [train] */
#include "common/memory.h"
#include "common/progress.h"
#include "common/refuse.h"
#include "common/rows.h"
#include "svr.h"
#include <float.h>
#include <libsvm/svm.h>
#include <math.h>
#include <stdio.h>

struct table { /* what is trained on */
  uint32_t rows, inputs;
  uint32_t *from; /* [rows] row of the batch */
  double *z;      /* [rows × inputs] */
  double *y;
  struct svm_node *nodes; /* [rows × (inputs + 1)], each row closed by index −1 */
  struct svm_node **lines;
};

/* Has a target, and no more than half of its inputs are missing. */
static bool row_counts(const kairos_batch *x, const kairos_batch *y, uint32_t row) {
  double value;
  uint32_t missing = 0;
  for (uint32_t i = 0; i < x->column_count; i++) missing += !column_value(x->columns[i], row, &value);
  return 2 * missing <= x->column_count && column_value(y->columns[0], row, &value);
}

static bool table_new(struct table *t, const kairos_host *host, uint32_t rows, uint32_t inputs) {
  *t = (struct table){.rows = rows, .inputs = inputs};
  t->from = memory_take(host, rows, sizeof *t->from);
  t->z = memory_take(host, (size_t)rows * inputs, sizeof *t->z);
  t->y = memory_take(host, rows, sizeof *t->y);
  t->nodes = memory_take(host, (size_t)rows * (inputs + 1), sizeof *t->nodes);
  t->lines = memory_take(host, rows, sizeof *t->lines);
  return t->from && t->z && t->y && t->nodes && t->lines;
}

static void table_free(struct table *t, const kairos_host *host) {
  memory_give(host, t->from, t->rows, sizeof *t->from);
  memory_give(host, t->z, (size_t)t->rows * t->inputs, sizeof *t->z);
  memory_give(host, t->y, t->rows, sizeof *t->y);
  memory_give(host, t->nodes, (size_t)t->rows * (t->inputs + 1), sizeof *t->nodes);
  memory_give(host, t->lines, t->rows, sizeof *t->lines);
}

/* Of `there` usable rows the table takes every one, or `rows` of them evenly spread. */
static void choose_rows(struct table *t, const kairos_batch *x, const kairos_batch *y, uint32_t there) {
  uint32_t taken = 0, seen = 0;
  for (uint32_t row = 0; row < x->rows && taken < t->rows; row++) {
    if (!row_counts(x, y, row)) continue;
    if ((uint64_t)seen * t->rows >= (uint64_t)taken * there) {
      t->from[taken] = row;
      t->y[taken++] = ((const double *)y->columns[0]->data)[row];
    }
    seen++;
  }
  t->rows = taken;
}

/* Mean and population standard deviation of one input over the rows that have it. As scikit-learn, a deviation that is only rounding
 * noise counts as none, and none becomes 1. */
static void measure_input(const struct table *t, const kairos_column *column, double *mean, double *scale) {
  double value, sum = 0, squares = 0;
  uint32_t n = 0;
  for (uint32_t r = 0; r < t->rows; r++)
    if (column_value(column, t->from[r], &value)) {
      sum += value;
      n++;
    }
  *mean = n ? sum / n : 0;
  *scale = 1;
  for (uint32_t r = 0; r < t->rows; r++)
    if (column_value(column, t->from[r], &value)) squares += (value - *mean) * (value - *mean);
  const double variance = n ? squares / n : 0, noise = n * *mean * DBL_EPSILON;
  if (variance > n * DBL_EPSILON * variance + noise * noise) *scale = sqrt(variance);
}

static kairos_status fill_table(struct table *t, const kairos_batch *x, struct machine *scratch, bool standardise, kairos_error *error) {
  for (uint32_t i = 0; standardise && i < t->inputs; i++) measure_input(t, x->columns[i], &scratch->mean[i], &scratch->scale[i]);
  for (uint32_t r = 0; r < t->rows; r++) {
    double *z = t->z + (size_t)r * t->inputs;
    machine_standardise(scratch, x, t->from[r], z);
    struct svm_node *node = t->nodes + (size_t)r * (t->inputs + 1);
    t->lines[r] = node;
    for (uint32_t i = 0; i < t->inputs; i++, node++) {
      if (standardise && fabs(z[i]) < 1e30) z[i] = (double)(float)z[i]; /* as trees do; support vectors of half the size are asked faster */
      if (!(fabs(z[i]) < 1e50) || !(fabs(t->y[r]) < 1e50))
        return refuse(error, KAIROS_BAD_INPUT, "svr: row %u, input %u: the value or the target is too large to train on", t->from[r], i);
      *node = (struct svm_node){(int)i + 1, z[i]};
    }
    node->index = -1;
  }
  return KAIROS_OK;
}

double gamma_scale(const double *matrix, uint32_t rows, uint32_t inputs) {
  const size_t n = (size_t)rows * inputs;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += matrix[i];
  const double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += (matrix[i] - mean) * (matrix[i] - mean);
  const double variance = squares / (double)n;
  return variance > 0 ? 1.0 / (inputs * variance) : 1.0;
}

static double choose_gamma(const struct settings *s, const struct table *t) {
  if (s->gamma_rule == GAMMA_NUMBER) return s->gamma;
  return s->gamma_rule == GAMMA_AUTO ? 1.0 / t->inputs : gamma_scale(t->z, t->rows, t->inputs);
}

static void say_nothing(const char *text) {
  (void)text;
} /* libsvm prints on stdout otherwise */

static kairos_status copy_solution(kairos_model *model, const struct svm_model *solved, const struct table *t,
                                   const struct machine *scaling, kairos_error *error) {
  struct machine m;
  if (!machine_new(&m, model->host, t->inputs, (uint32_t)solved->l))
    return refuse(error, KAIROS_NO_MEMORY, "svr: no memory for %d support vectors", solved->l);
  m.rows = t->rows;
  m.gamma = solved->param.gamma;
  m.bias = -solved->rho[0];
  for (uint32_t i = 0; i < t->inputs; i++) {
    m.mean[i] = scaling->mean[i];
    m.scale[i] = scaling->scale[i];
  }
  for (uint32_t v = 0; v < m.vectors; v++) {
    m.coefficients[v] = solved->sv_coef[0][v];
    for (uint32_t i = 0; i < t->inputs; i++) *machine_support(&m, v, i) = solved->SV[v][i].value;
  }
  model_adopt(model, &m);
  char note[120];
  snprintf(note, sizeof note, "%u rows, %u support vectors, gamma %.6g", m.rows, m.vectors, m.gamma);
  progress_report(model->host, 1, note);
  return KAIROS_OK;
}

static kairos_status solve(kairos_model *model, struct table *t, const struct machine *scaling, kairos_error *error) {
  const struct settings *s = &model->settings;
  struct svm_problem problem = {.l = (int)t->rows, .y = t->y, .x = t->lines};
  struct svm_parameter parameter = {.svm_type = EPSILON_SVR,
                                    .kernel_type = RBF,
                                    .gamma = choose_gamma(s, t),
                                    .cache_size = 100,
                                    .eps = s->tolerance,
                                    .C = s->c,
                                    .p = s->epsilon,
                                    .shrinking = 1};
  const char *complaint = svm_check_parameter(&problem, &parameter);
  if (complaint) return refuse(error, KAIROS_BAD_CONFIG, "svr: libsvm refuses the settings: %s", complaint);
  char note[120];
  snprintf(note, sizeof note, "solving for %u rows of %u inputs, C %g, epsilon %g, gamma %.6g", t->rows, t->inputs, s->c, s->epsilon,
           parameter.gamma);
  progress_report(model->host, 0.1, note);
  if (model->host->cancelled(model->host)) return refuse(error, KAIROS_CANCELLED, "svr: cancelled before solving");
  svm_set_print_string_function(say_nothing);
  struct svm_model *solved = svm_train(&problem, &parameter);
  const kairos_status status = model->host->cancelled(model->host) ? refuse(error, KAIROS_CANCELLED, "svr: cancelled after solving")
                                                                   : copy_solution(model, solved, t, scaling, error);
  svm_free_and_destroy_model(&solved);
  return status;
}

kairos_status svr_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  const kairos_host *host = model->host;
  const uint32_t inputs = model->settings.shape.input_count;
  if (x->column_count != inputs || y->column_count != 1 || x->rows != y->rows)
    return refuse(error, KAIROS_BAD_INPUT, "svr: expected %u inputs and one target of as many rows, got %u and %u", inputs, x->column_count,
                  y->column_count);
  uint32_t there = 0;
  for (uint32_t row = 0; row < x->rows; row++) there += row_counts(x, y, row);
  if (there < 2)
    return refuse(error, KAIROS_BAD_INPUT, "svr: of %u rows %u have a target and at least half of their inputs; expected 2 or more",
                  x->rows, there);
  struct table t;
  struct machine scaling = {0};
  kairos_status status = KAIROS_OK;
  const uint32_t rows = there < SVR_VECTORS_MOST ? there : SVR_VECTORS_MOST;
  if (!table_new(&t, host, rows, inputs) || !machine_new(&scaling, host, inputs, 0))
    status = refuse(error, KAIROS_NO_MEMORY, "svr: no memory for %u rows of %u inputs", rows, inputs);
  if (status == KAIROS_OK) {
    choose_rows(&t, x, y, there);
    status = fill_table(&t, x, &scaling, model->settings.standardise, error);
  }
  if (status == KAIROS_OK) status = solve(model, &t, &scaling, error);
  t.rows = rows;
  table_free(&t, host);
  machine_free(&scaling, host);
  return status;
}
