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

/* Everything that the value on top leads to; `seen` is the place of the table of what was met for this function. */
static void follow(lua_State *L, struct runner *r, struct cell_range *of, int seen, int table) {
  luaL_checkstack(L, 10, NULL);
  int at = lua_gettop(L);
  bool function = lua_type(L, at) == LUA_TFUNCTION && !lua_iscfunction(L, at), tree = !function && sealed_table(L, at);
  if (!function && !tree) return;
  if (function && at > seen + 1) of->calls = true; /* the function itself stands right above `seen` */
  lua_pushvalue(L, at);
  if (lua_rawget(L, seen) != LUA_TNIL) {
    lua_settop(L, at);
    return;
  }
  lua_pushvalue(L, at);
  lua_pushboolean(L, 1);
  lua_rawset(L, seen);
  if (tree) {
    int behind = at + 1;
    for (lua_pushnil(L); lua_next(L, behind); lua_pop(L, 1)) follow(L, r, of, seen, table);
  }
  const char *name;
  for (int i = 1; function && (name = lua_getupvalue(L, at, i)); i++) {
    const lua_CFunction word = lua_tocfunction(L, -1);
    const bool ours = strcmp(name, "_ENV") == 0 || word == rounds_more || word == rounds_limit;
    if (!ours) { /* nothing can assign to those: the loader refuses the one word, and no author has a name for the others */
      cell_add(L, r, at, i, table);
      follow(L, r, of, seen, table);
    }
    lua_pop(L, 1);
  }
  lua_settop(L, at);
}

void cells_open(lua_State *L, struct runner *r) {
  lua_newtable(L);
  int table = lua_gettop(L);
  captured_push(L);
  r->cells_of = ARENA_ARRAY(&r->arena, struct cell_range, r->of->count + 1);
  if (!r->cells_of) luaL_error(L, "memory failed");
  for (size_t i = 0; i < r->of->count; i++) {
    r->cells_of[i].first = r->cell_count;
    lua_newtable(L);
    lua_rawgeti(L, table + 1, r->of->at[i].noun->captured);
    follow(L, r, &r->cells_of[i], table + 2, table);
    r->cells_of[i].count = r->cell_count - r->cells_of[i].first;
    lua_settop(L, table + 1);
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
