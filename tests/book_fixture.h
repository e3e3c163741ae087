/* What tests of the book share: a data directory of their own in the build directory, removed before and after. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "book/book.h"
#include "kit/clock.h"
#include "kit/file.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fixture {
  char directory[400];
  struct book *book;
  struct err e;
};

static inline void fixture_names(struct fixture *f, const char *name) {
  memset(f, 0, sizeof *f);
  snprintf(f->directory, sizeof f->directory, "%s/%s-%d", KAIROS_BINARY_DIR, name, (int)getpid());
  file_remove_tree(f->directory, NULL);
}

static inline void fixture_open(struct fixture *f, const char *name, uint32_t volumes) {
  fixture_names(f, name);
  if (!book_create(f->directory, volumes, &f->e)) fail_msg("%s", f->e.text);
  f->book = book_open(f->directory, true, &f->e);
  if (!f->book) fail_msg("%s", f->e.text);
}

static inline void fixture_close(struct fixture *f) {
  book_close(f->book);
  f->book = NULL;
  file_remove_tree(f->directory, NULL);
}

#define fine(e, call)                                                                                                                      \
  do {                                                                                                                                     \
    if (!(call)) fail_msg("%s: %s", #call, (e)->text);                                                                                     \
  } while (0)

/* One event appended in the open turn; returns its row. */
static inline int64_t append_event(struct volume *v, struct user *u, const char *body, const char *record, struct err *e) {
  struct entry entry = {.partition = u->partition, .kind = ENTRY_EVENT, .body = str_from(body), .record = str_from(record)};
  fine(e, volume_append(v, u, &entry, e));
  return entry.seq;
}
