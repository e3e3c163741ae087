/* What rules are inside decide: built once by rules.c, read by slate, guard, experiment, ticks, record and why. */
#pragma once
#include "decide/decide.h"
#include "kit/map.h"

struct gates {
  const uint32_t *at; /* rollout numbers, ascending */
  size_t count;
};
struct trigger {
  const struct noun_trigger *noun;
  struct expression *when, *available;
  uint32_t *offer;
  size_t offer_count;
  uint32_t experiment; /* NO_ONE */
  uint32_t choose;     /* NO_ONE: score with the default weights */
  uint32_t order;      /* place by priority, then name: the slate's order before expected values */
  struct gates gates;
  uint64_t hash, names[1]; /* hash_64 of the bare name, and of "trigger:name" */
  uint64_t screen_models, models;
  const uint32_t *features; /* slots of features that `when` reads */
  size_t feature_count;
  bool steady; /* `when` is expression_steady */
};
struct option {
  const struct noun_intervention *noun;
  struct expression *accept, *available, *match, *fits;
  struct expression *goal_value, *goal_usual;
  struct expression *strained;  /* true: too little recovered for hard effort; NULL: it asks for none */
  const struct goal_kind *goal; /* NULL: sets none */
  struct gates gates;
  uint64_t hash, kill_name;
};
struct arm {
  uint32_t option; /* NO_ONE: silence, or whatever the trigger offers */
  bool silence;
};
struct experiment {
  const struct noun_experiment *noun;
  struct expression *available;
  struct expression **strata; /* beside noun->strata: read at first exposure */
  struct arm *arms;
  uint32_t trigger;
  struct gates gates;
  uint64_t kill_name, exposure, end_name;
  uint32_t control; /* the arm named "control", or the only silent one; NO_ONE: none */
  struct str salt;  /* "name#revision": arms never move within a revision */
};
struct stage {
  double share;
  struct expression *only;
  int64_t turn; /* order = "risk": ms from one tier's entry to the next; 0: all at once */
};
struct tier { /* a segment that says how much change its users bear */
  uint32_t slot;
  int64_t rank; /* 0 high, 1 medium, 2 low, 3 minimal */
};
#define TIERS 4
struct figure { /* what a name of `halt` or `advance` stands for */
  enum figure_kind { FIGURE_UNKNOWN, FIGURE_RATE, FIGURE_DECISIONS, FIGURE_USERS, FIGURE_LEVEL, FIGURE_LIFT, FIGURE_DIFFERENCE } kind;
  enum rate rate;
  uint32_t metric;
  bool lower_is_better, estimate;
};
struct stage_condition {
  struct expression *condition; /* NULL: none */
  const struct symbols *names;  /* its slots … */
  const struct figure *figures; /* … and what they are */
};
struct rollout {
  const struct noun_rollout *noun;
  struct stage *stages;
  struct stage_condition halt, advance;
  uint64_t hash, kill_name, entry;
};
/* All policies of a program in one: each field the strictest that anybody said. */
struct policy {
  int32_t quiet_from, quiet_to;
  int32_t per_day, per_week;
  int64_t gap;
  double holdout;
  bool minors_nothing;
  bool enrolled; /* consent = "by_enrolment": unknown consent counts as given, opt-out still wins */
};
struct rules {
  struct trigger *triggers;
  struct option *options;
  struct experiment *experiments;
  struct rollout *rollouts;
  const struct noun_choose *chooses;
  size_t trigger_count, option_count, experiment_count, rollout_count, choose_count;
  struct tier *tiers;
  size_t tier_count;    /* 0 when no stage has an order */
  struct gates *models; /* by number of the model's noun; NULL: no rollout gates a model */
  struct policy policy;
  struct map listening;       /* hash_64 of event type → struct listening * */
  struct listening *everyone; /* all triggers */
  struct listening *single;   /* one per trigger */
  bool any_moment;            /* some trigger has a schedule, silence, follow-up or day */
  const struct symbols *symbols;
  uint32_t offered; /* the slot of goal.offered; NO_ONE: nobody reads it */
};

#define TRIGGERS_MOST 1024 /* of a program */

/* The engine's own limits; a policy only lowers them (C1, C2). */
#define LIMIT_DAY  3
#define LIMIT_WEEK 12
#define LIMIT_GAP  (60 * CLOCK_MINUTE)
#define QUIET_FROM (21 * 60)
#define QUIET_TO   (8 * 60)
#define ADULT_AGE  18

/* ---- guard.c ---- */
/* The person's safeguards at `clock`: NULL when a send is allowed, else the reason's word; figures are filled either way. */
const char *guard_user(const struct rules *r, const struct controls *c, const struct user *u, int64_t clock, struct guard_figures *g,
                       struct arena *a, struct str *detail);
/* Each that stands, one a call, in the order of deciding: `*from` is 0 at first and moves on; NULL: no more. Deciding needs the first one
 * only, an explanation all. Of the person, where no operator stopped everything; `u` NULL: those that the figures alone tell. */
const char *guard_user_next(const struct rules *r, const struct user *u, const struct guard_figures *g, struct arena *a, struct str *detail,
                            int *from);
const char *guard_trigger(const struct moment_input *in, const struct trigger *t, struct str *detail, int *from);
/* `goal`: what the option would set, when the answer is NULL; its messages read it as goal.offered. */
const char *guard_option(const struct moment_input *in, uint32_t option, bool minor, struct arena *a, struct str *detail,
                         struct goal_given *goal, int *from);
int64_t guard_last_send(const struct user *u, uint64_t hash, bool option); /* of an option, or a trigger; INT64_MIN: none is known */
bool guard_minor(const struct user *u);
bool guard_unwell(const struct user *u, struct arena *a);                     /* ill, injured or pregnant, or the profile cannot be read */
void put_guard_figures(struct json_writer *w, const struct guard_figures *g); /* record.c: an object */
void put_halted(struct json_writer *w, const struct halted *h);               /* record.c: "halted", into an open object; or nothing */
void put_held_back(struct json_writer *w, const struct held_back *h);         /* … "holdback" */
/* The next moment at which quiet hours begin in the user's zone, strictly after `clock`. */
int64_t guard_next_quiet(const struct rules *r, const struct user *u, int64_t clock);

/* ---- ticks.c ---- */
struct silence { /* of a person, that a trigger waits for; UTC ms */
  int64_t after, last, due;
  enum silence_state {
    SILENCE_WAITING, /* due in the future */
    SILENCE_DUE,     /* now, or with the next look at the clock */
    SILENCE_TOLD,    /* once is enough: something has to come before */
    SILENCE_MISSED,  /* written off: it was due while the engine stood still */
    SILENCE_PAST,    /* known from an import only: moments come with events */
    SILENCE_UNHEARD  /* nothing ever came; `last` and `due` say nothing */
  } state;
};
struct silence ticks_silence(const struct user *u, const struct trigger *t, const struct moment *m, int64_t now);

/* ---- rollout.c ---- */
/* The first gate that keeps the user out, or NO_ONE; sets bits of `entered` for rollouts that the user enters with this decision. */
uint32_t rollout_gate(const struct moment_input *in, const struct gates *gates, uint64_t *entered);
struct held_back rollout_held_back(const struct moment_input *in, uint32_t rollout); /* of a gate that keeps the user out */
const char *rollout_reason(const struct moment_input *in, uint32_t rollout);         /* why this gate keeps the user out */

/* ---- halt.c ---- */
/* Compiles `halt` and `advance`; a name that is no figure is an error; what cannot be measured, or can never be true, a warning. [builder]
 */
void stage_conditions_build(struct arena *a, const struct nouns *nouns, struct rollout *o, struct findings *f);

/* ---- figures.c ---- */
struct figure figure_of(const struct nouns *n, struct str name); /* FIGURE_UNKNOWN: nothing is called so */
/* Why a rollout's figure can never be known, as the end of a sentence; NULL: it can. */
const char *figure_unmeasured(const struct nouns *n, const struct noun_rollout *o, const struct figure *f);
/* The figure's value, on the careful side for a halt or for an advance; MISSING: not known yet. `said`: with what it was made of, or NULL.
 */
struct value figure_value(const struct figure *f, const struct stage_figures *s, bool halts);
void figure_say(struct buf *out, struct str name, const struct value *v, const struct figure *f, const struct stage_figures *s, bool halts);

/* ---- experiment.c ---- */
/* Draws an arm; candidates' propensities and d->silence are set for every option of the point. */
void experiment_draw(const struct moment_input *in, const struct experiment *x, struct decision *d);
/* Availability before chance: NULL when every arm could be carried out, else the reason; each that stands, one a call, as in guard.c.
 * EXPERIMENT_ARMS and above: an arm that could not be. */
#define EXPERIMENT_ARMS 3
const char *experiment_unavailable(const struct moment_input *in, const struct experiment *x, const struct decision *d, bool minor,
                                   struct str *detail, int *from);

/* ---- score.c ---- */
void score_option(const struct moment_input *in, const struct noun_choose *weights, struct candidate *c);
