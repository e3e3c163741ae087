/* Inside language: functions and what they see. functions.c has the pool and the call, callers.c the way into Lua, views.c the views of
 * user, event and predictions, cells.c what must stay as it is. */
#pragma once
#include "language/functions.h"
#include "sandbox.h"
#include <pthread.h>
#include <stdatomic.h>

#define RUNNERS_MOST 16  /* idle sandboxes that are kept */
#define HANDED_MOST  100 /* values that one caller takes, and tables: Lua has 200 locals and 255 upvalues for a function */

struct view_entry { /* user.steps; or user.profile, which is a view itself */
  struct str name;
  bool inner;
  uint32_t at; /* slot, or number of the view */
};
struct view {
  struct view_entry *entries;
  uint32_t count;
};
enum { VIEW_USER, VIEW_EVENT, VIEW_PREDICTED, VIEW_ROOTS };

struct function {
  const struct noun_function *noun;
  bool bound;                 /* some condition is made of it */
  bool straight;              /* runs few instructions, or pays for its rounds, whatever it is given: needs no hook that counts them */
  struct pace pace;           /* when it is straight */
  bool rounds;                /* is so in the copy of its file only, in which rounds are counted */
  bool reads;                 /* straight, and assigns to nothing but locals: may be given the tables behind its views */
  uint32_t roots[VIEW_ROOTS]; /* numbers of views; the inner ones follow */
  uint32_t view_count;
  struct str caller; /* the text of the Lua function that lays the values of `slots` into the views and calls this one */
  uint32_t *slots;
  uint32_t slot_count;
  atomic_uint in_row; /* failures */
  atomic_bool stopped;
  atomic_uint_fast64_t raised, spent, memory, late;
  int line;
  char sentence[200];
};
struct cell { /* an upvalue that must stay as it is */
  int upvalue;
  lua_Integer closure; /* place in the table of cells: the closure there, the value behind it */
};
struct runner { /* one sandbox; its first member, so that a lua_State leads here */
  struct sandbox sandbox;
  struct arena arena; /* what the loading of its files left */
  struct functions *of;
  const struct value *slots; /* NULL: no call is on, and views say nothing */
  struct cell *cells;
  size_t cell_count, cell_cap;
  struct cell_range {
    size_t first, count;
    bool calls;   /* leads to another function of the file */
  } * cells_of;   /* by function */
  long steps;     /* taken to find them */
  size_t settled; /* bytes after the last collection */
};
struct copy {           /* of a source, as rounds.c wrote it */
  struct source source; /* no text: there is none */
  struct scan_rounds *list;
  size_t count, cap;
};
struct functions {
  struct arena arena;
  struct copy *copies; /* by source */
  const struct source *sources;
  size_t source_count;
  const struct nouns *nouns;
  const struct symbols *symbols;
  struct function *at;
  size_t count;
  struct view *views;
  uint32_t view_count, view_cap;
  bool judged;                 /* which functions are straight */
  struct limits limits, again; /* of a call; of one in a replay */
  _Atomic(struct runner *) idle[RUNNERS_MOST];
  pthread_mutex_t lock; /* of `line` and `sentence` only, which failures write */
};

/* cells.c: what lies outside of a function stays as it was. Notes the upvalues of every function, once sealed; may raise. Leaves the table
 * of cells on the stack. */
void cells_open(lua_State *L, struct runner *r);
/* Puts back what the call changed; false: it did. `table` is the place of the table of cells on the stack. */
bool cells_restore(struct runner *r, uint32_t function, int table);

/* Builds the views of one function from the names that it needs. [builder] */
bool views_build(struct functions *f, struct function *function, struct err *e);
/* The userdata behind all views, in Lua: by number from 1, in the table that is left on the stack, and the tables of their values behind
 * them. May raise. */
void views_open(lua_State *L, struct runner *r);
static inline lua_Integer values_place(const struct functions *f, uint32_t view) {
  return (lua_Integer)f->view_count + view + 1;
}
void push_value(lua_State *L, const struct value *v); /* may raise */
/* A number or a truth, else nil, which is what makes a view ask for it; takes no memory and never raises. */
void push_plain(lua_State *L, const struct value *v);

/* callers.c. Writes the caller of one function whose views are built. [builder] */
bool caller_build(struct functions *f, struct function *function, struct err *e);
/* Loads the callers into the table at place `callers`, by the captured functions' numbers; may raise. */
void callers_open(lua_State *L, struct runner *r, int callers, int views);
/* Finds out which functions are straight; once, with the first runner, whose cells are open. May raise. [builder] */
void callers_judge(struct functions *f, struct runner *first);
/* Writes copies of the files with functions that are so only there; `first` has the originals. False: no memory. [builder] */
bool callers_copy(struct functions *f, struct runner *first, bool *any);
