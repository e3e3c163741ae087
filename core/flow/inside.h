/* Inside flow: what flow.c (the walk of a turn) shares with the files beside it: a flow's life, control facts and recovery, merges, what is
 * recalled and what comes back, shadows, warming. One flow belongs to one thread. */
#pragma once
#include "flow/flow.h"
#include "kit/pile.h"
#include "program/moving.h"
#include "program/places.h"

#define WAVE_MOST 64

struct step {
  struct item *item;
  struct user *user;
  uint32_t partition;
  const struct program *program;
  const struct listening *listening;
  struct recorded recorded;
  struct working working;
  struct value *slots, *beliefs;
  struct view *seen; /* what the models' inputs were */
  unsigned char *maybe;
  bool any; /* of maybe */
  uint64_t models;
  struct decision *decisions;
  struct speech speech;
  size_t count;
  bool dropped;
};
struct shadow { /* program NULL: none */
  const struct program *program, *sessions_of;
  struct sessions *sessions;
  struct shadow_counts *counts;
};
struct warming {    /* all zero: nobody has looked since the last program */
  bool known, over; /* known: `target` is; over: everybody has all that their program defines */
  bool anew;        /* in recovery: rows of an older program came before a newer one's fact, and said what is next by the older one */
  bool rows;        /* in recovery: some came */
  uint64_t target;  /* of volume_whole */
  int64_t cursor;   /* number of the user looked at last */
  uint64_t filled, skipped;
  struct whole *one; /* whose chain is walked */
};
struct flow {
  struct book *book; /* NULL in replay, as is volume */
  struct volume *volume;
  struct flow_keeper keeper;
  struct places places;
  struct arena scratch; /* one wave */
  struct arena *out;    /* the walk's results */
  const struct program *sessions_of;
  struct sessions *sessions;
  uint64_t wave;
  struct users_ahead ahead;
  size_t warmed; /* items of this walk whose users were asked of the memory */
  struct step *steps;
  size_t step_count;
  struct pile letters;  /* of sends, for the courier after the commit */
  struct pile recalled; /* numbers of users whose waiting rows were withdrawn in this turn */
  struct pile due;      /* users whose next tick may have changed */
  struct flow_figures figures;
  struct shadow shadow;
  struct warming warming;
};

bool flow_recover_row(void *context, struct volume *v, struct user *user, const struct entry *row, struct err *e); /* volume_replay.row */
/* Around a row's effect on its user: what was decided on another zone, age, guardian's consent or health is not sent any more, nor what
 * was decided before a merge told of a refusal, a holdout or other sends. */
struct known_person {
  bool may_change;
  const struct tz *zone;
  enum consent consent;
  int32_t age;
  bool guardian, held_out;
  uint32_t health, sends;
};
struct known_person recall_before(struct flow *f, const struct step *s);
bool recall_after(struct flow *f, struct step *s, const struct known_person *before, struct err *e);
bool merge_lets(const struct step *s, struct err *why); /* false: the user is closed, and this may not happen to them any more */
void flow_drop_sessions(struct flow *f);                /* those of a program that no partition runs any more */
void warming_reset(struct flow *f);
bool warming_program_changed(struct flow *f, struct err *e); /* in the turn that brings the fact */
/* What one step's program decides, without telling or keeping anything; ids count from `first`. For a step that is the flow's only one. */
void flow_consider(struct flow *f, struct step *s, uint64_t first);
/* The candidate's decisions on a live step's moment, in scratch, before the live ones act; NULL: no candidate, or it is not to be asked. */
struct step *shadow_decide(struct flow *f, const struct step *live);
void shadow_compare(struct flow *f, const struct step *live, const struct step *shadow);
