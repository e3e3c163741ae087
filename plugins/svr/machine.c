/* The memory of an svr's weights. Promises one block whose parts never overlap, with unused places of the last block of support vectors
 * zero, so that they add nothing. Does not judge the numbers: state.c, train.c and import.c do before they call here. */
#include "common/memory.h"
#include "svr.h"

static size_t machine_doubles(const struct machine *m) {
  return 2 * (size_t)m->inputs + (size_t)m->blocks * SVR_BLOCK * (1 + (size_t)m->inputs);
}

bool machine_new(struct machine *m, const kairos_host *host, uint32_t inputs, uint32_t vectors) {
  *m = (struct machine){.inputs = inputs, .vectors = vectors, .blocks = (vectors + SVR_BLOCK - 1) / SVR_BLOCK};
  m->mean = memory_take(host, machine_doubles(m), sizeof(double));
  if (!m->mean) return false;
  m->scale = m->mean + inputs;
  m->coefficients = m->scale + inputs;
  m->support = m->coefficients + (size_t)m->blocks * SVR_BLOCK;
  for (uint32_t i = 0; i < inputs; i++) m->scale[i] = 1;
  return true;
}

void machine_free(struct machine *m, const kairos_host *host) {
  memory_give(host, m->mean, machine_doubles(m), sizeof(double));
  *m = (struct machine){0};
}

double *machine_support(const struct machine *m, uint32_t vector, uint32_t input) {
  return m->support + ((size_t)(vector / SVR_BLOCK) * m->inputs + input) * SVR_BLOCK + vector % SVR_BLOCK;
}

void model_adopt(kairos_model *model, struct machine *machine) {
  if (model->trained) machine_free(&model->machine, model->host);
  model->machine = *machine;
  model->trained = true;
}
