/* Functions: the pool of sealed sandboxes, and the call. A sandbox is made when a thread finds none idle, by running the files that hold
 * functions once more; which is why loading must give the same every time. C enters Lua through one protected call and holds nothing across
 * it. A function that fails is counted, with its line; after a row of failures it is stopped. Calls come from any thread. */
#include "functions_inside.h"
#include "kit/log.h"
#include <stdio.h>
#include <string.h>

#define REPLAY_MEMORY (8u << 20)                     /* who had enough then has enough now, whatever lies about in this sandbox */
#define REPLAY_TIME   (INT64_C(60) << 30)            /* about a minute */
#define GARBAGE_MOST  (1u << 20)                     /* bytes between two collections */
#define SENTENCE_MOST 199                            /* bytes of what a function said when it failed */
enum { PLACE_CALLED = 1, PLACE_VIEWS, PLACE_CELLS }; /* what lies at the bottom of every runner's stack */

/* ---- sandboxes ---- */
static void runner_free(struct runner *r) {
  if (!r) return;
  sandbox_close(&r->sandbox);
  arena_free(&r->arena);
  kit_free(r);
}

static bool holds_functions(const struct functions *f, const char *path) {
  for (size_t i = 0; i < f->count; i++)
    if (strcmp(f->nouns->functions[i].at->file, path) == 0) return true;
  return false;
}

static bool runner_load(struct runner *r) {
  struct findings findings = {.arena = &r->arena};
  const struct functions *f = r->of;
  r->sandbox.findings = &findings;
  for (size_t i = 0; i < f->source_count; i++) {
    r->sandbox.rounds = f->copies[i].source.text.len > 0;
    const struct source *source = r->sandbox.rounds ? &f->copies[i].source : &f->sources[i];
    if (holds_functions(f, source->path) && !source_run(&r->sandbox, source)) return false;
  }
  for (size_t i = 0; i < f->count; i++)
    if (f->nouns->functions[i].captured > r->sandbox.function_count) return false;
  r->sandbox.findings = NULL;
  return findings.errors == 0;
}

static int furnish(lua_State *L) {
  struct runner *r = (struct runner *)sandbox_of(L);
  lua_settop(L, 0);
  lua_newtable(L);
  views_open(L, r);
  cells_open(L, r);
  if (!r->of->judged) callers_judge(r->of, r);
  callers_open(L, r, PLACE_CALLED, PLACE_VIEWS);
  return 3;
}

/* `e` NULL: nobody asks why. */
static struct runner *runner_new(struct functions *f, struct err *e) {
  struct runner *r = kit_alloc(sizeof *r);
  if (!r) return NULL;
  *r = (struct runner){.of = f};
  r->sandbox = (struct sandbox){.arena = &r->arena, .limits = &limits_of_loading};
  bool ok = sandbox_open(&r->sandbox) && runner_load(r) && sandbox_seal(&r->sandbox);
  if (ok) {
    r->sandbox.limits = &limits_of_loading;
    r->sandbox.asked = 0;
    lua_settop(r->sandbox.L, 0);
    lua_pushcfunction(r->sandbox.L, furnish);
    ok = lua_pcall(r->sandbox.L, 0, 3, 0) == LUA_OK;
    if (!ok && e && lua_type(r->sandbox.L, -1) == LUA_TSTRING) err_set(e, ERR_INPUT, "%s", lua_tostring(r->sandbox.L, -1));
    ok = ok && lua_checkstack(r->sandbox.L, HANDED_MOST + 20);
    r->settled = r->sandbox.bytes;
  }
  if (ok) return r;
  runner_free(r);
  return NULL;
}

/* The one with which the functions are judged is left for one that has the copies which that asked for. */
static struct runner *runner_first(struct functions *f, struct err *e) {
  struct runner *r = runner_new(f, e);
  bool any = false;
  const bool ok = r && callers_copy(f, r, &any);
  if (ok && !any) return r;
  runner_free(r);
  return ok ? runner_new(f, e) : NULL;
}

static struct runner *take(struct functions *f) {
  for (int i = 0; i < RUNNERS_MOST; i++) {
    if (!atomic_load_explicit(&f->idle[i], memory_order_relaxed)) continue;
    struct runner *r = atomic_exchange_explicit(&f->idle[i], NULL, memory_order_acquire);
    if (r) return r;
  }
  return runner_new(f, NULL);
}

static void give_back(struct functions *f, struct runner *r) {
  for (int i = 0; i < RUNNERS_MOST; i++) {
    struct runner *none = NULL;
    if (atomic_compare_exchange_strong_explicit(&f->idle[i], &none, r, memory_order_release, memory_order_relaxed)) return;
  }
  runner_free(r);
}

/* ---- failures ---- */
/* What a rule raises may be long and of many lines; whole letters of it are kept. */
static struct str first_line(struct str sentence) {
  const char *end = sentence.len ? memchr(sentence.at, '\n', sentence.len) : NULL;
  if (end) sentence.len = (size_t)(end - sentence.at);
  if (sentence.len > SENTENCE_MOST) sentence.len = SENTENCE_MOST;
  while (sentence.len && !str_utf8(sentence)) sentence.len--;
  return sentence;
}

/* A replay (`again`), which scenarios are as well, keeps what was said; it counts and stops nothing. The log is told where, and what the
 * engine says of it; the author's own sentence (`authors`) may hold what was read of a person. */
static void note_failure(struct functions *f, struct function *x, enum missing_reason reason, int line, struct str sentence, bool authors,
                         bool again) {
  atomic_uint_fast64_t *counter = reason == MISSING_SPENT    ? &x->spent
                                  : reason == MISSING_MEMORY ? &x->memory
                                  : reason == MISSING_LATE   ? &x->late
                                                             : &x->raised;
  const struct str said = first_line(sentence);
  pthread_mutex_lock(&f->lock);
  x->line = line;
  snprintf(x->sentence, sizeof x->sentence, STR_FORMAT, STR_ARG(said));
  pthread_mutex_unlock(&f->lock);
  if (again) return;
  atomic_fetch_add(counter, 1);
  if (atomic_fetch_add(&x->in_row, 1) + 1 < FUNCTION_FAILURES_MOST || atomic_exchange(&x->stopped, true)) return;
  const bool told = reason == MISSING_RAISED && !authors; /* of the other ends the word says all */
  log_error("language", STR_FORMAT " is stopped after %d failures in a row; the last: %s, %s:%d%s" STR_FORMAT, STR_ARG(x->noun->name),
            FUNCTION_FAILURES_MOST, missing_word(reason), x->noun->at->file, line, told ? ": " : "", told ? (int)said.len : 0, said.at);
}

/* What lua_pcall left on the stack, as a reason. */
static struct value failed(struct functions *f, struct function *x, struct runner *r, int status, bool again) {
  lua_State *L = r->sandbox.L;
  enum missing_reason reason = MISSING_RAISED;
  struct str sentence = STR("the error is no text");
  int line = r->sandbox.spent && r->sandbox.spent_line ? r->sandbox.spent_line : x->noun->line;
  size_t length;
  if (lua_type(L, -1) == LUA_TSTRING) {
    sentence.at = lua_tolstring(L, -1, &length);
    sentence.len = length;
    sentence = sandbox_message(sentence, &line);
  }
  if (r->sandbox.spent) reason = r->sandbox.spent == SPENT_TIME ? MISSING_LATE : MISSING_SPENT;
  else if (status == LUA_ERRMEM && r->sandbox.text_too_long) sentence = STR("a text may have at most 4096 bytes");
  else if (status == LUA_ERRMEM) reason = MISSING_MEMORY, sentence = STR("the function needs more than 1 MiB");
  note_failure(f, x, reason, line, sentence, r->sandbox.authors, again);
  return value_missing(reason);
}

static struct value raised(struct functions *f, struct function *x, bool again, const char *sentence) {
  note_failure(f, x, MISSING_RAISED, x->noun->line, str_from(sentence), false, again);
  return value_missing(MISSING_RAISED);
}

/* ---- the call ---- */
static struct value wrong_type(struct functions *f, struct function *x, lua_State *L, bool again) {
  static const char *const wanted[] = {[GIVES_TRUTH] = "a truth is expected: true, false or nil",
                                       [GIVES_NUMBER] = "a number or nil is expected",
                                       [GIVES_ANY] = "a number, a text, true, false or nil is expected"};
  const int type = lua_type(L, -1);
  char sentence[120];
  snprintf(sentence, sizeof sentence, "the function returned %s where %s",
           type == LUA_TSTRING   ? "a text"
           : type == LUA_TTABLE  ? "a table"
           : type == LUA_TNUMBER ? "a number"
                                 : "a function",
           wanted[x->noun->gives]);
  return raised(f, x, again, sentence);
}

static struct value number_given(lua_State *L) {
  double v = lua_tonumber(L, -1);
  return v - v == 0 ? value_number(v) : value_missing(MISSING_ABSENT);
}

static struct value given(struct functions *f, struct function *x, lua_State *L, bool again, struct arena *a) {
  int type = lua_type(L, -1);
  enum function_gives gives = x->noun->gives;
  if (type == LUA_TNIL) return value_missing(MISSING_ABSENT);
  if (type == LUA_TBOOLEAN) return value_bool(lua_toboolean(L, -1));
  if (gives == GIVES_TRUTH) return wrong_type(f, x, L, again);
  if (type == LUA_TNUMBER) return number_given(L);
  if (type != LUA_TSTRING || gives == GIVES_NUMBER) return wrong_type(f, x, L, again);
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  if (!str_utf8((struct str){text, length})) return raised(f, x, again, "the text that it gives is not UTF-8");
  const char *copy = arena_text(a, text, length);
  return copy ? value_text((struct str){copy, length}) : value_missing(MISSING_ABSENT);
}

static struct value run(struct functions *f, struct function *x, struct runner *r, const struct value *slots, bool again, struct arena *a) {
  static const struct value none;
  lua_State *L = r->sandbox.L;
  uint32_t number = (uint32_t)(x - f->at);
  r->sandbox.limits = again ? &f->again : &f->limits;
  r->slots = slots ? slots : &none;
  sandbox_arm(&r->sandbox, x->straight ? &x->pace : NULL);
  lua_rawgeti(L, PLACE_CALLED, x->noun->captured);
  for (uint32_t i = 0; i < x->slot_count; i++) push_plain(L, &r->slots[x->slots[i]]);
  int status = lua_pcall(L, (int)x->slot_count, 1, 0);
  r->slots = NULL;
  struct value v = status == LUA_OK ? given(f, x, L, again, a) : failed(f, x, r, status, again);
  lua_settop(L, PLACE_CELLS);
  if (!cells_restore(r, number, PLACE_CELLS)) v = raised(f, x, again, "it changes a local of its file: nothing stays from call to call");
  if (r->sandbox.bytes > r->settled + GARBAGE_MOST) {
    lua_gc(L, LUA_GCCOLLECT);
    r->settled = r->sandbox.bytes;
  }
  return v;
}

struct value functions_call(struct functions *f, uint32_t number, const struct value *slots, bool again, struct arena *a) {
  struct function *x = &f->at[number];
  must(x->bound);
  if (!again && atomic_load_explicit(&x->stopped, memory_order_relaxed)) return value_missing(MISSING_STOPPED);
  struct runner *r = take(f);
  if (!r) return value_missing(MISSING_MEMORY);
  struct value v = run(f, x, r, slots, again, a);
  give_back(f, r);
  bool fine = v.kind != VALUE_MISSING || v.reason < MISSING_RAISED;
  if (fine && atomic_load_explicit(&x->in_row, memory_order_relaxed)) atomic_store(&x->in_row, 0);
  return v;
}

bool function_end_is_recorded(enum missing_reason reason) {
  return reason == MISSING_MEMORY || reason == MISSING_LATE || reason == MISSING_STOPPED;
}

/* ---- building ---- */
struct functions *functions_new(const struct source *sources, size_t count, const struct nouns *n, const struct symbols *s, struct err *e) {
  struct functions *f = kit_alloc(sizeof *f);
  if (!f) {
    err_set(e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  memset(f, 0, sizeof *f);
  pthread_mutex_init(&f->lock, NULL);
  f->sources = sources;
  f->source_count = count;
  f->nouns = n;
  f->symbols = s;
  f->limits = f->again = limits_of_calls;
  f->again.memory = REPLAY_MEMORY;
  f->again.time = REPLAY_TIME;
  f->count = n->function_count;
  f->at = ARENA_ARRAY(&f->arena, struct function, f->count + 1);
  f->copies = ARENA_ARRAY(&f->arena, struct copy, count + 1);
  bool ok = (f->at && f->copies) || err_set(e, ERR_INTERNAL, "memory failed");
  for (size_t i = 0; ok && i < f->count; i++) f->at[i].noun = &n->functions[i];
  for (uint32_t i = 0; ok && i < s->count; i++)
    if (s->at[i].kind == SYMBOL_FUNCTION) ok = views_build(f, &f->at[s->at[i].index], e) && caller_build(f, &f->at[s->at[i].index], e);
  struct runner *first = ok ? runner_first(f, e) : NULL;
  if (ok && !first && e->kind == ERR_NONE) err_set(e, ERR_INTERNAL, "the functions of the program cannot be loaded");
  if (first) {
    give_back(f, first);
    return f;
  }
  functions_free(f);
  return NULL;
}

void functions_free(struct functions *f) {
  if (!f) return;
  for (int i = 0; i < RUNNERS_MOST; i++) runner_free(atomic_load(&f->idle[i]));
  pthread_mutex_destroy(&f->lock);
  arena_free(&f->arena);
  kit_free(f);
}

size_t functions_count(const struct functions *f) {
  return f ? f->count : 0;
}

void functions_figures(struct functions *f, uint32_t number, struct function_figures *out) {
  struct function *x = &f->at[number];
  *out = (struct function_figures){.name = x->noun->name,
                                   .raised = atomic_load(&x->raised),
                                   .spent = atomic_load(&x->spent),
                                   .memory = atomic_load(&x->memory),
                                   .late = atomic_load(&x->late),
                                   .stopped = atomic_load(&x->stopped)};
  pthread_mutex_lock(&f->lock);
  out->line = x->line;
  memcpy(out->sentence, x->sentence, sizeof out->sentence);
  pthread_mutex_unlock(&f->lock);
}
