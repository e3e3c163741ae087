/* Aliases: ids that were merged into another person's. One person, several ids: who sends under an old one means the one who stays. Kept in
 * control.db, sealed, and in memory; the author of each merge is in control.db's chain of facts, which names nobody (digests only).
 * One thread, the engine's main thread or a tool's, but for alias_change_write. */
#pragma once
#include "book/book.h"

enum alias_state {
  ALIAS_BEGUN = 1, /* on record; the two chains may not have it yet: events under the old id wait */
  ALIAS_DONE = 2,  /* in force */
  ALIAS_ENDING = 3 /* the whole person is being erased; the ids are strangers again */
};
struct alias {
  struct str from, into;
  int64_t number, at;     /* control.db's fact, and its time, UTC ms */
  enum alias_state state; /* 0: it is being written */
  unsigned char mark[16]; /* of the key of `from`: somebody new under that id is somebody else */
  size_t same, siblings;  /* the next one from an id with this hash, the next one into the same id: places + 1 */
};
struct aliases;                                              /* pointers to an alias live until the next merge begins */
struct aliases *aliases_open(struct book *b, struct err *e); /* reads all; NULL with the error set */
void aliases_close(struct aliases *a);                       /* NULL is fine */
size_t aliases_count(const struct aliases *a);               /* 0: nobody was ever merged */

/* Whom `id` means: merges that are in force are followed to their end. A view that lives until a merge is forgotten, or `id` itself. */
struct str aliases_whom(const struct aliases *a, struct str id);
struct str aliases_whom_then(const struct aliases *a, struct str id, int64_t at); /* … whom it meant at a time */
/* Every id of the person, the one who stays first, the others in the order of their merges: begun and ending merges belong to it too.
 * `ids` in the arena, NULL without memory. */
struct str *aliases_person(const struct aliases *a, struct str id, struct arena *arena, size_t *count);
/* The newest merges, `most` of them, that are in force and made the person of `id`, who stays, since a time. Returns how many. */
size_t aliases_recent(const struct aliases *a, struct str id, int64_t since, const struct alias **out, size_t most);
#define ALIASES_RECENT 16 /* ids of one person under which an event that comes again is looked for */
const struct alias *aliases_from(const struct aliases *a, struct str id);  /* NULL: merged into nobody */
const struct alias *aliases_next(const struct aliases *a, size_t *cursor); /* all; as opened: in the order of merging; cursor from 0 */

const struct alias *aliases_begun_into(const struct aliases *a, struct str id); /* one that is begun and not done; NULL: none is */

/* May `from` be merged into `into`? False: a sentence that says why not. `*same`: it was, already; else NULL. */
bool aliases_may(const struct aliases *a, struct str from, struct str into, const struct alias **same, struct err *e);
/* The fact with its author and the alias, begun, durably in one transaction. `into` is the one who stays of that person. */
const struct alias *aliases_begin(struct aliases *a, const char *author, struct str from, struct str into, const unsigned char mark[16],
                                  struct err *e);
bool aliases_done(struct aliases *a, struct str from, struct err *e);
/* All merges of the person are marked as ending, durably: whatever happens, the next start goes on erasing. */
bool aliases_ending(struct aliases *a, struct str id, struct err *e);
bool aliases_drop(struct aliases *a, struct str from, struct err *e); /* this one merge is forgotten */
/* Ends all of the person's merges; `id` is any of theirs. After the erasures, which have deleted them one by one. */
bool aliases_forget(struct aliases *a, struct str id, struct err *e);

/* The same in three steps, for whoever must not wait for the disk: what is to be, which may be refused [main]; written down [any]; and what
 * holds then [main]. Between them nobody changes aliases; looking things up goes on. */
struct alias_change {
  struct aliases *all;
  bool is_new, is_written; /* it begins one; there is nothing to write */
  enum alias_state state;  /* they come to; 0: gone */
  struct alias *alias;     /* one, or … */
  const struct str *ids;   /* … all from these */
  size_t count;
  struct control_fact fact; /* of a new one */
  char name[33];
  struct buf body;
  struct arena arena;
};
bool aliases_begin_new(struct alias_change *c, struct aliases *a, const char *author, struct str from, struct str into,
                       const unsigned char mark[16], struct err *e); /* the author lives until it is written */
bool aliases_begin_done(struct alias_change *c, struct aliases *a, struct str from, struct err *e);
bool aliases_begin_ending(struct alias_change *c, struct aliases *a, struct str id, struct err *e);
bool aliases_begin_forget(struct alias_change *c, struct aliases *a, struct str id, struct err *e);
bool alias_change_write(struct alias_change *c, struct err *e);
/* Once, when the first step did not refuse. The alias that it was about, where it is still there. */
const struct alias *alias_change_end(struct alias_change *c, bool is_written);
