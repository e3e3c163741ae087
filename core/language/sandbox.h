/* The sandbox, private to language/: a Lua state that has only the words of the language, with fuel, memory, text and time limits. It has
 * two ages. While it loads, nouns may be called. Sealed (seal.c), it runs the functions that nouns hold, one call at a time, each with
 * limits of its own, and nouns raise. The state's extra space holds the pointer to it. */
#pragma once
#include "kit/arena.h"
#include "language/language.h"
#include <lauxlib.h>
#include <lua.h>

#define SOURCE_LENGTH    (1u << 20) /* bytes of one file */
#define NOUN_TEXT        4096u      /* bytes of a text in a noun */
#define NOUN_DEPTH       16         /* tables within tables */
#define SANDBOX_ELEMENTS 10000      /* of a table that the table words take */
#define HOOK_EVERY       1000       /* instructions that are counted together */

struct limits {  /* of one load, or of one call */
  long fuel;     /* instructions, with what the words charge; in a call also the objects that are made, by their bytes */
  size_t memory; /* bytes: of a load what it holds, of a call what it asks for */
  size_t text;   /* bytes of one text */
  int64_t time;  /* ns of the wall: fuel stops first, unless the machine stands still */
};
extern const struct limits limits_of_loading, limits_of_calls;
enum spent { SPENT_NOTHING, SPENT_FUEL, SPENT_TIME }; /* what no pcall of the rules may catch; memory has Lua's own status */

struct body { /* a noun as it was called; checked after Lua is gone */
  int noun;   /* index of its word in noun_words */
  struct declared at;
  const struct node *node;
  bool raised; /* its file ended in an error, which is why it has no table */
};

#define UNCOUNTED_MOST 20000 /* instructions of a call that nobody counts one by one */
struct pace {                /* of a function that needs no hook: bounds that hold whatever it is given, in instructions */
  uint32_t most, round;      /* of all of it but its rounds through lists; of one round */
};

struct sandbox {
  lua_State *L;
  struct arena *arena;
  struct findings *findings;
  const char *file; /* of the running source */
  const struct limits *limits;
  bool sealed, counted;  /* counted: the hook is set */
  bool rounds;           /* the source is one that rounds.c wrote */
  long uncounted, round; /* instructions that may still run without the hook, and of a round; 0: it is set */
  size_t bytes;          /* held by Lua */
  size_t asked;          /* since the call began: only ever more */
  long fuel;
  int64_t deadline; /* clock_monotonic; 0: to be set when the hook first comes by */
  enum spent spent;
  int spent_line;
  int line;           /* where the last error was raised */
  int last_line;      /* the last that ran */
  bool text_too_long; /* the allocator refused a text */
  bool authors;       /* error or assert was called: what was raised is the author's sentence, with whatever was read of a person */
  struct body *bodies;
  size_t body_count, body_cap;
  uint32_t function_count; /* captured so far */
};

bool sandbox_open(struct sandbox *s);
void sandbox_close(struct sandbox *s);
/* Loads and runs one source; what goes wrong becomes a finding. False when the whole load must stop (fuel, memory or time are spent). */
bool sandbox_run(struct sandbox *s, const struct source *source);
/* The same after a look at size, encoding and the constructs that must not reach Lua. */
bool source_run(struct sandbox *s, const struct source *source);
const char *spent_text(const struct sandbox *s); /* what was used up, as a sentence; only when spent */
/* A call begins: its limits are whole again. `pace` NULL: its instructions are counted by the hook. */
void sandbox_arm(struct sandbox *s, const struct pace *pace);
/* Instructions of a call that nobody will count: paid for by their bound. False: they are too many, and all are counted from here on. */
bool sandbox_pay(struct sandbox *s, long instructions);
void sandbox_step(struct sandbox *s); /* ipairs and pairs go one step on, which an uncounted call pays for */
/* Cuts Lua's "rule:12: " off a message. */
struct str sandbox_message(struct str message, int *line);
const char *sandbox_hint(struct str message); /* what the author of such a sentence's cause most likely meant, or nothing */

struct sandbox *sandbox_of(lua_State *L);
/* Takes `amount` off the fuel; raises when it is spent. Every word that works in a loop calls it. */
void sandbox_charge(lua_State *L, size_t amount);
int sandbox_line(lua_State *L); /* of the rules' innermost function; 0: none */

/* ---- functions ---- */
/* The table of the captured functions, by number from 1, onto the stack. */
void captured_push(lua_State *L);
/* Turns what was loaded into what only runs: tables that functions can reach become read-only, the collector stops. False: no memory. */
bool sandbox_seal(struct sandbox *s);
/* A table that was sealed: pushes the table behind it and says true; nothing of it may be changed or handed to a rule. */
bool sealed_table(lua_State *L, int at);

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
#define NOUNS_COUNT 12
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

/* ---- shape ---- */
/* No token of a rule becomes more instructions than this: a comparison whose value is kept is the most, with four. */
#define TOKEN_INSTRUCTIONS 8
#define SHAPE_DEPTH        32
#define SHAPE_ROUNDS       32
struct scan_rounds { /* a place of the text where rounds are to be counted, as rounds.c writes it */
  enum { ROUNDS_COUNTER, ROUNDS_EACH, ROUNDS_LIMIT } kind;
  const char *at, *to; /* what is written goes before `at`; of a limit it goes around that, from `at` to `to` */
  int64_t from, step;  /* of a limit */
  size_t weight;       /* tokens of a round; until its block is closed the tokens so far */
  size_t times;
  int depth; /* of the block whose end closes it; −1: it is closed */
};
struct scan_shape { /* of the function on the lines from `first` to `last`, which the caller sets */
  int first, last;
  size_t functions;   /* on those lines, itself counted */
  size_t tokens;      /* each as often as the loops of written numbers around it go round */
  size_t paced;       /* the same, of those within loops `in ipairs(…) do` and `in pairs(…) do`, for one round */
  size_t loops;       /* whose rounds nothing can count */
  size_t assignments; /* each = that may write into a table */
  bool renamed;       /* somewhere in the file ipairs or pairs stands otherwise than in such a loop: they may be something else */
  struct scan_rounds rounds[SHAPE_ROUNDS]; /* of the other loops, in the order of the text but for the counter */
  size_t round_count;
  bool in_name; /* between `function` and the end of its parameters */
  int depth;
  struct scan_block {
    size_t times;
    bool paced;
  } blocks[SHAPE_DEPTH];
  struct scan_loop { /* the head of the `for` or `while` that is being read */
    enum {
      HEAD_NONE,
      HEAD_NAME,
      HEAD_NAMED,
      HEAD_FROM,
      HEAD_COMMA,
      HEAD_TO,
      HEAD_STEP,
      HEAD_IN,
      HEAD_OPEN,
      HEAD_ARGUMENTS,
      HEAD_DO,
      HEAD_LIMIT,      /* an expression up to which a loop goes */
      HEAD_LIMIT_STEP, /* behind its comma */
      HEAD_LIMIT_DO,
      HEAD_ANY /* whatever else it may be: its rounds are counted one by one */
    } head;
    int64_t from, to, step;
    const char *limit, *limit_end;
    size_t tokens; /* before it */
    int brackets;
    bool paced;
  } loop;
  struct str before[2]; /* the last token, and the one before */
  bool local;           /* `local a, b <const>` so far */
};
struct scan_lines { /* of a file, so that a function in it is read without what stands before */
  uint32_t *at;     /* by line: where its first token begins */
  int count;
  bool renamed, odd; /* somewhere in the file */
};
bool scan_lines(struct arena *a, struct str text, struct scan_lines *lines); /* false: no memory */
void scan_shape(struct str text, const struct scan_lines *lines, struct scan_shape *shape);
/* One token of it; on: it stands on those lines. */
void scan_shape_token(struct scan_shape *shape, struct str token, bool on);

/* ---- rounds ---- */
/* Writes the counting of rounds into a text: sorts `list`, drops what is there twice, and lays the new text in `a`. False: no memory. */
bool rounds_write(struct arena *a, struct str text, struct scan_rounds *list, size_t count, struct str *out);
/* The two words that such a text is given, which no author can name. */
int rounds_more(lua_State *L);
int rounds_limit(lua_State *L);
