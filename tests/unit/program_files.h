/* A folder of a program's files, made and unmade by tests of whoever watches, builds and chooses. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit/arena.h"
#include "kit/err.h"
#include "kit/file.h"
#include "kit/str.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef fine
#define fine(e, call)                                                                                                                      \
  do {                                                                                                                                     \
    if (!(call)) fail_msg("%s: %s", #call, (e)->text);                                                                                     \
  } while (0)
#endif

#define GOOD_RULES                                                                                                                         \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "intervention \"walk\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"                      \
  "  message = { en = \"walk\" } }\n"                                                                                                      \
  "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"event.n > %d\", offer = { \"walk\" } }\n"

struct files {
  char root[400], path[520];
};

static inline const char *files_path(struct files *f, const char *name) {
  snprintf(f->path, sizeof f->path, "%s/%s", f->root, name);
  return f->path;
}

static inline void files_write(struct files *f, const char *name, const char *text) {
  struct err e = {0};
  char folder[520];
  snprintf(folder, sizeof folder, "%s/%s", f->root, name);
  *strrchr(folder, '/') = 0;
  fine(&e, file_make_directory(folder, 0755, &e));
  fine(&e, file_write_atomic(files_path(f, name), str_from(text), 0644, &e)); /* nobody meets half of it */
}

static inline void files_good(struct files *f, int above) {
  char text[600];
  snprintf(text, sizeof text, GOOD_RULES, above);
  files_write(f, "rules/all.lua", text);
}

static inline void files_new(struct files *f, const char *name) {
  snprintf(f->root, sizeof f->root, "%s/%s-%d", KAIROS_BINARY_DIR, name, (int)getpid());
  file_remove_tree(f->root, NULL);
  files_good(f, 0);
}

static inline void files_gone(struct files *f) {
  file_remove_tree(f->root, NULL);
}
