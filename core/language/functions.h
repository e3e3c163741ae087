/* A program's Lua functions at work: what stands in a noun where a condition or an expression could. They run in sandboxes of their own,
 * sealed after loading, one call at a time: 100 000 fuel, 1 MiB, 4 KiB a text, 10 ms. A function sees the names in its `needs` and nothing
 * else, leaves nothing behind, and gives the same for the same values: only what time, memory and a stop had to do with it must be
 * recorded. The sandboxes are kept in a pool, so a call takes no lock and any thread may call. */
#pragma once
#include "language/language.h"

struct functions;
/* Of the functions in `n`, with the symbols (kind SYMBOL_FUNCTION, index: place in n->functions) that conditions made of them; called after
 * the last symbols_name. Borrows everything. NULL: no memory, or the files do not load any more. [builder] */
struct functions *functions_new(const struct source *sources, size_t count, const struct nouns *n, const struct symbols *s, struct err *e);
void functions_free(struct functions *f);
/* The value of one function; missing with its reason when it raised, overran or was stopped. Texts are laid in `a`. `again`: a replay,
 * which stops nothing and has room to spare, since what was short of memory or time has been recorded. [any] */
struct value functions_call(struct functions *f, uint32_t number, const struct value *slots, bool again, struct arena *a);
bool function_end_is_recorded(enum missing_reason reason); /* cannot be had again by calling again */

#define FUNCTION_FAILURES_MOST 8 /* in a row: then it is stopped until a new program comes */
struct function_figures {
  struct str name;
  uint64_t raised, spent, memory, late; /* calls that ended so */
  bool stopped;
  int line;           /* of the last failure; 0: none */
  char sentence[200]; /* what it said */
};
size_t functions_count(const struct functions *f);
void functions_figures(struct functions *f, uint32_t number, struct function_figures *out); /* [any] */
