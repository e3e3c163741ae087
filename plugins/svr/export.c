/* An svr as libsvm's model text, for svm-predict and everything that reads it. Promises that import.c reads back the same weights to the
 * bit. A model that standardises its inputs is refused: the text has no place for means and deviations, and without them it would give
 * other answers. Called while a model is built. */
#include "common/refuse.h"
#include "svr.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text_out {
  const kairos_writer *writer;
  bool failed;
};

static void __attribute__((format(printf, 2, 3))) put(struct text_out *out, const char *format, ...) {
  char text[160];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (!out->failed && !out->writer->write(out->writer, text, strlen(text))) out->failed = true;
}

kairos_status libsvm_export(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  const struct machine *m = &model->machine;
  struct text_out out = {writer, false};
  if (!model->trained) return refuse(error, KAIROS_FAILED, "svr: there are no weights to write");
  for (uint32_t i = 0; i < m->inputs; i++)
    if (m->mean[i] != 0 || m->scale[i] != 1)
      return refuse(error, KAIROS_UNSUPPORTED,
                    "svr: it standardises its inputs, which libsvm's text cannot say; train it with standardise = false to export it");
  put(&out, "svm_type epsilon_svr\nkernel_type rbf\ngamma %.17g\nnr_class 2\ntotal_sv %u\nrho %.17g\nSV\n", m->gamma, m->vectors, -m->bias);
  for (uint32_t v = 0; v < m->vectors; v++) {
    put(&out, "%.17g ", m->coefficients[v]);
    for (uint32_t i = 0; i < m->inputs; i++) put(&out, "%u:%.17g ", i + 1, *machine_support(m, v, i));
    put(&out, "\n");
  }
  return out.failed ? refuse(error, KAIROS_FAILED, "svr: the libsvm model could not be written whole") : KAIROS_OK;
}
