/* A log-linear histogram of nanoseconds: 128 linear steps in each power of two, so a value is known to within 0.8 % from 1 ns to 4 hours.
 * A quantile is the upper edge of the step it falls in: never better than it was. */
#pragma once
#include <stdint.h>

#define HISTOGRAM_STEPS  128
#define HISTOGRAM_POWERS 37

struct histogram {
  uint64_t counts[HISTOGRAM_POWERS * HISTOGRAM_STEPS];
  uint64_t total;
  int64_t most;
};

static inline uint32_t histogram_step(int64_t value) {
  const uint64_t v = value > 0 ? (uint64_t)value : 0;
  if (v < HISTOGRAM_STEPS) return (uint32_t)v;
  const uint32_t power = 63 - (uint32_t)__builtin_clzll(v) - 6; /* 1 for 128 … 255 */
  const uint32_t step = (power * HISTOGRAM_STEPS / 2) + (uint32_t)(v >> power);
  return step < HISTOGRAM_POWERS * HISTOGRAM_STEPS ? step : HISTOGRAM_POWERS * HISTOGRAM_STEPS - 1;
}

static inline int64_t histogram_edge(uint32_t step) {
  if (step < HISTOGRAM_STEPS) return step;
  const uint32_t power = step / (HISTOGRAM_STEPS / 2) - 1;
  const uint64_t inside = step - power * (HISTOGRAM_STEPS / 2);
  return (int64_t)(((inside + 1) << power) - 1);
}

static inline void histogram_add(struct histogram *h, int64_t value) {
  h->counts[histogram_step(value)]++;
  h->total++;
  if (value > h->most) h->most = value;
}

/* The least value that a share `q` of all values does not exceed; 0 when empty. */
static inline int64_t histogram_quantile(const struct histogram *h, double q) {
  uint64_t wanted = (uint64_t)(q * (double)h->total + 0.999999), seen = 0;
  for (uint32_t i = 0; i < HISTOGRAM_POWERS * HISTOGRAM_STEPS; i++) {
    seen += h->counts[i];
    if (seen && seen >= wanted) return histogram_edge(i) < h->most ? histogram_edge(i) : h->most;
  }
  return h->most;
}
