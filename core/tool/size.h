/* `kairos experiments size`: how many people an experiment takes, before there is one. */
#pragma once
#include "arguments.h"

struct size_ask { /* as on the command line; NULL: not given */
  const char *base, *effect, *type, *deviation, *share, *power, *alpha;
  int64_t people, daily; /* 0: not given */
  bool json;
};
int experiments_size(const struct usage *u, const struct size_ask *ask); /* prints; gives the exit code */
