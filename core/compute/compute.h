/* compute: journal rows become beliefs. Features are updated in place as events come and are read as of a clock; models turn features into
 * predictions. Everything here is a function of the user's containers (book/user.h), the program and the clock; what a model said is
 * recorded by flow, so replay never needs it again. */
#pragma once
#include "book/user.h"
#include "host/host.h"
#include "language/language.h"

/* ---- features ---- */
/* One row of the built-in table (features_table.h): code, docs, /v1/users/{id} and `kairos meta` share it. */
struct feature_doc {
  const char *name, *definition, *unit, *missing; /* missing: the rule in words, "fewer than 3 completions" */
  const char *requirement;                        /* "C06" */
  int32_t window_days;                            /* 0: all history kept, or not windowed */
};
const struct feature_doc *feature_docs(size_t *count); /* [any] */

struct features; /* a program's: the built-in ones, then the declared ones sorted by name; immutable */
/* Declared features: windows over an event's field, or derived expressions; cycles, unknown events and clashes with built-ins become
 * findings. May call symbols_name for what `where` and derived expressions read. [builder] */
struct features *features_build(struct arena *a, const struct noun_feature *declared, size_t count, const struct vocabulary *v,
                                struct symbols *symbols, struct findings *f);
uint32_t features_count(const struct features *f);
const char *feature_name(const struct features *f, uint32_t index);
bool features_find(const struct features *f, struct str name,
                   struct symbol *out);                                    /* for symbols.find: fills kind, type, index, unit, doc */
const char *const *feature_names(const struct features *f, size_t *count); /* for "did you mean" */

/* Moves the user's state by one event: series, attempts, marks, profile (profile_updated). `local` is the event's own timestamp in the
 * user's zone (UTC when unknown), so a late event lands in its day. `may_identify`: the sender's scope may change zone and age. False:
 * memory failed, or the profile is refused (the event is then rejected before anything is stored). [lane] */
bool features_update(const struct features *f, struct user *u, const struct event *e, const struct vocabulary *v, bool may_identify,
                     struct err *err);
/* The value of one feature as of `clock` (UTC ms). Deterministic, rounded to nothing. `slots` is scratch for derived ones (their symbols
 * are filled). [lane] */
struct value feature_read(const struct features *f, uint32_t index, const struct user *u, int64_t clock, struct value *slots,
                          struct arena *a);
/* Fills the slots of the feature symbols listed (indices into symbols->at). [lane] */
void features_fill(const struct features *f, const struct symbols *symbols, const uint32_t *which, size_t count, const struct user *u,
                   int64_t clock, struct value *slots, struct arena *a);
struct json_writer;
/* Every feature by name as `features`, null where it is missing, and the reasons for that as `missing`: two keys of the object that `w` has
 * open. */
void features_list(const struct features *f, const struct user *u, int64_t clock, struct json_writer *w, struct arena *a);
/* Patterns for people and /v1/users: UserAnalytics (C03), ContextPattern (C04), success by hour and weekday (C01, C17), habit strength with
 * its three terms. */
void features_describe(const struct features *f, const struct user *u, int64_t clock, struct json_writer *w, struct arena *a);

/* ---- definitions that come later ---- */
/* A hash of the windows that a program's features keep; 0: none. Equal sets warm nothing. [any] */
uint64_t features_set(const struct features *f);
/* The user's state meets the program's windows, before each row that moves it. Fresh: nothing has moved it before, so all are whole; else
 * those that it lacks warm from here on, and those of programs before are forgotten. False: no memory. [lane] */
bool features_meet(const struct features *f, struct user *u, bool fresh);
uint32_t features_lacking(const struct features *f, const struct user *u); /* how many windows are still to be filled */
void features_lacking_names(const struct features *f, const struct user *u, struct json_writer *w); /* of the features, as an array */
/* What the user lacks, taken from one for whom it was always there; and into the user's state in one step. What is whole already, or no
 * window of the program, is left out. False: damaged bytes, or no memory. [lane] */
void features_pack(const struct features *f, const struct user *u, const struct user *whole, struct buf *out);
bool features_fill_in(const struct features *f, struct user *u, struct str packed, struct err *e);
/* For rebuilding a past: the windows that `now` lacks, and those that a packed filling brings, as 8 bytes each; and a fresh user who lacks
 * these. */
void features_late(const struct features *f, const struct user *now, struct buf *late);
bool features_filled_digests(struct str packed, struct buf *digests);
bool features_begin(const struct features *f, struct user *u, const uint64_t *late, size_t count);

/* ---- daily histories ---- */
/* What each of the last days held: the inputs of models that look at sequences. A model's input that is wider than 1 is a window of days
 * of one of these (history_table.h), or of a declared feature that counts, sums or averages over days; oldest first, today last. */
const struct feature_doc *history_docs(size_t *count); /* [any] */
#define HISTORY_DAYS_MOST 35

/* ---- models ---- */
struct training_rows;
struct models;                  /* a program's */
struct models_from {            /* where plugins and states come from */
  const char *plugin_directory; /* holds <id>.so or <id>/<id>.so; several with ":" between them, the first that has it */
  const char *store_directory;
  const char *plugins; /* "svr=<sha256>,…": these copies in the store instead; NULL: what is in the directory now */
  /* gives the bytes of a file of the program ("models/adherence.state") */
  bool (*file)(void *context, const char *path, struct str *bytes);
  void *context;
};
/* Where the plugin of this id lies in such directories; else what was looked for, and where. [any] */
bool model_plugin_file(struct arena *a, const char *directories, struct str id, const char **path, struct err *e);
/* Opens plugins, loads states, runs golden rows; everything wrong becomes a finding and the program is refused. [builder] */
struct models *models_build(struct arena *a, const struct noun_model *declared, size_t count, const struct features *features,
                            const struct models_from *from, struct findings *f);
/* Does `trained`, whose one output is what the model learns, answer the golden rows of the model's file? True when there are none. [main]
 */
struct trained;
bool model_keeps_golden(const struct models *m, uint32_t model, struct trained *trained);
uint32_t models_count(const struct models *m);
const char *model_name(const struct models *m, uint32_t model);
/* Beliefs are numbered through all models' outputs. For symbols.find. */
bool models_find(const struct models *m, struct str name, struct symbol *out);
uint32_t beliefs_count(const struct models *m);
const char *belief_name(const struct models *m, uint32_t belief);
uint32_t belief_model(const struct models *m, uint32_t belief);
/* Which code the models were built with, "lstm=<sha256>,svr=<sha256>" by id; nothing when no plugin was opened. [builder] */
void models_plugins(const struct models *m, struct buf *out);
void models_free(struct models *m); /* releases what the arena does not hold (weights); sessions must be closed */

struct sessions; /* a lane's: one session a model, opened when first needed */
struct sessions *sessions_open(const struct models *m, uint32_t rows_most);
void sessions_close(struct sessions *s);
void sessions_patience(struct sessions *s, int64_t ms); /* for who is no lane: how long a plugin's process may take for a batch */
struct view;                                            /* what was read of a user as of a clock */
struct belief_row {                                     /* one user of a wave */
  const struct user *user;
  int64_t clock;
  uint64_t seed;
  struct value *slots;   /* scratch for derived inputs */
  struct value *beliefs; /* out: by belief number; this model's outputs are set, rounded to 1e-6, or missing with their reason */
  bool failed;           /* out: the model gave no valid row although it was asked; a fallback may stand in for it */
  struct view **seen;    /* where what one model's inputs were is kept for the next: of the same user and clock, at first NULL, as long
                            lived as the arena; NULL: nothing is kept */
};
/* One batch through one model. Features that are missing travel as validity bits. A failing model leaves its rows missing and is suspended
 * after 8 bad batches in a row of at least 4 people; who crashed it is not asked about for a minute (troubles.c). Sessions of one row are
 * reads. [lane] */
void models_predict(const struct models *m, struct sessions *s, uint32_t model, struct belief_row *rows, size_t count,
                    const struct features *f, struct arena *a);
/* What went wrong with a model since the program was built. False: nothing. [any] */
struct model_trouble {
  bool suspended;
  uint32_t crashes; /* ends of its process */
  char why[500];    /* it is suspended, else what the last end was */
};
bool model_troubled(const struct models *m, uint32_t model, struct model_trouble *out);
struct models_figures {
  uint32_t hosted, running, crashes, suspended; /* models in processes of their own, those that have one now, their ends, models */
};
void models_figures(const struct models *m, struct models_figures *out); /* [any] */
bool model_suspended(const struct sessions *s, uint32_t model, const char **why);

/* How many values a row each of a model's inputs takes, as its plugin says; all 1 when no plugin was opened. [any] */
const uint32_t *model_widths(const struct models *m, uint32_t model);
/* What host's model_create wants to know of a model: its name, inputs, and configuration as JSON in `a`; empty: no memory. [builder] */
struct model_spec model_spec_of(const struct models *m, uint32_t model, struct arena *a);
/* Has the plugin the outputs that the model's file names? [builder] */
bool model_has_outputs(const struct noun_model *n, const struct trained *t, struct err *e);
/* One belief from the plugin's output: `as` applied, rounded to 1e-6. [any] */
struct value belief_from_output(const struct models *m, uint32_t belief, double output);

/* The models of a set, and those that its combinations weigh. [any] */
uint64_t models_with_parts(const struct models *m, uint64_t wanted);
/* Those that are kept by outcomes (`retrain`) and learn from events of this type: they are asked at each of them, whatever rules want, so
 * that there are answers to hold against what came. [lane] */
uint64_t models_kept_at(const struct models *m, struct str type);
/* Of a combination: the beliefs that it weighs, and how; 0: it is none. [any] */
uint32_t model_parts(const struct models *m, uint32_t model, const uint32_t **beliefs, const double **weights);
/* Weights that sum to 1 for columns of beliefs (none: missing) and what came, pulled to `given` while rows are few; false: they are
 * `given`. And the combination of rows by weights, none where every part is missing. [tool] */
bool combine_learn(const double *const *columns, uint32_t count, const double *outcome, size_t n, const double *given, double *weights,
                   struct arena *a);
void combine_rows(const double *const *columns, uint32_t count, size_t n, const double *weights, double *out);
/* Models in an order in which combinations come after what they weigh: asking goes by it. [any] */
uint32_t models_in_order(const struct models *m, uint32_t place);

/* ---- the served model, and another state of it beside ---- */
/* A program's file models/NAME.candidate.state is a state of the model NAME that is asked whenever NAME is, on the same rows, and recorded
 * as it is; no name in a rule means it. NAME.previous.state is the same for the one that was served before. Both are models of their own
 * here, "NAME.candidate", after all that are declared. */
enum model_role { MODEL_SERVED, MODEL_CANDIDATE, MODEL_PREVIOUS };
const char *model_role_word(enum model_role role);                  /* "served" "candidate" "previous" */
enum model_role model_role(const struct models *m, uint32_t model); /* [any] */
uint32_t model_served(const struct models *m, uint32_t model);      /* beside which one; itself when it is none of those [any] */
/* The file of a program that makes one. */
void model_beside_path(const char *name, enum model_role role, char *path, size_t size);
/* The file of a program that says: the state of this model stands in the place of another, whose SHA-256 it holds as 64 hex digits. */
void model_over_path(const char *name, char *path, size_t size);
#define NO_MODEL UINT32_MAX
uint32_t model_beside(const struct models *m, uint32_t model);   /* which one lies beside this served model; or NO_MODEL [any] */
uint32_t model_of_name(const struct models *m, struct str name); /* or NO_MODEL [any] */
uint32_t model_judged(const struct models *m, uint32_t model);   /* its belief that is the plugin's own output; or NO_MODEL [any] */
const struct noun_model *model_noun(const struct models *m, uint32_t model);

/* ---- retraining ---- */
/* `retrain = { at = "03:00", lookback = 90 * days, samples = 10000, users = 50, positives = 100, gain = 0.05, shadow = 7 * days,
 * outcomes = 200, drift = 0.3 }` of a model noun; everything may be left out (METHODS 10.3, K02 to K05). */
struct retraining {
  bool nightly;
  int32_t minute;           /* of the day, UTC */
  int64_t lookback, shadow; /* ms: rows that are learned from; how long a candidate is watched, and a deployed one */
  uint32_t samples, users, positives;
  double gain;       /* relative, of the log loss on people nobody was trained on */
  uint32_t outcomes; /* fewer say nothing about a state */
  double drift;      /* score from which on a model is trained again */
};
bool model_retraining(const struct noun_model *n, struct retraining *out, struct err *e); /* [any] */
/* Nightly: its time came since `last` (UTC ms), when it was last trained, or the engine began. However long nobody looked, once. [any] */
bool retraining_due(const struct retraining *r, int64_t last, int64_t now);

/* A noun's `train` (not NULL): fields that nothing reads, and figures that reading it would pass over. [any] */
bool model_training(const struct noun_model *n, struct err *e);
/* What a model's `train` counts as an outcome, for whom judges what it said. Lives in `a`; reads the program's text: no longer than it. */
struct outcomes;
struct outcome_terms {
  struct str on, target; /* event types: answers count at these, these may be outcomes */
  int64_t after, within; /* ms */
  bool absent, left_out;
};
struct outcomes *outcomes_of(const struct models *m, uint32_t model, struct arena *a, struct outcome_terms *terms,
                             struct err *e);                                                           /* [any] */
bool outcomes_told(const struct outcomes *o, const struct event *e, struct arena *scratch, bool *yes); /* false: it is none [any] */

/* What one event says to a metric noun. Lives in `a`; reads the program's text: no longer than it. NULL: it cannot be measured. [any] */
struct measure;
struct measured {
  bool of, over; /* it counts, with `number` (1 without a field); it is one of those that a rate is a share of */
  double number;
};
struct measure *measure_of(const struct features *f, const struct noun_metric *n, struct arena *a, struct err *e);
enum measure_kind measure_kind(const struct measure *m);
bool measure_listens(const struct measure *m, struct str type); /* false: events of that type say nothing to it */
struct measured measure_event(const struct measure *m, const struct event *e, struct arena *scratch);

/* What a state's figures hold so that it can be watched: the deciles of its inputs and predictions, counted over rows that it was trained
 * on. Into the open object of `w`; `p` are its predictions of the rows. */
void reference_write(const struct training_rows *rows, const char *const *inputs, const double *p, struct json_writer *w);
/* What a served model saw and said since the program is live, against its state's reference: column by column, the inputs in order and then
 * the prediction. 0: its state holds none. [any] */
#define DRIFT_CELLS 11 /* ten deciles, and missing */
uint32_t model_watched(const struct models *m, uint32_t model);
const char *model_watched_name(const struct models *m, uint32_t model, uint32_t column);
uint32_t model_watched_counts(const struct models *m, uint32_t model, uint32_t column, double reference[DRIFT_CELLS],
                              uint64_t now[DRIFT_CELLS]); /* how many cells; the last of them is missing */

/* ---- explanations ---- */
#define FACTORS_MOST 5
struct factor {
  const char *input;
  double value; /* as the model saw it; of a window the newest */
  double moved; /* the output, on the scale */
};
struct explained {
  const char *method, *scale;
  double base; /* what the contributions begin from (TreeSHAP), or the output itself (occlusion) */
  struct factor at[FACTORS_MOST];
  uint32_t count;
};
/* What the plugin's first output hangs on, before calibration and `as`; the inputs that moved it most first. False: no answer about this
 * user, or no plugin. A look. [lane] */
bool model_explain(const struct models *m, uint32_t model, const struct user *u, int64_t clock, struct value *slots, struct arena *a,
                   struct explained *out);

/* ---- is it like what was learned from? ---- */
struct typicality {
  double distance, bound; /* Mahalanobis'; beyond the bound lay one in a hundred of the rows that were learned from */
  bool atypical;
  const char *furthest; /* the input that lies furthest from its mean by itself, and by how many standard deviations */
  double deviations;
};
/* Of a person's inputs now; of row `row` of columns as the plugin gets them. False: the state does not say. [lane] [any] */
bool model_typical(const struct models *m, uint32_t model, const struct user *u, int64_t clock, struct value *slots, struct arena *a,
                   struct typicality *out);
bool model_typical_row(const struct models *m, uint32_t model, const double *const *inputs, const uint64_t *const *valid,
                       const uint32_t *widths, uint32_t row, struct typicality *out);
/* From a state's figures, for a model that was built without its plugin. False: the figures are no JSON. [tool] */
bool model_take_typical(struct models *m, uint32_t model, struct str metrics_json, struct arena *a, struct err *e);
void typicality_write(const struct typicality *t, struct json_writer *w);
/* Into a state's figures, from the rows that it was trained on; nothing for models of more than 64 inputs. [tool] */
struct training_rows;
void typical_write(const struct training_rows *rows, struct json_writer *w);

/* ---- insights ---- */
/* Best hours, context, forecasts and an assessment of one person (D10 to D18) into the open object of `w`. A look: nothing is recorded. */
struct insights_ask {
  struct str weather; /* what it is expected to be; empty: not known */
  struct str date;    /* the person's own day, 2025-01-15; empty: today, or tomorrow when today's last hour has begun */
  const struct models *models;
  const struct value *beliefs; /* what they say now; by belief number */
};
/* False, with a sentence: a date that is none, is over, or lies more than four weeks ahead. [lane] */
bool features_insights(const struct features *f, const struct user *u, int64_t clock, const struct insights_ask *ask, struct json_writer *w,
                       struct arena *a, struct err *e);

/* ---- calibration ---- */
/* What turns a model's output into a probability, learned from people that it was not trained on; part of the figures of its state. */
struct calibration;
#define CALIBRATION_ISOTONIC_ROWS 1000
double calibration_apply(const struct calibration *c, double output); /* [any]; c NULL: as it is */
const char *calibration_method(const struct calibration *c);          /* "none" "platt" "isotonic" */
/* How sure a calibrated probability is, by its conformal set: "high" (one outcome), "low" (both), "atypical" (neither); NULL: too little is
 * known for sets. [any] */
const char *calibration_confidence(const struct calibration *c, double p);
/* The same by the sets that follow this partition's outcomes, where there are any; else by the state's own. [any] */
const char *model_confidence(const struct models *m, uint32_t model, uint32_t partition, double p);
/* From now on a partition's sets end at this score (none: at the state's own). Whoever asks sees it at the next look. [main] */
void model_adapt(const struct models *m, uint32_t model, uint32_t partition, double quantile);
/* From outputs and what came, in `a`; too little data: method none, and why. NULL: no memory. [tool] */
const char *calibration_why(const struct calibration *c);           /* what was not done when it was learned, or "" */
void calibration_of_people(struct calibration *c, uint32_t people); /* how many the rows are of, for whom reads it */
struct calibration *calibration_fit(bool isotonic, const double *output, const double *outcome, size_t n, struct arena *a);
/* False: too few rows for sets at this level. [tool] */
bool calibration_conform(struct calibration *c, const double *output, const double *outcome, size_t n, double alpha, struct arena *a);
void calibration_write(const struct calibration *c, struct json_writer *w);
/* From a state's figures; NULL when they hold none. [builder] */
bool calibration_read(struct str metrics_json, struct arena *a, struct calibration **out, struct err *e);
/* Beliefs of this model are calibrated from now on; `c` lives as long as the models. [builder] */
void model_calibrate(struct models *m, uint32_t model, const struct calibration *c);
const struct calibration *model_calibration(const struct models *m, uint32_t model);

/* ---- training tables [tool] ---- */
/* `train` of a model noun (RULES.md), made point-in-time correct by construction: rows are taken while journal rows stream through
 * features_update. A row is taken at each `on` event, as a model would be asked there; its outcome is 1 when a `target` event of the same
 * user answers it `within` that time (one target answers one row). With `smooth`, what is learned is the user's share of outcomes over the
 * rows of that time from this one on. At most `rows` rows are trained on, picked by hash. */
struct training_table;
/* `widths`: of the model's inputs in order, as its plugin says; NULL: all 1. */
struct training_table *training_table_new(const struct models *m, const struct noun_model *declared, const struct features *f,
                                          const uint32_t *widths, struct err *e);
/* Call after features_update of the same event. */
bool training_table_event(struct training_table *t, const struct user *u, const struct event *e, int64_t clock, struct arena *scratch,
                          struct err *err);
/* Is what is asked at an `on` event no more than whether a `target` follows? */
bool training_table_asks(const struct training_table *t, struct str on, struct str target);
/* Of the row taken last: its outcome's probability for one who knows everything, where there is such a one (a simulator). */
void training_table_truth(struct training_table *t, double probability);
/* Joins targets, splits by user by hash: a fifth is tested with. With `calibrate`, a sixth more learns the calibration and a tenth the
 * conformal sets, of these only the rows of the second half of the time. */
bool training_table_finish(struct training_table *t, struct err *e);
enum training_part { TRAINING_TRAIN, TRAINING_TEST, TRAINING_CALIBRATE, TRAINING_CONFORM, TRAINING_PARTS };
struct training_rows {
  uint32_t rows;
  double *const *inputs; /* value j of row r is number r × width + j, and so is its validity bit */
  uint64_t *const *valid;
  double *target;         /* what is learned: the outcome, or the share of `smooth` */
  double *outcome;        /* 0 or 1: what predictions are judged by */
  double *before;         /* what came of the user's row before, as far as it was known then; NaN: nothing */
  double *truth;          /* the outcome's probability for one who knows everything; NaN: not known */
  uint64_t *user;         /* the same for all rows of one user, and for no other's: the seeds of a training */
  bool *late;             /* of the second half of the time */
  const uint32_t *widths; /* of the inputs */
  uint32_t input_count;
  const uint32_t *group; /* training_table_by: the group of each row's person then, GROUP_NONE: not known; else NULL */
};
/* Cross-validation, after finish: the rows are split anew by people, who are dealt to `folds` folds in the order of their hashes. One fold
 * is tested with, the next one calibrates where the model asks for it, the others train. */
bool training_table_fold(struct training_table *t, uint32_t fold, uint32_t folds, struct err *e);
/* People with rows, and rows with the rarer outcome. False: no memory. */
bool training_table_people(const struct training_table *t, uint32_t *people, uint32_t *rarer);
void training_table_rows(const struct training_table *t, enum training_part part, struct training_rows *out);
/* `calibrate = "platt"` or "isotonic"; false: neither is asked for. */
bool training_table_calibrates(const struct training_table *t, bool *isotonic);
/* Rows know the group of their person, by a feature's or a profile field's value (`by` is borrowed); before the first event. */
#define GROUP_NONE UINT32_MAX
bool training_table_by(struct training_table *t, const char *by, struct err *e);
/* Their names; 0 with a sentence: nobody is in any, or there are more values than could be groups. */
uint32_t training_table_groups(const struct training_table *t, const struct str **names, struct err *e);
/* Only rows of the last so many ms before the newest event are taken; before training_table_finish. */
void training_table_lookback(struct training_table *t, int64_t ms);
/* After training_table_finish: how much there is to learn from in all, tested people included. */
struct training_size {
  uint32_t rows, users, positives, old; /* old: before the lookback, not among the rows */
  int64_t from, until;                  /* UTC ms, when rows were taken */
};
struct training_size training_table_size(const struct training_table *t);
void training_table_free(struct training_table *t);
/* What predictions p of 0/1 outcomes are worth, beside the base rate; NaN where a figure is undefined. */
struct figures {
  size_t rows;
  double base_rate, majority_accuracy, accuracy, f1, auc, brier, brier_of_base_rate, log_loss, slope, intercept;
};
struct figures figures_of(const double *p, const double *y, size_t n);
void figures_write(const struct figures *f, struct json_writer *w);

/* ---- champions: what a model has to beat ---- */
/* L2-logistic regression on the model's inputs (windows: newest value and mean), learned from `train`. False: no fit, no memory. */
bool champion_logistic(const struct training_rows *train, const struct training_rows *test, double *p);
/* The rate after a yes, after a no, and after nothing known. */
void champion_last_value(const struct training_rows *train, const struct training_rows *test, double *p);
/* By how much p's mean log loss is below `other`'s, and the standard error of that with each user's rows taken together. */
double gain_over(const struct training_rows *rows, const double *p, const double *other, double *standard_error);
