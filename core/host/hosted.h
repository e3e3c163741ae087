/* hosted: the engine's side of a plugin host. Private to host. */
#pragma once
#include "resident.h"
#include "ring.h"
#include "zygote.h"

struct hosted_memories { /* descriptors, kept for the next zygote */
  int given, asked, told, status;
  size_t given_size;
};
struct hosted {
  const char *who; /* "model 'adherence' (svr)": borrowed */
  struct ring_shape shape;
  struct ring ring;
  struct ward_status *status;
  int leash, bell, answers[RING_PLACES_MOST];
  _Atomic uint32_t claimed, late; /* bit a place; late: asked, not answered in time, so it stays claimed */
  uint64_t posted[RING_PLACES_MOST];
  _Atomic uint64_t ready; /* the life that said so; it is not asked again, since what it shares it may spoil */
  _Atomic int64_t worked; /* ns of processor time when it was last late */
  _Atomic uint64_t lost;  /* the last life that went with its zygote */
  uint64_t generation;    /* of the zygote that has it; the keeper's, as is the next */
  struct hosted *next;
  struct hosted_memories memories;
  _Atomic uint32_t logged;    /* lines that were passed on */
  _Atomic int32_t lines_left; /* nobody fills the engine's log */
  struct arena arena;
};

/* Starts the host and waits until its model is made. `birth->fields` are made here from the schemas. [builder] */
bool hosted_start(const char *who, struct resident_birth birth, const kairos_schema *inputs, const kairos_schema *outputs,
                  struct hosted **out, struct err *e);
void hosted_stop(struct hosted *h); /* its process ends; nobody may be asking [builder] */
/* Why it does not answer: a sentence without its subject. [any] */
void hosted_tell(const struct hosted *h, char *text, size_t size);
/* Its process of this life went with its zygote: nobody waits for it. [any] */
void hosted_lose(struct hosted *h, uint64_t life);
struct zygote_host hosted_order(const struct hosted *h); /* what a zygote is told to start it [builder, keeper] */
void hosted_log(struct hosted *h);                       /* passes on what it logged [any] */

/* One batch of at most RING_ROWS rows, beginning at row `first` (a multiple of RING_ROWS) of the columns. */
struct call {
  uint32_t first, rows;
  const double *const *inputs;
  const uint64_t *const *valid;
  const uint64_t *seeds;
  double *const *outputs;
  uint64_t *const *output_valid;
  int64_t deadline;         /* clock_monotonic */
  struct ring_habit *habit; /* the asking thread's */
};
enum call_end {
  CALL_ANSWERED,
  CALL_AWAY, /* it is starting again: nobody waited */
  CALL_LATE, /* waited in vain */
  CALL_BUSY, /* nobody waited, since it has an earlier question; or in vain, and it had no processor */
  CALL_SUSPENDED,
};
/* `status` and `said` as predict gives them, when it was answered; outputs are copied then, and may hold anything. [lane] */
enum call_end hosted_call(struct hosted *h, const struct call *c, kairos_status *status, kairos_error *said);
