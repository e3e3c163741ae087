/* Nouns as they are called: `trigger "name" { … }` notes where it stands and turns its table into a tree of plain data in the program's
 * arena. Nothing is checked against field tables here (nouns.c does, after Lua is gone); what cannot be data at all (functions, foreign
 * keys, bad UTF-8, texts above 4 KiB, cycles) becomes a finding and an empty node. Runs inside Lua [builder]. */
#include "sandbox.h"
#include <stdio.h>
#include <string.h>

const char *const noun_words[] = {"event",   "feature", "model",  "segment",  "trigger", "intervention", "choose", "experiment",
                                  "rollout", "policy",  "metric", "scenario", NULL};

struct conversion {
  lua_State *L;
  struct sandbox *s;
  const struct body *body;
  char path[200]; /* ".arms.walk" */
};

static struct node convert(struct conversion *c, int at, int depth);

static void complain(struct conversion *c, const char *sentence) {
  const struct declared *d = &c->body->at;
  const char *path = c->path[0] ? c->path + 1 : "the table";
  findings_add(c->s->findings, FINDING_ERROR, d->file, d->line, "%s \"" STR_FORMAT "\": \"%s\" %s", noun_words[c->body->noun],
               STR_ARG(d->name), path, sentence);
}

static void *must_have(struct conversion *c, void *p) {
  if (!p) luaL_error(c->L, "memory failed");
  return p;
}

static struct str copy_text(struct conversion *c, int at) {
  size_t length;
  const char *text = lua_tolstring(c->L, at, &length);
  return (struct str){must_have(c, arena_text(c->s->arena, text, length)), length};
}

static struct node convert_text(struct conversion *c, int at) {
  struct str s;
  s.at = lua_tolstring(c->L, at, &s.len);
  sandbox_charge(c->L, 10 + s.len);
  if (s.len > NOUN_TEXT) complain(c, "is a text of more than 4096 bytes");
  else if (!str_utf8(s)) complain(c, "is not UTF-8");
  else if (memchr(s.at, 0, s.len)) complain(c, "holds a NUL byte");
  else return (struct node){.kind = NODE_TEXT, .text = copy_text(c, at)};
  return (struct node){.kind = NODE_NIL};
}

static struct node convert_number(struct conversion *c, int at) {
  double v = lua_tonumber(c->L, at);
  if (v - v == 0) return (struct node){.kind = NODE_NUMBER, .number = v};
  complain(c, "is not a finite number");
  return (struct node){.kind = NODE_NIL};
}

static struct node convert_moment(struct conversion *c, const struct moment_word *m) {
  if (m->needs_time) {
    char sentence[80];
    snprintf(sentence, sizeof sentence, "needs a time of day: every \"%s\":at \"07:30\"", m->said);
    complain(c, sentence);
    return (struct node){.kind = NODE_NIL};
  }
  return (struct node){.kind = NODE_MOMENT, .moment = must_have(c, arena_copy(c->s->arena, &m->moment, sizeof m->moment))};
}

/* It is kept in Lua, by its number: the same in every sandbox that loads the same files. */
static struct node convert_function(struct conversion *c, int at) {
  lua_State *L = c->L;
  if (lua_iscfunction(L, at)) {
    complain(c, "is a word of the language, not a function of yours");
    return (struct node){.kind = NODE_NIL};
  }
  captured_push(L);
  lua_pushvalue(L, at);
  lua_rawseti(L, -2, ++c->s->function_count);
  lua_pop(L, 1);
  sandbox_charge(L, 100);
  return (struct node){.kind = NODE_FUNCTION, .number = c->s->function_count};
}

static int function_line(lua_State *L, int at) {
  lua_Debug d;
  lua_pushvalue(L, at);
  return lua_getinfo(L, ">S", &d) && d.linedefined > 0 ? d.linedefined : 0;
}

/* ---- tables ---- */
static size_t path_enter(struct conversion *c, struct str key) {
  size_t n = strlen(c->path);
  if (n + key.len + 2 < sizeof c->path) snprintf(c->path + n, sizeof c->path - n, ".%.*s", (int)key.len, key.at);
  return n;
}

static bool good_key(lua_State *L, int at) {
  struct str key;
  key.at = lua_tolstring(L, at, &key.len);
  return key.len <= 200 && str_utf8(key) && !memchr(key.at, 0, key.len);
}

/* Counts the named pairs; false when a key is neither a text nor a place in the list. */
static bool count_pairs(struct conversion *c, int at, lua_Integer length, uint32_t *pairs) {
  lua_State *L = c->L;
  bool good = true;
  *pairs = 0;
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
    sandbox_charge(L, 50);
    bool in_list = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= length;
    if (lua_type(L, -2) == LUA_TSTRING && good_key(L, -2)) (*pairs)++;
    else if (!in_list && good) {
      complain(c, "has a key that is neither a name nor a place in a list without gaps");
      good = false;
    }
  }
  return good;
}

/* Keys sorted by bytes, so that nothing after this depends on Lua's hash. */
static void sort_keys(struct str *keys, uint32_t count) {
  for (uint32_t width = count / 2; width > 0; width /= 2)
    for (uint32_t i = width; i < count; i++) {
      struct str moving = keys[i];
      uint32_t to = i;
      for (; to >= width && str_compare(keys[to - width], moving) > 0; to -= width) keys[to] = keys[to - width];
      keys[to] = moving;
    }
}

static struct str *collect_keys(struct conversion *c, int at, uint32_t pairs) {
  lua_State *L = c->L;
  struct str *keys = must_have(c, ARENA_ARRAY(c->s->arena, struct str, pairs + 1));
  uint32_t n = 0;
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING) keys[n++] = copy_text(c, -2);
  sort_keys(keys, pairs);
  return keys;
}

static struct node convert_tree(struct conversion *c, int at, int depth) {
  lua_State *L = c->L;
  struct node empty = {.kind = NODE_NIL}, n = {.kind = NODE_TABLE};
  lua_Integer length = (lua_Integer)lua_rawlen(L, at);
  if (depth > NOUN_DEPTH || length > SANDBOX_ELEMENTS) {
    complain(c, depth > NOUN_DEPTH ? "is nested more than 16 deep" : "has more than 10000 elements");
    return empty;
  }
  luaL_checkstack(L, 8, NULL);
  if (!count_pairs(c, at, length, &n.pairs)) return empty;
  n.length = (uint32_t)length;
  struct node *items = must_have(c, ARENA_ARRAY(c->s->arena, struct node, n.length + 1));
  struct node *values = must_have(c, ARENA_ARRAY(c->s->arena, struct node, n.pairs + 1));
  n.keys = collect_keys(c, at, n.pairs);
  for (uint32_t i = 0; i < n.length; i++) {
    char place[16];
    size_t from = path_enter(c, (struct str){place, (size_t)snprintf(place, sizeof place, "%u", i + 1)});
    lua_rawgeti(L, at, (lua_Integer)i + 1);
    items[i] = convert(c, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
    c->path[from] = 0;
  }
  for (uint32_t i = 0; i < n.pairs; i++) {
    size_t from = path_enter(c, n.keys[i]);
    lua_pushlstring(L, n.keys[i].at, n.keys[i].len);
    lua_rawget(L, at);
    values[i] = convert(c, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
    c->path[from] = 0;
  }
  n.items = items;
  n.values = values;
  return n;
}

static struct node convert(struct conversion *c, int at, int depth) {
  lua_State *L = c->L;
  struct node n = {.kind = NODE_NIL};
  switch (lua_type(L, at)) {
  case LUA_TBOOLEAN: n = (struct node){.kind = NODE_BOOL, .number = lua_toboolean(L, at)}; break;
  case LUA_TNUMBER: n = convert_number(c, at); break;
  case LUA_TSTRING: n = convert_text(c, at); break;
  case LUA_TTABLE: n = convert_tree(c, at, depth); break;
  case LUA_TFUNCTION: n = convert_function(c, at); break;
  default:
    if (is_nothing(L, at)) n.kind = NODE_NOTHING;
    else if (moment_of(L, at)) n = convert_moment(c, moment_of(L, at));
    else if (lua_type(L, at) != LUA_TNIL) complain(c, "is a word of the language, which is no value here");
  }
  n.line = n.kind == NODE_FUNCTION ? function_line(L, at) : c->body->at.line;
  return n;
}

const struct node *convert_table(lua_State *L, int at, const struct body *body) {
  struct conversion c = {.L = L, .s = sandbox_of(L), .body = body};
  struct node *n = must_have(&c, ARENA_NEW(c.s->arena, struct node));
  *n = convert(&c, lua_absindex(L, at), 0);
  return n;
}

/* ---- the call ---- */
static struct body *body_new(lua_State *L, int noun, struct str name) {
  struct sandbox *s = sandbox_of(L);
  sandbox_charge(L, 500);
  if (s->body_count == s->body_cap) {
    size_t cap = s->body_cap ? s->body_cap * 2 : 64;
    struct body *bodies = ARENA_ARRAY(s->arena, struct body, cap);
    if (!bodies) luaL_error(L, "memory failed");
    if (s->body_count) memcpy(bodies, s->bodies, s->body_count * sizeof *bodies);
    s->bodies = bodies;
    s->body_cap = cap;
  }
  const char *text = arena_text(s->arena, name.at, name.len);
  if (!text) luaL_error(L, "memory failed");
  s->bodies[s->body_count] = (struct body){.noun = noun, .at = {{text, name.len}, s->file, sandbox_line(L), (uint32_t)s->body_count}};
  return &s->bodies[s->body_count++];
}

/* Upvalues: the noun, the body's number; only once. */
static int body_call(lua_State *L) {
  struct sandbox *s = sandbox_of(L);
  size_t number = (size_t)lua_tointeger(L, lua_upvalueindex(2));
  if (s->sealed) return luaL_error(L, "a noun is declared while its file loads, not while a function runs");
  struct body body = s->bodies[number];
  if (body.node) return luaL_error(L, "%s \"%s\" has its table already", noun_words[body.noun], body.at.name.at);
  if (lua_type(L, 1) != LUA_TTABLE)
    return luaL_error(L, "%s \"%s\" needs a table: { field = value, … }", noun_words[body.noun], body.at.name.at);
  body.node = convert_table(L, 1, &body);
  s->bodies[number] = body; /* the list may have moved while the table was read */
  return 0;
}

int noun_call(lua_State *L) {
  int noun = (int)lua_tointeger(L, lua_upvalueindex(1));
  const char *word = noun_words[noun];
  if (sandbox_of(L)->sealed) return luaL_error(L, "a %s is declared while its file loads, not while a function runs", word);
  if (lua_type(L, 1) == LUA_TTABLE && strcmp(word, "policy") == 0) {
    struct body *body = body_new(L, noun, STR("policy"));
    size_t number = (size_t)(body - sandbox_of(L)->bodies);
    struct body copy = *body;
    copy.node = convert_table(L, 1, &copy);
    sandbox_of(L)->bodies[number] = copy;
    return 0;
  }
  if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "%s needs a name: %s \"name\" { field = value, … }", word, word);
  if (lua_gettop(L) > 1) return luaL_error(L, "%s takes a name and then a table: %s \"name\" { … }", word, word);
  struct str name;
  name.at = lua_tolstring(L, 1, &name.len);
  if (name.len > 200 || !str_utf8(name) || memchr(name.at, 0, name.len))
    return luaL_error(L, "the name of a %s is too long or not UTF-8", word);
  body_new(L, noun, name);
  lua_pushinteger(L, noun);
  lua_pushinteger(L, (lua_Integer)sandbox_of(L)->body_count - 1);
  lua_pushcclosure(L, body_call, 2);
  return 1;
}
