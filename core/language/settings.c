/* Settings: runs a small Lua file in a state that has no words at all, within a bound of steps and memory, and gives back what it has set.
 * Promises that such a file can do nothing but set names, and that what is neither text, number, truth nor a list of texts is refused with
 * a sentence. Does not know which names there are. Called by the command line, on the main thread. */
#include "language/settings.h"
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MOST   ((size_t)1 << 20)
#define STEPS_MOST    100000
#define SETTINGS_MOST 256

struct reading {
  struct arena *a;
  struct setting *list;
  size_t count, bytes;
  const char *path;
  struct err *e;
};

static void *allocate(void *context, void *old, size_t old_size, size_t size) {
  struct reading *r = context;
  const size_t had = old ? old_size : 0;
  if (size > had && r->bytes + (size - had) > MEMORY_MOST) return NULL;
  if (size == 0) {
    kit_free(old);
    r->bytes -= had;
    return NULL;
  }
  void *p = kit_realloc(old, size);
  if (p) r->bytes += size - had;
  return p;
}

static void stop(lua_State *L, lua_Debug *d) {
  lua_getinfo(L, "Sl", d);
  luaL_error(L, "%s:%d: the settings need too many steps: an endless loop?", d->short_src, d->currentline);
}

static bool add(struct reading *r, const char *name, lua_State *L, int at) {
  size_t length = 0;
  const bool flag = lua_isboolean(L, at);
  if (!flag && lua_type(L, at) != LUA_TSTRING && !lua_isinteger(L, at))
    return err_set(r->e, ERR_INPUT, "%s: %s: expected a text, a whole number, true or a list of texts, got %s", r->path, name,
                   luaL_typename(L, at));
  if (flag && !lua_toboolean(L, at)) return true;
  if (r->count == SETTINGS_MOST) return err_set(r->e, ERR_INPUT, "%s: more than %d settings", r->path, SETTINGS_MOST);
  struct setting *s = &r->list[r->count++];
  lua_pushvalue(L, at); /* a number becomes a text in its own place only */
  const char *text = flag ? NULL : lua_tolstring(L, -1, &length);
  if (text && memchr(text, 0, length)) return err_set(r->e, ERR_INPUT, "%s: %s holds a NUL", r->path, name);
  s->text = text ? arena_text(r->a, text, length) : NULL;
  char *copy = arena_text(r->a, name, strlen(name));
  for (char *c = copy; c && *c; c++)
    if (*c == '_') *c = '-';
  s->name = copy;
  lua_pop(L, 1);
  return (copy && (flag || s->text)) || err_set(r->e, ERR_INTERNAL, "no memory for settings");
}

static bool add_all(struct reading *r, const char *name, lua_State *L, int at) {
  if (!lua_istable(L, at)) return add(r, name, L, at);
  bool ok = true;
  for (lua_Integer i = 1; ok; i++) {
    const bool there = lua_rawgeti(L, at, i) != LUA_TNIL;
    if (there)
      ok = lua_type(L, -1) == LUA_TSTRING
               ? add(r, name, L, lua_gettop(L))
               : err_set(r->e, ERR_INPUT, "%s: %s: expected texts in the list, got %s", r->path, name, luaL_typename(L, -1));
    lua_pop(L, 1);
    if (!there) break;
  }
  return ok;
}

/* By name, and a list's texts as they stand: they are already side by side. */
static void sort(struct reading *r) {
  for (size_t i = 1; i < r->count; i++)
    for (size_t k = i; k > 0 && strcmp(r->list[k - 1].name, r->list[k].name) > 0; k--) {
      const struct setting s = r->list[k];
      r->list[k] = r->list[k - 1];
      r->list[k - 1] = s;
    }
}

/* The next name by its bytes, so that of two bad settings the same one is named in every run; NULL: that was the last. */
static const char *name_after(lua_State *L, const char *last) {
  const char *next = NULL;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    const char *name = lua_tostring(L, -2); /* has_names: each is a text */
    if ((!last || strcmp(name, last) > 0) && (!next || strcmp(name, next) < 0)) next = name;
  }
  return next;
}

static bool has_names(struct reading *r, lua_State *L) {
  bool good = true;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
    good = good && lua_type(L, -2) == LUA_TSTRING && strlen(lua_tostring(L, -2)) == lua_rawlen(L, -2);
  return good || err_set(r->e, ERR_INPUT, "%s: a setting without a name", r->path);
}

static bool run(struct reading *r, lua_State *L, struct str source) {
  char name[512];
  snprintf(name, sizeof name, "@%s", r->path);
  lua_newtable(L);
  lua_sethook(L, stop, LUA_MASKCOUNT, STEPS_MOST);
  int status = luaL_loadbufferx(L, source.at, source.len, name, "t");
  if (status == LUA_OK) {
    lua_pushvalue(L, 1);
    lua_setupvalue(L, 2, 1); /* its globals */
    status = lua_pcall(L, 0, 0, 0);
  }
  if (status != LUA_OK) return err_set(r->e, ERR_INPUT, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "the settings cannot be run");
  bool ok = has_names(r, L);
  for (const char *setting = NULL; ok && (setting = name_after(L, setting)); lua_settop(L, 1)) {
    lua_getfield(L, 1, setting);
    ok = add_all(r, setting, L, 2);
  }
  return ok;
}

bool settings_read(struct str source, const char *path, struct arena *a, struct setting **out, size_t *count, struct err *e) {
  struct reading r = {.a = a, .list = ARENA_ARRAY(a, struct setting, SETTINGS_MOST), .path = path, .e = e};
  lua_State *L = r.list ? lua_newstate(allocate, &r) : NULL;
  bool ok = L ? run(&r, L, source) : err_set(e, ERR_INTERNAL, "no memory for settings");
  if (L) lua_close(L);
  sort(&r);
  *out = r.list;
  *count = r.count;
  return ok;
}
