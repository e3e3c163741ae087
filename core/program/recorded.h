/* What cannot be recomputed, kept beside an event in its journal row: the decision clock, the sender, what the models said, which decisions
 * followed. Replay reads this instead of asking clocks and models again. */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/str.h"
#include "kit/trace.h"
#include "language/value.h"

struct recorded_belief {
  uint32_t belief;    /* number within the program */
  struct value value; /* a number, or missing with its reason */
};
struct recorded {
  int64_t clock;     /* decision clock, UTC ms */
  int64_t received;  /* UTC ms */
  bool history;      /* ?clock=event or import */
  bool may_identify; /* the sender's scope may change zone and age */
  bool decides;      /* false: too late to be a decision point */
  bool returned;     /* the first row of somebody new under the id of somebody who was erased */
  struct str source;
  struct str given_id; /* the id that was given when the sender sent none; empty otherwise */
  uint64_t first_decision;
  uint32_t decision_count;
  struct recorded_belief *beliefs;
  uint32_t belief_count;
  struct trace trace; /* of the request that brought it; decides nothing */
  struct str filled;  /* ENTRY_FILLED: the windows, packed (features_pack); empty otherwise */
};
void recorded_pack(const struct recorded *r, struct buf *out);
bool recorded_unpack(struct str bytes, struct arena *a, struct recorded *out, struct err *e); /* views into `bytes`; beliefs in `a` */
