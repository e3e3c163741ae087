/* lane: a thread that owns some volumes and their users outright. Jobs come in by mailbox, are done in turns that share one commit, and go
 * back by mailbox. Inside a lane there is no lock; with the courier and the main thread it speaks through mailboxes only. */
#pragma once
#include "book/retention.h"
#include "flow/flow.h"
#include <uv.h>

/* What lies in a lane's mailbox starts with this. */
struct message {
  unsigned kind; /* lane.c: a job, or a note from the courier */
};

/* One piece of work for one volume. Made by the main thread, worked on by the lane, given back to the main thread through `done`. */
struct job {
  struct message message; /* the lane's own */
  uint32_t volume;
  struct arena arena; /* items and results; freed by whoever gets `done` */
  struct item *items; /* things that happen to users, in order; or … */
  size_t item_count;
  struct str fact;                             /* … a control fact for every partition of the volume; or … */
  void (*call)(struct job *j, struct flow *f); /* … a look at what the lane owns: reads, or an erasure */
  bool withdraw;               /* opt-out: items[0]'s user's waiting messages are withdrawn, and `done` waits for the courier's word (C3) */
  bool stops;                  /* kill: `done` waits until the courier has done what it was told before this (C4) */
  bool urgent;                 /* opt-out, kill: uses the room kept for them */
  bool outbox;                 /* set by `call`: it wrote rows of the outbox, which the courier is to have */
  struct err err;              /* kind ERR_NONE when all went well */
  void (*done)(struct job *j); /* [main] */
  void *owner;
  size_t work;           /* what `call` is to do, in items: a lane is bounded in both together */
  struct str user, text; /* for calls: what was asked */
  int64_t number;
  size_t held;   /* bytes that the request holds while it waits, besides the arena */
  size_t weight; /* the lane's own */
};

struct lanes_options {
  struct book *book;
  struct library *library;
  uint32_t lanes;                   /* 0: processors − 1, at least 1, at most volumes */
  const struct endpoint *endpoints; /* none: rows wait in the outbox and expire there */
  size_t endpoint_count;
  uint32_t letters_most;             /* what the courier holds at once; 0: its own default. More waits in the outbox */
  const struct retention *retention; /* how long things are kept; NULL: nothing is trimmed */
  uv_loop_t *loop;                   /* the main thread's: `done` is called on it */
};
struct lanes;
struct lanes *lanes_open(const struct lanes_options *options, struct err *e); /* opens and recovers every volume [main] */
/* Makes `p` the program of every partition that has another one, durably. Between lanes_open and lanes_run. [main] */
bool lanes_activate(struct lanes *l, const struct program *p, int64_t number, struct err *e); /* number: of control.db's fact */
bool lanes_run(struct lanes *l, struct err *e); /* starts the threads; from here on jobs are taken [main] */
void lanes_close(struct lanes *l);              /* does what was submitted, settles, closes [main] */
/* False: no room (429). Otherwise the job is on its way and `done` will be called. [main] */
bool lanes_submit(struct lanes *l, struct job *j);
bool lanes_full(const struct lanes *l);                   /* no volume would take an ordinary job [main] */
bool lanes_room(const struct lanes *l, uint64_t volumes); /* would ordinary jobs for these volumes be taken? [main] */
/* Jobs and their arenas are used again: a request in steady state allocates nothing here. [main] */
struct job *job_new(uint32_t volume);
void job_free(struct job *j);

struct lanes_figures {
  struct flow_figures flow;
  struct volume_figures book;
  struct courier_figures courier;
  uint64_t turns, turn_items, waiting, ticks_due;
  uint64_t unreadable; /* messages that ended because they are damaged */
};
/* Sums over lanes, as of their last turn; a moment's view. [main] */
void lanes_figures(struct lanes *l, struct lanes_figures *out);
struct courier *lanes_courier(struct lanes *l);
struct flow *lanes_flow(struct lanes *l,
                        uint32_t volume); /* between lanes_open and lanes_run, while the volumes are the main thread's [main] */
