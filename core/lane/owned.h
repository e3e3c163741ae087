/* Inside lane: a volume and what its lane keeps beside it. The lane's thread only. */
#pragma once
#include "emit/outbox.h"
#include "kit/heap.h"
#include "kit/log.h"
#include "kit/mailbox.h"
#include "lane/lane.h"

/* What lies in a lane's mailbox: a job, or a note from the courier. */
enum note_kind { NOTE_JOB, NOTE_RESULTS, NOTE_HUNGRY, NOTE_STOP };
struct note {
  struct message message; /* kind: enum note_kind */
  struct attempt_result *results;
  size_t count;
  uint32_t volume;
  struct note *next; /* the courier's overflow, when the mailbox was full */
};
struct owned { /* a volume and what the lane keeps beside it */
  uint32_t number;
  struct flow *flow;
  struct heap due; /* of users by their next tick; an entry is stale when its user is due at another time by now */
  bool due_lacks;  /* memory was missing for an entry */
  int64_t due_filled_at;
  struct outbox outbox;
  struct item **items; /* of this turn, not walked yet */
  size_t item_count, item_cap;
  struct note *results; /* what the courier reported, until a commit holds it */
  bool touched, lost;
  bool waits;                                                          /* lost, but nothing had been touched: there is nothing to recover */
  struct err err;                                                      /* why it is lost */
  int64_t warmed_at;                                                   /* monotonic: the last piece of filling */
  struct log_lasting losing, recovering, settling, refilling, ticking; /* what fails may fail a hundred times a second */
};

void owned_lose(struct owned *o, const struct err *why); /* everybody in this turn is told `why`; the first reason stays */
/* Before users' states move: a turn that may not begin is lost, but costs its answers only and no reopening of the volume. */
bool owned_may_begin(struct owned *o);
bool owned_room(struct owned *o, size_t more); /* for more items */
/* Walks what was gathered: events of many requests share waves, and with them model calls. Results live in `turn`. */
void owned_walk(struct owned *o, struct arena *turn);
size_t owned_ticks(struct owned *o, struct arena *turn);         /* gathers ticks that are due; how many items wait now */
bool owned_push_due(void *context, int64_t number, int64_t due); /* context: the owned */
void owned_remember_due(struct owned *o);                        /* of users whose next tick has changed */
void owned_join_results(struct owned *o);                        /* what the courier reported joins the turn … */
void owned_forget_results(struct owned *o);                      /* … and is forgotten when it is durable */
/* Reopened and verified: all ticks come anew, those of the lost turn too, or they would pile up while a disk is full. */
void owned_recover(struct owned *o);
/* A piece of filling new features, of about `budget` nanoseconds; true: it did one, and the turn is to be finished. */
bool owned_warm(struct owned *o, int64_t budget);
void owned_settle(struct owned *o, bool idle); /* after the answers: states behind, checkpoints */
void owned_recall(struct owned *o);            /* messages to people of whom something else is known now: the courier lets go of them */
void owned_send(struct owned *o);              /* letters of the turn to the courier, and more from the outbox when it has room */
