/* Cells: the upvalues of a program's functions, those of the functions that they can call included. Lua lets a function assign to a local
 * of its file; here that must not reach the next call, or decisions would depend on who was decided before. So each cell is compared after
 * each call and put back, and the call has failed. Tables need no look: they are sealed. Inside a call, on its thread. */
#include "functions_inside.h"
#include <string.h>

static void cell_add(lua_State *L, struct runner *r, int closure, int upvalue, int table) {
  if (r->cell_count == r->cell_cap) {
    size_t cap = r->cell_cap ? r->cell_cap * 2 : 16;
    struct cell *cells = ARENA_ARRAY(&r->arena, struct cell, cap);
    if (!cells) luaL_error(L, "memory failed");
    if (r->cell_count) memcpy(cells, r->cells, r->cell_count * sizeof *cells);
    r->cells = cells;
    r->cell_cap = cap;
  }
  lua_Integer place = (lua_Integer)r->cell_count * 2 + 1;
  lua_pushvalue(L, closure);
  lua_rawseti(L, table, place);
  lua_pushvalue(L, -1); /* the upvalue's value */
  lua_rawseti(L, table, place + 1);
  r->cells[r->cell_count++] = (struct cell){upvalue, place};
}

/* Each function of a program may lead to the same large table: through one that leads to no function nobody goes twice, and the others end
 * somewhere. */
#define STEPS_MOST 10000000

struct walk {
  struct runner *r;
  struct cell_range *of;
  int table, barren, seen; /* places: the cells, the tables that lead to no function, and what was met for this function */
};

static bool follow(lua_State *L, const struct walk *w);

/* False: what the sealed table on top is made of leads to no function. */
static bool follow_tree(lua_State *L, const struct walk *w) {
  bool leads = false;
  lua_getiuservalue(L, -1, 1);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) leads |= follow(L, w);
  lua_pop(L, 1);
  if (leads) return true;
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, w->barren);
  return false;
}

static void follow_upvalues(lua_State *L, const struct walk *w) {
  const int at = lua_gettop(L);
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, at, i)); i++) {
    const lua_CFunction word = lua_tocfunction(L, -1);
    const bool ours = strcmp(name, "_ENV") == 0 || word == rounds_more || word == rounds_limit;
    if (!ours) { /* nothing can assign to those: the loader refuses the one word, and no author has a name for the others */
      cell_add(L, w->r, at, i, w->table);
      follow(L, w);
    }
    lua_pop(L, 1);
  }
}

static bool is_in(lua_State *L, int table) {
  lua_pushvalue(L, -1);
  const bool there = lua_rawget(L, table) != LUA_TNIL;
  lua_pop(L, 1);
  return there;
}

/* Everything that the value on top leads to. False: to no function, for sure. */
static bool follow(lua_State *L, const struct walk *w) {
  if (++w->r->steps > STEPS_MOST) luaL_error(L, "the functions lead to too large tables with functions in them");
  const bool function = lua_type(L, -1) == LUA_TFUNCTION && !lua_iscfunction(L, -1);
  if (!function && lua_type(L, -1) != LUA_TUSERDATA) return false;
  luaL_checkstack(L, 10, NULL);
  if (!function && !sealed_table(L, -1)) return false;
  if (!function) lua_pop(L, 1);
  if (function && lua_gettop(L) > w->seen + 1) w->of->calls = true; /* the function itself stands right above `seen` */
  if (!function && is_in(L, w->barren)) return false;
  if (is_in(L, w->seen)) return true;
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, w->seen);
  if (!function) return follow_tree(L, w);
  follow_upvalues(L, w);
  return true;
}

void cells_open(lua_State *L, struct runner *r) {
  lua_newtable(L);
  const int table = lua_gettop(L);
  captured_push(L);
  lua_newtable(L);
  r->cells_of = ARENA_ARRAY(&r->arena, struct cell_range, r->of->count + 1);
  if (!r->cells_of) luaL_error(L, "memory failed");
  for (size_t i = 0; i < r->of->count; i++) {
    const struct walk w = {.r = r, .of = &r->cells_of[i], .table = table, .barren = table + 2, .seen = table + 3};
    r->cells_of[i].first = r->cell_count;
    lua_newtable(L);
    lua_rawgeti(L, table + 1, r->of->at[i].noun->captured);
    follow(L, &w);
    r->cells_of[i].count = r->cell_count - r->cells_of[i].first;
    lua_settop(L, table + 2);
  }
  lua_settop(L, table);
}

/* Not a number is not equal to itself, and still unchanged. */
static bool is_nan(lua_State *L, int at) {
  return lua_type(L, at) == LUA_TNUMBER && lua_tonumber(L, at) != lua_tonumber(L, at);
}

bool cells_restore(struct runner *r, uint32_t function, int table) {
  lua_State *L = r->sandbox.L;
  const struct cell_range range = r->cells_of[function];
  bool same = true;
  for (size_t i = range.first; i < range.first + range.count; i++) {
    const struct cell *c = &r->cells[i];
    lua_rawgeti(L, table, c->closure + 1);
    lua_rawgeti(L, table, c->closure);
    lua_getupvalue(L, -1, c->upvalue);
    if (!lua_rawequal(L, -1, -3) && !(is_nan(L, -1) && is_nan(L, -3))) {
      same = false;
      lua_pushvalue(L, -3);
      lua_setupvalue(L, -3, c->upvalue);
    }
    lua_pop(L, 3);
  }
  return same;
}
