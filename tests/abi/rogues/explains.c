/* Explains itself, in the manner that its configuration names: honestly by default. */
#include "rogue.h"

static double nothing(void) {
  return (double)(0.0F / 0.0F);
}

static const char *scale(const kairos_model *model) {
  (void)model;
  return "the output's";
}

static kairos_status explain(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                             double *contributions, double *base, kairos_error *error) {
  (void)session;
  (void)output;
  (void)error;
  const double *x = in->columns[0]->data;
  const uint64_t *valid = in->columns[0]->valid;
  const int crash = strcmp(model->mode, "crash") == 0, wrong = strcmp(model->mode, "wrong") == 0, far = strcmp(model->mode, "far") == 0;
  if (crash) *(volatile int *)8 = 1;
  for (uint32_t i = 0; i < in->rows + (uint32_t)far; i++) {
    const int there = i == in->rows || (valid[i / 64] >> (i % 64) & 1) || strcmp(model->mode, "all") == 0;
    base[i] = there ? model->offset : nothing();
    contributions[i] = i == in->rows ? 1 : there ? (wrong ? 3 : 2) * x[i] : nothing();
  }
  return strcmp(model->mode, "refuse") == 0 ? KAIROS_FAILED : KAIROS_OK;
}

static const kairos_explain how = {sizeof how, "two times the input", scale, explain};
static const void *extension(const char *id) {
  return strcmp(id, KAIROS_EXTENSION_EXPLAIN) ? NULL : &how;
}
PLUGIN(.extension = extension)
