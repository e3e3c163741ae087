/* An honest little plugin that every rogue begins with and then spoils in one point: one input `x`, one output `y` = 2 x + offset. */
#ifndef ROGUE_H
#define ROGUE_H
#include "kairos_plugin.h"
#include <string.h>

struct kairos_model {
  const kairos_host *host;
  double offset;
  char mode[16];
};

static inline kairos_status honest_create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  (void)error;
  kairos_model *model = host->realloc(host, NULL, 0, sizeof *model);
  if (!model) return KAIROS_NO_MEMORY;
  memset(model, 0, sizeof *model);
  model->host = host;
  const char *mode = strstr(config_json, "\"mode\":\"");
  for (size_t i = 0; mode && i + 1 < sizeof model->mode && mode[8 + i] != '"'; i++) model->mode[i] = mode[8 + i];
  *out = model;
  return KAIROS_OK;
}

static inline void honest_destroy(kairos_model *model) {
  model->host->realloc(model->host, model, sizeof *model, 0);
}

static inline kairos_status honest_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  (void)error;
  char bytes[8];
  size_t got = 0;
  for (size_t n = 1; n > 0 && got < 8; got += n) n = reader->read(reader, bytes + got, 8 - got);
  if (version > 1 || reader->length != 8 || got != 8) return KAIROS_BAD_STATE;
  memcpy(&model->offset, bytes, 8);
  return KAIROS_OK;
}

static inline kairos_status honest_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  (void)error;
  return writer->write(writer, &model->offset, 8) ? KAIROS_OK : KAIROS_FAILED;
}

static inline kairos_status honest_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  (void)error;
  const double *xs = x->columns[0]->data, *ys = y->columns[0]->data;
  for (uint32_t i = 0; i < x->rows; i++) model->offset += (ys[i] - 2 * xs[i]) / x->rows;
  return KAIROS_OK;
}

static inline kairos_status honest_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in,
                                           const kairos_batch *out, kairos_error *error) {
  (void)session;
  (void)error;
  const double *x = in->columns[0]->data;
  double *y = out->columns[0]->data;
  for (uint32_t i = 0; i < in->rows; i++) {
    const uint64_t *valid = in->columns[0]->valid;
    y[i] = 2 * x[i] + model->offset;
    if (valid && !(valid[i / 64] >> (i % 64) & 1)) out->columns[0]->valid[i / 64] &= ~(UINT64_C(1) << (i % 64));
  }
  return KAIROS_OK;
}

static const kairos_field field_x = {sizeof field_x, KAIROS_F64, 1, 0, "x", "", "The input.", -1e9, 1e9};
static const kairos_field field_y = {sizeof field_y, KAIROS_F64, 1, 0, "y", "", "The output.", -100, 100};
static const kairos_field *const fields_in[] = {&field_x};
static const kairos_field *const fields_out[] = {&field_y};
static const kairos_schema schema_in = {sizeof schema_in, 1, fields_in};
static const kairos_schema schema_out = {sizeof schema_out, 1, fields_out};

#define HONEST                                                                                                                             \
  .size = sizeof(kairos_plugin), .abi_minor = KAIROS_ABI_MINOR, .caps = KAIROS_CAP_EXACT, .state_version = 1, .id = "rogue",               \
  .version = "1.0.0", .summary = "A test plugin.", .licence = "Apache-2.0", .inputs = &schema_in, .outputs = &schema_out,                  \
  .create = honest_create, .destroy = honest_destroy, .load = honest_load, .save = honest_save, .train = honest_train,                     \
  .predict = honest_predict

/* Exports the table: the honest one, then what the rogue changes. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif
#define PLUGIN(...)                                                                                                                        \
  KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {                                                           \
    (void)host;                                                                                                                            \
    static const kairos_plugin plugin = {HONEST, __VA_ARGS__};                                                                             \
    return &plugin;                                                                                                                        \
  }

/* A system call that no import betrays. */
static inline long raw_call(long number, long a, long b, long c) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = 0;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#endif
}

#endif
