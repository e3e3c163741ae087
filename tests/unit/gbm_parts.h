/* What the tests of the gbm's parts share: a metered host, models from a configuration, tables from vectors, states in bytes, margins. */
#pragma once
#include "common/refuse.h"
#include "gbm.h"
#include "kit/str.h"
#include "meter.h"
#include "pack.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct meter meter;

/* As gbm_create. */
static inline kairos_status part_create(kairos_model *model, const char *config, kairos_error *error) {
  *model = (kairos_model){.host = &meter.host, .way = (int)way_best()};
  return settings_read(&model->settings, &meter.host, config, error);
}

static inline void part_free(kairos_model *model) {
  model_drop(model);
  settings_free(&model->settings, model->host);
  assert_int_equal(atomic_load(&meter.used), 0);
}

struct part_source {
  struct str left;
  size_t step; /* bytes a read at most; 0 = all */
};

static inline size_t part_read(const kairos_reader *reader, void *to, size_t n) {
  struct part_source *s = reader->context;
  if (s->step && n > s->step) n = s->step;
  if (n > s->left.len) n = s->left.len;
  if (n) memcpy(to, s->left.at, n);
  s->left = (struct str){s->left.at + n, s->left.len - n};
  return n;
}

static inline bool part_write(const kairos_writer *writer, const void *from, size_t n) {
  buf_put(writer->context, from, n);
  return true;
}

typedef kairos_status part_reading(kairos_model *model, const kairos_reader *reader, kairos_error *error);
static inline kairos_status part_take(kairos_model *model, struct str bytes, size_t step, part_reading *reading, kairos_error *error) {
  struct part_source source = {bytes, step};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = bytes.len, .read = part_read};
  return reading(model, &reader, error);
}

static inline kairos_status part_load_one(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  return state_load(model, reader, 1, error);
}

static inline void part_save(const kairos_model *model, struct buf *out) {
  const kairos_writer writer = {.size = sizeof writer, .context = out, .write = part_write};
  kairos_error error = {.size = sizeof error};
  assert_int_equal(state_save(model, &writer, &error), KAIROS_OK);
}

/* A batch of columns, each value valid unless NaN. */
struct part_table {
  uint32_t rows, inputs;
  double *values; /* [inputs][rows] */
  uint64_t *valid;
  kairos_column *columns, **pointers;
  kairos_batch batch;
};

static inline struct part_table *part_table(uint32_t rows, uint32_t inputs) {
  struct part_table *t = calloc(1, sizeof *t);
  assert_non_null(t);
  t->rows = rows;
  t->inputs = inputs;
  t->values = calloc((size_t)rows * inputs + 1, sizeof *t->values);
  t->valid = calloc((size_t)(rows / 64 + 1) * inputs, sizeof *t->valid);
  t->columns = calloc(inputs, sizeof *t->columns);
  t->pointers = calloc(inputs, sizeof *t->pointers);
  assert_true(t->values && t->valid && t->columns && t->pointers);
  for (uint32_t i = 0; i < inputs; i++) {
    t->columns[i] = (kairos_column){.size = sizeof *t->columns, .type = KAIROS_F64, .width = 1, .data = t->values + (size_t)i * rows};
    t->pointers[i] = &t->columns[i];
  }
  t->batch = (kairos_batch){.size = sizeof t->batch, .rows = rows, .column_count = inputs, .columns = t->pointers};
  return t;
}

static inline double *part_cell(struct part_table *t, uint32_t row, uint32_t input) {
  return &t->values[(size_t)input * t->rows + row];
}

/* Validity bits for what is not NaN; the value under a cleared bit becomes one that would be noticed. */
static inline void part_table_holes(struct part_table *t) {
  for (uint32_t i = 0; i < t->inputs; i++) {
    t->columns[i].valid = t->valid + (size_t)i * (t->rows / 64 + 1);
    for (uint32_t r = 0; r < t->rows; r++) {
      double *cell = part_cell(t, r, i);
      if (isnan(*cell)) *cell = 1e6 * (r % 2 ? 1 : -1);
      else t->columns[i].valid[r / 64] |= UINT64_C(1) << (r % 64);
    }
  }
}

static inline void part_table_free(struct part_table *t) {
  free(t->values);
  free(t->valid);
  free(t->columns);
  free(t->pointers);
  free(t);
}

static inline float *part_lanes(const kairos_model *model) {
  const size_t size = (size_t)model->pack->lanes * PACK_ROWS * sizeof(float);
  float *lanes = aligned_alloc(64, size);
  assert_non_null(lanes);
  memset(lanes, 0xA5, size);
  return lanes;
}

/* The margins of all rows, a block at a time; NaN where there is no answer. */
static inline void part_margins(const kairos_model *model, enum way way, const struct part_table *t, double *margins) {
  float *lanes = part_lanes(model);
  for (uint32_t first = 0; first < t->rows; first += PACK_ROWS) {
    int64_t sums[PACK_ROWS];
    uint64_t answered;
    const uint32_t count = t->rows - first < PACK_ROWS ? t->rows - first : PACK_ROWS;
    pack_rows(model->pack, way, &t->batch, first, count, lanes, sums, &answered);
    for (uint32_t r = 0; r < count; r++) margins[first + r] = answered >> r & 1 ? (double)sums[r] * model->pack->unit : NAN;
  }
  free(lanes);
}

/* The forest's own rule, node by node, sums in long doubles: what every packed way is held against. */
static inline double part_by_rule(const kairos_model *model, struct part_table *t, uint32_t row) {
  const struct forest *f = &model->forest;
  long double sum = f->base;
  for (uint32_t tree = 0; tree < f->tree_count; tree++) {
    uint32_t at = f->roots[tree];
    while (f->nodes[at].input != NODE_LEAF) {
      const struct node *n = &f->nodes[at];
      const double x = *part_cell(t, row, n->input);
      const uint64_t *valid = t->columns[n->input].valid;
      bool missing = (valid && !(valid[row / 64] >> (row % 64) & 1)) || x - x != 0;
      missing = missing || ((n->flags & NODE_ZERO_MISSING) && fabs(x) <= 1e-35);
      const bool left = missing ? n->flags & NODE_MISSING_LEFT : (f->single ? (double)(float)x : x) <= n->number;
      at = left ? at + 1 : n->right;
    }
    sum += f->nodes[at].number;
  }
  return (double)sum;
}
