/* decide: beliefs become a decision. Triggers, the slate, safeguards, rollout gates, arms and draws, and the stored reason for a send or a
 * silence. Pure: reads the program's rules, a user, an event and slots of values; writes a list of decisions. It sends nothing, stores
 * nothing, asks no clock and no other chance than kit/rng. decision_apply then moves the user's state; recovery applies stored records the
 * same way and never decides again. */
#pragma once
#include "book/book.h"
#include "language/language.h"
#include "stats/anytime.h"

#define OPTIONS_MOST  32 /* candidates of one trigger */
#define ROLLOUTS_MOST 64 /* rollouts of a program */
#define NO_ONE        UINT32_MAX

/* ---- the program's rules [builder] ---- */
struct rules;
/* What rules need from the rooms beside them, as questions. */
struct rules_needs {
  size_t (*message_slots)(void *context, uint32_t option, const uint32_t **slots); /* the slots that an option's message reads */
  void *context;
};
struct rules *rules_build(struct arena *a, const struct nouns *nouns, const struct vocabulary *v, struct symbols *symbols,
                          const struct rules_needs *needs, struct findings *f);
void rules_free(struct rules *r); /* what the arena does not hold */
/* For symbols.find: arm.<experiment> and the names that the moment gives (event.local_hour, event.local_minute, event.local_weekday 0 =
 * Monday, event.age_minutes, goal.offered, goal.<kind>). */
bool rules_find(const struct nouns *nouns, struct str name, struct symbol *out);

/* arm.<experiment>: the arm of an experiment by user, from the first exposure on; unknown before. [lane] */
struct value rules_arm(const struct rules *r, uint32_t experiment, const struct user *u);

/* Who listens to an event type; the same object for the same type. NULL: nobody. */
struct listening {
  const uint32_t *triggers;
  size_t count;
  const uint32_t *screen;            /* symbols that the triggers' `when` read; features, which cost most, stand at the end */
  size_t screen_count, screen_early; /* all of them; those without the features */
  const uint32_t *rest;              /* symbols that only a slate reads: options, arms, messages */
  size_t rest_count;
  const uint32_t *derived; /* segments and functions: the `derived_screen` of screen, ascending, then those of rest */
  size_t derived_count, derived_screen;
};
const struct listening *rules_listening(const struct rules *r, struct str event_type);
/* For ticks other than the day's: the one trigger named in the tick. */
const struct listening *rules_listening_all(const struct rules *r); /* every trigger: for a decision that is asked for */
const struct listening *rules_listening_to(const struct rules *r, struct str trigger);
uint64_t trigger_models(const struct rules *r,
                        uint32_t trigger); /* bit per model that its when, options, arms or messages read; set by rules_bind_models */
/* `models_of`: a bit for each model that has to be asked for a belief. */
void rules_bind_models(struct rules *r, uint64_t (*models_of)(void *context, uint32_t belief), void *context);
bool rules_have_moments(const struct rules *r); /* does a trigger wait for an hour, a day, a silence, a follow-up? */
size_t rules_triggers(const struct rules *r);
struct str trigger_name(const struct rules *r, uint32_t trigger);
struct str option_name(const struct rules *r, uint32_t option);
uint32_t rules_trigger(const struct rules *r, struct str name); /* NO_ONE when there is none of that name */
const struct noun_trigger *trigger_noun(const struct rules *r, uint32_t trigger);
const struct noun_intervention *option_noun(const struct rules *r, uint32_t option);
const struct noun_rollout *rollout_noun(const struct rules *r, uint32_t rollout);
size_t rules_rollouts(const struct rules *r);
size_t rules_options(const struct rules *r);
size_t rules_experiments(const struct rules *r);
const struct noun_experiment *experiment_noun(const struct rules *r, uint32_t experiment);
uint32_t experiment_control(const struct rules *r, uint32_t experiment); /* the arm that the others are held to; NO_ONE: none */
/* The conditions that a trigger (when, available) or an intervention (accept, available) has; how many. */
struct rule_condition {
  const char *field;
  const struct expression *condition;
};
size_t trigger_conditions(const struct rules *r, uint32_t trigger, struct rule_condition out[2]);
size_t option_conditions(const struct rules *r, uint32_t option, struct rule_condition out[2]);

/* Whether this person could be sent anything at `clock`, whatever the rules say: {"possible", "reason", "detail", figures}. A look. [lane]
 */
struct controls;
void rules_safeguards(const struct rules *r, const struct controls *c, const struct user *u, int64_t clock, struct json_writer *w,
                      struct arena *a);

/* ---- controls: what operators said, as control facts in journal order; one a partition ---- */
struct controls {
  bool kill_all;
  uint64_t *killed; /* sorted hash_64 of "trigger:x", "intervention:x", "experiment:x", "rollout:x", "model:x" */
  size_t killed_count, killed_cap;
  struct control_stage {
    uint64_t rollout; /* hash_64 of its name */
    int32_t stage;    /* −1 halted */
    bool held;
    int64_t since;   /* when it came to this stage, UTC ms; 0: not said */
    double holdback; /* the share that stays out for the stage's hold though it reaches everybody; 0: none, or not said */
    int64_t anew;    /* when it last came back from a halt: who entered before is out, UTC ms; 0: never, or not said */
    bool by_itself;
  } * stages;
  size_t stage_count, stage_cap;
  uint64_t *ended; /* hash_64 of "experiment#revision": everybody gets its control arm */
  size_t ended_count, ended_cap;
};
/* Facts: {"kind":"kill","name":"trigger:x"|"all"}, {"kind":"unkill",…}, {"kind":"rollout","name":"x","stage":1}, with "anew":true where it
 * comes back from a halt and "holdback":0.05 where it comes to everybody, {"kind":"experiment","name":"x","revision":1,"ended":true}. Other
 * kinds are left alone (true). */
bool controls_apply(struct controls *c, struct str fact_json, struct arena *scratch, struct err *e);
bool controls_killed(const struct controls *c, uint64_t name_hash); /* by name, or everything */
bool controls_named(const struct controls *c, uint64_t name_hash);  /* by name */
int32_t controls_stage(const struct controls *c, uint64_t rollout); /* 0 when nobody moved it */
int64_t controls_since(const struct controls *c, uint64_t rollout); /* 0 when nobody moved it */
/* When a fact about a rollout says that it last came back from a halt; false, and as it was: it says nothing of that. */
bool controls_said_anew(const struct json *fact, struct arena *scratch, int64_t *anew);
/* When the stage began, as the fact itself says (true), or when it was said (false; 0 when that is unknown). */
bool controls_said_since(const struct json *fact, struct arena *scratch, int64_t *since);
int64_t controls_anew(const struct controls *c, uint64_t rollout); /* entries from before it count no more; 0: all count */
double controls_holdback(const struct controls *c, uint64_t rollout);
bool controls_by_itself(const struct controls *c, uint64_t rollout); /* was it the engine that moved it there? */
bool controls_ended(const struct controls *c, uint64_t experiment);  /* hash_64 of "name#revision" */
void controls_free(struct controls *c);

/* ---- deciding [lane] ---- */
/* Chance as a scenario wants it; never set by an engine. Negative: drawn as ever. */
struct fixed_chance {
  double draw;  /* the uniform of arms and of options */
  double place; /* the user's place in every rollout's order */
};
struct moment_input {
  const struct rules *rules;
  const struct controls *controls;
  const struct user *user;
  const struct event *event;
  const struct listening *listening;
  struct value *slots; /* by symbol */
  int64_t clock;       /* the decision clock, UTC ms */
  /* The id of the first decision of this event; the k-th true trigger in name order has first + k. 0: a dry run, whose records have no id
   * and say so, and whose draws are those of no real decision. */
  uint64_t first_decision;
  const char *program; /* hex digest, shortened */
  uint32_t asked;      /* a trigger asked for by POST /v1/decide, or NO_ONE */
  /* Can the option's message be said to this user? false: `missing` names the placeholder. */
  bool (*sayable)(void *context, uint32_t option, struct str *missing);
  void *context;
  const struct fixed_chance *fixed; /* NULL but for `kairos test` */
};
enum outcome { OUTCOME_SENT, OUTCOME_SILENT, OUTCOME_UNAVAILABLE, OUTCOME_OUTRANKED, OUTCOME_GATED };
#define OUTCOMES (OUTCOME_GATED + 1)
const char *outcome_word(enum outcome o);
size_t reason_words(const char **words, size_t most); /* why nobody was disturbed: all there are, at most `most` */

struct goal_kind;
struct goal_given { /* what goal.c made of a proposed goal; kind NULL: none */
  const struct goal_kind *kind;
  double proposed, before, value; /* before: 0 when there was none */
};
#define GOAL_KINDS         2
#define CLOCK_GOAL_OFFERED 4 /* the index of goal.offered among the names of the moment; the goals in force follow */
/* The goal in force of the kind of that number, with names as "goal.steps"; missing while none was given. [lane] */
struct value goal_in_force(uint32_t kind, const struct user *u);
struct candidate {
  uint32_t option;
  double score, parts[4]; /* effectiveness, match, history, context, before weighting */
  const char *reason;     /* NULL: eligible */
  struct str detail;
  struct goal_given goal;
  double propensity;
};
struct decision {
  uint64_t id;
  int64_t at;
  uint32_t trigger;
  enum outcome outcome;
  const char *reason; /* a word of reasons.h, or NULL */
  struct str detail;  /* what exactly: "profile.timezone", "3 of 3 in 24 h" */
  uint32_t by;        /* OUTRANKED: the winning trigger */
  uint32_t option;    /* SENT, or the option that an arm named; else NO_ONE */
  struct candidate *candidates;
  size_t candidate_count;
  double silence; /* propensity of silence */
  bool drawn;
  double uniform;
  uint32_t experiment; /* NO_ONE: none */
  uint32_t arm;
  bool exposed_first;     /* first exposure to this experiment revision */
  bool ended;             /* the experiment has: its control arm, and no draw */
  uint64_t entered;       /* bit per rollout that the user entered with this decision */
  struct goal_given goal; /* SENT, when the option sets one */
  uint32_t gate;          /* GATED: the rollout */
  struct halted {         /* … when it is halted; at 0: it is not, or nobody said when */
    int64_t at;
    bool by_itself;
  } halted;
  struct held_back { /* GATED by the holdback of a stage that reaches everybody; until 0: is not */
    double share;
    int64_t until; /* UTC ms */
  } held_back;
  int64_t expires, send_before; /* SENT */
  struct guard_figures {
    int32_t day, day_most, week, week_most;
    int64_t since_last; /* ms; −1 none */
    bool quiet;
    int32_t local_minute;
    enum consent consent;
    int32_t age;
  } guard;
};
/* Tells which triggers may be true on what is known so far: maybe[k] for listening->triggers[k] is 1 when `when` is not false. Returns the
 * union of their models' bits (0: none needed). */
uint64_t decide_screen(const struct rules *r, const struct listening *l, const struct value *slots, unsigned char *maybe);
/* The same before any feature is worked out: maybe[k] is 0 where no feature and no belief could make `when` true, and `wanted` (room for
 * the features of l->screen) lists the features that the others read. 0 with nothing in doubt. */
size_t decide_screen_early(const struct rules *r, const struct listening *l, const struct value *slots, unsigned char *maybe,
                           uint32_t *wanted);
/* Then for those that were left. */
uint64_t decide_screen_late(const struct rules *r, const struct listening *l, const struct value *slots, unsigned char *maybe);
/* All decisions of one event, in order of id. `maybe` from decide_screen narrows the work, or NULL. [lane] */
size_t decide_event(struct moment_input *in, const unsigned char *maybe, struct arena *a, struct decision **out);
/* The record: canonical JSON, the same bytes for the same decision everywhere. `symbols` names what was read. */
void decision_record(const struct moment_input *in, const struct symbols *symbols, const struct decision *d, struct str message_json,
                     struct buf *out);
/* A decision made elsewhere (logged_decision: data.option, data.propensity, data.decisionId), booked with source "imported". */
void decision_imported(uint64_t id, const struct user *u, const struct event *e, int64_t clock, struct arena *scratch, struct buf *out);
/* hash_64 of "trigger:x", "intervention:x", "experiment:x" and of every "rollout:x" that gates one of them, at most `most`; how many there
 * are. */
size_t decision_kill_names(const struct rules *r, const struct decision *d, uint64_t *names, size_t most);
/* Moves the user's state as the decision says: send, cooldowns, rollout entry, exposure. From the structure or from a stored record: the
 * same. */
bool decision_apply(struct user *u, const struct rules *r, const struct decision *d);
bool decision_apply_record(struct user *u, struct str record, struct arena *scratch, struct err *e);

/* ---- rollouts that move by themselves ---- */
enum rate { RATE_OPT_OUT, RATE_COMPLAINT, RATE_WEBHOOK_ERROR, RATES };
struct rate_count {
  uint64_t bad, all;
};
#define RATE_ALPHA 0.05 /* how often a bound is wrong, over a whole stage */
const char *rate_word(enum rate r);
/* What is known of a rollout in its stage. */
enum reached { REACHED_NOT, REACHED, REACHED_GROUPS };
struct stage_figures {
  struct rate_count rates[RATES];                  /* what is not known is of nobody */
  bool counted;                                    /* the journal was read to its end: what follows is known */
  uint64_t decisions, users;                       /* sends and drawn silences of those who are in; who came in */
  const struct moments (*metrics)[REACHED_GROUPS]; /* by number of the metric's noun */
};
/* TRUE: its `halt`, its `advance`, holds on these figures, and `why` says with which. A name alone is the bound on the careful side: a halt
 * and an advance are beyond doubt. UNKNOWN without the condition, or while what it reads is not known. */
enum truth rollout_halts(const struct rules *r, uint32_t rollout, const struct stage_figures *f, struct arena *a, struct str *why);
enum truth rollout_advances(const struct rules *r, uint32_t rollout, const struct stage_figures *f, struct arena *a, struct str *why);
bool rollout_measures(const struct rules *r, uint32_t rollout, uint32_t metric); /* does one of the two read it? */
bool rollout_reads_journal(const struct rules *r, uint32_t rollout);             /* … or anything that is counted in the journal? */
/* Is it chance alone that separates those whom the stage reached from those whom it did not? Not with `only` or `order`. */
bool rollout_compares(const struct rules *r, uint32_t rollout, int32_t stage);
bool rollout_outside(const struct rules *r, uint32_t rollout, int32_t stage,
                     struct str user);                                                   /* by their place the stage leaves them out */
bool rollout_gates_trigger(const struct rules *r, uint32_t rollout, struct str trigger); /* it, its experiment, or an option of it */
/* Is somebody in the rollout who got this option, or a silence, from this trigger? */
bool rollout_gates_decision(const struct rules *r, uint32_t rollout, struct str trigger, struct str option);
/* The user came into the rollout at that time, UTC ms; 0: is not in, or was before the last halt only. */
int64_t rollout_since(const struct rules *r, const struct controls *c, uint32_t rollout, const struct user *u);
/* What a move to that stage says of those who stay out for its hold, so that there is somebody to compare with: their share; 0: nobody. */
#define ROLLOUT_HOLDBACK 0.05
double stage_holdback(const struct noun_rollout *n, int32_t stage);
bool rules_gate_models(const struct rules *r);                  /* does any rollout gate a model? */
uint64_t rollout_hash(const struct rules *r, uint32_t rollout); /* as controls name it */

/* ---- rollouts that gate models ---- */
/* Does a rollout keep the user from the model, by the number of its noun? Reads the slots of the screen. [lane] */
bool model_gated(const struct moment_input *in, uint32_t model);
/* The model was asked for the user, so they are in every rollout that gates it; live, in recovery and in replay. False: no memory. */
bool model_gated_by(const struct rules *r, uint32_t model, struct str rollout); /* does the rollout of this name gate it? */
bool model_entered(const struct rules *r, const struct controls *c, struct user *u, uint32_t model, int64_t at);

/* ---- ticks ---- */
/* The user's next due moment (UTC ms), or 0. Cheap when the program has no moments. */
int64_t ticks_next(const struct rules *r, const struct user *u);
/* One number for all moments that these rules wait for: where it is the same, nobody's next moment differs. 0: none. [any] */
uint64_t rules_moments(const struct rules *r);
/* The oldest tick due at `now` as an envelope in `a`; false: none. Once its row is applied (ticks_fired) the next one shows. Live, a tick
 * that is more than TICK_DECIDES_WITHIN late becomes one tick.caught_up for all that was missed: nobody gets a week of mornings at once. */
bool ticks_due(const struct rules *r, const struct user *u, int64_t now, bool live, struct arena *a, struct str *body);
/* The decisions whose messages a tick.follow_up is about, at most `most`; 0: none is known any more, or it is another tick. */
size_t ticks_follows(const struct user *u, const struct event *tick, struct arena *scratch, uint64_t *decisions, size_t most);
/* The envelope of a follow-up of what never arrived, with how its delivery ended: nobody listens to that. In `a`; empty: no memory. */
struct str ticks_undelivered(struct str body, const char *end, struct arena *a);
bool ticks_fired(struct user *u, const struct event *tick, struct arena *scratch);
const struct listening *ticks_listening(const struct rules *r, const struct event *tick, struct arena *scratch); /* NULL: nobody any more */
#define TICK_DECIDES_WITHIN (60 * CLOCK_MINUTE)
#define HISTORY_TICKS_MOST  2000 /* before one event of history */
/* The user's mark that says up to which send a trigger has followed up, for each of them; cursor from 0, false after the last. */
bool ticks_followed(const struct rules *r, size_t *cursor, uint64_t *key);
bool event_is_tick(const struct event *e);
/* Types that only the engine makes: ticks, consent, decisions asked for. Posted as events they are refused, or people would think that they
 * act. */
bool event_is_own(const struct event *e);

/* ---- merges ---- */
bool event_is_merge(const struct event *e); /* "merged_into" ends a chain, "merged_from" binds the one who stays */
/* What of `u` binds whoever it is merged into: pairs into an open object. `r` may be NULL. [lane] */
void merge_carry(const struct rules *r, const struct user *u, struct arena *scratch, struct json_writer *w);
/* Applies a merge's row: closes the user, or binds it by what was carried. [lane or replay] */
bool merge_take(struct user *u, const struct event *e, int64_t clock, struct arena *scratch, struct err *err);
uint64_t merge_mark(struct str from);                             /* of the user's mark that says: that id was merged into this one */
double holdout_place(const struct user *u);                       /* the person's uniform for holdouts: the lowest of all their ids */
bool rules_hold_out(const struct rules *r, const struct user *u); /* by the program's policy */

/* ---- words ---- */
/* Explains a stored record in English or Russian: plain text, one fact a line; and the same as JSON. `rules` and `symbols` are of the
 * record's own program. [any] */
/* An experiment of the live program whose arms are not filled as their weights say, now; or a rollout that would go on by itself and does
 * not, as long as that is so. */
struct ratio_held {
  struct str experiment, rollout; /* empty: it is about the experiment itself … */
  int64_t revision;               /* … and this revision of it */
};
struct ratios_held {
  const struct ratio_held *at;
  size_t count;
};
struct why_input {
  const struct rules *rules;
  const struct symbols *symbols;
  struct str record;
  struct str outbox_json; /* attempts and end, or empty */
  struct str traceparent; /* of the request that caused it, or empty */
  struct str trimmed_at;  /* when retention took the event away, or empty */
  bool kept;              /* it is of the journal: one may ask what else stood in the way at its time */
  const char *language;   /* "en", "ru" */
  struct ratios_held held;
};
bool why_text(const struct why_input *in, struct arena *a, struct buf *out, struct err *e);
bool why_json(const struct why_input *in, struct arena *a, struct buf *out, struct err *e);
/* Why not, now: the trigger's `when` over slots as they are, each term with what was missing and the nearest change; then what would stand
 * in its way all the same: the person's safeguards, rollout, cooldown, and each option's own conditions. Draws nothing, changes nothing.
 * [lane] */
struct behind {                       /* what a name stands for that conditions read: a segment's own condition, and where it stands */
  const struct expression *condition; /* NULL: nothing that could be said term by term */
  const struct declared *at;
  struct str source;
};
struct why_not_input {
  struct moment_input moment; /* as for deciding; first_decision unused */
  uint32_t trigger;
  const char *language;
  struct ratios_held held;
  struct behind (*behind)(const void *names, struct str name); /* NULL: nobody knows */
  const void *names;
};
bool why_not_text(struct why_not_input *in, struct arena *a, struct buf *out);
bool why_not_json(struct why_not_input *in, struct arena *a, struct buf *out);
