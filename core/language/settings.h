/* A file of settings: Lua that sets names to texts, numbers, truths or lists of texts, and can do nothing else. [main] */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/str.h"

struct setting {
  const char *name; /* as an option is written: `webhook_secret` in the file is "webhook-secret" here */
  const char *text; /* of a list one setting each, in order; a number as it is written; NULL: true (what is false is left out) */
};
/* Sorted by name. Everything lies in `a`. False with the file's name and line in the sentence. `path` is for sentences only. */
bool settings_read(struct str source, const char *path, struct arena *a, struct setting **out, size_t *count, struct err *e);
