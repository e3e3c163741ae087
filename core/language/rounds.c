/* Rounds: loops of which only Lua knows how often they go round. So that no hook must count their instructions, a copy of the file counts
 * their rounds: behind `while … do` and `repeat`, and before a `goto`, stands `n=n-240 if n<0 then n=more(n) end`, where 240 is the bound
 * of one round in instructions and n a local of the function; and of `for i = 1, e do` the limit becomes `limit((e), 1, 1, 240)`, which
 * looks at all rounds at once. Both pay for what will run by its bound, and set the hook once that is too much. What is written has names
 * that the file does not have, raises nothing, gives every value back as it was, and leaves each line where it is. The copy is made once a
 * program [builder]; the words run in a call, on its thread. */
#include "sandbox.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE       2500                  /* instructions that are paid for at once */
#define NEVER_AGAIN (INT64_C(1) << 50)    /* rounds are not asked about any more */
#define NUMBER_MOST ((double)(1ll << 53)) /* above, numbers are no exact counts */

/* ---- the words [any] ---- */
/* more(n): n is below 0, by what the round that begins costs more than was left. */
int rounds_more(lua_State *L) {
  const lua_Integer left = lua_tointeger(L, 1), slice = left < -SLICE ? -left : SLICE;
  lua_pushinteger(L, sandbox_pay(sandbox_of(L), (long)slice) ? left + slice : NEVER_AGAIN);
  return 1;
}

/* limit(value, from, step, instructions of a round): gives the value. What is no number is Lua's to complain about. */
int rounds_limit(lua_State *L) {
  const double to = lua_type(L, 1) == LUA_TNUMBER ? lua_tonumber(L, 1) : NUMBER_MOST;
  const double from = (double)lua_tointeger(L, 2), step = (double)lua_tointeger(L, 3), round = (double)lua_tointeger(L, 4);
  const double most = ((to - from) / step + 1) * round;
  if (!(to < from)) sandbox_pay(sandbox_of(L), most <= UNCOUNTED_MOST ? (long)most : UNCOUNTED_MOST + 1);
  lua_settop(L, 1);
  return 1;
}

/* ---- the copy [builder] ---- */
static int by_place(const void *a, const void *b) {
  const struct scan_rounds *x = a, *y = b;
  if (x->at != y->at) return x->at > y->at ? 1 : -1;
  return (int)x->kind - (int)y->kind;
}

/* A beginning of names that stands nowhere in the text. */
static bool choose_name(struct str text, char *name, size_t size) {
  for (int i = 0; i < 1000; i++) {
    snprintf(name, size, "_k%d", i);
    if (!memmem(text.at, text.len, name, strlen(name))) return true;
  }
  return false;
}

static void put_until(struct buf *b, const char **from, const char *to) {
  buf_str(b, (struct str){*from, (size_t)(to - *from)});
  *from = to;
}

static void put_place(struct buf *b, const char **from, const struct scan_rounds *r, const char *name) {
  const size_t round = r->weight * TOKEN_INSTRUCTIONS;
  put_until(b, from, r->at);
  switch (r->kind) {
  case ROUNDS_COUNTER: buf_printf(b, " local %sn=0;", name); return;
  case ROUNDS_EACH: buf_printf(b, " %sn=%sn-%zu if %sn<0 then %sn=%sm(%sn)end; ", name, name, round, name, name, name, name); return;
  case ROUNDS_LIMIT:
    buf_printf(b, " %sl((", name);
    put_until(b, from, r->to);
    buf_printf(b, "),%lld,%lld,%zu)", (long long)r->from, (long long)r->step, round);
    return;
  }
}

bool rounds_write(struct arena *a, struct str text, struct scan_rounds *list, size_t count, struct str *out) {
  char name[16];
  struct buf b = {0};
  const char *from = text.at;
  if (str_starts(text, "\xef\xbb\xbf")) from += 3;
  *out = (struct str){NULL, 0};
  if (!choose_name(text, name, sizeof name)) return true;
  qsort(list, count, sizeof *list, by_place);
  buf_printf(&b, "local %sm,%sl=...return function(...)", name, name);
  for (size_t i = 0; i < count; i++)
    if (i == 0 || by_place(&list[i], &list[i - 1]) != 0) put_place(&b, &from, &list[i], name);
  put_until(&b, &from, text.at + text.len);
  buf_text(&b, "\nend");
  *out = buf_into(&b, a);
  return out->at != NULL;
}
