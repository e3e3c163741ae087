/* How long a function of a rule takes: one predicate over five values, as a trigger has it, called as a lane calls it; and the same
 * function in a bare Lua state, called with a plain table by a protected call (L5: the sandbox costs at most 1.4 times that). Prints the
 * median of five runs. One thread; asserts no time. With --only it makes so many calls of one kind, of that predicate, of one that goes
 * through a list and a week, or of one with loops whose rounds only Lua knows, and prints nothing, so that their instructions can be
 * counted from outside.
 * usage: functions [ROUNDS] | functions --only sandbox|bare CALLS plain|loops|counted */
#include "language/functions.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS       5
#define FILE_LOCAL "local limits = { 4000, 3000, 2000, 1000 }\n"
#define LOOPS                                                                                                                              \
  "function(user, event, predicted)\n"                                                                                                     \
  "  local n = 0\n"                                                                                                                        \
  "  for _, limit in ipairs(limits) do if user.steps >= limit then n = n + 1 end end\n"                                                    \
  "  for day = 1, 7 do n = n + day % 2 end\n"                                                                                              \
  "  return n == 8 and event.stressLevel >= 3 and event.sleepHours < 9\nend"
#define COUNTED                                                                                                                            \
  "function(user, event, predicted)\n"                                                                                                     \
  "  local n, day, left = 0, 1, user.steps\n"                                                                                              \
  "  while left >= 500 do n = n + left % 3 left = left - 500 end\n"                                                                        \
  "  for i = 1, event.stressLevel do if event.sleepHours > i then n = n + 1 end end\n"                                                     \
  "  repeat n = n - 1 day = day + 1 until day > 7\n"                                                                                       \
  "  return n < 8 and event.stressLevel >= 3 and event.sleepHours < 9\nend"
#define PLAIN                                                                                                                              \
  "function(user, event, predicted)\n"                                                                                                     \
  "  return (predicted.skip_probability or 0) > 0.6 and event.stressLevel >= 3 and event.sleepHours < 9 and user.steps < 9000\n"           \
  "    and event.local_hour >= 16\nend"

struct bench {
  struct arena arena;
  struct source source;
  struct nouns nouns;
  struct findings findings;
  struct symbols symbols;
  struct functions *functions;
  struct value slots[16];
  lua_State *L; /* the bare one: the function, and the table that it reads */
};

static bool find(void *context, struct str name, struct symbol *out, struct err *e) {
  struct bench *b = context;
  *out = (struct symbol){.kind = SYMBOL_FEATURE};
  if (str_starts(name, FUNCTION_WORD)) {
    for (size_t i = 0; i < b->nouns.functions[0].need_count; i++)
      if (!symbols_name(&b->symbols, b->nouns.functions[0].needs[i], e)) return false;
    out->kind = SYMBOL_FUNCTION;
  } else if (str_starts(name, "event.")) out->kind = SYMBOL_EVENT;
  else if (str_is(name, "skip_probability")) out->kind = SYMBOL_BELIEF;
  return true;
}

#define TRIGGER(body)                                                                                                                      \
  FILE_LOCAL "trigger \"t\" { why = \"w\", on = \"e\", needs = { \"skip_probability\", \"event.stressLevel\",\n"                           \
             "  \"event.sleepHours\", \"steps\", \"event.local_hour\" }, when = " body " }"

static const struct body {
  const char *name, *rule, *bare;
} bodies[] = {{"plain", TRIGGER(PLAIN), "return " PLAIN},
              {"loops", TRIGGER(LOOPS), FILE_LOCAL "return " LOOPS},
              {"counted", TRIGGER(COUNTED), "return " COUNTED}};
#define BODIES (sizeof bodies / sizeof *bodies)

static bool open(struct bench *b, const struct body *body, struct err *e) {
  b->source = (struct source){.path = "rules/x.lua", .text = str_from(body->rule)};
  b->findings.arena = &b->arena;
  b->symbols = (struct symbols){.arena = &b->arena, .find = find, .context = b};
  if (!language_load(&b->arena, &b->source, 1, &b->nouns, &b->findings)) return err_set(e, ERR_INPUT, "%s", b->findings.at[0].text);
  if (!symbols_name(&b->symbols, b->nouns.functions[0].name, e)) return false;
  static const double values[] = {0.7, 5, 7, 4000, 17.5};
  for (uint32_t i = 0; i < 5; i++) b->slots[i] = value_number(values[i]);
  b->L = luaL_newstate();
  if (b->L) luaL_requiref(b->L, "_G", luaopen_base, 1);
  lua_settop(b->L, 0);
  if (!b->L || luaL_loadstring(b->L, body->bare) != LUA_OK || lua_pcall(b->L, 0, 1, 0) != LUA_OK)
    return err_set(e, ERR_INTERNAL, "the bare function cannot be loaded");
  lua_newtable(b->L);
  return (b->functions = functions_new(&b->source, 1, &b->nouns, &b->symbols, e)) != NULL;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool sandboxed(struct bench *b, int rounds) {
  for (int i = 0; i < rounds; i++) {
    struct value v = functions_call(b->functions, 0, b->slots, false, &b->arena);
    if (v.kind != VALUE_BOOL || v.number != 1) return false;
  }
  return true;
}

/* The caller's share is the same work: the values go into the tables that the function reads. */
static bool bare(struct bench *b, int rounds) {
  static const char *const names[] = {"skip_probability", "stressLevel", "sleepHours", "steps", "local_hour"};
  for (int i = 0; i < rounds; i++) {
    for (int k = 0; k < 5; k++) {
      lua_pushnumber(b->L, b->slots[k].number);
      lua_setfield(b->L, 2, names[k]);
    }
    lua_pushvalue(b->L, 1);
    for (int k = 0; k < 3; k++) lua_pushvalue(b->L, 2);
    if (lua_pcall(b->L, 3, 1, 0) != LUA_OK || !lua_toboolean(b->L, -1)) return false;
    lua_settop(b->L, 2);
  }
  return true;
}

/* ns a call; below 0: it did not say yes. */
static double timed(bool (*calls)(struct bench *, int), struct bench *b, int rounds) {
  double runs[RUNS];
  for (int run = 0; run < RUNS; run++) {
    const int64_t start = clock_monotonic();
    if (!calls(b, rounds)) return -1;
    runs[run] = (double)(clock_monotonic() - start) / rounds;
  }
  qsort(runs, RUNS, sizeof runs[0], ascending);
  return runs[RUNS / 2];
}

int main(int count, char **arguments) {
  const bool only = count == 5 && strcmp(arguments[1], "--only") == 0;
  const int rounds = count > 1 && !only ? atoi(arguments[1]) : 400000;
  static struct bench b;
  struct err e = {0};
  size_t body = 0;
  while (only && body + 1 < BODIES && strcmp(arguments[4], bodies[body].name) != 0) body++;
  if (!open(&b, &bodies[body], &e)) {
    fprintf(stderr, "functions: %s\n", e.text);
    return 1;
  }
  if (only) return (strcmp(arguments[2], "bare") == 0 ? bare : sandboxed)(&b, atoi(arguments[3])) ? 0 : 1;
  const double ours = timed(sandboxed, &b, rounds), theirs = timed(bare, &b, rounds);
  if (ours < 0 || theirs < 0) {
    fprintf(stderr, "functions: the function did not say yes\n");
    return 1;
  }
  printf("one predicate of five terms: %.0f ns (limit 400), %.2f times a bare protected call of %.0f ns\n", ours, ours / theirs, theirs);
  lua_close(b.L);
  functions_free(b.functions);
  arena_free(&b.arena);
  return 0;
}
