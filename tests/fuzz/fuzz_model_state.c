/* rooms: kit host; libraries: plugin_svr_parts */
/* What must hold for any bytes given as a model's state. The first byte says how they come in: as they are, as the inside of an envelope
 * (the checksum is put right, so that what lies behind it is reached), as the body of an svr's state, or as libsvm's model text. Never a
 * crash; a refusal has a sentence and leaves the model without weights; what an svr takes, it saves as the same bytes and answers with a
 * number that is finite. */
#include "host/host.h"
#include "kit/hash.h"
#include "svr.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define INPUTS 3

static void *reallocate(const kairos_host *host, void *old, size_t old_size, size_t new_size) {
  (void)host;
  (void)old_size;
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

static void check_taken(const kairos_model *m) {
  const double rows[][INPUTS] = {{0, 0, 0}, {1, -1, 0.5}, {1e300, -1e300, 1e-300}};
  for (int i = 0; i < 3; i++) {
    double scratch[INPUTS];
    const double value = machine_value(&m->machine, way_best(), rows[i], scratch);
    must(value - value == 0);
  }
}

static void try_svr(const uint8_t *bytes, size_t size, bool text) {
  const kairos_host host = {.size = sizeof host, .realloc = reallocate};
  kairos_model m = {.host = &host};
  kairos_error error = {.size = sizeof error};
  must(settings_read(&m.settings, &host, "{\"inputs\":[\"a\",\"b\",\"c\"]}", &error) == KAIROS_OK);
  struct source source = {bytes, size};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = size, .read = read_some};
  const kairos_status status = text ? libsvm_import(&m, &reader, &error) : state_load(&m, &reader, 1, &error);
  must((status == KAIROS_OK) == m.trained);
  if (status == KAIROS_OK) {
    struct buf again = {0};
    const kairos_writer writer = {.size = sizeof writer, .context = &again, .write = write_some};
    must(state_save(&m, &writer, &error) == KAIROS_OK);
    if (!text) must(again.len == size && memcmp(again.at, bytes, size) == 0);
    check_taken(&m);
    buf_free(&again);
    machine_free(&m.machine, &host);
  } else {
    must(status == KAIROS_BAD_STATE && error.message[0]);
  }
  settings_free(&m.settings, &host);
}

static void try_envelope(struct str bytes) {
  struct envelope x;
  struct err e = {0};
  if (!envelope_read(bytes, &x, &e)) {
    must(e.text[0] && e.kind == ERR_INPUT);
    return;
  }
  must(x.plugin.len > 0 && x.body.at >= bytes.at && x.body.at + x.body.len == bytes.at + bytes.len);
  try_svr((const uint8_t *)x.body.at, x.body.len, false);
}

static void try_sealed(const uint8_t *bytes, size_t size) {
  struct buf whole = {0};
  unsigned char digest[HASH_SHA256];
  hash_sha256((struct str){(const char *)bytes, size}, digest);
  buf_put(&whole, "KAIROSM\x01", 8);
  buf_put(&whole, digest, sizeof digest);
  buf_put(&whole, bytes, size);
  char *exact = malloc(whole.len); /* a byte read beyond the end is seen */
  must(exact);
  memcpy(exact, whole.at, whole.len);
  try_envelope((struct str){exact, whole.len});
  free(exact);
  buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size == 0) return 0;
  switch (bytes[0] % 4) {
  case 0: try_envelope((struct str){(const char *)bytes + 1, size - 1}); break;
  case 1: try_sealed(bytes + 1, size - 1); break;
  case 2: try_svr(bytes + 1, size - 1, false); break;
  default: try_svr(bytes + 1, size - 1, true);
  }
  return 0;
}
