/* Symbols: the table of every name that a program's conditions read, one slot each, in order of first use. Whether a name exists is asked
 * of the program (symbols.find); this file only remembers the answer. Old arrays stay in the arena, so a pointer that an expression keeps
 * does not move. Called while a program is built [builder]; read from any thread afterwards. */
#include "language/expression.h"
#include <string.h>

#define SYMBOLS_MOST 65535u

const struct symbol *symbols_known(const struct symbols *s, struct str name) {
  for (uint32_t i = 0; i < s->count; i++)
    if (str_eq(s->at[i].name, name)) return &s->at[i];
  return NULL;
}

static bool symbols_grow(struct symbols *s, struct err *e) {
  if (s->count >= SYMBOLS_MOST) return err_set(e, ERR_INPUT, "the conditions of one program may read at most %u names", SYMBOLS_MOST);
  if (s->count < s->cap) return true;
  uint32_t cap = s->cap ? s->cap * 2 : 32;
  struct symbol *at = ARENA_ARRAY(s->arena, struct symbol, cap);
  if (!at) return err_set(e, ERR_INTERNAL, "memory failed");
  if (s->count) memcpy(at, s->at, s->count * sizeof *at);
  s->at = at;
  s->cap = cap;
  return true;
}

const struct symbol *symbols_name(struct symbols *s, struct str name, struct err *e) {
  const struct symbol *known = symbols_known(s, name);
  if (known) return known;
  struct symbol found = {0};
  if (!s->find(s->context, name, &found, e) || !symbols_grow(s, e)) return NULL;
  const char *text = arena_text(s->arena, name.at, name.len);
  if (!text) {
    err_set(e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  found.name = (struct str){text, name.len};
  found.slot = s->count;
  s->at[s->count] = found;
  return &s->at[s->count++];
}
