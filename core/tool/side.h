/* A side: one program that lives through events that happened, in a world of its own: its users, their states, their ticks, its sends. Two
 * of them show what a change would have altered. */
#pragma once
#include "again.h"
#include "kit/map.h"
#include "kit/pile.h"

struct made { /* a decision, as far as two programs are compared by it; views into the step's arena */
  struct str trigger, outcome, option, reason, arm, message;
  int64_t at;
  bool matched;
};
struct happening { /* something that happened; the same for both sides */
  enum entry_kind kind;
  struct event event;
  struct recorded recorded; /* of its row; beliefs and decisions are not used */
  uint64_t first_decision;  /* 0: none was made then */
};
struct side {
  const struct program *program;
  struct flow *flow;
  struct models_again models;
  struct map users;   /* hash of the id → struct user * */
  struct pile people; /* the same users, in the order in which they were met */
  struct arena names;
  struct user *user; /* of the step that is walked now */
  struct arena *step;
  struct made *made; /* of this step, in the order in which it was decided */
  size_t made_count, made_cap;
  uint64_t refused, ticks, decisions, sends;
};
/* `program` must be in the library. Close it all the same when false. */
bool side_open(struct side *s, struct library *library, const struct program *program, struct err *e);
void side_close(struct side *s);
/* Another set of people; flow, facts and figures stay. */
void side_forget_people(struct side *s);
/* Finds the user or makes one who is new, with `consent`. NULL: no memory. */
struct user *side_meet(struct side *s, struct str id, enum consent consent);
bool side_fact(struct side *s, uint32_t partition, struct str fact_json, struct err *e); /* programs of the past are left out */
/* What happens to side_meet's user: first the ticks that this program owes until then, then the event itself. Its decisions are in `made`
 * until the next step; `step` must live as long. */
bool side_step(struct side *s, const struct happening *h, struct arena *step, struct err *e);
/* Only the ticks until `until`. */
bool side_ticks(struct side *s, int64_t until, struct arena *step, struct err *e);
bool made_of_record(struct str record, struct arena *a, struct made *out, struct err *e);
