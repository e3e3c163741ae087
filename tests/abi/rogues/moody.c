/* Loads like any honest plugin and misbehaves later, as the configuration's "mode" says: in predict, in train or with its state. */
#include "rogue.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

static bool is(const kairos_model *model, const char *mode) {
  return strcmp(model->mode, mode) == 0;
}

static void touch(volatile char *at, size_t n) {
  for (size_t i = n; i > 0; i -= 4096) at[i - 4096] = 1;
}

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  double *y = out->columns[0]->data;
  if (is(model, "fail")) {
    memcpy(error->message, "it rains", 9);
    return KAIROS_FAILED;
  }
  if (is(model, "mute")) return -77;
  if (is(model, "forget")) return KAIROS_OK;
  const kairos_status status = honest_predict(model, session, in, out, error);
  for (uint32_t i = 0; i < in->rows; i++) {
    if (is(model, "nan") && i % 3 == 0) y[i] = __builtin_nan("");
    if (is(model, "infinite") && i % 3 == 0) y[i] = __builtin_inf();
    if (is(model, "range") && i % 3 == 0) y[i] = 100.5;
    if (is(model, "absent") && i % 3 == 0) out->columns[0]->valid[i / 64] &= ~(UINT64_C(1) << (i % 64));
  }
  return status;
}

static kairos_status train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  const kairos_progress *progress = model->host->service(model->host, KAIROS_SERVICE_PROGRESS);
  if (progress) progress->report(model->host, 0.25, "under way");
  if (is(model, "crash")) *(volatile int *)(uintptr_t)16 = 1;
  if (is(model, "abort")) abort();
  if (is(model, "fork")) raw_call(SYS_clone, SIGCHLD, 0, 0);
  if (is(model, "read")) raw_call(SYS_openat, AT_FDCWD, (long)"/etc/hostname", O_RDONLY);
  if (is(model, "exit")) raw_call(SYS_exit_group, 3, 0, 0);
  if (is(model, "overflow")) touch(__builtin_alloca(1 << 28), 1 << 28);
  if (is(model, "sleep")) {
    const long long wait[2] = {100, 0};
    raw_call(SYS_nanosleep, (long)wait, 0, 0);
  }
  for (volatile unsigned i = 0; is(model, "hang");) i++;
  for (size_t i = 0; is(model, "greedy") && i < 100000; i++)
    if (!model->host->realloc(model->host, NULL, 0, 1 << 20)) return KAIROS_NO_MEMORY;
  for (size_t i = 0; is(model, "malloc") && i < 100000; i++) touch(malloc(1 << 24), 1 << 24); /* libsvm does not check either */
  return honest_train(model, x, y, error);
}

static kairos_status save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  if (is(model, "lie")) return writer->write(writer, "lie", 3) ? KAIROS_OK : KAIROS_FAILED;
  if (is(model, "flood")) {
    static const char zeros[1 << 20];
    for (int i = 0; i < 1 << 12; i++)
      if (!writer->write(writer, zeros, sizeof zeros)) return KAIROS_FAILED;
    return KAIROS_OK;
  }
  return honest_save(model, writer, error);
}

static kairos_status load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  if (is(model, "unread")) return KAIROS_OK;
  return honest_load(model, reader, version, error);
}

PLUGIN(.predict = predict, .train = train, .save = save, .load = load)
