/* One value of a batch: is it there, and what is it? */
#ifndef KAIROS_COMMON_ROWS_H
#define KAIROS_COMMON_ROWS_H
#include "kairos_plugin.h"

/* Its validity bit is set and it is finite; *value is what stands there in any case. [any] */
static inline bool column_value(const kairos_column *column, uint32_t row, double *value) {
  *value = ((const double *)column->data)[row];
  return (!column->valid || (column->valid[row / 64] >> (row % 64) & 1)) && *value - *value == 0;
}

#endif
