/* A library that is laid before the C library of an engine under test: the time of day is ahead by as many seconds as stand in the file
 * that CLOCK_AT names, looked at fifty times a second. What is measured (monotonic time) goes on as it is. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef int clock_function(clockid_t clock, struct timespec *out);

static long ahead(clock_function *real) {
  static atomic_long seconds;
  static atomic_llong looked;
  struct timespec now;
  const char *path = getenv("CLOCK_AT");
  if (!path || real(CLOCK_MONOTONIC, &now) != 0) return 0;
  const long long at = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
  long long before = looked;
  if (before && at - before < 20) return seconds;
  FILE *file = atomic_compare_exchange_strong(&looked, &before, at) ? fopen(path, "re") : NULL;
  long found;
  if (file && fscanf(file, "%ld", &found) == 1) seconds = found; /* may be less than before: clocks are set back, too */
  if (file) fclose(file);
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  static _Atomic(clock_function *) found;
  clock_function *real = found;
  if (!real) {
    real = (clock_function *)dlsym(RTLD_NEXT, "clock_gettime");
    found = real;
  }
  const int code = real(clock, out);
  if (code == 0 && clock == CLOCK_REALTIME) out->tv_sec += ahead(real);
  return code;
}
