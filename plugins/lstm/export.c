/* Weights as safetensors, for PyTorch (`lstm1.weight_ih_l0` …, bias_hh 0) or Keras (`lstm_1/lstm_cell/kernel` …). Promises that import.c
 * reads back the same weights to the bit. What standardises the inputs goes along as `input_mean` and `input_scale` when it is not the
 * identity. Called while a model is built. */
#include "common/refuse.h"
#include "lstm.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct out { /* one of three passes: the header's length, the header, the numbers */
  const kairos_writer *writer;
  bool counting, header, wide, keras, failed;
  uint64_t length, offset; /* of the header so far; of the next tensor's bytes */
};

static void put(struct out *out, const void *from, size_t size) {
  if (!out->counting && !out->failed && !out->writer->write(out->writer, from, size)) out->failed = true;
}

static void __attribute__((format(printf, 2, 3))) say(struct out *out, const char *format, ...) {
  char text[200];
  va_list list;
  va_start(list, format);
  const int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  out->length += (uint64_t)length;
  put(out, text, (size_t)length);
}

static void put_number(struct out *out, double value, bool wide) {
  unsigned char raw[8];
  uint64_t bits;
  uint32_t half;
  const float narrow = (float)value;
  memcpy(&bits, &value, sizeof bits);
  memcpy(&half, &narrow, sizeof half);
  if (!wide) bits = half;
  for (size_t i = 0; i < 8; i++) raw[i] = (unsigned char)(bits >> (8 * i));
  put(out, raw, wide ? 8 : 4);
}

struct matrix { /* columns 0: a row of `rows` numbers; from NULL: zeros */
  const double *from;
  size_t rows, columns;
};

static void put_tensor(struct out *out, const char *name, struct matrix m, bool wide) {
  const size_t columns = m.columns ? m.columns : 1, count = m.rows * columns;
  const bool turned = out->keras && m.columns;
  if (out->header) {
    char shape[60];
    if (m.columns) snprintf(shape, sizeof shape, "%zu,%zu", turned ? columns : m.rows, turned ? m.rows : columns);
    else snprintf(shape, sizeof shape, "%zu", m.rows);
    const uint64_t end = out->offset + count * (wide ? 8 : 4);
    say(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%llu,%llu]}", name, wide ? "F64" : "F32", shape,
        (unsigned long long)out->offset, (unsigned long long)end);
    out->offset = end;
    return;
  }
  for (size_t i = 0; i < count; i++) {
    const size_t at = turned ? i % m.rows * columns + i / m.rows : i;
    put_number(out, m.from ? m.from[at] : 0, wide);
  }
}

static void put_named(struct out *out, const char *what, uint32_t number, const char *part, struct matrix m) {
  char name[60];
  snprintf(name, sizeof name, "%s%u%s", what, number, part);
  put_tensor(out, name, m, out->wide);
}

static void put_all(struct out *out, const kairos_model *model) {
  const struct plan *p = &model->plan;
  const struct network *n = &model->network;
  bool scaled = false;
  for (uint32_t i = 0; i < n->inputs; i++) scaled = scaled || n->mean[i] != 0 || n->factor[i] != 1;
  if (scaled) put_tensor(out, "input_mean", (struct matrix){n->mean, n->inputs, 0}, true);
  if (scaled) put_tensor(out, "input_scale", (struct matrix){n->factor, n->inputs, 0}, true);
  for (uint32_t i = 0; i < p->lstm_count; i++) {
    const struct lstm_layer *l = &p->lstm[i];
    const size_t rows = 4 * (size_t)l->hidden;
    const char *what = out->keras ? "lstm_" : "lstm";
    put_named(out, what, i + 1, out->keras ? "/lstm_cell/kernel" : ".weight_ih_l0",
              (struct matrix){n->weights + l->from_w, rows, l->inputs});
    put_named(out, what, i + 1, out->keras ? "/lstm_cell/recurrent_kernel" : ".weight_hh_l0",
              (struct matrix){n->weights + l->from_u, rows, l->hidden});
    put_named(out, what, i + 1, out->keras ? "/lstm_cell/bias" : ".bias_ih_l0", (struct matrix){n->weights + l->from_b, rows, 0});
    if (!out->keras) put_named(out, what, i + 1, ".bias_hh_l0", (struct matrix){NULL, rows, 0});
  }
  for (uint32_t i = 0; i < p->dense_count; i++) {
    const struct dense_layer *d = &p->dense[i];
    put_named(out, out->keras ? "dense_" : "dense", i + 1, out->keras ? "/kernel" : ".weight",
              (struct matrix){n->weights + d->from_w, d->outputs, d->inputs});
    put_named(out, out->keras ? "dense_" : "dense", i + 1, out->keras ? "/bias" : ".bias",
              (struct matrix){n->weights + d->from_b, d->outputs, 0});
  }
}

static void put_header(struct out *out, const kairos_model *model) {
  out->header = true;
  out->length = out->offset = 0;
  say(out, "{\"__metadata__\":{\"format\":\"%s\"}", out->keras ? "keras" : "pt");
  put_all(out, model);
  say(out, "}");
  while (out->length % 8) say(out, " "); /* the numbers begin at a multiple of 8 */
  out->header = false;
}

static kairos_status export(const kairos_model *model, const kairos_writer *writer, bool keras, kairos_error *error) {
  if (!model->trained) return refuse(error, KAIROS_FAILED, "lstm: there are no weights to write");
  struct out out = {.writer = writer, .keras = keras, .wide = model->settings.exact, .counting = true};
  put_header(&out, model);
  out.counting = false;
  unsigned char raw[8];
  for (size_t i = 0; i < 8; i++) raw[i] = (unsigned char)(out.length >> (8 * i));
  put(&out, raw, sizeof raw);
  put_header(&out, model);
  put_all(&out, model);
  return out.failed ? refuse(error, KAIROS_FAILED, "lstm: the safetensors file could not be written whole") : KAIROS_OK;
}

kairos_status pytorch_export(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  return export(model, writer, false, error);
}

kairos_status keras_export(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  return export(model, writer, true, error);
}
