/* fill: from a batch's columns to lanes. Inline, since each way of computing compiles it for its own instructions. */
#ifndef KAIROS_GBM_FILL_H
#define KAIROS_GBM_FILL_H
#include "common/rows.h"
#include "pack.h"
#include <math.h>
#include <string.h>

#define FILL_ZERO 1e-35 /* LightGBM's zero_as_missing counts what is this small as zero */

/* What one lane holds for a value that is there. Double models: how many thresholds the value is above, found by halving. */
static inline float fill_number(const struct pack *p, uint32_t input, double value) {
  if (p->single) return (float)value;
  const double *cuts = p->cuts + p->cut_end[input];
  uint32_t rank = 0;
  for (uint32_t left = p->cut_end[input + 1] - p->cut_end[input]; left > 0;) { /* the answer is among left + 1 ranks */
    const uint32_t half = (left + 1) / 2;
    rank += value > cuts[rank + half - 1] ? half : 0;
    left -= half;
  }
  return (float)rank;
}

static inline float fill_missing(const struct lane *lane) {
  return lane->missing_left ? -INFINITY : INFINITY;
}

static inline float fill_value(const struct pack *p, const struct lane *lane, bool there, double value) {
  const bool missing = !there || (lane->zero_missing && value >= -FILL_ZERO && value <= FILL_ZERO);
  return missing ? fill_missing(lane) : fill_number(p, lane->input, value);
}

/* One row's lanes; false: it has no input at all. */
static inline bool fill_row(const struct pack *p, const kairos_batch *in, uint32_t row, float *lanes) {
  bool any = false;
  double value;
  for (uint32_t l = 0; l < p->lanes; l++) {
    const bool there = column_value(in->columns[p->lane[l].input], row, &value);
    lanes[l] = fill_value(p, &p->lane[l], there, value);
    any = any || there;
  }
  for (uint32_t i = 0; !any && i < p->inputs; i++) any = column_value(in->columns[i], row, &value); /* no tree asks for it */
  return any;
}

/* One row's values by key, NaN where there is none; false: it has no input at all. */
static inline bool fill_keys(const struct pack *p, const kairos_batch *in, uint32_t row, float *values) {
  const struct rank_key *keys = p->ranks.keys;
  bool any = false;
  double value;
  for (uint32_t k = 0; k < p->ranks.key_count; k++) {
    const bool there = column_value(in->columns[keys[k].input], row, &value);
    const bool zero = keys[k].zero_missing && value >= -FILL_ZERO && value <= FILL_ZERO;
    values[k] = there && !zero ? fill_number(p, keys[k].input, value) : NAN;
    any |= there;
  }
  for (uint32_t i = 0; !any && i < p->inputs; i++) any = column_value(in->columns[i], row, &value); /* no tree asks for it */
  return any;
}

#define FILL_INLINE static inline __attribute__((always_inline))

/* The short way for whole blocks of a single model without holes; false: it was none after all. */
FILL_INLINE bool fill_whole(const double *data, float *lane) {
  const uint64_t exponent = UINT64_C(0x7FF) << 52; /* all ones: not a number, or infinite */
  uint64_t odd = 0, bits[PACK_ROWS];
  memcpy(bits, data, sizeof bits);
  for (uint32_t r = 0; r < PACK_ROWS; r++) lane[r] = (float)data[r];
  for (uint32_t r = 0; r < PACK_ROWS; r++) odd |= (uint64_t)((bits[r] & exponent) == exponent);
  return !odd;
}

/* Bit r: row first + r has the input. */
FILL_INLINE uint64_t fill_column(const struct pack *p, uint32_t l, const kairos_column *column, uint32_t first, uint32_t count,
                                 float *lane) {
  const double *data = (const double *)column->data + first;
  const uint64_t all = count == PACK_ROWS ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
  const uint64_t there = column->valid ? column->valid[first / 64] & all : all;
  if (count == PACK_ROWS && there == all && p->single && !p->lane[l].zero_missing && fill_whole(data, lane)) return all;
  uint64_t finite = 0;
  for (uint32_t r = 0; r < count; r++) {
    const bool is = (there >> r & 1) && data[r] - data[r] == 0;
    lane[r] = fill_value(p, &p->lane[l], is, data[r]);
    finite |= (uint64_t)is << r;
  }
  for (uint32_t r = count; r < PACK_ROWS; r++) lane[r] = 0;
  return finite;
}

/* A row whose known inputs no tree asks for is answered as well. */
static inline uint64_t fill_others(const struct pack *p, const kairos_batch *in, uint32_t first, uint32_t count, uint64_t answered) {
  double value;
  for (uint32_t r = 0; r < count; r++)
    for (uint32_t i = 0; !(answered >> r & 1) && i < p->inputs; i++)
      answered |= (uint64_t)column_value(in->columns[i], first + r, &value) << r;
  return answered;
}

FILL_INLINE uint64_t fill_lanes(const struct pack *p, const kairos_batch *in, uint32_t first, uint32_t count, float *lanes) {
  uint64_t answered = 0;
  const uint64_t all = count == PACK_ROWS ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
  uint64_t there = 0;
  for (uint32_t l = 0; l < p->lanes; l++) {
    const struct lane *lane = &p->lane[l];
    float *to = lanes + l * PACK_ROWS;
    const bool twin = l > 0 && lane->input == lane[-1].input && !lane->zero_missing && !lane[-1].zero_missing;
    if (twin && there == all) memcpy(to, to - PACK_ROWS, PACK_ROWS * sizeof *to); /* they differ only where something is missing */
    else there = fill_column(p, l, in->columns[lane->input], first, count, to);
    answered |= there;
  }
  return answered == all ? all : fill_others(p, in, first, count, answered);
}

#endif
