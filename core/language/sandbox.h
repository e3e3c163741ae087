/* The sandbox of one load, private to language/: a Lua state that has only the words of the language, with fuel, memory and text limits.
 * The state's extra space holds the pointer to it. */
#pragma once
#include "kit/arena.h"
#include "language/language.h"
#include <lauxlib.h>
#include <lua.h>

#define LOAD_FUEL        10000000L   /* instructions of one load, with what the words charge */
#define LOAD_MEMORY      (64u << 20) /* bytes of one load */
#define LOAD_SECONDS     10          /* of the wall: fuel stops first, unless the machine stands still */
#define SOURCE_LENGTH    (1u << 20)  /* bytes of one file */
#define SANDBOX_TEXT     (64u << 10) /* bytes of a text while loading */
#define NOUN_TEXT        4096u       /* bytes of a text in a noun */
#define NOUN_DEPTH       16          /* tables within tables */
#define SANDBOX_ELEMENTS 10000       /* of a table that the table words take */

struct body { /* a noun as it was called; checked after Lua is gone */
  int noun;   /* index of its word in noun_words */
  struct declared at;
  const struct node *node;
};

struct sandbox {
  lua_State *L;
  struct arena *arena;
  struct findings *findings;
  const char *file; /* of the running source */
  size_t bytes;
  long fuel;
  int64_t deadline;    /* clock_monotonic */
  const char *overrun; /* what was used up: not to be caught by a pcall of the rules */
  int overrun_line;
  int line;           /* where the last error was raised */
  int last_line;      /* the last that ran */
  bool text_too_long; /* the allocator refused a text */
  struct body *bodies;
  size_t body_count, body_cap;
};

bool sandbox_open(struct sandbox *s);
void sandbox_close(struct sandbox *s);
/* Loads and runs one source; what goes wrong becomes a finding. False when the whole load must stop (fuel, memory or time are spent). */
bool sandbox_run(struct sandbox *s, const struct source *source);

struct sandbox *sandbox_of(lua_State *L);
/* Takes `amount` off the fuel; raises when it is spent. Every word that works in a loop calls it. */
void sandbox_charge(lua_State *L, size_t amount);
int sandbox_line(lua_State *L); /* of the rules' innermost function; 0: none */

/* ---- words ---- */
struct word {
  const char *name;
  lua_CFunction function;
};
struct library {
  const char *name; /* NULL: the words stand alone */
  const struct word *words;
};
extern const struct word words_plain[], words_text[], words_utf8[], words_table[], words_math[], words_moment[];
extern const char *const noun_words[]; /* ends in NULL */
#define NOUNS_COUNT 10
extern const struct library libraries[]; /* ends in words == NULL */
void moments_open(lua_State *L);         /* metatables of moments, and the word `nothing` into the table on top */
void math_open(lua_State *L);            /* the constants pi and huge into the table on top */
void units_open(lua_State *L);
int noun_call(lua_State *L); /* upvalue 1: index into noun_words */
/* The text of a value as the language prints it: never an address. Pushes it. */
void push_text_of(lua_State *L, int at);

/* ---- Lua values as data ---- */
struct moment_word { /* the userdata behind every, silence, follow_up */
  struct moment moment;
  bool needs_time; /* every "day" without :at yet */
  char said[16];
};
const struct moment_word *moment_of(lua_State *L, int at); /* NULL: none */
bool is_nothing(lua_State *L, int at);
/* The table on the stack as a tree in the sandbox's arena. What cannot be data becomes a finding. */
const struct node *convert_table(lua_State *L, int at, const struct body *body);

/* Refuses what the loader does not let through, before Lua sees the text: a finding each. [builder] */
bool scan_source(struct findings *f, const char *file, struct str text);
