/* The courier's inside: what courier.c (life and senders' side) and turn.c (its thread) share; private to emit. */
#pragma once
#include "attempt.h"
#include "kit/mailbox.h"
#include "outlet.h"
#include <pthread.h>

#define LETTERS_MOST_DEFAULT 65536
#define COMMANDS_MOST        1024 /* under way at once; room in the mailbox beyond the letters */
#define RESULTS_BATCH        256
#define RESULTS_WAIT         8 /* ms that a result may wait for others while attempts are on their way: a commit then holds many */
#define VOLUMES_MOST         64

struct withdraw_message {
  struct message head;
  uint32_t volume;
  int64_t user;
  enum refusal why;
  void *token;
};
struct killed_names {
  struct message head;
  void *token;
  size_t count;
  uint64_t names[]; /* sorted */
};
struct enable_message {
  struct message head;
  size_t endpoint;
};
union command { /* all but the kill, which is as long as its names */
  struct message head;
  struct withdraw_message withdraw;
  struct enable_message enable;
  union command *next; /* while it is spare */
};

struct courier {
  struct courier_options options; /* endpoints are not looked at after the start */
  char *origin;
  struct mailbox *box;
  struct message stop;
  pthread_t thread;
  /* Room, made at the start, for every command that may be under way: an opt-out is carried out whatever happens to memory. */
  pthread_mutex_t commands_lock;
  union command *commands, *spare;
  pthread_mutex_t views_lock; /* over what others may see of endpoints */
  /* Shared with senders. `held` counts letters from push to end; `hungry` has a bit per volume whose push was refused. */
  _Atomic uint32_t held;
  _Atomic uint64_t hungry;
  _Atomic uint64_t attempts, delivered, failed, expired, withdrawn, in_flight;
  /* The thread's own from here on. */
  uv_loop_t loop;
  uv_prepare_t prepare;
  uv_poll_t box_poll;
  uv_timer_t wake, results_due;
  uv_idle_t busy;
  struct http *http;
  struct outlets outlets;
  struct parcels parcels;
  struct killed_names *killed; /* NULL: nothing is */
  /* Room, made at the start, for the end of every letter that may be held and for every attempt that may be under way: whatever happens to
   * the lanes' memory, no result is lost. A letter counts as held until its end was taken. */
  struct attempt_result *results;
  size_t result_count, result_most;
  int64_t results_later; /* tick until which nobody is asked to take them, since memory failed */
  int64_t now, tick;     /* of this turn: UTC ms, monotonic ms */
  int64_t short_until;   /* tick until which nobody is asked for letters, since memory failed */
  size_t running;
  bool stopping, closed;
};
/* Results of attempts that are to be tried again, kept or under way, at most. */
static inline size_t attempts_most(const struct courier *c) {
  return c->options.endpoint_count * IN_FLIGHT_MOST + RESULTS_BATCH;
}
void command_done(struct courier *c, struct message *m); /* [courier] its room is spare again */
/* turn.c */
bool turn_open(struct courier *c, struct err *e); /* [main] loop and handles, before the thread starts */
void turn_run(struct courier *c);                 /* [courier] until stopped */
void turn_discard(struct courier *c);             /* [main] for a start that failed after turn_open */
bool gate_open(void *context, void *owner);
void attempt_ended(void *context, const struct http_outcome *o);
