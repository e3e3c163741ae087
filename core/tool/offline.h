/* The engine without its door: a data directory opened for writing by a subcommand, its flows recovered, its program active. */
#pragma once
#include "flow/flow.h"

struct offline {
  struct book *book;
  struct library *library;
  struct flow *flows[BOOK_VOLUMES_MOST];
  uint32_t volumes;
  struct aliases *aliases;
  const struct program *program;
  char store[4096], last_digest[65];
  int64_t last_number;
  bool refused; /* the program has findings: they were printed */
};
/* `program` NULL: the directory's last. Makes the directory when it is not there. */
bool offline_open(struct offline *o, const char *data, const char *program, struct err *e);
void offline_close(struct offline *o);
