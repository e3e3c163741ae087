/* Retention, seen from inside this room. */
#pragma once
#include "book/retention.h"
#include "volume.h"

#define STUB_MOST 20 /* bytes of a trimmed row's body: place in the chain and arrival. A sealed one is longer. */

enum retaining_phase {
  RETAIN_REST,
  RETAIN_LETTERS,
  RETAIN_USERS, /* between two users */
  RETAIN_WALK,  /* back along a chain: which rows are to go */
  RETAIN_CUT,   /* from the oldest on */
  RETAIN_FORGET_WALK,
  RETAIN_FORGET /* the same for decisions */
};
struct doomed { /* a row that is to go */
  int64_t seq, arrived;
  bool decided; /* it has decisions */
};
struct retaining {
  struct retention keep;
  bool dry; /* counts only */
  enum retaining_phase phase;
  int64_t now; /* when this look began */
  int64_t next_look;
  uint64_t commits; /* of the volume, when it was looked at last */
  int64_t quiet_since, stepped;
  uint32_t partition;
  uint64_t letter; /* the outbox row looked at last */
  /* the user looked at */
  int64_t number, applied;
  struct user *who; /* identity, key and stored state; NULL until rows are opened */
  struct trim trim;
  int64_t base, at, until, first; /* at: the next row of the walk; first: no row that stays arrived before */
  bool all;
  bool damaged;       /* what failed are this user's own rows or state, and the unit had written nothing of them */
  int64_t link;       /* CUT: the row behind the next one; 0: none */
  struct buf list;    /* struct doomed, newest first */
  struct trimmed sum; /* of this look */
};

/* checkpoint.c */
bool checkpoint_take(struct volume *v, struct user *stored, int64_t head, int64_t arrived, struct err *e); /* joins the transaction */
/* Into a user of the right identity and key. */
bool checkpoint_open(struct volume *v, struct user *into, int64_t base, struct err *e);
bool trim_put(struct volume *v, int64_t user, const struct trim *t, struct err *e);
bool remnant_read(struct str body, struct entry *out); /* false: a whole row */

/* trim.c: a unit of work on the user looked at; sets the phase. */
bool trim_begin(struct volume *v, struct retaining *r, struct err *e);
bool trim_step(struct volume *v, struct retaining *r, struct err *e);
void trim_end(struct retaining *r); /* to the next user */

/* retention.c */
bool retention_step(struct volume *v, bool idle, struct err *e); /* [lane], from volume_settle */
bool floors_keep(struct volume *v, struct err *e);               /* erase.c: numbers that were given are never given again */
void retention_forget(struct volume *v);                         /* the volume is reopened or closed */
