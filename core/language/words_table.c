/* The words on tables and numbers: `table` (bounded to 10 000 elements, each touched element charged) and `math` (no random; exp, log and
 * pow are kit's, so that a rule file gives the same numbers on every machine). Called from rules while they load [builder]. */
#include "kit/math.h"
#include "sandbox.h"
#include <string.h>

/* Of a table to look at only: a sealed one does as well, and the table behind it takes its place on the stack. */
static lua_Integer elements(lua_State *L, int at) {
  if (sealed_table(L, at)) lua_replace(L, at);
  luaL_checktype(L, at, LUA_TTABLE);
  if (lua_getmetatable(L, at)) luaL_error(L, "what a function is given is no list");
  lua_Unsigned n = lua_rawlen(L, at);
  if (n > SANDBOX_ELEMENTS) luaL_error(L, "the words on tables take at most %d elements", SANDBOX_ELEMENTS);
  return (lua_Integer)n;
}

/* Of a table that is going to be changed. */
static lua_Integer own_elements(lua_State *L, int at) {
  if (sealed_table(L, at)) luaL_error(L, "a table of the file cannot be changed while a function runs");
  return elements(L, at);
}

static int table_insert(lua_State *L) {
  lua_Integer n = own_elements(L, 1) + 1, at = n;
  if (lua_gettop(L) == 3) {
    at = luaL_checkinteger(L, 2);
    luaL_argcheck(L, at >= 1 && at <= n, 2, "position out of bounds");
  } else if (lua_gettop(L) != 2) {
    return luaL_error(L, "table.insert takes a table, a position if wanted, and a value");
  }
  sandbox_charge(L, (size_t)(n - at) + 1);
  for (lua_Integer i = n; i > at; i--) {
    lua_rawgeti(L, 1, i - 1);
    lua_rawseti(L, 1, i);
  }
  lua_rawseti(L, 1, at);
  return 0;
}

static int table_remove(lua_State *L) {
  lua_Integer n = own_elements(L, 1), at = luaL_optinteger(L, 2, n);
  if (n == 0) {
    lua_pushnil(L);
    return 1;
  }
  luaL_argcheck(L, at >= 1 && at <= n, 2, "position out of bounds");
  sandbox_charge(L, (size_t)(n - at) + 1);
  lua_rawgeti(L, 1, at);
  for (; at < n; at++) {
    lua_rawgeti(L, 1, at + 1);
    lua_rawseti(L, 1, at);
  }
  lua_pushnil(L);
  lua_rawseti(L, 1, n);
  return 1;
}

static int table_concat(lua_State *L) {
  lua_Integer n = elements(L, 1);
  size_t gap_length;
  const char *gap = luaL_optlstring(L, 2, "", &gap_length);
  lua_Integer from = luaL_optinteger(L, 3, 1), to = luaL_optinteger(L, 4, n);
  if (from < 1 || to > n) return luaL_error(L, "table.concat stays within the table");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (lua_Integer i = from; i <= to; i++) {
    int kind = lua_rawgeti(L, 1, i);
    if (kind != LUA_TSTRING && kind != LUA_TNUMBER) return luaL_error(L, "table.concat joins texts and numbers");
    sandbox_charge(L, 1 + lua_rawlen(L, -1) / 16 + gap_length / 16);
    luaL_addvalue(&b);
    if (i < to) luaL_addlstring(&b, gap, gap_length);
  }
  luaL_pushresult(&b);
  return 1;
}

static int table_unpack(lua_State *L) {
  lua_Integer n = elements(L, 1), from = luaL_optinteger(L, 2, 1), to = luaL_optinteger(L, 3, n);
  if (from > to) return 0;
  if (from < 1 || to > SANDBOX_ELEMENTS || to - from >= 200) return luaL_error(L, "table.unpack gives at most 200 values");
  luaL_checkstack(L, (int)(to - from + 1), NULL);
  for (lua_Integer i = from; i <= to; i++) lua_rawgeti(L, 1, i);
  return (int)(to - from + 1);
}

/* ---- sort: a merge, stable, and safe with an order that contradicts itself ---- */
static bool comes_before(lua_State *L, int a, int b) {
  a = lua_absindex(L, a);
  b = lua_absindex(L, b);
  sandbox_charge(L, 4);
  if (lua_isnoneornil(L, 2)) return lua_compare(L, a, b, LUA_OPLT);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_call(L, 2, 1);
  bool before = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return before;
}

/* Merges [from, middle) and [middle, to) of table 1 by way of table 3. */
static void merge(lua_State *L, lua_Integer from, lua_Integer middle, lua_Integer to) {
  lua_Integer left = from, right = middle;
  for (lua_Integer out = from; out < to; out++) {
    bool take_right = left >= middle;
    if (!take_right && right < to) {
      lua_rawgeti(L, 1, right);
      lua_rawgeti(L, 1, left);
      take_right = comes_before(L, -2, -1);
      lua_pop(L, 2);
    }
    lua_rawgeti(L, 1, take_right ? right++ : left++);
    lua_rawseti(L, 3, out);
  }
  for (lua_Integer i = from; i < to; i++) {
    lua_rawgeti(L, 3, i);
    lua_rawseti(L, 1, i);
  }
}

static int table_sort(lua_State *L) {
  lua_Integer n = own_elements(L, 1);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_createtable(L, (int)n, 0);
  for (lua_Integer width = 1; width < n; width *= 2)
    for (lua_Integer from = 1; from + width <= n; from += width * 2) {
      lua_Integer to = from + width * 2 > n + 1 ? n + 1 : from + width * 2;
      merge(L, from, from + width, to);
    }
  return 0;
}

const struct word words_table[] = {{"concat", table_concat}, {"insert", table_insert}, {"remove", table_remove},
                                   {"sort", table_sort},     {"unpack", table_unpack}, {NULL, NULL}};

/* ---- math ---- */
static int push_whole(lua_State *L, double v) {
  lua_Integer whole;
  if (lua_numbertointeger(v, &whole)) lua_pushinteger(L, whole);
  else lua_pushnumber(L, v);
  return 1;
}

static double floor_of(double v) {
  lua_Integer whole;
  if (v > -4503599627370496.0 && v < 4503599627370496.0) {
    whole = (lua_Integer)v;
    return (double)whole > v ? (double)whole - 1 : (double)whole;
  }
  return v;
}

static int math_word_floor(lua_State *L) {
  return lua_isinteger(L, 1) ? (lua_settop(L, 1), 1) : push_whole(L, floor_of(luaL_checknumber(L, 1)));
}
static int math_word_ceil(lua_State *L) {
  return lua_isinteger(L, 1) ? (lua_settop(L, 1), 1) : push_whole(L, -floor_of(-luaL_checknumber(L, 1)));
}
static int math_word_abs(lua_State *L) {
  double v = luaL_checknumber(L, 1);
  if (v >= 0) lua_settop(L, 1);
  else lua_arith(L, LUA_OPUNM);
  return 1;
}
static int best(lua_State *L, int sign) {
  int count = lua_gettop(L), at = 1;
  luaL_checknumber(L, 1);
  if (count > 8) sandbox_charge(L, (size_t)count);
  for (int i = 2; i <= count; i++) {
    luaL_checknumber(L, i);
    if (sign < 0 ? lua_compare(L, i, at, LUA_OPLT) : lua_compare(L, at, i, LUA_OPLT)) at = i;
  }
  lua_pushvalue(L, at);
  return 1;
}
static int math_word_max(lua_State *L) {
  return best(L, 1);
}
static int math_word_min(lua_State *L) {
  return best(L, -1);
}
static int math_word_sqrt(lua_State *L) {
  lua_pushnumber(L, math_sqrt(luaL_checknumber(L, 1)));
  return 1;
}
static int math_word_exp(lua_State *L) {
  lua_pushnumber(L, math_exp(luaL_checknumber(L, 1)));
  return 1;
}
static int math_word_log(lua_State *L) {
  double v = math_log(luaL_checknumber(L, 1));
  lua_pushnumber(L, lua_isnoneornil(L, 2) ? v : v / math_log(luaL_checknumber(L, 2)));
  return 1;
}
static int math_word_pow(lua_State *L) {
  lua_pushnumber(L, math_pow(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
  return 1;
}
static int math_word_tointeger(lua_State *L) {
  lua_Integer whole;
  luaL_checkany(L, 1);
  if (lua_isinteger(L, 1)) lua_settop(L, 1);
  else if (lua_type(L, 1) == LUA_TNUMBER && floor_of(lua_tonumber(L, 1)) == lua_tonumber(L, 1) &&
           lua_numbertointeger(lua_tonumber(L, 1), &whole))
    lua_pushinteger(L, whole);
  else lua_pushnil(L);
  return 1;
}
static int math_word_type(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_type(L, 1) == LUA_TNUMBER) lua_pushstring(L, lua_isinteger(L, 1) ? "integer" : "float");
  else lua_pushnil(L);
  return 1;
}

const struct word words_math[] = {{"abs", math_word_abs},   {"ceil", math_word_ceil},
                                  {"exp", math_word_exp},   {"floor", math_word_floor},
                                  {"log", math_word_log},   {"max", math_word_max},
                                  {"min", math_word_min},   {"pow", math_word_pow},
                                  {"sqrt", math_word_sqrt}, {"tointeger", math_word_tointeger},
                                  {"type", math_word_type}, {NULL, NULL}};

void math_open(lua_State *L) {
  lua_pushnumber(L, 3.14159265358979323846);
  lua_setfield(L, -2, "pi");
  lua_pushnumber(L, __builtin_inf());
  lua_setfield(L, -2, "huge");
}
