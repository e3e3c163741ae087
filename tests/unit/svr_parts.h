/* What the tests of the svr's parts share: a metered host, models from a configuration, states in bytes. */
#pragma once
#include "common/refuse.h"
#include "meter.h"
#include "svr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct meter meter;

/* As svr_create, without the table that the fuzzers and these tests do not need. */
static inline kairos_status part_create(kairos_model *model, const char *config, kairos_error *error) {
  *model = (kairos_model){.host = &meter.host};
  return settings_read(&model->settings, &meter.host, config, error);
}

static inline void part_free(kairos_model *model) {
  if (model->trained) machine_free(&model->machine, model->host);
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

static inline kairos_status part_load(kairos_model *model, struct str bytes, size_t step, kairos_error *error) {
  struct part_source source = {bytes, step};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = bytes.len, .read = part_read};
  return state_load(model, &reader, 1, error);
}

static inline kairos_status part_import(kairos_model *model, struct str bytes, kairos_error *error) {
  struct part_source source = {bytes, 7};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = bytes.len, .read = part_read};
  return libsvm_import(model, &reader, error);
}

static inline void part_save(const kairos_model *model, struct buf *out) {
  const kairos_writer writer = {.size = sizeof writer, .context = out, .write = part_write};
  kairos_error error = {.size = sizeof error};
  assert_int_equal(state_save(model, &writer, &error), KAIROS_OK);
}
