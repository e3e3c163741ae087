/* What of a data directory goes into which table of an export. */
#pragma once
#include "book/sheet.h"
#include "flow/flow.h"

struct exporting {
  struct sheet *sheet;
  struct volume *reader;
  struct arena *arena;  /* of one row */
  int64_t since, until; /* decision clock: from, and before */
  int64_t event;        /* the number given last */
  uint64_t users, events, decisions;
};
/* One journal row with its decisions; `u` is as it was before the row, but for its zone. */
bool export_row(struct exporting *x, const struct user *u, const struct entry *row, const struct recorded *r, struct str *records,
                uint64_t *ids, size_t count, struct err *e);
/* What was decided of a row that is trimmed. */
bool export_trimmed(struct exporting *x, const struct user *u, struct str *records, uint64_t *ids, size_t count, struct err *e);
/* The user as of the end of the walk; `p` may be NULL. */
bool export_user(struct exporting *x, struct user *u, const struct program *p, struct err *e);
bool export_readme(struct exporting *x, struct err *e);
