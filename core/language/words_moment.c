/* The words that name moments and durations: every "day":at "07:30", silence(…), follow_up { … }, nothing, and the units. A moment is a
 * userdata whose texts lie in the sandbox's arena; its metatable can only answer `at`. Called from rules while they load [builder]. */
#include "sandbox.h"
#include <string.h>

static const char moment_key = 0, nothing_mark = 0;

bool is_nothing(lua_State *L, int at) {
  return lua_islightuserdata(L, at) && lua_touserdata(L, at) == (const void *)&nothing_mark;
}

const struct moment_word *moment_of(lua_State *L, int at) {
  if (lua_type(L, at) != LUA_TUSERDATA || !lua_getmetatable(L, at)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &moment_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? lua_touserdata(L, at) : NULL;
}

static struct moment_word *push_moment(lua_State *L, enum moment_kind kind) {
  sandbox_charge(L, 10);
  struct moment_word *m = lua_newuserdatauv(L, sizeof *m, 0);
  *m = (struct moment_word){.moment = {.kind = kind}};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &moment_key);
  lua_setmetatable(L, -2);
  return m;
}

/* ---- every ---- */
#define EVERY_DAY 0x7fu
static const struct {
  const char *word;
  uint32_t days;
} days[] = {{"day", EVERY_DAY},     {"weekday", 0x1f},     {"weekend", 0x60},   {"monday", 1u << 0},   {"tuesday", 1u << 1},
            {"wednesday", 1u << 2}, {"thursday", 1u << 3}, {"friday", 1u << 4}, {"saturday", 1u << 5}, {"sunday", 1u << 6}};
#define DAYS (sizeof days / sizeof *days)

static int word_every(lua_State *L) {
  const char *said = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL, *list[DAYS];
  if (!said) return luaL_error(L, "every needs a day: every \"day\":at \"07:30\"");
  for (size_t i = 0; i < DAYS; i++) {
    list[i] = days[i].word;
    if (strcmp(said, days[i].word) != 0) continue;
    struct moment_word *m = push_moment(L, MOMENT_SCHEDULE);
    m->moment.weekdays = days[i].days;
    m->needs_time = true;
    strncpy(m->said, said, sizeof m->said - 1);
    return 1;
  }
  const char *near = str_nearest(str_from(said), list, DAYS);
  if (near) return luaL_error(L, "every knows no \"%s\" (did you mean \"%s\"?)", said, near);
  return luaL_error(L, "every knows no \"%s\": day, weekday, weekend, or monday to sunday", said);
}

static bool read_time(const char *text, int32_t *minute) {
  if (!text || strlen(text) != 5 || text[2] != ':') return false;
  for (int i = 0; i < 5; i++)
    if (i != 2 && (text[i] < '0' || text[i] > '9')) return false;
  int32_t hour = (text[0] - '0') * 10 + text[1] - '0', rest = (text[3] - '0') * 10 + text[4] - '0';
  *minute = hour * 60 + rest;
  return hour < 24 && rest < 60;
}

static int every_at(lua_State *L) {
  const struct moment_word *day = moment_of(L, 1);
  if (!day || !day->needs_time) return luaL_error(L, "at follows every: every \"day\":at \"07:30\"");
  int32_t minute;
  const char *said = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
  if (!read_time(said, &minute) && said)
    return luaL_error(L, "at needs a time of day from \"00:00\" to \"23:59\", two digits each, got \"%s\"", said);
  if (!said) return luaL_error(L, "at needs a time of day from \"00:00\" to \"23:59\"");
  struct moment_word *m = push_moment(L, MOMENT_SCHEDULE);
  m->moment.weekdays = day->moment.weekdays;
  m->moment.minute = minute;
  return 1;
}

static int moment_index(lua_State *L) {
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  if (strcmp(name, "at") != 0) return luaL_error(L, "a moment has no word \"%s\" (did you mean \"at\"?)", name);
  lua_pushcfunction(L, every_at);
  return 1;
}

static int moment_newindex(lua_State *L) {
  return luaL_error(L, "a moment cannot be changed");
}

/* ---- silence, follow_up ---- */
static double seconds_at(lua_State *L, int at, const char *what) {
  double v = lua_type(L, at) == LUA_TNUMBER ? lua_tonumber(L, at) : 0;
  if (!(v > 0) || v > 400.0 * 86400) luaL_error(L, "%s needs a duration above 0 and of at most 400 days, as in 2 * hours", what);
  return v;
}

static int word_silence(lua_State *L) {
  double seconds = seconds_at(L, 1, "silence");
  push_moment(L, MOMENT_SILENCE)->moment.seconds = seconds;
  return 1;
}

/* The first by its bytes of the fields that follow_up does not have, not the first that Lua's hash brings up; NULL: none. */
static const char *strange_field(lua_State *L) {
  const char *first = NULL;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    const bool known = strcmp(key, "of") == 0 || strcmp(key, "after") == 0;
    if (!known && (!first || strcmp(key, first) < 0)) first = key; /* the table keeps it */
  }
  return first;
}

static int word_follow_up(lua_State *L) {
  luaL_argcheck(L, lua_type(L, 1) == LUA_TTABLE, 1, "follow_up { of = \"intervention:…\", after = 2 * hours }");
  const char *strange = strange_field(L);
  if (strange) return luaL_error(L, "follow_up has the fields of and after, not \"%s\"", strange);
  lua_getfield(L, 1, "of");
  struct str of = {0};
  if (lua_type(L, -1) == LUA_TSTRING) of.at = lua_tolstring(L, -1, &of.len);
  bool known = (str_starts(of, "intervention:") && of.len > 13) || (str_starts(of, "trigger:") && of.len > 8);
  if (!known || of.len > 80) return luaL_error(L, "follow_up needs of = \"intervention:…\" or \"trigger:…\"");
  lua_getfield(L, 1, "after");
  double seconds = seconds_at(L, -1, "follow_up's after");
  struct moment_word *m = push_moment(L, MOMENT_FOLLOW_UP);
  const char *text = arena_text(sandbox_of(L)->arena, of.at, of.len);
  if (!text) return luaL_error(L, "memory failed");
  m->moment.text = (struct str){text, of.len};
  m->moment.seconds = seconds;
  return 1;
}

const struct word words_moment[] = {{"every", word_every}, {"follow_up", word_follow_up}, {"silence", word_silence}, {NULL, NULL}};

void moments_open(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, moment_index);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, moment_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &moment_key);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&nothing_mark);
  lua_setfield(L, -2, "nothing");
}

void units_open(lua_State *L) {
  static const struct {
    const char *word;
    lua_Integer seconds;
  } units[] = {{"second", 1},   {"seconds", 1}, {"minute", 60},  {"minutes", 60},  {"hour", 3600},
               {"hours", 3600}, {"day", 86400}, {"days", 86400}, {"week", 604800}, {"weeks", 604800}};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    lua_pushinteger(L, units[i].seconds);
    lua_setfield(L, -2, units[i].word);
  }
  lua_pushnumber(L, 0.01);
  lua_setfield(L, -2, "percent");
}
