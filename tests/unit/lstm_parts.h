/* What the tests of the lstm's parts share: a metered host, models from a configuration, tables of windows, states and files in bytes,
 * answers of a given kernel. */
#pragma once
#include "common/memory.h"
#include "common/refuse.h"
#include "kit/str.h"
#include "lstm.h"
#include "meter.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct meter meter;

/* As lstm_create. */
static inline kairos_status part_create(kairos_model *model, const char *config, kairos_error *error) {
  *model = (kairos_model){.host = &meter.host};
  const kairos_status status = settings_read(&model->settings, &meter.host, config, error);
  if (status != KAIROS_OK) return status;
  model->plan = plan_of(&model->settings);
  model->kernels = kernels_choose(model->settings.exact);
  return KAIROS_OK;
}

static inline void part_new(kairos_model *model, const char *config) {
  kairos_error error = {.size = sizeof error};
  if (part_create(model, config, &error) != KAIROS_OK) fail_msg("%s", error.message);
}

static inline void part_free(kairos_model *model) {
  if (model->trained) network_free(&model->network, model->host);
  settings_free(&model->settings, model->host);
  assert_int_equal(atomic_load(&meter.used), 0);
}

/* Fills the model's weights: number e of tensor k is scale · sin(0.37 e + 1.3 k + 0.11), as METHODS 2.2's vectors. */
static inline void part_fill(kairos_model *model, double lstm_bias) {
  struct network n;
  const struct plan *p = &model->plan;
  double number = 0;
#define FILL(from, count, scale)                                                                                                           \
  do {                                                                                                                                     \
    for (size_t e = 0; e < (size_t)(count); e++) n.weights[(from) + e] = (scale)*sin(0.37 * (double)e + 1.3 * number + 0.11);              \
    number += 1;                                                                                                                           \
  } while (0)
  assert_true(network_new(&n, &meter.host, p, model->kernels, model->settings.shape.input_count));
  for (uint32_t i = 0; i < p->lstm_count; i++) {
    const struct lstm_layer *l = &p->lstm[i];
    const double scale = i == 0 ? 0.25 : 0.2;
    FILL(l->from_w, 4 * l->hidden * l->inputs, scale);
    FILL(l->from_u, 4 * l->hidden * l->hidden, scale);
    FILL(l->from_b, 4 * l->hidden, lstm_bias);
  }
  for (uint32_t i = 0; i < p->dense_count; i++) {
    const struct dense_layer *d = &p->dense[i];
    FILL(d->from_w, d->outputs * d->inputs, 0.3);
    FILL(d->from_b, d->outputs, 0.1);
  }
#undef FILL
  model_adopt(model, &n);
}

/* A batch of windows, each value valid. */
struct part_table {
  uint32_t rows, inputs, steps;
  double *values; /* [inputs][rows][steps] */
  uint64_t *valid, *seeds;
  kairos_column *columns, **pointers;
  kairos_batch batch;
};

static inline struct part_table *part_table(uint32_t rows, uint32_t inputs, uint32_t steps) {
  struct part_table *t = calloc(1, sizeof *t);
  const size_t words = (size_t)rows * steps / 64 + 1;
  assert_non_null(t);
  *t = (struct part_table){.rows = rows, .inputs = inputs, .steps = steps};
  t->values = calloc((size_t)rows * inputs * steps + 1, sizeof *t->values);
  t->valid = calloc(words * inputs, sizeof *t->valid);
  t->seeds = calloc(rows + 1, sizeof *t->seeds);
  t->columns = calloc(inputs, sizeof *t->columns);
  t->pointers = calloc(inputs, sizeof *t->pointers);
  assert_true(t->values && t->valid && t->seeds && t->columns && t->pointers);
  memset(t->valid, 0xFF, words * inputs * sizeof *t->valid);
  for (uint32_t i = 0; i < inputs; i++) {
    t->columns[i] = (kairos_column){.size = sizeof *t->columns,
                                    .type = KAIROS_F64,
                                    .width = steps,
                                    .data = t->values + (size_t)i * rows * steps,
                                    .valid = t->valid + words * i};
    t->pointers[i] = &t->columns[i];
  }
  t->batch = (kairos_batch){.size = sizeof t->batch, .rows = rows, .column_count = inputs, .columns = t->pointers, .seeds = t->seeds};
  return t;
}

static inline double *part_cell(struct part_table *t, uint32_t row, uint32_t step, uint32_t input) {
  return &t->values[((size_t)input * t->rows + row) * t->steps + step];
}

/* What stands under a cleared bit is one that would be noticed. */
static inline void part_hole(struct part_table *t, uint32_t row, uint32_t step, uint32_t input) {
  const size_t at = (size_t)row * t->steps + step;
  t->columns[input].valid[at / 64] &= ~(UINT64_C(1) << (at % 64));
  *part_cell(t, row, step, input) = at % 2 ? NAN : 1e5;
}

static inline void part_table_free(struct part_table *t) {
  free(t->values);
  free(t->valid);
  free(t->seeds);
  free(t->columns);
  free(t->pointers);
  free(t);
}

/* 0.8 cos(0.61 e + 0.2), e row-major over [rows, steps, inputs]. */
static inline void part_cosines(struct part_table *t) {
  double e = 0;
  for (uint32_t r = 0; r < t->rows; r++)
    for (uint32_t s = 0; s < t->steps; s++)
      for (uint32_t i = 0; i < t->inputs; i++, e += 1) *part_cell(t, r, s, i) = 0.8 * cos(0.61 * e + 0.2);
}

/* Another way of computing for the same weights. */
static inline void part_switch(kairos_model *model, const struct kernels *kernels) {
  struct network n;
  assert_true(network_new(&n, &meter.host, &model->plan, kernels, model->network.inputs));
  memcpy(n.weights, model->network.weights, model->plan.canonical * sizeof *n.weights);
  memcpy(n.mean, model->network.mean, n.inputs * sizeof *n.mean);
  memcpy(n.factor, model->network.factor, n.inputs * sizeof *n.factor);
  model->kernels = kernels;
  model_adopt(model, &n);
}

/* The answers, NaN where there is none; `at_once` rows a call, as a session of so many. */
static inline void part_answers(const kairos_model *model, const struct part_table *t, uint32_t at_once, double *answers) {
  kairos_error error = {.size = sizeof error};
  kairos_session session = {.host = &meter.host, .rows_most = t->rows};
  uint64_t *valid = calloc(t->rows / 64 + 1, sizeof *valid);
  assert_non_null(valid);
  memset(valid, 0xFF, (t->rows / 64 + 1) * sizeof *valid);
  kairos_column column = {.size = sizeof column, .type = KAIROS_F64, .width = 1, .data = answers, .valid = valid}, *pointer = &column;
  const kairos_batch out = {.size = sizeof out, .rows = t->rows, .column_count = 1, .columns = &pointer};
  assert_true(workspace_new(&session.work, &meter.host, &model->plan, model->kernels, at_once, false));
  if (lstm_predict(model, &session, &t->batch, &out, &error) != KAIROS_OK) fail_msg("%s", error.message);
  for (uint32_t r = 0; r < t->rows; r++)
    if (!(valid[r / 64] >> (r % 64) & 1)) answers[r] = NAN;
  workspace_free(&session.work, &meter.host);
  free(valid);
}

/* ---- bytes ---- */

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

typedef kairos_status part_writing(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
static inline void part_put(const kairos_model *model, part_writing *writing, struct buf *out) {
  const kairos_writer writer = {.size = sizeof writer, .context = out, .write = part_write};
  kairos_error error = {.size = sizeof error};
  buf_clear(out);
  if (writing(model, &writer, &error) != KAIROS_OK) fail_msg("%s", error.message);
}
