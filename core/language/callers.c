/* Callers: the way from C into a function of a rule, as short as it can be. Each function has a caller, written in Lua by us: it takes the
 * values one by one, lays them into the tables behind the function's views and calls it, for Lua stores a value in a quarter of the steps
 * that C needs. And a function that is straight (no function within it or reached by it, few words in all, and no loop but of written
 * numbers, through ipairs and pairs, or with its rounds counted by rounds.c) cannot run long without a word of ours being called, whatever
 * it is given: no hook counts its instructions, which would cost as much again as the function. If it assigns to nothing but
 * locals either, it is given the tables behind its views, since it cannot change them; the words do not take them for lists. Built once a
 * program [builder]; opened with each sandbox, by the thread that made it. */
#include "functions_inside.h"
#include <string.h>

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
  text.failed |= values.failed || !x->slots; /* less than all of it would be a caller that hands over less */
  x->caller = buf_into(&text, &f->arena);
  buf_free(&values);
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
static size_t source_of(const struct functions *f, const char *path) {
  size_t i = 0;
  while (i < f->source_count && strcmp(f->sources[i].path, path) != 0) i++;
  return i;
}

/* A counter alone counts nothing. False: no memory. */
static bool keep_rounds(struct functions *f, struct copy *c, const struct scan_shape *shape, bool *any) {
  bool each = false;
  for (size_t i = 0; i < shape->round_count; i++) each |= shape->rounds[i].kind == ROUNDS_EACH;
  for (size_t i = 0; i < shape->round_count; i++) {
    if (shape->rounds[i].kind == ROUNDS_COUNTER && !each) continue;
    if (c->count == c->cap) {
      const size_t cap = c->cap ? c->cap * 2 : 16;
      struct scan_rounds *list = ARENA_ARRAY(&f->arena, struct scan_rounds, cap);
      if (!list) return false;
      if (c->count) memcpy(list, c->list, c->count * sizeof *list);
      c->list = list;
      c->cap = cap;
    }
    c->list[c->count++] = shape->rounds[i];
    *any = true;
  }
  return true;
}

/* Jumps go backwards in loops only. `for i = 1, 7` is known to go round seven times; each round of `in ipairs(…)` calls a word, which
 * charges it and, when there are many, sets the hook; and so do the rounds of all others, in the copy that counts them. So no instruction
 * runs more often than the bound says. Other functions of the file, which might call each other for ever, are not in reach. The lines of a
 * function may hold more than it: that only loses a little speed. */
static bool judge(struct functions *f, struct runner *r, struct scan_lines *lines, size_t number) {
  lua_State *L = r->sandbox.L;
  struct function *x = &f->at[number];
  const size_t at = source_of(f, x->noun->at->file);
  lua_Debug d;
  captured_push(L);
  lua_rawgeti(L, -1, x->noun->captured);
  lua_remove(L, -2);
  if (!lua_getinfo(L, ">S", &d) || at == f->source_count || r->cells_of[number].calls) return true;
  struct scan_shape shape = {.first = d.linedefined, .last = d.lastlinedefined};
  if (!lines[at].at && !scan_lines(&r->arena, f->sources[at].text, &lines[at])) return false;
  scan_shape(f->sources[at].text, &lines[at], &shape);
  const size_t most = (shape.tokens + shape.round_count * 2 + 2 * (size_t)x->slot_count + VIEW_ROOTS + 4) * TOKEN_INSTRUCTIONS;
  const size_t round = shape.paced * TOKEN_INSTRUCTIONS;
  x->straight = shape.functions == 1 && shape.loops == 0 && !(round && shape.renamed) && most < UNCOUNTED_MOST && round < UNCOUNTED_MOST;
  if (x->straight) x->pace = (struct pace){(uint32_t)most, (uint32_t)round};
  x->reads = x->straight && shape.assignments == 0 && x->view_count;
  return !x->straight || keep_rounds(f, &f->copies[at], &shape, &x->rounds);
}

void callers_judge(struct functions *f, struct runner *first) {
  struct scan_lines *lines = ARENA_ARRAY(&first->arena, struct scan_lines, f->source_count + 1);
  for (size_t i = 0; i < f->count; i++)
    if (f->at[i].bound && (!lines || !judge(f, first, lines, i))) luaL_error(first->sandbox.L, "memory failed");
  f->judged = true;
}

/* ---- copying ---- */
/* What is written needs a local and two names more, which a file may not have room for. Whether Lua takes the copy depends on the text
 * alone, so every process decides alike; memory that fails is no answer. */
static bool is_taken(struct runner *r, const struct source *copy, bool *memory_failed) {
  struct findings findings = {.arena = &r->arena};
  if (copy->text.len > SOURCE_LENGTH || !scan_source(&findings, copy->path, copy->text)) return false;
  r->sandbox.asked = 0;
  r->sandbox.fuel = limits_of_loading.fuel;
  const int status = luaL_loadbufferx(r->sandbox.L, copy->text.at, copy->text.len, "=rule", "t");
  lua_pop(r->sandbox.L, 1);
  if (status == LUA_ERRMEM) *memory_failed = true;
  return status == LUA_OK;
}

static void take_back(struct functions *f, const char *path) {
  for (size_t i = 0; i < f->count; i++)
    if (f->at[i].rounds && strcmp(f->at[i].noun->at->file, path) == 0) f->at[i].straight = f->at[i].reads = false;
}

bool callers_copy(struct functions *f, struct runner *first, bool *any) {
  bool memory_failed = false;
  for (size_t i = 0; i < f->source_count && !memory_failed; i++) {
    struct copy *c = &f->copies[i];
    if (!c->count) continue;
    *any = true;
    c->source.path = f->sources[i].path;
    if (!rounds_write(&f->arena, f->sources[i].text, c->list, c->count, &c->source.text)) return false;
    if (c->source.text.len && is_taken(first, &c->source, &memory_failed)) continue;
    c->source.text.len = 0;
    take_back(f, c->source.path);
  }
  return !memory_failed;
}
