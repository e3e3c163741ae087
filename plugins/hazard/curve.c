/* A learned hazard: its memory, one person's margin, and the chance to be lost within some steps. Promises chances within 0 and 1 for every
 * finite weight, and that a row with more than half of its inputs missing has none. Does not judge the numbers: state.c and fit.c do. */
#include "common/exponential.h"
#include "common/memory.h"
#include "common/rows.h"
#include "hazard.h"

#define FAR 10.0 /* standard deviations: beyond lies nothing that was learned */

bool curve_new(struct curve *c, const kairos_host *host, uint32_t inputs) {
  *c = (struct curve){.inputs = inputs};
  c->mean = memory_take(host, 3 * (size_t)inputs, sizeof(double));
  if (!c->mean) return false;
  c->scale = c->mean + inputs;
  c->slopes = c->scale + inputs;
  for (uint32_t i = 0; i < inputs; i++) c->scale[i] = 1;
  return true;
}

void curve_free(struct curve *c, const kairos_host *host) {
  memory_give(host, c->mean, 3 * (size_t)c->inputs, sizeof(double));
  *c = (struct curve){0};
}

bool curve_standardise(const struct curve *c, const kairos_batch *in, uint32_t row, double *z) {
  uint32_t missing = 0;
  for (uint32_t i = 0; i < c->inputs; i++) {
    double value;
    z[i] = 0;
    if (!column_value(in->columns[i], row, &value)) {
      missing++;
      continue;
    }
    value = (value - c->mean[i]) / c->scale[i];
    z[i] = value > FAR ? FAR : value < -FAR ? -FAR : value;
  }
  return 2 * missing <= c->inputs;
}

double curve_margin(const struct curve *c, const double *z) {
  double sum = c->constant;
  for (uint32_t i = 0; i < c->inputs; i++) sum += c->slopes[i] * z[i];
  return sum;
}

double curve_lost(const struct curve *c, const double *z, uint32_t time, double unit, uint32_t steps) {
  const double now = curve_margin(c, z), rise = time < c->inputs ? c->slopes[time] * unit / c->scale[time] : 0;
  double kept = 1;
  for (uint32_t k = 0; k < steps; k++) kept *= 1 - logistic(now + rise * k);
  return 1 - kept;
}
