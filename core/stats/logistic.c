/* Logistic regression with a ridge: the champion that any other model of a 0/1 outcome has to beat. Newton's method on the penalised log
 * loss, halved steps where one would not lower it. Promises an end for separable data too, since the ridge keeps slopes finite. Does not
 * standardise: what is penalised alike should be alike in size. Called by compute, on any thread. */
#include "stats.h"

struct problem {
  const double *x, *y;
  size_t n, k; /* k slopes; the intercept is number k and has no penalty */
  double ridge;
};

static double margin_of(const struct problem *p, const double *beta, size_t row) {
  const double *x = p->x + row * p->k;
  double sum = beta[p->k];
  for (size_t i = 0; i < p->k; i++) sum += beta[i] * x[i];
  return sum;
}

double logistic_at(const double *beta, const double *x, size_t k) {
  const struct problem p = {.x = x, .k = k};
  const double z = margin_of(&p, beta, 0), e = math_exp(z < 0 ? z : -z);
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Sum of log losses, and half the ridge times the slopes' squares. */
static double penalised_loss(const struct problem *p, const double *beta) {
  double sum = 0, squares = 0;
  for (size_t r = 0; r < p->n; r++) {
    const double z = margin_of(p, beta, r);
    sum += (z > 0 ? z : 0) - z * p->y[r] + math_log(1 + math_exp(z < 0 ? z : -z));
  }
  for (size_t i = 0; i < p->k; i++) squares += beta[i] * beta[i];
  return sum + p->ridge * squares / 2;
}

/* The gradient, and the lower half of the matrix of second derivatives. */
static void slopes(const struct problem *p, const double *beta, double *gradient, double *matrix) {
  const size_t m = p->k + 1;
  for (size_t i = 0; i < m * m; i++) matrix[i] = 0;
  for (size_t i = 0; i < m; i++) gradient[i] = i < p->k ? p->ridge * beta[i] : 0;
  for (size_t r = 0; r < p->n; r++) {
    const double *x = p->x + r * p->k, q = logistic_at(beta, x, p->k), weight = q * (1 - q);
    for (size_t i = 0; i < m; i++) {
      const double xi = i < p->k ? x[i] : 1;
      gradient[i] += (q - p->y[r]) * xi;
      for (size_t j = 0; j <= i; j++) matrix[i * m + j] += weight * xi * (j < p->k ? x[j] : 1);
    }
  }
  for (size_t i = 0; i < m; i++) matrix[i * m + i] += i < p->k ? p->ridge : 1e-12;
}

/* Cholesky in place, then the step: matrix · step = gradient. False: not positive definite. */
static bool solve(double *matrix, double *step, size_t m) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = matrix[i * m + j];
      for (size_t k = 0; k < j; k++) sum -= matrix[i * m + k] * matrix[j * m + k];
      if (i == j && !(sum > 0)) return false;
      matrix[i * m + j] = i == j ? math_sqrt(sum) : sum / matrix[j * m + j];
    }
  for (size_t i = 0; i < m; i++) {
    for (size_t k = 0; k < i; k++) step[i] -= matrix[i * m + k] * step[k];
    step[i] /= matrix[i * m + i];
  }
  for (size_t i = m; i-- > 0;) {
    for (size_t k = i + 1; k < m; k++) step[i] -= matrix[k * m + i] * step[k];
    step[i] /= matrix[i * m + i];
  }
  return true;
}

bool logistic_fit(const double *x, const double *y, size_t n, size_t k, double ridge, double *beta, double *scratch) {
  const struct problem p = {x, y, n, k, ridge};
  const size_t m = k + 1;
  double *step = scratch, *tried = scratch + m, *matrix = scratch + 2 * m;
  for (size_t i = 0; i < m; i++) beta[i] = 0;
  if (n == 0 || !(ridge > 0)) return false;
  double loss = penalised_loss(&p, beta);
  for (int round = 0; round < 100; round++) {
    double length = 0, share = 1, next = loss;
    slopes(&p, beta, step, matrix);
    for (size_t i = 0; i < m; i++) length = step[i] > length ? step[i] : -step[i] > length ? -step[i] : length;
    if (length < 1e-9 * (double)n) return true;
    if (!solve(matrix, step, m)) return false;
    for (; share > 1e-10; share /= 2) {
      for (size_t i = 0; i < m; i++) tried[i] = beta[i] - share * step[i];
      next = penalised_loss(&p, tried);
      if (next < loss) break;
    }
    if (!(next < loss)) return true; /* as low as rounding lets it become */
    for (size_t i = 0; i < m; i++) beta[i] = tried[i];
    loss = next;
  }
  return false;
}
