/* The words on texts: `string` and `utf8`. No patterns (they backtrack inside C, beyond any hook), nothing of unbounded length, upper and
 * lower touch ASCII only, so no locale has a say. Called from rules while they load [builder]. */
#include "sandbox.h"
#include <stdio.h>
#include <string.h>

static struct str text_argument(lua_State *L, int at) {
  struct str s;
  if (lua_type(L, at) != LUA_TSTRING) luaL_typeerror(L, at, "text");
  s.at = lua_tolstring(L, at, &s.len);
  sandbox_charge(L, 1 + s.len / 16);
  return s;
}

static int word_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)text_argument(L, 1).len);
  return 1;
}

/* Lua's positions: 1 is the first byte, -1 the last. */
static lua_Integer position(lua_Integer at, size_t length) {
  if (at >= 0) return at;
  return at < -(lua_Integer)length ? 0 : (lua_Integer)length + at + 1;
}

static int word_sub(lua_State *L) {
  struct str s = text_argument(L, 1);
  lua_Integer from = position(luaL_checkinteger(L, 2), s.len), to = position(luaL_optinteger(L, 3, -1), s.len);
  if (from < 1) from = 1;
  if (to > (lua_Integer)s.len) to = (lua_Integer)s.len;
  if (from > to) lua_pushliteral(L, "");
  else lua_pushlstring(L, s.at + from - 1, (size_t)(to - from + 1));
  return 1;
}

static int change_case(lua_State *L, char first, char last) {
  struct str s = text_argument(L, 1);
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, s.len);
  for (size_t i = 0; i < s.len; i++) out[i] = (char)(s.at[i] >= first && s.at[i] <= last ? s.at[i] ^ 0x20 : s.at[i]);
  luaL_pushresultsize(&b, s.len);
  return 1;
}
static int word_upper(lua_State *L) {
  return change_case(L, 'a', 'z');
}
static int word_lower(lua_State *L) {
  return change_case(L, 'A', 'Z');
}

static int word_byte(lua_State *L) {
  struct str s = text_argument(L, 1);
  lua_Integer from = position(luaL_optinteger(L, 2, 1), s.len), to = position(luaL_optinteger(L, 3, from), s.len);
  if (from < 1) from = 1;
  if (to > (lua_Integer)s.len) to = (lua_Integer)s.len;
  if (from > to) return 0;
  if (to - from >= 100) return luaL_error(L, "string.byte gives at most 100 bytes");
  luaL_checkstack(L, (int)(to - from + 1), NULL);
  for (lua_Integer i = from; i <= to; i++) lua_pushinteger(L, (unsigned char)s.at[i - 1]);
  return (int)(to - from + 1);
}

static int word_rep(lua_State *L) {
  struct str s = text_argument(L, 1);
  lua_Integer times = luaL_checkinteger(L, 2);
  if (times <= 0 || s.len == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (times > NOUN_TEXT || s.len * (size_t)times > NOUN_TEXT) return luaL_error(L, "string.rep makes at most 4096 bytes");
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, s.len * (size_t)times);
  for (size_t i = 0; i < (size_t)times; i++) memcpy(out + i * s.len, s.at, s.len);
  sandbox_charge(L, s.len * (size_t)times / 16);
  luaL_pushresultsize(&b, s.len * (size_t)times);
  return 1;
}

/* Always plain: the second text is looked for as it is. */
static int word_find(lua_State *L) {
  struct str s = text_argument(L, 1), what = text_argument(L, 2);
  lua_Integer from = position(luaL_optinteger(L, 3, 1), s.len);
  if (from < 1) from = 1;
  const char *found = from - 1 > (lua_Integer)s.len ? NULL : memmem(s.at + from - 1, s.len - (size_t)(from - 1), what.at, what.len);
  if (!found) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, found - s.at + 1);
  lua_pushinteger(L, found - s.at + (lua_Integer)what.len);
  return 2;
}

/* ---- format ---- */
/* Copies one directive to `spec` in printf's form; false when it is not one of %s %d %f %g %e %x with flags and two digits each. */
static const char *directive(const char *at, const char *end, char spec[16], char *kind) {
  size_t n = 0;
  spec[n++] = '%';
  for (int i = 0; i < 5 && at < end && strchr("-+ 0#", *at) && *at; i++) spec[n++] = *at++;
  for (int i = 0; i < 2 && at < end && *at >= '0' && *at <= '9'; i++) spec[n++] = *at++;
  if (at < end && *at == '.') {
    spec[n++] = *at++;
    for (int i = 0; i < 2 && at < end && *at >= '0' && *at <= '9'; i++) spec[n++] = *at++;
  }
  if (at >= end || !*at || !strchr("sdfgex", *at)) return NULL;
  *kind = *at++;
  spec[n] = 0;
  return at;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the directive was built above from the allowed pieces */
static void add_formatted(lua_State *L, luaL_Buffer *b, char *spec, char kind, int argument) {
  char room[512];
  size_t n = strlen(spec);
  if (kind == 's') {
    push_text_of(L, argument);
    if (n > 1) { /* width or precision: only for short texts */
      if (lua_rawlen(L, -1) > 200) luaL_error(L, "string.format pads texts of at most 200 bytes");
      spec[n++] = 's';
      spec[n] = 0;
      snprintf(room, sizeof room, spec, lua_tostring(L, -1));
      lua_pop(L, 1);
      lua_pushstring(L, room);
    }
    luaL_addvalue(b);
    return;
  }
  if (kind == 'd' || kind == 'x') {
    lua_Integer v = luaL_checkinteger(L, argument);
    spec[n++] = 'l';
    spec[n++] = 'l';
    spec[n++] = kind;
    spec[n] = 0;
    snprintf(room, sizeof room, spec, (long long)v);
  } else {
    spec[n++] = kind;
    spec[n] = 0;
    snprintf(room, sizeof room, spec, luaL_checknumber(L, argument));
  }
  luaL_addstring(b, room);
}
#pragma GCC diagnostic pop

static int word_format(lua_State *L) {
  struct str s = text_argument(L, 1);
  int argument = 1, count = lua_gettop(L);
  const char *at = s.at, *end = s.at + s.len;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while (at < end) {
    if (*at != '%') {
      luaL_addchar(&b, *at++);
      continue;
    }
    if (++at < end && *at == '%') {
      luaL_addchar(&b, *at++);
      continue;
    }
    char spec[16], kind;
    if (!(at = directive(at, end, spec, &kind))) return luaL_error(L, "string.format knows %%s %%d %%f %%g %%e %%x %%%%");
    if (++argument > count) return luaL_error(L, "string.format has more directives than values");
    sandbox_charge(L, 20);
    add_formatted(L, &b, spec, kind, argument);
  }
  luaL_pushresult(&b);
  return 1;
}

const struct word words_text[] = {{"byte", word_byte}, {"find", word_find},   {"format", word_format},
                                  {"len", word_len},   {"lower", word_lower}, {"rep", word_rep},
                                  {"sub", word_sub},   {"upper", word_upper}, {NULL, NULL}};

/* ---- utf8 ---- */
static size_t sequence(const char *at) {
  unsigned char lead = (unsigned char)*at;
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static struct str utf8_argument(lua_State *L, int at) {
  struct str s = text_argument(L, at);
  if (!str_utf8(s)) luaL_error(L, "this text is not UTF-8");
  return s;
}

static int utf8_len(lua_State *L) {
  struct str s = utf8_argument(L, 1);
  lua_Integer n = 0;
  for (size_t i = 0; i < s.len; i += sequence(s.at + i)) n++;
  lua_pushinteger(L, n);
  return 1;
}

static int utf8_char(lua_State *L) {
  int count = lua_gettop(L);
  luaL_Buffer b;
  sandbox_charge(L, 4 * (size_t)count);
  luaL_buffinit(L, &b);
  for (int i = 1; i <= count; i++) {
    lua_Integer code = luaL_checkinteger(L, i);
    luaL_argcheck(L, code >= 1 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff), i, "not a code point");
    lua_pushfstring(L, "%U", (long)code);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  return 1;
}

/* The code point that begins at a byte position (default: the first). */
static int utf8_codepoint(lua_State *L) {
  struct str s = utf8_argument(L, 1);
  lua_Integer at = position(luaL_optinteger(L, 2, 1), s.len);
  luaL_argcheck(L, at >= 1 && at <= (lua_Integer)s.len && (s.at[at - 1] & 0xc0) != 0x80, 2, "no character begins there");
  const unsigned char *c = (const unsigned char *)s.at + at - 1;
  size_t n = sequence(s.at + at - 1);
  static const unsigned masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  unsigned code = c[0] & masks[n];
  for (size_t i = 1; i < n; i++) code = code << 6 | (c[i] & 0x3f);
  lua_pushinteger(L, code);
  return 1;
}

const struct word words_utf8[] = {{"char", utf8_char}, {"codepoint", utf8_codepoint}, {"len", utf8_len}, {NULL, NULL}};
