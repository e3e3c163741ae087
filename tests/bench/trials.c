/* What rollouts and experiments cost in memory: bytes of heap a person, for each metric per user (effects), each metric per decision
 * (occasions, here three decisions a person whose time is over), and each rollout's stage (stays). Every person is counted once in each, so
 * an engine's bill is people × metrics. Lists and tables double when they are full: between two doublings a person costs up to twice the
 * least, so several numbers of people are shown. One thread.
 * usage: trials [PEOPLE] */
#include "judge/judge.h"
#include "kit/hash.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY INT64_C(86400000)

static size_t heap(void) {
  const struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

static uint64_t person(uint64_t n) {
  return hash_64((struct str){(const char *)&n, sizeof n});
}

static double effects_bytes(uint64_t people) {
  const struct effects_terms terms = {MEASURE_HAPPENED, 7 * DAY};
  const size_t before = heap();
  struct effects *e = effects_new(&terms);
  for (uint64_t n = 0; n < people; n++)
    if (!e || !effects_expose(e, (uint32_t)(n % 16), person(n), (int64_t)n, (uint32_t)(n % 2))) exit(1);
  const double bytes = (double)(heap() - before);
  effects_free(e);
  return bytes / (double)people;
}

static double occasions_bytes(uint64_t people, uint32_t arms) {
  const struct effects_terms terms = {MEASURE_HAPPENED, DAY / 24};
  const size_t before = heap();
  struct occasions *o = occasions_new(&terms, arms);
  for (uint64_t day = 0; day < 3; day++)
    for (uint64_t n = 0; n < people; n++) {
      const struct occasion one = {person(n), (int64_t)day * DAY + (int64_t)((double)n / (double)people * (double)DAY),
                                   (uint32_t)(n % arms), 2};
      if (!o || !occasions_add(o, (uint32_t)(n % 16), &one)) exit(1);
    }
  const double bytes = (double)(heap() - before);
  occasions_free(o);
  return bytes / (double)people;
}

static double stays_bytes(uint64_t people) {
  const size_t before = heap();
  struct stays *s = stays_new();
  for (uint64_t n = 0; n < people; n++)
    if (!s || !stays_enter(s, (uint32_t)(n % 16), person(n))) exit(1);
  const double bytes = (double)(heap() - before);
  stays_free(s);
  return bytes / (double)people;
}

int main(int argc, char **argv) {
  const uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
  if (most < 1000) {
    fprintf(stderr, "usage: trials [PEOPLE], at least 1000\n");
    return 2;
  }
  printf("%10s %10s %12s %12s %10s\n", "people", "effects", "occasions/2", "occasions/8", "stays");
  for (uint64_t people = most / 4; people <= most; people += most / 4)
    printf("%10llu %10.0f %12.0f %12.0f %10.0f\n", (unsigned long long)people, effects_bytes(people), occasions_bytes(people, 2),
           occasions_bytes(people, 8), stays_bytes(people));
  return 0;
}
