/* rooms: kit; libraries: plugin_lstm_parts */
/* What must hold for any bytes given as a safetensors file or as an lstm's state. The first byte says which. Never a crash; a refusal has a
 * sentence and leaves the model without weights; what is taken goes out and comes in again as the same weights, all of them finite. */
#include "kit/err.h"
#include "kit/str.h"
#include "lstm.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void *reallocate(const kairos_host *host, void *old, size_t old_size, size_t new_size) {
  (void)host, (void)old_size;
  if (new_size) return realloc(old, new_size);
  free(old);
  return NULL;
}

struct source {
  const uint8_t *at;
  size_t left;
};

static size_t read_some(const kairos_reader *reader, void *to, size_t n) {
  struct source *s = reader->context;
  if (n > s->left) n = s->left;
  if (n > 1021) n = 1021;
  if (n) memcpy(to, s->at, n);
  s->at += n;
  s->left -= n;
  return n;
}

static bool write_some(const kairos_writer *writer, const void *from, size_t n) {
  buf_put(writer->context, from, n);
  return true;
}

static kairos_status state_load_one(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  return state_load(model, reader, 1, error);
}

typedef kairos_status reading(kairos_model *model, const kairos_reader *reader, kairos_error *error);
typedef kairos_status writing(const kairos_model *model, const kairos_writer *writer, kairos_error *error);

static kairos_status take(kairos_model *m, reading *read, const void *bytes, size_t size, kairos_error *error) {
  struct source source = {bytes, size};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = size, .read = read_some};
  return read(m, &reader, error);
}

static void check_taken(kairos_model *m, reading *read, writing *write) {
  struct buf out = {0};
  kairos_error error = {.size = sizeof error};
  const kairos_writer writer = {.size = sizeof writer, .context = &out, .write = write_some};
  double *before = malloc(m->plan.canonical * sizeof *before);
  must(before && write(m, &writer, &error) == KAIROS_OK);
  memcpy(before, m->network.weights, m->plan.canonical * sizeof *before);
  for (size_t i = 0; i < m->plan.canonical; i++) must(before[i] - before[i] == 0);
  must(take(m, read, out.at, out.len, &error) == KAIROS_OK);
  must(memcmp(before, m->network.weights, m->plan.canonical * sizeof *before) == 0);
  free(before);
  buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const kairos_host host = {.size = sizeof host, .realloc = reallocate};
  static reading *const readings[] = {pytorch_import, keras_import, state_load_one};
  static writing *const writings[] = {pytorch_export, keras_export, state_save};
  kairos_model m = {.host = &host};
  kairos_error error = {.size = sizeof error};
  if (size == 0) return 0;
  const size_t way = bytes[0] % 3;
  must(settings_read(&m.settings, &host, "{\"inputs\":[\"a\"],\"steps\":3,\"lstm\":[1],\"dense\":[]}", &error) == KAIROS_OK);
  m.plan = plan_of(&m.settings);
  m.kernels = kernels_choose(false);
  const kairos_status status = take(&m, readings[way], bytes + 1, size - 1, &error);
  must((status == KAIROS_OK) == m.trained);
  must(status == KAIROS_OK || error.message[0]);
  if (m.trained) {
    check_taken(&m, readings[way], writings[way]);
    network_free(&m.network, &host);
  }
  settings_free(&m.settings, &host);
  return 0;
}
