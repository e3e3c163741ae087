/* language: the words of the rules. Sources go in, nouns and findings come out; expressions and the vocabulary have headers of their own.
 * Knows nothing of users, journals or models: it sees data only through the slots it is given. */
#pragma once
#include "language/event.h"
#include "language/expression.h"
#include "language/nouns.h"
#include "language/value.h"

struct source {     /* one file of a program; sources are sorted by path */
  const char *path; /* relative: "rules/skip.lua" */
  struct str text;
  unsigned char sha256[32];
};

/* Loads every *.lua source in path order in one fresh sandbox (LANGUAGE, "The sandbox": allow-list environment, text only, fuel, memory and
 * string limits), checks every noun against its field table and fills `out` in `a`. Problems become findings (unknown fields with "did you
 * mean", wrong types, missing fields, names declared twice, Lua's own errors with file and line); true when none of them is an error.
 * [builder] */
bool language_load(struct arena *a, const struct source *sources, size_t count, struct nouns *out, struct findings *f);

/* The field tables as data, for `kairos meta`, docs and the API. */
struct field_doc {
  const char *noun, *field, *type, *doc;
  bool required;
};
const struct field_doc *language_fields(size_t *count);
const char *const *language_words(size_t *count); /* every global that the sandbox has, sorted */
