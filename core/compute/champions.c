/* Champions: what a trained model has to beat before it is worth its cost (METHODS 2.1). L2-logistic regression on the same inputs, and the
 * last value: who did it the last time does it again. Promises that both learn from the training rows alone and say something of every
 * row. Called by tools, any thread. */
#include "features.h"
#include <stdlib.h>

#define RIDGE 1.0 /* scikit-learn's C = 1 */

/* ---- logistic regression ---- */

/* A number is one column; of a window its newest known value and the mean of the known ones. */
struct champion_columns {
  size_t count;
  double *mean, *deviation;
};

static size_t columns_of(const struct training_rows *rows) {
  size_t count = 0;
  for (uint32_t c = 0; c < rows->input_count; c++) count += rows->widths[c] > 1 ? 2 : 1;
  return count;
}

/* One row's columns; none where nothing is known. */
static void read_row(const struct training_rows *rows, uint32_t row, double *to) {
  for (uint32_t c = 0; c < rows->input_count; c++) {
    const uint32_t width = rows->widths[c];
    double sum = 0, known = 0, newest = STATS_NONE;
    for (size_t i = (size_t)row * width; i < ((size_t)row + 1) * width; i++) {
      if (!(rows->valid[c][i / 64] >> (i % 64) & 1)) continue;
      newest = rows->inputs[c][i];
      sum += newest;
      known++;
    }
    *to++ = newest;
    if (width > 1) *to++ = known > 0 ? sum / known : STATS_NONE;
  }
}

static void measure(struct champion_columns *k, double *matrix, size_t rows) {
  for (size_t c = 0; c < k->count; c++) {
    double sum = 0, squares = 0, n = 0;
    for (size_t r = 0; r < rows; r++)
      if (!stats_none(matrix[r * k->count + c])) {
        sum += matrix[r * k->count + c];
        n++;
      }
    k->mean[c] = n > 0 ? sum / n : 0;
    for (size_t r = 0; r < rows; r++)
      if (!stats_none(matrix[r * k->count + c]))
        squares += (matrix[r * k->count + c] - k->mean[c]) * (matrix[r * k->count + c] - k->mean[c]);
    const double deviation = n > 0 ? math_sqrt(squares / n) : 0;
    k->deviation[c] = deviation > 1e-12 ? deviation : 1;
  }
}

/* What is missing counts as the training mean, which is 0 now. */
static void standardise(const struct champion_columns *k, double *matrix, size_t rows) {
  for (size_t i = 0; i < rows * k->count; i++) {
    const size_t c = i % k->count;
    matrix[i] = stats_none(matrix[i]) ? 0 : math_clamp((matrix[i] - k->mean[c]) / k->deviation[c], -10, 10);
  }
}

bool champion_logistic(const struct training_rows *train, const struct training_rows *test, double *p) {
  struct arena a = {0};
  struct champion_columns k = {.count = columns_of(train)};
  const size_t m = k.count + 1;
  k.mean = ARENA_ARRAY(&a, double, m);
  k.deviation = ARENA_ARRAY(&a, double, m);
  double *x = ARENA_ARRAY(&a, double, ((size_t)train->rows + 1) * k.count), *row = ARENA_ARRAY(&a, double, m);
  double *beta = ARENA_ARRAY(&a, double, m), *scratch = ARENA_ARRAY(&a, double, m *(m + 3));
  bool fine = k.mean && k.deviation && x && row && beta && scratch;
  if (fine) {
    for (uint32_t r = 0; r < train->rows; r++) read_row(train, r, x + (size_t)r * k.count);
    measure(&k, x, train->rows);
    standardise(&k, x, train->rows);
    fine = logistic_fit(x, train->outcome, train->rows, k.count, RIDGE, beta, scratch);
  }
  for (uint32_t r = 0; fine && r < test->rows; r++) {
    read_row(test, r, row);
    standardise(&k, row, 1);
    p[r] = logistic_at(beta, row, k.count);
  }
  arena_free(&a);
  return fine;
}

/* ---- the last value ---- */

/* After a yes, after a no, and when nothing was known before: the training rows' rates, each with one yes and one no more. */
static size_t kind_of(const struct training_rows *rows, uint32_t row) {
  return stats_none(rows->before[row]) ? 2 : rows->before[row] > .5 ? 1 : 0;
}

void champion_last_value(const struct training_rows *train, const struct training_rows *test, double *p) {
  double done[3] = {1, 1, 1}, asked[3] = {2, 2, 2};
  for (uint32_t r = 0; r < train->rows; r++) {
    done[kind_of(train, r)] += train->outcome[r];
    asked[kind_of(train, r)]++;
  }
  for (uint32_t r = 0; r < test->rows; r++) p[r] = done[kind_of(test, r)] / asked[kind_of(test, r)];
}

/* ---- one against the other ---- */

struct user_gain {
  uint64_t user;
  double gain;
};

static int by_user(const void *a, const void *b) {
  const struct user_gain *x = a, *y = b;
  return x->user < y->user ? -1 : x->user > y->user;
}

double gain_over(const struct training_rows *rows, const double *p, const double *other, double *standard_error) {
  struct user_gain *gains = kit_alloc((rows->rows + 1) * sizeof *gains);
  double sum = 0, squares = 0, users = 0;
  *standard_error = STATS_NONE;
  if (!gains || rows->rows == 0) {
    kit_free(gains);
    return STATS_NONE;
  }
  for (uint32_t r = 0; r < rows->rows; r++) {
    const double y = rows->outcome[r];
    gains[r] = (struct user_gain){rows->user[r], log_loss(other + r, &y, 1) - log_loss(p + r, &y, 1)};
    sum += gains[r].gain;
  }
  const double mean = sum / rows->rows;
  qsort(gains, rows->rows, sizeof *gains, by_user);
  for (uint32_t r = 0, end; r < rows->rows; r = end, users++) {
    double apart = 0;
    for (end = r; end < rows->rows && gains[end].user == gains[r].user; end++) apart += gains[end].gain - mean;
    squares += apart * apart;
  }
  if (users > 1) *standard_error = math_sqrt(squares * users / (users - 1)) / rows->rows;
  kit_free(gains);
  return mean;
}
