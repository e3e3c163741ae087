/* The memory of an svr's weights. Promises one block whose parts never overlap, with unused places of the last chunk of support vectors
 * zero, so that they add nothing. Does not judge the numbers: state.c, train.c and import.c do before they call here. */
#include "common/memory.h"
#include "svr.h"
#include <math.h>
#include <string.h>

static size_t machine_doubles(const struct machine *m) {
  return 3 * (size_t)m->inputs + (size_t)m->vectors * (1 + (size_t)m->inputs) + (size_t)m->chunks * SVR_CHUNK * (2 + (size_t)m->inputs);
}

#define CACHE_LINE 64
bool machine_new(struct machine *m, const kairos_host *host, uint32_t inputs, uint32_t vectors) {
  *m = (struct machine){.inputs = inputs, .vectors = vectors, .chunks = (vectors + SVR_CHUNK - 1) / SVR_CHUNK};
  m->memory_size = machine_doubles(m) + CACHE_LINE / sizeof(double);
  m->memory = memory_take(host, m->memory_size, sizeof(double));
  if (!m->memory) return false;
  char *start = m->memory;
  m->chunk = (double *)(void *)(start + (CACHE_LINE - (uintptr_t)start % CACHE_LINE) % CACHE_LINE);
  m->mean = m->chunk + (size_t)m->chunks * SVR_CHUNK * (2 + (size_t)inputs);
  m->scale = m->mean + inputs;
  m->centre = m->scale + inputs;
  m->coefficients = m->centre + inputs;
  m->support = m->coefficients + vectors;
  for (uint32_t i = 0; i < inputs; i++) m->scale[i] = 1;
  return true;
}

void machine_free(struct machine *m, const kairos_host *host) {
  memory_give(host, m->memory, m->memory_size, sizeof(double));
  *m = (struct machine){0};
}

double *machine_support(const struct machine *m, uint32_t vector, uint32_t input) {
  return m->support + (size_t)vector * m->inputs + input;
}

static bool all_floats(const struct machine *m) {
  for (size_t i = 0, count = (size_t)m->vectors * m->inputs; i < count; i++)
    if ((double)(float)m->support[i] != m->support[i]) return false;
  return true;
}

static void find_centre(struct machine *m) {
  for (uint32_t i = 0; i < m->inputs; i++) {
    double mean = 0;
    for (uint32_t v = 0; v < m->vectors; v++) mean += (m->support[(size_t)v * m->inputs + i] - mean) / (v + 1.0); /* cannot overflow */
    m->centre[i] = mean;
  }
}

/* See svr.h. A sum that is not a number is not light. */
static bool is_light(const struct machine *m) {
  const double scale = m->gamma * 0x1.71547652b82fep0, rounding = 0x1p-25;
  double sum = 0;
  if ((size_t)m->vectors * m->inputs < SVR_LIGHT_WORK || m->inputs > SVR_LIGHT_INPUTS) return false;
  for (uint32_t v = 0; v < m->vectors; v++) {
    double squares = 0;
    for (uint32_t i = 0; i < m->inputs; i++) {
      const double from_centre = *machine_support(m, v, i) - m->centre[i];
      squares = fma(from_centre, from_centre, squares);
    }
    if (!(scale * squares <= SVR_LIGHT_NEAR)) return false;
    const double wrong = m->coefficients[v] * rounding * (1 + scale * squares);
    sum += wrong * wrong;
  }
  return m->gamma > 1e-20 && m->gamma < 1e20 && sum <= SVR_LIGHT_ERROR * SVR_LIGHT_ERROR;
}

static void copy_light(struct machine *m) {
  for (uint32_t v = 0; v < m->vectors; v++) {
    float *head = (float *)(void *)m->chunk + v / SVR_LIGHT_CHUNK * machine_light_size(m) + v % SVR_LIGHT_CHUNK;
    double squares = 0;
    for (uint32_t i = 0; i < m->inputs; i++) {
      const double from_centre = *machine_support(m, v, i) - m->centre[i];
      squares = fma(from_centre, from_centre, squares);
      head[(2 + (size_t)i) * SVR_LIGHT_CHUNK] = (float)from_centre;
    }
    head[0] = (float)(-(m->gamma * 0x1.71547652b82fep0) * squares);
    head[SVR_LIGHT_CHUNK] = (float)m->coefficients[v];
  }
}

static void copy_exact(struct machine *m) {
  for (uint32_t v = 0; v < m->vectors; v++) {
    double *head = m->chunk + v / SVR_CHUNK * machine_chunk_size(m) / sizeof(double) + v % SVR_CHUNK;
    double *doubles = head + 2 * SVR_CHUNK;
    float *floats = (float *)(head - v % SVR_CHUNK + 2 * SVR_CHUNK) + v % SVR_CHUNK;
    double squares = 0;
    for (uint32_t i = 0; i < m->inputs; i++) {
      const double from_centre = *machine_support(m, v, i) - m->centre[i];
      squares = fma(from_centre, from_centre, squares);
      if (m->single) floats[(size_t)i * SVR_CHUNK] = (float)from_centre;
      else doubles[(size_t)i * SVR_CHUNK] = from_centre;
    }
    head[0] = -(m->gamma * 0x1.71547652b82fep0) * squares;
    head[SVR_CHUNK] = m->coefficients[v];
  }
}

void machine_ready(struct machine *m) {
  memset(m->chunk, 0, (size_t)((char *)m->mean - (char *)m->chunk));
  find_centre(m);
  m->light = is_light(m);
  m->single = !m->light && all_floats(m);
  if (m->single) memset(m->centre, 0, m->inputs * sizeof *m->centre); /* less a centre they would be none */
  if (m->light) copy_light(m);
  else copy_exact(m);
}

void model_adopt(kairos_model *model, struct machine *machine) {
  if (model->trained) machine_free(&model->machine, model->host);
  model->machine = *machine;
  machine_ready(&model->machine);
  model->trained = true;
}
