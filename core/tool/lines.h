/* Lines of a file or of standard input, with a bound: of events as NDJSON, of ids. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

#define LINE_MOST (10u << 20)
struct lines {
  int file;
  const char *path;
  struct buf held; /* read and not given yet, from `at` on */
  size_t at;
  bool ended;
  uint64_t number, bytes; /* of the line given last; all bytes given so far */
  double size;            /* bytes of the file, 0 when unknown */
};
/* "-" is standard input. Directories are refused. */
bool lines_open(struct lines *l, const char *path, struct err *e);
/* The next line without its end; a view until the next call. False at the end (error kind ERR_NONE), on a failing read, and for a line of
 * more than LINE_MOST bytes: the error names the line. */
bool lines_next(struct lines *l, struct str *line, struct err *e);
void lines_close(struct lines *l);
