/* Views: what a running function sees of the user, the event and the predictions. A view is a userdata that shows a table of values, which
 * no rule can reach: its caller (callers.c) lays the numbers and truths in, everything else is asked of C when it is read. A view can be
 * neither changed nor kept. Lists come as copies. Built once a program [builder]; read inside a call, on its thread. */
#include "functions_inside.h"
#include <string.h>

/* ---- building ---- */
static bool view_new(struct functions *f, uint32_t *number) {
  if (f->view_count == f->view_cap) {
    uint32_t cap = f->view_cap ? f->view_cap * 2 : 16;
    struct view *views = ARENA_ARRAY(&f->arena, struct view, cap);
    if (!views) return false;
    if (f->view_count) memcpy(views, f->views, f->view_count * sizeof *views);
    f->views = views;
    f->view_cap = cap;
  }
  *number = f->view_count++;
  f->views[*number] = (struct view){0};
  return true;
}

static struct view_entry *entry_of(const struct view *v, struct str name) {
  for (uint32_t i = 0; i < v->count; i++)
    if (str_eq(v->entries[i].name, name)) return &v->entries[i];
  return NULL;
}

static bool entry_add(struct functions *f, uint32_t view, struct view_entry entry) {
  struct view *v = &f->views[view];
  struct view_entry *entries = ARENA_ARRAY(&f->arena, struct view_entry, v->count + 1);
  if (!entries) return false;
  if (v->count) memcpy(entries, v->entries, v->count * sizeof *entries);
  entries[v->count++] = entry;
  v->entries = entries;
  return true;
}

/* Which argument a name belongs to, and its path there. Experiments' and segments' names may hold dots: one piece each. */
static uint32_t root_of(const struct symbol *s, struct str *path, bool *dotted) {
  *path = s->name;
  *dotted = true;
  if (s->kind == SYMBOL_EVENT || s->kind == SYMBOL_CLOCK) {
    *path = (struct str){s->name.at + 6, s->name.len - 6};
    return VIEW_EVENT;
  }
  *dotted = s->kind == SYMBOL_PROFILE || s->kind == SYMBOL_ARM || s->kind == SYMBOL_SEGMENT;
  return s->kind == SYMBOL_BELIEF ? VIEW_PREDICTED : VIEW_USER;
}

static bool entry_place(struct functions *f, uint32_t view, struct str path, bool dotted, const struct symbol *s, struct err *e) {
  struct str piece, rest = path;
  while (dotted && memchr(rest.at, '.', rest.len) && str_split(&rest, '.', &piece)) {
    struct view_entry *inner = entry_of(&f->views[view], piece);
    uint32_t number = inner ? inner->at : 0;
    if (inner && !inner->inner) return err_set(e, ERR_INPUT, "needs: \"" STR_FORMAT "\" lies within another name", STR_ARG(s->name));
    if (!inner && (!view_new(f, &number) || !entry_add(f, view, (struct view_entry){piece, true, number})))
      return err_set(e, ERR_INTERNAL, "memory failed");
    view = number;
    if (s->kind == SYMBOL_ARM || s->kind == SYMBOL_SEGMENT) break;
  }
  if (entry_of(&f->views[view], rest)) return err_set(e, ERR_INPUT, "needs: \"" STR_FORMAT "\" stands there twice", STR_ARG(s->name));
  return entry_add(f, view, (struct view_entry){rest, false, s->slot}) || err_set(e, ERR_INTERNAL, "memory failed");
}

bool views_build(struct functions *f, struct function *function, struct err *e) {
  for (int i = 0; i < VIEW_ROOTS; i++)
    if (!view_new(f, &function->roots[i])) return err_set(e, ERR_INTERNAL, "memory failed");
  for (size_t i = 0; i < function->noun->need_count; i++) {
    const struct symbol *s = symbols_known(f->symbols, function->noun->needs[i]);
    struct str path;
    bool dotted;
    if (!s) return err_set(e, ERR_INPUT, "needs: \"" STR_FORMAT "\" is unknown", STR_ARG(function->noun->needs[i]));
    uint32_t root = root_of(s, &path, &dotted);
    if (!entry_place(f, function->roots[root], path, dotted, s, e)) return false;
  }
  function->view_count = f->view_count - function->roots[0];
  function->bound = true;
  return true;
}

/* ---- looking ---- */
static void push_list(lua_State *L, const struct value *v) {
  sandbox_charge(L, 10 + v->count);
  lua_createtable(L, (int)v->count, 0);
  luaL_checkstack(L, 4, NULL);
  for (uint32_t i = 0; i < v->count; i++) {
    push_value(L, &v->items[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* Whole numbers are integers in Lua, so that they print as people write them; up to where products of two cannot overflow. */
static void push_number(lua_State *L, double v) {
  if (v > -2147483648.0 && v < 2147483648.0 && v == (double)(lua_Integer)v) lua_pushinteger(L, (lua_Integer)v);
  else lua_pushnumber(L, v);
}

void push_plain(lua_State *L, const struct value *v) {
  if (v->kind == VALUE_NUMBER) push_number(L, v->number);
  else if (v->kind == VALUE_BOOL) lua_pushboolean(L, v->number != 0);
  else lua_pushnil(L);
}

void push_value(lua_State *L, const struct value *v) {
  switch ((enum value_kind)v->kind) {
  case VALUE_NUMBER:
  case VALUE_BOOL: push_plain(L, v); return;
  case VALUE_TEXT:
    sandbox_charge(L, 1 + v->count / 16);
    if (v->count && memchr(v->text, 0, v->count)) break; /* comparing such texts takes time that no fuel counts */
    lua_pushlstring(L, v->text, v->count);
    return;
  case VALUE_LIST: push_list(L, v); return;
  case VALUE_MISSING: break;
  }
  lua_pushnil(L);
}

/* What lies in no table: texts, lists, what is missing, and names that are not in needs. Upvalues: the view, its names with their places.
 */
static int view_index(lua_State *L) {
  const struct runner *r = (const struct runner *)sandbox_of(L);
  const struct view *view = lua_touserdata(L, lua_upvalueindex(1));
  sandbox_charge(L, 2);
  if (!r->slots) return luaL_error(L, "this belonged to an earlier call");
  if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "names are texts");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) == LUA_TNIL) return luaL_error(L, "\"%s\" is not in needs", lua_tostring(L, 2));
  push_value(L, &r->slots[view->entries[lua_tointeger(L, -1)].at]);
  return 1;
}

static int view_length(lua_State *L) {
  return luaL_error(L, "what a function is given is no list");
}

static int view_newindex(lua_State *L) {
  return luaL_error(L, "what a function is given cannot be changed");
}

/* The table of a view's values, onto the stack: it answers for numbers and truths by itself, and asks C for the rest. */
static void push_values(lua_State *L, struct view *v) {
  lua_createtable(L, 0, (int)v->count);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, view_length);
  lua_setfield(L, -2, "__len");
  lua_pushlightuserdata(L, v);
  lua_createtable(L, 0, (int)v->count);
  for (uint32_t i = 0; i < v->count; i++) {
    lua_pushlstring(L, v->entries[i].name.at, v->entries[i].name.len);
    lua_pushinteger(L, i);
    lua_rawset(L, -3);
  }
  lua_pushcclosure(L, view_index, 2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

static void place_inner(lua_State *L, const struct functions *f, uint32_t number, int views) {
  const struct view *v = &f->views[number];
  lua_rawgeti(L, views, values_place(f, number));
  for (uint32_t i = 0; i < v->count; i++) {
    if (!v->entries[i].inner) continue;
    lua_pushlstring(L, v->entries[i].name.at, v->entries[i].name.len);
    lua_rawgeti(L, views, (lua_Integer)v->entries[i].at + 1);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
}

void views_open(lua_State *L, struct runner *r) {
  const struct functions *f = r->of;
  lua_createtable(L, (int)f->view_count * 2, 0);
  int views = lua_gettop(L);
  for (uint32_t i = 0; i < f->view_count; i++) {
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 3);
    push_values(L, &f->views[i]);
    lua_pushvalue(L, -1);
    lua_rawseti(L, views, values_place(f, i));
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, view_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, view_length);
    lua_setfield(L, -2, "__len");
    lua_setmetatable(L, -2);
    lua_rawseti(L, views, (lua_Integer)i + 1);
  }
  for (uint32_t i = 0; i < f->view_count; i++) place_inner(L, f, i, views);
}
