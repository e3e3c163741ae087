/* Where `kairos train` learns from: events of a file, of a journal, or of the built-in population, walked through a program's features. */
#pragma once
#include "program/program.h"

struct learning_from {
  const char *file, *data; /* both NULL: the population */
  uint32_t users, days;
  uint64_t seed;
  int64_t lookback; /* ms before the newest event; 0: everything */
  const char *by;   /* a feature or profile field whose values make groups; NULL: none */
};
/* What the command line says, in the bounds of the built-in population; the texts are not copied. [main] */
bool learning_from_options(struct learning_from *from, const char *file, const char *data, int64_t users, int64_t days, int64_t seed,
                           struct err *e);
/* Fills the table and finishes it. Progress goes to stderr. [main] */
bool learning_table(const struct program *p, const struct learning_from *from, struct training_table *table, struct err *e);
