/* The sandbox: builds the rules' environment by hand (never luaL_openlibs), runs one source after the other in it, and turns whatever goes
 * wrong into a finding with file and line. Fuel is counted by the instruction hook and charged by the words; memory and text length are
 * bounded in the allocator, so nothing in Lua can go around them. The environment is a userdata without content: rules can neither add a
 * word nor change one, and so cannot reach each other. Lua is entered through protected calls only; C holds nothing across them but the
 * arena. One sandbox per load, used by one thread [builder]. */
#include "sandbox.h"
#include "kit/clock.h"
#include <string.h>

/* Short texts are shared by all who hold them: whether one is new depends on what ran before, so they cost no fuel. */
#define SHORT_TEXT 96

const struct limits limits_of_loading = {
    .fuel = 10000000, .memory = 64u << 20, .text = 64u << 10, .time = INT64_C(10) * 1000 * 1000 * 1000};
const struct limits limits_of_calls = {.fuel = 100000, .memory = 1u << 20, .text = NOUN_TEXT, .time = INT64_C(10) * 1000 * 1000};

struct sandbox *sandbox_of(lua_State *L) {
  return *(struct sandbox **)lua_getextraspace(L);
}

/* Fuel must be a function of the call alone, or a replay would run out elsewhere. So only what is new in every call counts: objects. The
 * stack, the hash parts of tables and the table of short texts grow by what happened before. */
static bool pay_for_object(struct sandbox *s, size_t kind, size_t size) {
  if (kind != LUA_TTABLE && kind != LUA_TFUNCTION && kind != LUA_TUSERDATA && (kind != LUA_TSTRING || size <= SHORT_TEXT)) return true;
  if (s->fuel < (long)(size / 16)) {
    s->spent = SPENT_FUEL;
    return false;
  }
  s->fuel -= (long)(size / 16);
  return true;
}

static bool may_grow(struct sandbox *s, size_t more) {
  s->asked += more;
  return (s->sealed ? s->asked : s->bytes + more) <= s->limits->memory;
}

/* The allocator is told the old size, so the count is exact. Of a new object Lua says the kind in `old_size`. */
static void *allocate(void *context, void *old, size_t old_size, size_t size) {
  struct sandbox *s = context;
  size_t had = old ? old_size : 0;
  if (size == 0) {
    kit_free(old);
    s->bytes -= had;
    return NULL;
  }
  if (!old && old_size == LUA_TSTRING && size > s->limits->text + 64) {
    s->text_too_long = true;
    return NULL;
  }
  if (size > had && !may_grow(s, size - had)) return NULL;
  if (!old && s->sealed && !pay_for_object(s, old_size, size)) return NULL;
  void *p = kit_realloc(old, size);
  if (p) s->bytes += size - had;
  return p;
}

int sandbox_line(lua_State *L) {
  lua_Debug d;
  for (int level = 0; lua_getstack(L, level, &d); level++)
    if (lua_getinfo(L, "l", &d) && d.currentline > 0) return d.currentline;
  return 0;
}

const char *spent_text(const struct sandbox *s) {
  if (s->spent == SPENT_TIME) return s->sealed ? "the function takes too long" : "the load takes too long";
  return s->sealed ? "the function needs too many steps: an endless loop?" : "the load needs too many steps: an endless loop?";
}

static void overrun(lua_State *L, enum spent what) {
  struct sandbox *s = sandbox_of(L);
  if (s->spent == SPENT_NOTHING) {
    s->spent = what;
    s->spent_line = sandbox_line(L);
  }
  lua_pushstring(L, spent_text(s));
  lua_error(L);
}

/* The line is remembered because Lua runs no handler when memory fails. A call's clock starts when the hook first comes by: a thousand
 * instructions later, so that the many calls that are shorter read no clock. */
static void count(lua_State *L, lua_Debug *d) {
  struct sandbox *s = sandbox_of(L);
  if (d->event == LUA_HOOKLINE) {
    s->last_line = d->currentline;
    return;
  }
  s->fuel -= HOOK_EVERY;
  if (s->fuel < HOOK_EVERY) overrun(L, SPENT_FUEL); /* the next thousand might not fit */
  int64_t now = clock_monotonic();
  if (s->deadline == 0) s->deadline = now + s->limits->time;
  if (now > s->deadline) overrun(L, SPENT_TIME);
}

void sandbox_charge(lua_State *L, size_t amount) {
  struct sandbox *s = sandbox_of(L);
  if (amount > 1u << 24 || s->fuel < (long)amount + HOOK_EVERY) overrun(L, SPENT_FUEL);
  s->fuel -= (long)amount;
}

static void set_hook(struct sandbox *s, bool counted) {
  if (counted) lua_sethook(s->L, count, LUA_MASKCOUNT, HOOK_EVERY); /* which also sets the counter back */
  else if (s->counted) lua_sethook(s->L, NULL, 0, 0);
  s->counted = counted;
}

/* What is not counted is paid for by its bound; so the fuel is a function of the call in either way. */
bool sandbox_pay(struct sandbox *s, long instructions) {
  if (s->counted || !s->sealed) return false;
  if (s->uncounted >= instructions) {
    s->uncounted -= instructions;
    sandbox_charge(s->L, (size_t)instructions);
    return true;
  }
  s->round = 0;
  set_hook(s, true);
  return false;
}

void sandbox_step(struct sandbox *s) {
  if (s->round) sandbox_pay(s, s->round);
}

void sandbox_arm(struct sandbox *s, const struct pace *pace) {
  const long most = pace ? (long)pace->most : 0;
  s->fuel = s->limits->fuel - most / HOOK_EVERY * HOOK_EVERY;
  s->round = pace ? (long)pace->round : 0;
  s->uncounted = UNCOUNTED_MOST - most;
  s->asked = 0;
  s->deadline = 0;
  s->spent = SPENT_NOTHING;
  s->spent_line = 0;
  s->text_too_long = s->authors = false;
  set_hook(s, !pace);
}

/* ---- the environment ---- */
const struct library libraries[] = {{NULL, words_plain},  {NULL, words_moment},   {"string", words_text},
                                    {"utf8", words_utf8}, {"table", words_table}, {"math", words_math},
                                    {NULL, NULL}};

static void add_words(lua_State *L, const struct word *words) {
  for (; words->name; words++) {
    lua_pushcfunction(L, words->function);
    lua_setfield(L, -2, words->name);
  }
}

static int refuse_change(lua_State *L) {
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  lua_getfield(L, lua_upvalueindex(1), name);
  if (!lua_isnil(L, -1)) return luaL_error(L, "\"%s\" is a word of the language and cannot be changed", name);
  return luaL_error(L, "global variables are not in the language (write local %s)", name);
}

/* Upvalue 1: the words; upvalue 2: the library's name, or false for the words that stand alone. */
static int look_up(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  const char *library = lua_tostring(L, lua_upvalueindex(2)), *near = NULL;
  if (library) {
    const struct library *l = libraries;
    while (!l->name || strcmp(l->name, library) != 0) l++;
    const char *list[40];
    size_t n = 0;
    while (n < 40 && l->words[n].name) {
      list[n] = l->words[n].name;
      n++;
    }
    near = str_nearest(str_from(name), list, n);
    if (!near) return luaL_error(L, "%s has no word \"%s\"", library, name);
    return luaL_error(L, "%s has no word \"%s\" (did you mean \"%s\"?)", library, name, near);
  }
  size_t n;
  const char *const *words = language_words(&n);
  near = str_nearest(str_from(name), words, n);
  if (near) return luaL_error(L, "unknown word \"%s\" (did you mean \"%s\"?)", name, near);
  return luaL_error(L, "unknown word \"%s\" (a text or a condition stands in quotes)", name);
}

static int no_method(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  return luaL_error(L, "texts have no method \"%s\"", lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
}

/* Replaces the table of words on top by a userdata that only shows it. */
static void close_words(lua_State *L, const char *library) {
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, -3);
  if (library) lua_pushstring(L, library);
  else lua_pushboolean(L, 0);
  lua_pushcclosure(L, look_up, 2);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -3);
  lua_pushcclosure(L, refuse_change, 1);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

static void open_text_methods(lua_State *L) {
  lua_pushliteral(L, "");
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, 16);
  add_words(L, words_text);
  lua_pushcclosure(L, no_method, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

static const char environment_key = 0, captured_key = 0;

static int build_environment(lua_State *L) {
  lua_createtable(L, 0, 64);
  for (const struct library *l = libraries; l->words; l++) {
    if (!l->name) {
      add_words(L, l->words);
      continue;
    }
    lua_createtable(L, 0, 16);
    add_words(L, l->words);
    if (l->words == words_math) math_open(L);
    close_words(L, l->name);
    lua_setfield(L, -2, l->name);
  }
  units_open(L);
  moments_open(L);
  for (int i = 0; noun_words[i]; i++) {
    lua_pushinteger(L, i);
    lua_pushcclosure(L, noun_call, 1);
    lua_setfield(L, -2, noun_words[i]);
  }
  close_words(L, NULL);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &environment_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &captured_key);
  open_text_methods(L);
  return 0;
}

void captured_push(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &captured_key);
}

bool sandbox_open(struct sandbox *s) {
  s->fuel = s->limits->fuel;
  s->deadline = clock_monotonic() + s->limits->time;
  s->L = lua_newstate(allocate, s);
  if (!s->L) return false;
  *(struct sandbox **)lua_getextraspace(s->L) = s;
  lua_pushcfunction(s->L, build_environment);
  if (lua_pcall(s->L, 0, 0, 0) != LUA_OK) {
    sandbox_close(s);
    return false;
  }
  lua_sethook(s->L, count, LUA_MASKCOUNT | LUA_MASKLINE, HOOK_EVERY);
  return true;
}

void sandbox_close(struct sandbox *s) {
  if (s->L) lua_close(s->L);
  s->L = NULL;
}

/* ---- one source ---- */
#define PIECE 1024u /* bytes */
struct feed {
  struct str text;
  size_t at;
};
/* In pieces, between which the time is looked at: what Lua's parser needs for a chain of `and`s or `elseif`s grows with its square. */
static const char *read_feed(lua_State *L, void *context, size_t *size) {
  struct feed *f = context;
  struct sandbox *s = sandbox_of(L);
  if (clock_monotonic() > s->deadline) {
    s->spent_line = 1;
    for (size_t i = 0; i < f->at; i++) s->spent_line += f->text.at[i] == '\n';
    s->spent = SPENT_TIME;
    lua_pushstring(L, spent_text(s));
    lua_error(L);
  }
  const char *piece = f->text.at + f->at;
  *size = f->text.len - f->at < PIECE ? f->text.len - f->at : PIECE;
  f->at += *size;
  return *size ? piece : NULL;
}

static int note_line(lua_State *L) {
  sandbox_of(L)->line = sandbox_line(L);
  return 1;
}

/* Lua puts "rule:12: " in front of its sentences; the finding has a place of its own for that. */
#define CHUNK "rule"
struct str sandbox_message(struct str message, int *line) {
  if (!str_starts(message, CHUNK ":")) return message;
  struct str rest = {message.at + sizeof CHUNK, message.len - sizeof CHUNK}, digits;
  int64_t number;
  if (!str_split(&rest, ':', &digits) || !str_to_int(digits, &number) || number < 1 || number > 10000000) return message;
  *line = (int)number;
  return str_trim(rest);
}

static void report(struct sandbox *s, int status) {
  struct str message = STR("the error is no text");
  int line = s->spent ? s->spent_line : s->line;
  size_t length;
  if (lua_type(s->L, -1) == LUA_TSTRING) {
    message.at = lua_tolstring(s->L, -1, &length);
    message.len = length;
    if (!s->spent) message = sandbox_message(message, &line);
  }
  if (s->spent) message = str_from(spent_text(s));
  if (status == LUA_ERRMEM) line = s->last_line;
  if (status == LUA_ERRMEM)
    message = s->text_too_long ? STR("a text may have at most 65536 bytes") : STR("the load needs more than 64 MiB of memory");
  if (message.len > 400) message.len = 400;
  while (message.len && !str_utf8(message)) message.len--;
  const char *hint = status == LUA_ERRMEM || s->spent ? "" : sandbox_hint(message);
  findings_add(s->findings, FINDING_ERROR, s->file, line > 0 ? line : 1, STR_FORMAT "%s", STR_ARG(message), hint);
}

static int run_chunk(lua_State *L) {
  struct feed *feed = lua_touserdata(L, 1);
  if (lua_load(L, read_feed, feed, "=" CHUNK, "t") != LUA_OK) return lua_error(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &environment_key);
  lua_setupvalue(L, -2, 1);
  if (sandbox_of(L)->rounds) { /* it gives the source as a function */
    lua_pushcfunction(L, rounds_more);
    lua_pushcfunction(L, rounds_limit);
    lua_call(L, 2, 1);
  }
  lua_call(L, 0, 0);
  return 0;
}

bool sandbox_run(struct sandbox *s, const struct source *source) {
  struct feed feed = {.text = source->text};
  const size_t first = s->body_count;
  s->line = s->last_line = 0;
  s->text_too_long = false;
  lua_settop(s->L, 0);
  lua_pushcfunction(s->L, note_line);
  lua_pushcfunction(s->L, run_chunk);
  lua_pushlightuserdata(s->L, &feed);
  int status = lua_pcall(s->L, 1, 0, 1);
  if (status != LUA_OK) report(s, status);
  for (size_t i = first; status != LUA_OK && i < s->body_count; i++) s->bodies[i].raised = true;
  lua_settop(s->L, 0);
  lua_gc(s->L, LUA_GCCOLLECT);
  return !s->spent && (status != LUA_ERRMEM || s->text_too_long);
}
