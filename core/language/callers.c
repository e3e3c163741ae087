/* Callers: the way from C into a function of a rule, as short as it can be. Each function has a caller, written in Lua by us: it takes the
 * values one by one, lays them into the tables behind the function's views and calls it, for Lua stores a value in a quarter of the steps
 * that C needs. And a function that is straight (no function within it or reached by it, no loop but of written numbers or through ipairs
 * and pairs, few words in all) cannot run long without a word of ours being called, whatever it is given: no hook counts its instructions,
 * which would cost as much again as the function. If it assigns to nothing but
 * locals either, it is given the tables behind its views, since it cannot change them; the words do not take them for lists. Built once a
 * program [builder]; opened with each sandbox, by the thread that made it. */
#include "functions_inside.h"
#include <string.h>

/* No token of a rule becomes more instructions than this: a comparison whose value is kept is the most, with four. */
#define TOKEN_INSTRUCTIONS 8

/* ---- building ---- */
static void put_list(struct buf *b, const char *letter, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) buf_printf(b, "%s%s%u", i ? ", " : "", letter, i);
}

static void put_name(struct buf *b, struct str name) {
  buf_char(b, '"');
  for (size_t i = 0; i < name.len; i++) buf_printf(b, "\\%03d", (unsigned char)name.at[i]);
  buf_char(b, '"');
}

/* `v0["steps"] = a0 …`, and which slot each a is. What goes beyond the most is asked of C when it is read. */
static void put_values(struct buf *b, const struct functions *f, struct function *x) {
  for (uint32_t i = 0; i < x->view_count; i++) {
    const struct view *v = &f->views[x->roots[0] + i];
    for (uint32_t k = 0; k < v->count && x->slot_count < HANDED_MOST; k++) {
      if (v->entries[k].inner) continue;
      buf_printf(b, " v%u[", i);
      put_name(b, v->entries[k].name);
      buf_printf(b, "] = a%u", x->slot_count);
      x->slots[x->slot_count++] = v->entries[k].at;
    }
  }
}

bool caller_build(struct functions *f, struct function *x, struct err *e) {
  struct buf values = {0}, text = {0};
  if (x->view_count > HANDED_MOST) x->view_count = 0;
  x->slots = ARENA_ARRAY(&f->arena, uint32_t, HANDED_MOST);
  if (x->slots) put_values(&values, f, x);
  buf_text(&text, "local f, x0, x1, x2");
  if (x->view_count) buf_text(&text, ", ");
  put_list(&text, "v", x->view_count);
  buf_text(&text, " = ... return function(");
  put_list(&text, "a", x->slot_count);
  buf_char(&text, ')');
  buf_str(&text, buf_view(&values));
  buf_text(&text, " return f(x0, x1, x2) end");
  x->caller.len = buf_view(&text).len;
  x->caller.at = x->slots ? arena_text(&f->arena, buf_view(&text).at, x->caller.len) : NULL;
  buf_free(&values);
  buf_free(&text);
  return x->caller.at || err_set(e, ERR_INTERNAL, "memory failed");
}

/* ---- opening ---- */
void callers_open(lua_State *L, struct runner *r, int callers, int views) {
  const struct functions *f = r->of;
  captured_push(L);
  int captured = lua_gettop(L);
  for (size_t i = 0; i < f->count; i++) {
    const struct function *x = &f->at[i];
    if (!x->bound) continue;
    if (luaL_loadbufferx(L, x->caller.at, x->caller.len, "=caller", "t") != LUA_OK) lua_error(L);
    luaL_checkstack(L, (int)x->view_count + VIEW_ROOTS + 2, NULL);
    lua_rawgeti(L, captured, x->noun->captured);
    for (int k = 0; k < VIEW_ROOTS; k++) lua_rawgeti(L, views, x->reads ? values_place(f, x->roots[k]) : (lua_Integer)x->roots[k] + 1);
    for (uint32_t k = 0; k < x->view_count; k++) lua_rawgeti(L, views, values_place(f, x->roots[0] + k));
    lua_call(L, (int)x->view_count + VIEW_ROOTS + 1, 1);
    lua_rawseti(L, callers, x->noun->captured);
  }
  lua_pop(L, 1);
}

/* ---- judging ---- */
static const struct source *source_of(const struct functions *f, const char *path) {
  for (size_t i = 0; i < f->source_count; i++)
    if (strcmp(f->sources[i].path, path) == 0) return &f->sources[i];
  return NULL;
}

/* Jumps go backwards in loops only. `for i = 1, 7` is known to go round seven times; each round of `in ipairs(…)` calls a word, which
 * charges it and, when there are many, sets the hook; so no instruction runs more often than the bound says. Other functions of the file,
 * which might call each other for ever, are not in reach. The lines of a function may hold more than it: that only loses a little speed. */
static void judge(struct functions *f, const struct runner *r, size_t number) {
  lua_State *L = r->sandbox.L;
  struct function *x = &f->at[number];
  const struct source *source = source_of(f, x->noun->at->file);
  lua_Debug d;
  captured_push(L);
  lua_rawgeti(L, -1, x->noun->captured);
  lua_remove(L, -2);
  if (!lua_getinfo(L, ">S", &d) || !source || r->cells_of[number].calls) return;
  struct scan_shape shape = {.first = d.linedefined, .last = d.lastlinedefined};
  scan_shape(source->text, &shape);
  const size_t most = (shape.tokens + 2 * (size_t)x->slot_count + VIEW_ROOTS + 4) * TOKEN_INSTRUCTIONS;
  const size_t round = shape.paced * TOKEN_INSTRUCTIONS;
  x->straight = shape.functions == 1 && shape.loops == 0 && !(round && shape.renamed) && most < UNCOUNTED_MOST && round < UNCOUNTED_MOST;
  if (x->straight) x->pace = (struct pace){(uint32_t)most, (uint32_t)round};
  x->reads = x->straight && shape.assignments == 0 && x->view_count;
}

void callers_judge(struct functions *f, struct runner *first) {
  for (size_t i = 0; i < f->count; i++)
    if (f->at[i].bound) judge(f, first, i);
  f->judged = true;
}
