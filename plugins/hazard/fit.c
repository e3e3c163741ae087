/* Learning a hazard: logistic regression over person-steps, by Newton's method in at most 25 steps (METHODS 13.3). Where that has no end,
 * because an input tells losses and stays apart, a small ridge is added and the state says so. Promises one result for the same rows, sums
 * in their order, and to look for a cancellation every few thousand rows. In the training child. */
#include "common/exponential.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/refuse.h"
#include "common/rows.h"
#include "hazard.h"
#include <math.h>
#include <stdio.h>

#define STEPS_MOST        25
#define STEPS_MOST_RIDGED 200
#define MARGIN_MOST       30.0 /* chances of 1e-13 from rows as few as ours are no finding */
#define LOOK_EVERY        4096u

struct problem {
  const kairos_host *host;
  const kairos_batch *x;
  const double *y;
  const bool *counts;
  double ridge;
  double *z, *step, *matrix; /* one row; inputs + 1, the constant last; the lower half of its square */
};

enum end { END_FOUND, END_NONE, END_CANCELLED };

static void measure(struct curve *c, const kairos_batch *x, const bool *counts) {
  for (uint32_t i = 0; i < c->inputs; i++) {
    double value, sum = 0, squares = 0, n = 0;
    for (uint32_t r = 0; r < x->rows; r++)
      if (counts[r] && column_value(x->columns[i], r, &value)) sum += value, n++;
    c->mean[i] = n > 0 ? sum / n : 0;
    for (uint32_t r = 0; r < x->rows; r++)
      if (counts[r] && column_value(x->columns[i], r, &value)) squares += (value - c->mean[i]) * (value - c->mean[i]);
    const double scale = n > 0 ? sqrt(squares / n) : 0;
    c->scale[i] = scale > 1e-12 ? scale : 1;
  }
}

/* Gradient of the loss into step, second derivatives into the matrix. False: given up, or a margin ran away. */
static enum end derive(const struct problem *p, const struct curve *c) {
  const uint32_t m = c->inputs + 1;
  for (uint32_t i = 0; i < m; i++) p->step[i] = i < c->inputs ? p->ridge * c->slopes[i] : 0;
  for (size_t i = 0; i < (size_t)m * m; i++) p->matrix[i] = 0;
  for (uint32_t r = 0; r < p->x->rows; r++) {
    if (r % LOOK_EVERY == 0 && p->host->cancelled(p->host)) return END_CANCELLED;
    if (!p->counts[r]) continue;
    curve_standardise(c, p->x, r, p->z);
    p->z[c->inputs] = 1;
    const double margin = curve_margin(c, p->z);
    if (!(margin < MARGIN_MOST && margin > -MARGIN_MOST) && p->ridge <= 0) return END_NONE;
    const double h = logistic(margin), weight = h * (1 - h), off = h - p->y[r];
    for (uint32_t i = 0; i < m; i++) {
      p->step[i] += off * p->z[i];
      const double part = weight * p->z[i];
      for (uint32_t j = 0; j <= i; j++) p->matrix[(size_t)i * m + j] += part * p->z[j];
    }
  }
  for (uint32_t i = 0; i < c->inputs; i++) p->matrix[(size_t)i * m + i] += p->ridge;
  return END_FOUND;
}

/* Cholesky in place, then matrix · step = step. False: not positive definite, as with an input that never varies and no ridge. */
static bool solve(double *matrix, double *step, uint32_t m) {
  for (uint32_t i = 0; i < m; i++)
    for (uint32_t j = 0; j <= i; j++) {
      double sum = matrix[(size_t)i * m + j];
      for (uint32_t k = 0; k < j; k++) sum -= matrix[(size_t)i * m + k] * matrix[(size_t)j * m + k];
      if (i == j && !(sum > 1e-10)) return false;
      matrix[(size_t)i * m + j] = i == j ? sqrt(sum) : sum / matrix[(size_t)j * m + j];
    }
  for (uint32_t i = 0; i < m; i++) {
    for (uint32_t k = 0; k < i; k++) step[i] -= matrix[(size_t)i * m + k] * step[k];
    step[i] /= matrix[(size_t)i * m + i];
  }
  for (uint32_t i = m; i-- > 0;) {
    for (uint32_t k = i + 1; k < m; k++) step[i] -= matrix[(size_t)k * m + i] * step[k];
    step[i] /= matrix[(size_t)i * m + i];
  }
  return true;
}

static enum end newton(const struct problem *p, struct curve *c, int steps_most) {
  c->constant = 0;
  for (uint32_t i = 0; i < c->inputs; i++) c->slopes[i] = 0;
  for (int step = 0; step < steps_most; step++) {
    double longest = 0;
    const enum end end = derive(p, c);
    if (end != END_FOUND) return end;
    if (!solve(p->matrix, p->step, c->inputs + 1)) return END_NONE;
    for (uint32_t i = 0; i <= c->inputs; i++) longest = fabs(p->step[i]) > longest ? fabs(p->step[i]) : longest;
    if (!(longest < 1e6)) return END_NONE;
    const double share = longest > 2 ? 2 / longest : 1; /* far from the end a whole step may lead away */
    for (uint32_t i = 0; i < c->inputs; i++) c->slopes[i] -= share * p->step[i];
    c->constant -= share * p->step[c->inputs];
    if (longest < 1e-10) return END_FOUND;
    progress_report(p->host, (step + 1.0) / (steps_most + 1.0), "");
  }
  return END_NONE;
}

kairos_status curve_fit(struct curve *c, const kairos_host *host, const kairos_batch *x, const kairos_batch *y, const bool *counts,
                        double ridge, kairos_error *error) {
  const size_t m = (size_t)c->inputs + 1;
  double *room = memory_take(host, m * (m + 2), sizeof *room);
  if (!room) return refuse(error, KAIROS_NO_MEMORY, "hazard: no memory to learn %u slopes", c->inputs);
  struct problem p = {host, x, y->columns[0]->data, counts, ridge, room, room + m, room + 2 * m};
  measure(c, x, counts);
  enum end end = newton(&p, c, ridge > 0 ? STEPS_MOST_RIDGED : STEPS_MOST);
  c->ridged = end == END_NONE && ridge <= 0;
  if (c->ridged) {
    p.ridge = RIDGE_SEPARATED;
    end = newton(&p, c, STEPS_MOST_RIDGED);
  }
  memory_give(host, room, m * (m + 2), sizeof *room);
  if (end == END_CANCELLED) return refuse(error, KAIROS_CANCELLED, "hazard: cancelled");
  if (end == END_NONE) return refuse(error, KAIROS_FAILED, "hazard: no end was found in %d steps", STEPS_MOST_RIDGED);
  return KAIROS_OK;
}

/* Rows that teach: a target within 0 to 1, and at least half of the inputs. */
static void count_rows(struct curve *c, const kairos_batch *x, const kairos_batch *y, bool *counts) {
  for (uint32_t r = 0; r < x->rows; r++) {
    double value, target;
    uint32_t there = 0;
    for (uint32_t i = 0; i < c->inputs; i++) there += column_value(x->columns[i], r, &value);
    counts[r] = 2 * there >= c->inputs && column_value(y->columns[0], r, &target) && target >= 0 && target <= 1;
    c->rows += counts[r];
    c->events += counts[r] && target > .5;
  }
}

kairos_status hazard_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  const uint32_t inputs = model->settings.shape.input_count;
  if (x->column_count != inputs || y->column_count != 1 || x->rows != y->rows)
    return refuse(error, KAIROS_BAD_INPUT, "hazard: expected %u inputs and one target of as many rows, got %u and %u", inputs,
                  x->column_count, y->column_count);
  struct curve c;
  const size_t size = (size_t)x->rows + 1;
  bool *counts = memory_take(model->host, size, sizeof *counts);
  if (!curve_new(&c, model->host, inputs) || !counts) {
    memory_give(model->host, counts, size, sizeof *counts);
    curve_free(&c, model->host);
    return refuse(error, KAIROS_NO_MEMORY, "hazard: no memory for %u rows of %u inputs", x->rows, inputs);
  }
  count_rows(&c, x, y, counts);
  kairos_status status = KAIROS_OK;
  if (c.events == 0 || c.events == c.rows)
    status = refuse(error, KAIROS_BAD_INPUT, "hazard: of %u person-steps %u are losses; expected some of both kinds", c.rows, c.events);
  if (status == KAIROS_OK) status = curve_fit(&c, model->host, x, y, counts, model->settings.ridge, error);
  if (status == KAIROS_OK) {
    char note[120];
    snprintf(note, sizeof note, "%u person-steps, %u losses%s", c.rows, c.events,
             c.ridged ? ", no end without a ridge: 1e-4 was added" : "");
    model_adopt(model, &c);
    progress_report(model->host, 1, note);
  } else curve_free(&c, model->host);
  memory_give(model->host, counts, size, sizeof *counts);
  return status;
}
