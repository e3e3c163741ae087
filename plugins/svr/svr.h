/* svr: support vector regression with a radial kernel, private to its folder.
 *   f(x) = clamp(sum over support vectors v of coefficient(v) · exp(−gamma · |z(x) − v|²) + bias)     z: standardised
 * libsvm trains; predictions are made here, from a flat copy. */
#ifndef KAIROS_SVR_H
#define KAIROS_SVR_H
#include "common/shape.h"

#define SVR_VECTORS_MOST 20000 /* also the rows trained on: beyond, time and libsvm's cache grow without a better model */
#define SVR_CHUNK        32    /* support vectors that are worked on side by side */
#define SVR_LIGHT_CHUNK  64    /* the same in floats */
#define SVR_LIGHT_INPUTS 64    /* light machines have no more, */
#define SVR_LIGHT_WORK   16384 /* and at least that many numbers in their support vectors: smaller ones are quick in doubles, 2 µs */
#define SVR_LIGHT_ERROR  5e-6  /* what floats may cost a prediction */
#define SVR_LIGHT_NEAR   1e4   /* -e(v) of no support vector is above, */
#define SVR_LIGHT_FAR    1e6   /* so that a row whose -e(z) is here or beyond is near none of them: 2^-(1000 - 100)^2 is nothing */

enum gamma_rule { GAMMA_SCALE, GAMMA_AUTO, GAMMA_NUMBER };

struct settings {
  double c, epsilon, tolerance;
  enum gamma_rule gamma_rule;
  double gamma;     /* with GAMMA_NUMBER */
  bool standardise; /* false: inputs are used as they come */
  struct shape shape;
};
/* Reads the configuration; what it holds is then the caller's to give back with settings_free. [build] */
kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error);
void settings_free(struct settings *s, const kairos_host *host);

/* The trained weights, and a copy of the support vectors for predicting: in chunks of SVR_CHUNK, first e(v) of each, then their
 * coefficients, then input by input, so that one instruction works on several of them; the last chunk is filled up with coefficient 0.
 * A row of the copy is read from the cache's second level: inputs that all are floats (those that were trained here are) lie as floats.
 * A light machine is a large one whose predictions lose no more than SVR_LIGHT_ERROR when everything is computed in floats: a kernel value
 * is then off by about 2^-25 (1 + |e(v)|), independently of the others, so the square root of the sum of (coefficient · that)² is what a
 * prediction is off by when every kernel value is 1. Its copy holds floats only. */
struct machine {
  uint32_t inputs, vectors, chunks;
  uint32_t rows; /* trained on; 0 when imported */
  double gamma, bias;
  double *mean, *scale; /* [inputs] */
  double *coefficients; /* [vectors] */
  double *support;      /* [vectors][inputs] */
  double *centre;       /* [inputs]: the support vectors' mean */
  double *chunk;        /* [chunks], on 64 bytes; inside `memory` */
  bool single;          /* the chunks hold inputs as floats */
  bool light;           /* the chunks are of SVR_LIGHT_CHUNK, and all in floats */
  void *memory;
  size_t memory_size;
};
static inline size_t machine_chunk_size(const struct machine *m) {
  return SVR_CHUNK * (2 * sizeof(double) + (size_t)m->inputs * (m->single ? sizeof(float) : sizeof(double)));
}
static inline const double *machine_chunk(const struct machine *m, uint32_t chunk) {
  return m->chunk + chunk * machine_chunk_size(m) / sizeof(double);
}
static inline const float *machine_light_chunk(const struct machine *m) {
  return (const float *)(const void *)m->chunk;
}
static inline size_t machine_light_size(const struct machine *m) { /* floats */
  return SVR_LIGHT_CHUNK * (2 + (size_t)m->inputs);
}
static inline uint32_t machine_light_chunks(const struct machine *m) {
  return (m->vectors + SVR_LIGHT_CHUNK - 1) / SVR_LIGHT_CHUNK;
}
/* Zeroed, scale 1. False: no memory. [build] [train] */
bool machine_new(struct machine *m, const kairos_host *host, uint32_t inputs, uint32_t vectors);
void machine_free(struct machine *m, const kairos_host *host);
double *machine_support(const struct machine *m, uint32_t vector, uint32_t input); /* the place of one number */
void machine_ready(struct machine *m); /* makes the copy for predicting of what was written; model_adopt calls it */

/* The row's standardised inputs; missing or non-finite ones become 0, the training mean. False: more than half of them are missing. */
bool machine_standardise(const struct machine *m, const kairos_batch *in, uint32_t row, double *z);

/* Every way gives the same bits; they differ in speed. */
enum way { WAY_PORTABLE, WAY_FUSED, WAY_AVX512 };
enum way way_best(void);
/* Not clamped. `scratch` holds as many numbers as there are inputs. [predict] */
double machine_value(const struct machine *m, enum way way, const double *z, double *scratch);
/* The same of a light machine, without its bias; machine_value calls it. */
double machine_value_light(const struct machine *m, enum way way, const double *z);

struct kairos_model {
  const kairos_host *host;
  enum way way;
  struct settings settings;
  bool trained;
  struct machine machine; /* only when trained */
};
void model_adopt(kairos_model *model, struct machine *machine); /* takes it; the old one is freed */

kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error);
kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
kairos_status svr_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error);
/* libsvm's model text (epsilon-SVR, rbf), trained on inputs 1…n in declared order, not standardised. */
kairos_status libsvm_import(kairos_model *model, const kairos_reader *reader, kairos_error *error);
/* The same text back; refused when the model standardises its inputs. [build] */
kairos_status libsvm_export(const kairos_model *model, const kairos_writer *writer, kairos_error *error);
/* 1 / (inputs × variance of the flattened matrix), 1 when that variance is 0. [train] */
double gamma_scale(const double *matrix, uint32_t rows, uint32_t inputs);

#endif
