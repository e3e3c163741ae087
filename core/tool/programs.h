/* Inside tool: what the subcommand `programs` is made of. */
#pragma once
#include "live.h"

/* Prints what became of each file between two answers of GET /v1/programs/{id}, line by line, as `diff -u` does. True: they differ. */
bool programs_differ(struct str before, struct str after);
/* A text as it is against as it becomes. */
struct two_texts {
  const char *path;
  struct str before, after;
  bool was, is; /* false: the file is not there on that side */
};
void texts_differ(const struct two_texts *t);
