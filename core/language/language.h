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

/* The field tables as data, for `kairos meta`, the manual and the API. */
struct field_doc {
  const char *noun, *field, *type, *doc; /* noun: "trigger", or the shape of a table within one: "rollout.stages" */
  const char *editor;                    /* the type as LuaLS writes it; NULL: one of the words of `type`, "a|b|c" */
  bool required;
};
const struct field_doc *language_fields(size_t *count);
struct noun_doc {
  const char *word, *doc;
};
const struct noun_doc *language_nouns(size_t *count);                    /* in the order of the manual */
void language_describe(struct json_writer *w);                           /* all nouns with their fields, as an array */
const char *const *language_words(size_t *count);                        /* every global that the sandbox has, sorted */
const char *const *language_members(const char *library, size_t *count); /* the words of string, utf8, table or math; NULL: no library */
