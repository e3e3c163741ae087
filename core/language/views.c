/* Views: what a running function sees of the user, the event and the predictions. A view is a userdata that answers for the names in the
 * function's `needs`, one look-up over a handful of names; it can be neither changed nor kept: after the call it says nothing any more.
 * Lists come as copies. Built once a program [builder]; read inside a call, on its thread. */
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
  f->entry_count++;
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
  function->bound = true;
  return true;
}

/* ---- looking ---- */
struct view_handle { /* the userdata */
  const struct view *view;
  const char *const *keys; /* beside its entries */
};

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

void push_value(lua_State *L, const struct value *v) {
  switch ((enum value_kind)v->kind) {
  case VALUE_NUMBER: push_number(L, v->number); return;
  case VALUE_BOOL: lua_pushboolean(L, v->number != 0); return;
  case VALUE_TEXT:
    sandbox_charge(L, 1 + v->text.len / 16);
    if (v->text.len && memchr(v->text.at, 0, v->text.len)) break; /* comparing such texts takes time that no fuel counts */
    lua_pushlstring(L, v->text.at, v->text.len);
    return;
  case VALUE_LIST: push_list(L, v); return;
  case VALUE_MISSING: break;
  }
  lua_pushnil(L);
}

#define SHORT_NAME 40 /* Lua keeps one copy of every text up to this length */

static const struct view_entry *entry_at(const struct view_handle *h, const char *key, size_t length) {
  for (uint32_t i = 0; i < h->view->count; i++)
    if (h->keys[i] == key) return &h->view->entries[i];
  return length <= SHORT_NAME ? NULL : entry_of(h->view, (struct str){key, length});
}

/* Upvalue: the table of views. */
static int view_index(lua_State *L) {
  const struct runner *r = (const struct runner *)sandbox_of(L);
  const struct view_handle *h = lua_touserdata(L, 1);
  size_t length;
  sandbox_charge(L, 2);
  if (!r->slots) return luaL_error(L, "this belonged to an earlier call");
  if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "names are texts");
  const char *key = lua_tolstring(L, 2, &length);
  const struct view_entry *entry = entry_at(h, key, length);
  if (!entry) return luaL_error(L, "\"%s\" is not in needs", key);
  if (entry->inner) lua_rawgeti(L, lua_upvalueindex(1), (lua_Integer)entry->at + 1);
  else push_value(L, &r->slots[entry->at]);
  return 1;
}

static int view_newindex(lua_State *L) {
  return luaL_error(L, "what a function is given cannot be changed");
}

void views_open(lua_State *L, struct runner *r) {
  const struct functions *f = r->of;
  lua_createtable(L, (int)f->view_count, 0);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, view_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, view_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_newtable(L); /* holds the names, so that their addresses stay */
  uint32_t key = 0;
  for (uint32_t i = 0; i < f->view_count; i++) {
    struct view_handle *h = lua_newuserdatauv(L, sizeof *h, 0);
    *h = (struct view_handle){&f->views[i], r->keys + key};
    lua_pushvalue(L, -3);
    lua_setmetatable(L, -2);
    lua_rawseti(L, -4, (lua_Integer)i + 1);
    for (uint32_t k = 0; k < f->views[i].count; k++) {
      r->keys[key++] = lua_pushlstring(L, f->views[i].entries[k].name.at, f->views[i].entries[k].name.len);
      lua_rawseti(L, -2, key);
    }
  }
  lua_setfield(L, -2, "names");
  lua_pop(L, 1); /* the metatable lives on in the views, and the names in it */
}
