/* The nouns as their authors wrote them: plain data, checked against one field table each, in the program's arena.
 * Rooms build their own structures from these (decide from triggers, compute from features and models, emit from interventions).
 * The field tables (nouns.c) feed the setter, the checker, the editor definitions and the manual. */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "language/value.h"

struct declared { /* where a noun stands */
  struct str name;
  const char *file; /* relative to the program's directory: "rules/skip.lua" */
  int line;
  uint32_t order; /* the how-manieth noun of the program: files by path, then as they stand there */
};

/* A Lua value that has no table of its own, kept as a tree; keys sorted by bytes, array part in order. */
enum node_kind {
  NODE_NIL,
  NODE_BOOL,
  NODE_NUMBER,
  NODE_TEXT,
  NODE_TABLE,
  NODE_NOTHING /* the word `nothing` */,
  NODE_MOMENT /* every, silence, follow_up */,
  NODE_FUNCTION /* number: the how-manieth function that a noun of the program holds */
};
struct node {
  enum node_kind kind;
  int line;
  double number; /* BOOL: 0 or 1 */
  struct str text;
  uint32_t length; /* TABLE: array part */
  const struct node *items;
  uint32_t pairs; /* TABLE: named part */
  const struct str *keys;
  const struct node *values; /* same order as keys */
  const struct moment *moment;
};
const struct node *node_get(const struct node *n, const char *key); /* NULL when absent or no table */
struct json_writer;
/* Lists as arrays, named tables as objects; what is no data as null. [builder] */
void node_to_json(struct json_writer *w, const struct node *n);

/* What a trigger listens to: an event type, or a moment of the user's own day. */
enum moment_kind {
  MOMENT_EVENT,     /* text: the event type; "*" any declared type */
  MOMENT_DAY,       /* "day_started": first tick of the user's local day */
  MOMENT_SCHEDULE,  /* every "day":at "07:30", every "monday":at "18:00", every "weekday"/"weekend" */
  MOMENT_SILENCE,   /* silence(3 * days): once, when nothing came from the user for that long */
  MOMENT_FOLLOW_UP, /* follow_up { of = "intervention:x" | "trigger:x", after = 2 * hours }: once after each send of it */
};
struct moment {
  enum moment_kind kind;
  struct str text;   /* EVENT: type; FOLLOW_UP: what it follows, "intervention:x" or "trigger:x" */
  uint32_t weekdays; /* SCHEDULE: bit 0 Monday … bit 6 Sunday */
  int32_t minute;    /* SCHEDULE: local minute of the day */
  double seconds;    /* SILENCE, FOLLOW_UP */
};

/* A function in place of a condition or an expression. The field then holds its name, a text that starts with FUNCTION_WORD, which no
 * condition can: expression_compile takes it as it takes a condition. */
#define FUNCTION_WORD "function "
struct noun_function {
  const struct declared *at; /* the noun that holds it */
  struct str name;           /* "function trigger high_skip_risk.when (rules/skip.lua:12)" */
  uint32_t captured;         /* its NODE_FUNCTION's number */
  int line;                  /* where it begins */
  enum function_gives { GIVES_TRUTH, GIVES_NUMBER, GIVES_ANY } gives;
  const struct str *needs; /* the names that it reads: the noun's `needs` */
  size_t need_count;
};

struct noun_event_field {
  struct str name;
  enum value_kind type; /* "number" "integer" "boolean" "text" "list"; MISSING = "any" */
  bool whole;           /* integer */
  struct str unit, doc;
  double low, high; /* NAN: open */
  struct value fallback;
  struct str *one_of; /* allowed texts, count below; NULL: any */
  size_t one_of_count;
};
struct noun_event {
  struct declared at;
  struct str doc;
  struct noun_event_field *fields, *context;
  size_t field_count, context_count;
};

struct noun_feature {
  struct declared at;
  struct str doc, unit;
  struct str window; /* sum count mean rate trend since_last streak entropy circular last; empty for derived */
  struct str of;     /* event type */
  struct str field;  /* event.<field>, for all but count, since_last, streak */
  struct str where;  /* condition on the event that makes it count; may be empty */
  double days;       /* window length in days, 1–35 */
  double at_least;   /* fewer observations: missing */
  struct str value;  /* derived: an expression over other names */
  struct str *needs;
  size_t need_count;
};

struct noun_model_output {
  struct str name; /* the belief's name in conditions */
  struct str from; /* the plugin's output it is; empty: the same name */
  struct str as;   /* expression over `value`: "1 - value"; empty: as it is */
};
struct noun_model {
  struct declared at;
  struct str doc, plugin; /* plugin id, e.g. "svr": plugins/svr.so */
  struct str *inputs;     /* feature names, in order */
  size_t input_count;
  struct noun_model_output *outputs;
  size_t output_count;
  struct str state;           /* file below models/, e.g. "adherence.state"; empty: none */
  const struct node *config;  /* to the plugin, as JSON */
  const struct node *golden;  /* list of { inputs = {…}, outputs = {…}, within = 1e-6 } */
  const struct node *train;   /* what `kairos train` learns from */
  const struct node *retrain; /* when and how it is trained again */
  const struct node *combine;
  double budget;      /* seconds a batch may take; NAN: not said */
  double fallback;    /* NAN: none */
  struct str isolate; /* "process", "none"; empty: by who built the plugin */
};

struct noun_trigger {
  struct declared at;
  struct str why, when; /* when empty: always */
  struct moment *on;
  size_t on_count;
  double priority;   /* higher first; default 0 */
  struct str *offer; /* intervention names */
  size_t offer_count;
  double cooldown;      /* seconds since the last send of this trigger to this user; 0: none */
  struct str choose;    /* name of a `choose`; empty: score */
  struct str available; /* condition; false or unknown: unavailable */
  struct str *needs;    /* what its functions read */
  size_t need_count;
};

struct noun_text_pair {
  struct str key, text;
};
struct noun_intervention {
  struct declared at;
  struct str why, type, channel, action, accept, available;
  struct str match;                  /* expression 0–1: personality match; empty: 0.5 */
  struct str fits;                   /* expression 0–1: context appropriateness; empty: 0.5 */
  double effectiveness;              /* base effectiveness, 0–1 */
  double burden;                     /* ≥ 0, default 1 */
  double expires;                    /* seconds */
  double expected_impact;            /* 0–1; NAN: none */
  double cooldown;                   /* seconds since this option's last send to this user */
  struct str goal;                   /* kind of the goal that it sets, "steps"; empty: none */
  struct str goal_value, goal_usual; /* expressions: the proposal, and what the user does without one */
  bool vigorous, raises_goal;        /* what C6 and C7 must know */
  struct noun_text_pair *message;    /* language → template */
  size_t message_count;
  struct noun_text_pair *values; /* placeholder → expression */
  size_t value_count;
  struct str *needs;
  size_t need_count;
};

struct noun_choose {
  struct declared at;
  struct str why, by;                            /* "score" "random" "thompson" "plugin" */
  double effectiveness, match, history, context; /* weights; default .4 .3 .2 .1, must sum to 1 */
};

struct noun_arm {
  struct str name;
  double weight;
  bool silence;    /* send = nothing */
  struct str send; /* intervention; empty and not silence: whatever the trigger offers */
};
struct noun_experiment {
  struct declared at;
  struct str why, at_point; /* at = "trigger:evening_slump" */
  struct str randomise;     /* "user" | "decision" */
  double revision;
  struct noun_arm *arms; /* sorted by name */
  size_t arm_count;
  struct str *strata; /* names of features or profile fields */
  size_t strata_count;
  struct str outcome_metric;
  double outcome_within; /* seconds */
  struct str available;  /* condition; false or unknown: unavailable */
  const struct node *metrics, *guardrails, *stop;
  bool minors; /* ignored by C7: minors are never in experiments */
  struct str *needs;
  size_t need_count;
};

struct noun_stage {
  struct str name;
  double share;     /* 0–1 */
  double hold;      /* seconds */
  struct str only;  /* condition; empty: everyone */
  struct str order; /* "" or "risk" */
};
struct noun_rollout {
  struct declared at;
  struct str why;
  struct str *gates; /* "trigger:x" "intervention:x" "experiment:x" "model:x" */
  size_t gate_count;
  struct noun_stage *stages;
  size_t stage_count;
  struct str advance, halt;
  double approvals;
  struct str *needs;
  size_t need_count;
};

/* A named condition on the user. `segment.NAME` is a truth; of the segments of a family the first that matches counts, in order of
 * declaration, and `segment.FAMILY` is its name. */
struct noun_segment {
  struct declared at;
  struct str why, when, family;
  struct str risk; /* how much change these users bear: "high" "medium" "low" "minimal"; empty: nothing said */
  struct str *needs;
  size_t need_count;
};

/* How an outcome is measured. */
enum measure_kind { MEASURE_HAPPENED, MEASURE_COUNT, MEASURE_SUM, MEASURE_MEAN, MEASURE_RATE }; /* as `measure` says them */
struct noun_metric {
  struct declared at;
  struct str doc, unit;
  struct str per;      /* "user" | "decision" */
  struct str measure;  /* "happened" "count" "sum" "mean" "rate"; empty with `value` */
  struct str of, over; /* event types; over: what a rate is a share of */
  struct str field, where;
  struct str value;  /* an expression over the user at the end of the window */
  double window;     /* seconds after the decision, or after the first exposure */
  struct str better; /* "higher" (default) | "lower" */
};

struct noun_policy { /* every field can only lower what the engine allows; NAN or negative: not said */
  struct declared at;
  int32_t quiet_from, quiet_to; /* local minutes; −1: not said */
  double per_day, per_week;     /* caps */
  double gap;                   /* seconds between sends */
  double holdout;               /* share of users who get nothing, 0–1 */
  bool minors_nothing;          /* nothing at all to minors */
  bool strict;                  /* events of types that no event noun declares are refused */
  struct str consent;           /* "explicit" (default), or "by_enrolment": who enrolled the users took their consent, and `why` says so */
  struct str why;
};

struct noun_scenario {
  struct declared at;
  const struct node *given, *event, *expect; /* given.profile, given.features, given.beliefs, given.draw, given.history */
  double repeats;                            /* 0: once, and nothing is drawn */
};

struct nouns {
  struct noun_event *events;
  struct noun_feature *features;
  struct noun_model *models;
  struct noun_trigger *triggers;
  struct noun_intervention *interventions;
  struct noun_choose *chooses;
  struct noun_experiment *experiments;
  struct noun_rollout *rollouts;
  struct noun_policy *policies;
  struct noun_scenario *scenarios;
  struct noun_segment *segments;
  struct noun_metric *metrics;
  size_t event_count, feature_count, model_count, trigger_count, intervention_count, choose_count, experiment_count, rollout_count,
      policy_count, scenario_count, segment_count, metric_count;
  struct noun_function *functions; /* in no other list: each belongs to a field of a noun */
  size_t function_count;
  const char *lost; /* the first file that could not be read or run to its end, and the line; NULL: none. Others may use what it declares */
  int lost_line;
}; /* each list sorted by name */

/* ---- findings ---- */
enum finding_level { FINDING_NOTE, FINDING_WARNING, FINDING_ERROR };
struct finding {
  enum finding_level level;
  const char *file;
  int line;
  const char *text; /* `trigger "x": unknown field "wen" (did you mean "when"?)` */
};
struct findings { /* in order of file, then line, once findings_sort has run */
  struct arena *arena;
  struct finding *at;
  size_t count, cap, errors;
  bool stored; /* of a program that an engine accepted once: what only later versions refuse is a warning */
};
void findings_add(struct findings *f, enum finding_level level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void findings_sort(struct findings *f);
