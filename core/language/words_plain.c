/* The plain words: what is left of Lua's base library. pairs goes in sorted order, so no rule can depend on a hash; pcall does not catch
 * what ends a load (fuel, memory, time); tostring never shows an address. setmetatable, rawset, load, require, coroutines and all else of
 * the stock library are not here, and why is said in docs/RULES.md. Called from rules while they load [builder]. */
#include "sandbox.h"
#include <string.h>

/* A rule may call what ipairs gives by itself, with any number. */
static lua_Integer after(lua_Integer i) {
  return (lua_Integer)((lua_Unsigned)i + 1);
}

static int next_item(lua_State *L) {
  const lua_Integer i = after(luaL_checkinteger(L, 2));
  sandbox_step(sandbox_of(L));
  lua_pushinteger(L, i);
  return lua_geti(L, 1, i) == LUA_TNIL ? 1 : 2;
}

/* Upvalue: the table behind a sealed one, which no rule can reach there. */
static int next_sealed_item(lua_State *L) {
  const lua_Integer i = after(luaL_checkinteger(L, 2));
  sandbox_step(sandbox_of(L));
  sandbox_charge(L, 1);
  lua_pushinteger(L, i);
  return lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL ? 1 : 2;
}

static int word_ipairs(lua_State *L) {
  if (sealed_table(L, 1)) {
    lua_pushcclosure(L, next_sealed_item, 1);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushcfunction(L, next_item);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

/* ---- pairs ---- */
/* Numbers first, ascending, then texts by bytes. */
static int compare_keys(lua_State *L, int a, int b) {
  int kind_a = lua_type(L, a), kind_b = lua_type(L, b);
  if (kind_a != kind_b) return kind_a == LUA_TNUMBER ? -1 : 1;
  if (kind_a == LUA_TNUMBER) return lua_compare(L, a, b, LUA_OPLT) ? -1 : lua_compare(L, b, a, LUA_OPLT);
  struct str text_a, text_b;
  text_a.at = lua_tolstring(L, a, &text_a.len);
  text_b.at = lua_tolstring(L, b, &text_b.len);
  return str_compare(text_a, text_b);
}

/* Sinks the key at `root` of the heap in the list at index `list`. */
static void sink(lua_State *L, int list, lua_Integer root, lua_Integer count) {
  for (;;) {
    lua_Integer child = root * 2;
    if (child > count) return;
    sandbox_charge(L, 4);
    lua_rawgeti(L, list, child);
    if (child < count) {
      lua_rawgeti(L, list, child + 1);
      if (compare_keys(L, -2, -1) < 0) {
        child++;
        lua_remove(L, -2);
      } else {
        lua_pop(L, 1);
      }
    }
    lua_rawgeti(L, list, root);
    bool done = compare_keys(L, -1, -2) >= 0;
    if (done) {
      lua_pop(L, 2);
      return;
    }
    lua_rawseti(L, list, child);
    lua_rawseti(L, list, root);
    root = child;
  }
}

static void sort_keys(lua_State *L, int list, lua_Integer count) {
  for (lua_Integer i = count / 2; i >= 1; i--) sink(L, list, i, count);
  for (lua_Integer last = count; last > 1; last--) {
    lua_rawgeti(L, list, 1);
    lua_rawgeti(L, list, last);
    lua_rawseti(L, list, 1);
    lua_rawseti(L, list, last);
    sink(L, list, 1, last - 1);
  }
}

/* Upvalues: the table, its sorted keys, the place. Keys that went away meanwhile are passed over. */
static int next_pair(lua_State *L) {
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(3));
  sandbox_step(sandbox_of(L));
  for (;;) {
    at++;
    lua_settop(L, 0);
    if (lua_rawgeti(L, lua_upvalueindex(2), at) == LUA_TNIL) return 1;
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) break;
    sandbox_charge(L, 1);
  }
  lua_pushinteger(L, at);
  lua_replace(L, lua_upvalueindex(3));
  return 2;
}

static int word_pairs(lua_State *L) {
  if (sealed_table(L, 1)) lua_replace(L, 1); /* no rule can reach it behind the closure */
  luaL_checktype(L, 1, LUA_TTABLE);
  if (lua_getmetatable(L, 1)) return luaL_error(L, "what a function is given cannot be gone through");
  lua_settop(L, 1);
  lua_newtable(L);
  lua_Integer count = 0;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    int kind = lua_type(L, -2);
    if (kind != LUA_TNUMBER && kind != LUA_TSTRING) return luaL_error(L, "pairs goes over keys that are texts or numbers");
    sandbox_charge(L, 2);
    lua_pushvalue(L, -2);
    lua_rawseti(L, 2, ++count);
  }
  sort_keys(L, 2, count);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_pair, 3);
  return 1;
}

/* ---- the rest ---- */
static int word_select(lua_State *L) {
  int count = lua_gettop(L);
  if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), "#") == 0) {
    lua_pushinteger(L, count - 1);
    return 1;
  }
  lua_Integer from = luaL_checkinteger(L, 1);
  if (from < 0) from = count + from;
  luaL_argcheck(L, from >= 1, 1, "there are not so many values");
  return from >= count ? 0 : count - (int)from;
}

static int word_tonumber(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_gettop(L) > 1) return luaL_error(L, "tonumber reads decimal numbers only");
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_settop(L, 1);
    return 1;
  }
  size_t length;
  const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : NULL;
  if (text) sandbox_charge(L, 1 + length); /* many digits take long */
  if (!text || lua_stringtonumber(L, text) != length + 1) lua_pushnil(L);
  return 1;
}

/* A view is userdata to everybody, also where it is a table (callers.c). */
static const char *type_text(lua_State *L, int at) {
  bool sealed = sealed_table(L, at), view = !sealed && lua_istable(L, at) && lua_getmetatable(L, at);
  if (sealed || view) lua_pop(L, 1);
  return sealed ? "table" : view ? "userdata" : luaL_typename(L, at);
}

void push_text_of(lua_State *L, int at) {
  at = lua_absindex(L, at);
  switch (lua_type(L, at)) {
  case LUA_TNIL: lua_pushliteral(L, "nil"); return;
  case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, at) ? "true" : "false"); return;
  case LUA_TNUMBER:
    lua_pushvalue(L, at);
    lua_tolstring(L, -1, NULL);
    return;
  case LUA_TSTRING: lua_pushvalue(L, at); return;
  default: lua_pushstring(L, is_nothing(L, at) ? "nothing" : moment_of(L, at) ? "moment" : type_text(L, at));
  }
}

static int word_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  push_text_of(L, 1);
  return 1;
}

static int word_type(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushstring(L, type_text(L, 1));
  return 1;
}

static int word_error(lua_State *L) {
  sandbox_of(L)->authors = true;
  int level = (int)luaL_optinteger(L, 2, 1);
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TSTRING && level > 0) {
    luaL_where(L, level);
    lua_pushvalue(L, 1);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int word_assert(lua_State *L) {
  if (lua_toboolean(L, 1)) return lua_gettop(L);
  luaL_checkany(L, 1);
  sandbox_of(L)->authors = true;
  const char *said = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "assertion failed";
  return luaL_error(L, "%s", said);
}

/* What is spent stays spent: the stock pcall would let a rule go on after its budget. */
static int word_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  sandbox_charge(L, 10);
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  if (status == LUA_ERRMEM || status == LUA_ERRERR || sandbox_of(L)->spent) return lua_error(L);
  lua_pushboolean(L, status == LUA_OK);
  lua_insert(L, 1);
  return lua_gettop(L);
}

const struct word words_plain[] = {
    {"assert", word_assert}, {"error", word_error},       {"ipairs", word_ipairs},     {"pairs", word_pairs}, {"pcall", word_pcall},
    {"select", word_select}, {"tonumber", word_tonumber}, {"tostring", word_tostring}, {"type", word_type},   {NULL, NULL}};
