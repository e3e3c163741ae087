/* Sealing: what was loaded becomes what only runs. Every table that a function can reach through its upvalues is replaced by a userdata
 * that shows the table and lets nobody change it, so that no call leaves anything behind for the next; the upvalues themselves are looked
 * after by whoever calls (functions.c). The collector is stopped: from here on memory only grows within a call, and whoever calls collects
 * between calls. Once per sandbox, after its files have run; used by one thread. */
#include "sandbox.h"
#include <string.h>

static const char sealed_key = 0;
#define SEAL_DEPTH 100

bool sealed_table(lua_State *L, int at) {
  if (lua_type(L, at) != LUA_TUSERDATA || !lua_getmetatable(L, at)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sealed_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  if (same) lua_getiuservalue(L, at, 1);
  return same;
}

static int sealed_index(lua_State *L) {
  sandbox_charge(L, 1);
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}
static int sealed_newindex(lua_State *L) {
  return luaL_error(L, "a table of the file cannot be changed while a function runs");
}
static int sealed_length(lua_State *L) {
  lua_getiuservalue(L, 1, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

static void open_metatable(lua_State *L) {
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, sealed_index);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, sealed_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, sealed_length);
  lua_setfield(L, -2, "__len");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sealed_key);
}

/* Stack: 1 the captured functions, 2 the memory of what was met (table → its userdata, function → true). */
static void seal_function(lua_State *L, int depth);

/* The value on top becomes what a running function may see of it. True: it was replaced. */
static bool seal_value(lua_State *L, int depth) {
  if (depth > SEAL_DEPTH) luaL_error(L, "the tables of a function are nested more than %d deep", SEAL_DEPTH);
  luaL_checkstack(L, 8, NULL);
  if (lua_type(L, -1) == LUA_TFUNCTION) seal_function(L, depth);
  if (lua_type(L, -1) != LUA_TTABLE) return false;
  lua_pushvalue(L, -1);
  if (lua_rawget(L, 2) != LUA_TNIL) {
    lua_remove(L, -2);
    return true;
  }
  lua_pop(L, 1);
  lua_newuserdatauv(L, 0, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sealed_key);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -2);
  lua_pushvalue(L, -2);
  lua_rawset(L, 2); /* before its contents, which may hold the table itself */
  int table = lua_gettop(L) - 1;
  for (lua_pushnil(L); lua_next(L, table);) {
    if (!seal_value(L, depth + 1)) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, table); /* the key is there already: the walk stays whole */
  }
  lua_remove(L, table);
  return true;
}

static void seal_function(lua_State *L, int depth) {
  lua_pushvalue(L, -1);
  if (lua_iscfunction(L, -1) || lua_rawget(L, 2) != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, 2);
  for (int i = 1; lua_getupvalue(L, -1, i); i++) {
    if (seal_value(L, depth + 1)) lua_setupvalue(L, -2, i);
    else lua_pop(L, 1);
  }
}

/* The first long text that a state builds makes a metatable, which the call in which that happened would pay for. */
static void warm_up(lua_State *L) {
  luaL_Buffer b;
  luaL_buffinitsize(L, &b, 2 * LUAL_BUFFERSIZE);
  luaL_pushresultsize(&b, 0);
  lua_pop(L, 1);
}

static int seal(lua_State *L) {
  lua_settop(L, 0);
  warm_up(L);
  captured_push(L);
  lua_newtable(L);
  open_metatable(L);
  for (uint32_t i = 1; i <= sandbox_of(L)->function_count; i++) {
    lua_rawgeti(L, 1, i);
    seal_function(L, 0);
    lua_pop(L, 1);
  }
  return 0;
}

bool sandbox_seal(struct sandbox *s) {
  lua_sethook(s->L, NULL, 0, 0);
  lua_settop(s->L, 0);
  lua_pushcfunction(s->L, seal);
  if (lua_pcall(s->L, 0, 0, 0) != LUA_OK) return false;
  lua_gc(s->L, LUA_GCCOLLECT);
  lua_gc(s->L, LUA_GCSTOP);
  s->limits = &limits_of_calls;
  s->sealed = true;
  return true;
}
