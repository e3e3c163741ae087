/* One model trained again, beside the state that is served. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
struct retrain_work {
  const char *model, *program, *file, *data, *out, *plugins; /* file: events as NDJSON instead of a journal */
  int64_t seconds;
  bool json;
};
/* Prints the verdict, in words or as one line of JSON, and writes the state when it is better. Gives the exit code. [main] */
int retrain_work(const struct retrain_work *o);
