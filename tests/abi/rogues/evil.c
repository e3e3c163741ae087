/* Loads and answers like any honest plugin until a row says more than 5; then it does what the configuration's "mode" says. */
#include "rogue.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define REACH   ((uintptr_t)4 << 20)
#define PAGE    ((uintptr_t)4096)
#define EXIT_AS 3

#pragma GCC diagnostic ignored "-Wpragmas" /* who does not know it does not say it */
static volatile int sink;

static void touch(volatile char *at, size_t n) {
  for (size_t i = 0; i < n; i += PAGE) at[i] = 1;
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int deeper(volatile int *above) {
  volatile int here[1024];
  here[0] = above[0] + 1;
  return deeper(here) + here[0];
}

/* Everything round the inputs that can be written: what the host shares with the engine is among it. */
static void fill_the_neighbourhood(const kairos_batch *in) {
  uint64_t mask;
  const uintptr_t centre = (uintptr_t)in->columns[0]->data / PAGE * PAGE;
  for (uintptr_t at = centre - REACH; at < centre + REACH; at += PAGE) {
    const bool stack = (uintptr_t)&mask > at - REACH && (uintptr_t)&mask < at + REACH;
    if (stack || raw_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)at) != 0) continue; /* writes there, or says that one cannot */
    memset((void *)at, 0xFF, PAGE);
  }
}

static void sleep_for_ever(void) {
  static int word;
  for (;;) raw_call(SYS_futex, (long)&word, FUTEX_WAIT, 0);
}

static void lie(const kairos_batch *in, const kairos_batch *out) {
  ((kairos_batch *)(uintptr_t)in)->rows = 0;
  ((kairos_batch *)(uintptr_t)out)->rows = 1000000000;
  out->columns[0]->valid[0] = ~UINT64_C(0);
}

static void misbehave(const char *mode, const kairos_batch *in, const kairos_batch *out) {
  static const long long minute[2] = {60, 0};
  double *y = out->columns[0]->data;
  if (strcmp(mode, "segfault") == 0) *(volatile int *)(uintptr_t)16 = 1;
  if (strcmp(mode, "abort") == 0) abort();
  while (strcmp(mode, "loop") == 0) sink++;
  for (int i = 0; strcmp(mode, "busy") == 0 && i < 500000; i++) sink++;
  if (strcmp(mode, "leak") == 0) touch(malloc((size_t)1 << 30), (size_t)1 << 30);
  if (strcmp(mode, "stack") == 0) sink = deeper(&sink);
  if (strcmp(mode, "beyond") == 0) memset(y + in->rows, 0, 1 << 16);
  if (strcmp(mode, "step") == 0) y[64] = 0; /* one value behind the most rows that there can be */
  if (strcmp(mode, "inputs") == 0) *(volatile double *)in->columns[0]->data = 0;
  if (strcmp(mode, "flood") == 0) fill_the_neighbourhood(in);
  if (strcmp(mode, "exit") == 0) raw_call(SYS_exit_group, EXIT_AS, 0, 0);
  if (strcmp(mode, "fork") == 0) raw_call(SYS_clone, SIGCHLD, 0, 0);
  if (strcmp(mode, "socket") == 0) raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0);
  if (strcmp(mode, "file") == 0) raw_call(SYS_openat, AT_FDCWD, (long)"/etc/hostname", O_RDONLY);
  if (strcmp(mode, "sleep") == 0) raw_call(SYS_nanosleep, (long)minute, 0, 0);
  if (strcmp(mode, "doze") == 0) sleep_for_ever();
  if (strcmp(mode, "lies") == 0) lie(in, out);
  for (uint32_t i = 0; strcmp(mode, "nan") == 0 && i < in->rows; i++) y[i] = __builtin_nan("");
}

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  const double *x = in->columns[0]->data;
  bool now = false;
  for (uint32_t i = 0; i < in->rows; i++) now |= x[i] > 5;
  if (!now || !model->mode[0]) return honest_predict(model, session, in, out, error);
  misbehave(model->mode, in, out);
  return strcmp(model->mode, "busy") == 0 ? honest_predict(model, session, in, out, error) : KAIROS_OK;
}

PLUGIN(.predict = predict)
