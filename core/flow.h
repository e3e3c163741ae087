/* flow: the driver. Walks what happened to people through the verbs, one volume at a time: knows when each stage runs, never how. A lane
 * owns one flow per volume; `kairos replay` owns flows of its own, which keep nothing and compare instead. */
#pragma once
#include "accept/accept.h"
#include "book/aliases.h"
#include "book/book.h"
#include "program/program.h"
#include "program/recorded.h"

/* One thing that happens to one user. */
struct told { /* what the answer says of a decision */
  uint64_t id;
  struct str user, trigger, option;
  enum outcome outcome;
  const char *reason;
};
enum item_state { ITEM_TAKEN, ITEM_DUPLICATE, ITEM_REFUSED };
struct item {
  enum entry_kind kind;
  struct event event;
  bool may_identify;
  enum duplicate elsewhere;        /* EVENT: SAME or OTHER, found in the chain of an id that was merged into this user's */
  uint32_t asked;                  /* ASKED: the trigger asked for, or NO_ONE for the whole slate */
  bool dry_run;                    /* ASKED: decides on a copy of the moment, keeps nothing */
  struct str filled;               /* FILLED: the packed windows */
  const struct trace *trace;       /* of the request that brought it; NULL: none */
  const struct recorded *recorded; /* replay: what was recorded; NULL live */
  struct arena *results;           /* where told and records are laid; NULL: the walk's own arena */
  struct user *user;               /* the walk's own: who it is about, once found */
  uint32_t ticks;                  /* the walk's own: ticks of history that came before it */
  /* out */
  enum item_state state;
  struct err err; /* REFUSED */
  bool learned;
  bool recalled;            /* TAKEN, and the user's waiting messages were withdrawn */
  bool undeclared;          /* TAKEN, but no event noun has its type: stored, counted, decides nothing */
  struct undeclared fields; /* TAKEN, and not declared though the type is */
  struct told *told;
  size_t told_count;
  struct str *records; /* the decisions' records, as many as told */
};

struct merge_clock { /* when a row about a person happens: history's people live on their own time */
  int64_t at;
  bool history;
};

struct flow;
/* A step of the walk, as the keeper sees it. */
struct kept {
  struct user *user;
  struct entry *entry;
  const struct recorded *recorded;
  const struct decision *decisions;
  struct str *records;
  struct letter **letters; /* beside each decision: NULL unless sent */
  size_t count;
  const struct item *item;
};
struct belief_ask {
  const struct program *program;
  uint32_t partition;
  struct user *user;
  const struct event *event;
  uint64_t models, gated; /* gated: of them, what a rollout keeps from the user */
};
struct flow_keeper { /* live: the volume (NULL); replay: whoever compares */
  bool (*keep)(void *context, const struct kept *k, struct err *e);
  struct user *(*find)(void *context, struct str id, bool create, struct err *e);
  /* What the models say is recorded, so replay does not ask them. Whoever would ask all the same (NULL: nobody) is told which ones the
   * moment wanted (a bit each) before it is decided, and may put other beliefs in place of the recorded ones; they lie in `a`. */
  void (*believe)(void *context, const struct belief_ask *ask, struct recorded *r, struct arena *a);
  void *context;
};
struct flow_figures {
  uint64_t events, duplicates, refused, ticks, decisions[5], late, undeclared;
  uint64_t answers_lost;                     /* named a decision that is not among the user's newest sends: nothing was learned of them */
  uint64_t filled;                           /* users whose new features were filled, since the start */
  uint64_t warming, warm_users, warm_looked; /* while a walk is under way: volumes that walk, their users, those looked at */
};

/* What a candidate beside the live program would have decided otherwise; counted by all lanes, read by whoever shows it. */
struct shadow_rule {
  struct str name;
  uint64_t same, gained, lost, changed;
};
struct shadow_counts {
  uint64_t moments;
  struct shadow_rule all, others; /* others: of rules that are not in the list */
  struct shadow_rule *rules;
  size_t rule_count;
};

struct flow *flow_open(struct book *b, uint32_t volume, struct library *library, struct err *e); /* recovers first [lane] */
struct flow *flow_for_replay(struct library *library, const struct flow_keeper *keeper);         /* [any one thread] */
void flow_close(struct flow *f);
struct volume *flow_volume(struct flow *f);
const struct program *flow_program(struct flow *f, uint32_t partition); /* NULL before the first activation */
const char *flow_identity(const struct flow *f, uint32_t partition);    /* of that program, without opening it */
const struct controls *flow_controls(const struct flow *f, uint32_t partition);
const struct flow_figures *flow_figures(const struct flow *f);

/* Walks items in order; a user's items stay in their order, models are called once a wave. Results lie in `a`. False: storage failed, the
 * turn is lost. [lane] */
bool flow_walk(struct flow *f, struct item **items, size_t count, struct arena *a, struct err *e);
/* From here on `p` decides beside whatever is live, for the counts only; NULL: nobody. The flow holds it; `counts` outlives that. [lane] */
void flow_shadow(struct flow *f, const struct program *p, struct shadow_counts *counts);
/* A control fact: applied to one partition and journaled there. [lane] */
bool flow_fact(struct flow *f, uint32_t partition, struct str fact_json, struct err *e);
bool flow_apply_fact(struct flow *f, uint32_t partition, struct str fact_json, struct err *e); /* without journaling: replay */
/* Makes the program live in every partition of the volume that has another one, with zones as they are on this machine, durably. After
 * control.db has it (program_fact), outside turns. [lane] */
bool flow_activate(struct flow *f, const struct program *p, struct str fact_json, struct err *e);
/* At a start: zones whose data on this machine differs from what is in force get a new fact. After lanes have recovered, before anything
 * runs. */
bool flow_refresh_zones(struct flow *f, struct err *e);
/* Goes on with the walk over everybody after a program that defines or waits for something else, as long as `spent` says no: fills
 * definitions that came after users' chains began, finds the next moments of those who are silent (flow_due_take). What it writes joins the
 * turn, which the caller commits. `*more`: it is not over. False: storage failed, the turn is lost. Outside of walks. [lane] */
bool flow_warm(struct flow *f, bool (*spent)(const void *context), const void *context, bool *more, struct err *e);
bool flow_is_warm(const struct flow *f); /* nothing to do until the next program */
/* Makes the turn durable; then the letters of its sends belong to the caller (letters_take). */
bool flow_commit(struct flow *f, struct err *e);
bool flow_recover(struct flow *f, struct err *e);
size_t flow_letters_take(struct flow *f, struct letter **letters, size_t most);
/* Users, by number, whose waiting messages were withdrawn since the last call because their zone, age, guardian's consent or health
 * changed: after a commit, before the letters of the same turn. */
size_t flow_recalled_take(struct flow *f, int64_t *users, size_t most);
/* volume_revive, but nothing that was killed, or whose rollout was halted, since it was decided comes back; lifting that does not change
 * it. Joins the turn. [lane] */
bool flow_revive(struct flow *f, struct revival *r, uint32_t most, struct err *e);
/* Says of rows that wait (`killed`) which were killed since they were decided, also when that was lifted: outbox.find_killed. [lane] */
bool flow_find_killed(void *flow, struct outbox_row *rows, size_t count, struct err *e);
/* Users whose next tick may have changed since the last call, by number: for the lane's heap. */
size_t flow_due_take(struct flow *f, struct user **users, size_t most);
/* Tells every partition what operators said in control.db and it has not heard of: kills, lifted kills, rollout stages; durably. While the
 * volumes are the caller's: at a start, or offline. */
bool missed_facts(struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context, struct err *e);
/* Stops everything, in control.db, when that is an older copy than the one which the journals were told from. Before missed_facts. */
bool rows_behind(struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context,
                 struct err *e); /* … or a volume is */
bool facts_behind(struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context, struct err *e);

/* ---- merges (flow/merge.c): two ids are one person ---- */
/* The row that ends the chain of `from` (closes), or the one that binds `into` by what merge_carried gave. `now`: decision clock of a user
 * of history, else the time. Lies in `a`; NULL with the error set. [any] */
struct item *merge_item(struct arena *a, const struct alias *x, bool closes, struct str carried, const struct merge_clock *clock,
                        struct err *e);
struct item *opt_out_item(struct arena *a, struct str user, const struct merge_clock *clock, struct err *e);
struct merge_clock merge_clock_of(const struct user *u);
/* What of a closed user binds the other, as the data of that row. [lane] */
bool merge_carried(struct flow *f, const struct user *u, const struct alias *x, struct arena *a, struct buf *out, struct err *e);
/* Ends what an earlier run began: merges, and erasures of merged people; each step is done only where it is missing. A merge that cannot be
 * ended is logged and stays begun; false: volumes cannot be recovered, or an erasure failed. While the volumes are
 * the caller's: at a start, or offline. `flows` by volume. */
bool merges_resume(struct aliases *all, struct book *b, struct flow *(*flow_of)(void *context, uint32_t volume), void *context,
                   struct err *e);

/* Erasure: commits what the turn has so far, then destroys the user's key and rows. [lane] */
bool flow_erase(struct flow *f, struct user *u, struct err *e);
