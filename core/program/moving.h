/* Moving a user by a row, and speaking for a decision: what flow asks a program to do between the verbs. */
#pragma once
#include "program/program.h"
#include "program/recorded.h"

/* What an event does to its user before anybody decides: features, profile, consent, responses, fired ticks. Live, in replay and in
 * recovery the same. False: refused (wrong profile) or no memory; then the user is as before. [lane] */
bool program_move(const struct program *p, struct user *u, enum entry_kind kind, const struct event *e, const struct recorded *r,
                  struct arena *scratch, bool *learned, struct err *err);
/* Would program_move take it from somebody new? [lane] */
bool program_try(const struct program *p, enum entry_kind kind, const struct event *e, const struct recorded *r, struct arena *scratch,
                 struct err *err);
/* A stored row with its stored decisions: the same end state as when it was decided, without deciding. [lane or replay] */
bool program_apply(const struct program *p, const struct controls *c, struct user *u, const struct entry *row, const struct str *stored,
                   size_t stored_count, struct arena *scratch, struct err *e);

/* Whoever a model was asked for is in the rollouts that gate it: of every row, after its decisions. `p` NULL: nothing. False: no memory. */
bool program_enter(const struct program *p, const struct controls *c, struct user *u, const struct recorded *r);

/* Was a model asked by this row that the rollout of this name gates? [any] */
bool program_asked(const struct program *p, const struct recorded *r, struct str rollout);

/* The messages of one moment, rendered at most once an option. */
struct speech {
  const struct program *program;
  const struct user *user;
  const struct value *slots;
  struct arena *scratch;
  struct rendered *texts; /* by option */
};
bool speech_sayable(void *speech, uint32_t option, struct str *missing);
struct str speech_record(struct speech *s, const struct moment_input *in, const struct decision *d,
                         struct arena *out);                                               /* at NULL: no memory */
struct letter *speech_letter(struct speech *s, const struct decision *d, uint32_t volume); /* NULL: no memory, or the body is too large */

/* The values of every name that the trigger reads, as of `clock`; `last` is the event to read event.* from, or NULL. [lane] */
bool program_look(const struct program *p, const struct controls *c, struct user *u, uint32_t trigger, const struct event *last,
                  int64_t clock, struct arena *a, struct value **slots, struct err *e);
/* What all models say of the user as of `clock`, by belief number. [lane] */
bool program_believe(const struct program *p, struct user *u, int64_t clock, struct value *beliefs, struct arena *a);
/* A user as of a time in the past, from their own chain, in pieces: as long as `spent` says no, or all at once without it. The user is the
 * rebuild's; its head is the last row applied. Begin: NULL without memory. Step: `*done` once the user is whole; rows that came after the
 * beginning are not looked at. [lane] */
struct rebuild;
struct rebuild *rebuild_begin(const struct program *p, const struct controls *c, const struct user *now, int64_t until);
bool rebuild_step(struct rebuild *r, struct volume *v, bool (*spent)(const void *context), const void *context, bool *done, struct err *e);
struct user *rebuild_user(struct rebuild *r);
void rebuild_free(struct rebuild *r);
/* What a user's chain makes of the program's windows, for definitions that came later, in pieces like a rebuild. Step: `now` is the live
 * user; `*done` when everything up to its head is in. Then the row that fills it: an event of the engine's own, and the packed windows, in
 * `a`. [lane] */
#define EVENT_FILLED "features.filled"
struct whole;
struct whole *whole_begin(const struct program *p, const struct user *now); /* NULL: no memory */
int64_t whole_number(const struct whole *w);                                /* the user's */
bool whole_step(struct whole *w, struct volume *v, const struct user *now, bool (*spent)(const void *context), const void *context,
                bool *done, struct err *e);
bool whole_item(const struct whole *w, const struct user *now, struct arena *a, struct event *event, struct str *filled, struct err *e);
void whole_free(struct whole *w);
