/* Inside compute: a program's models as built. */
#pragma once
#include "features.h"
#include "kit/json.h"
#include <stdatomic.h>

struct belief { /* one output of a model's file */
  const char *name;
  uint32_t model;
  uint32_t column;                       /* the plugin's output */
  struct expression *as;                 /* over `value` in slot 0; NULL: as it is */
  const struct calibration *calibration; /* NULL: none */
};
#define WITHHELD_MOST 16
struct trouble { /* troubles.c: of a model in this program, all lanes together */
  _Atomic int state;
  char why[400];                 /* it was suspended for the first time; the lane that finds it writes it */
  _Atomic uint32_t crashes_told; /* ends of its process that the log has */
  _Atomic int64_t told_at;       /* ns; the last line of the log about them */
  _Atomic uint64_t suspect;      /* whose question it holds and did not answer in time: it may be ended for that; 0: nobody's */
  _Atomic uint32_t suspect_crashes;
  _Atomic bool suspect_read;
  _Atomic int64_t reads_until; /* ns; no read asks it before */
  _Atomic int64_t alone_until; /* ns; everybody is asked about alone: who of several ended it is not known */
  _Atomic uint32_t withheld;   /* places taken so far, round and round */
  struct {
    _Atomic uint64_t who;
    _Atomic int64_t until;
  } withheld_at[WITHHELD_MOST];
};
enum { TROUBLE_NONE, TROUBLE_BEGUN, TROUBLE_TOLD };
struct model_input { /* where an input's values come from */
  bool is_feature, is_history;
  uint32_t feature, history; /* their numbers */
};
#define PARTITIONS_MOST 16
struct adapted { /* the ends of prediction sets that follow outcomes; the main thread writes, lanes read */
  _Atomic double quantile[PARTITIONS_MOST];
};
struct model {
  const struct noun_model *noun;
  const char *name;
  const char **inputs; /* names, in order */
  struct model_input *from;
  uint32_t *widths; /* values a row, as the plugin says; 1 until it is opened */
  uint32_t input_count;
  uint32_t first, count; /* its beliefs */
  uint32_t output_count; /* the plugin's */
  struct plugin *plugin; /* NULL: none was opened */
  struct trouble *trouble;
  struct adapted *adapted;
  struct trained *trained; /* NULL: no plugin was to be opened, or it is wrong and the program refused */
  const struct calibration *calibration;
  enum model_role role;
  uint32_t served;               /* CANDIDATE, PREVIOUS: beside which model */
  const struct node *golden;     /* what its state must answer: the state's own rows, else the file's */
  struct str kept_at;            /* an event type at which it is asked though no rule wants it; empty: none */
  const struct typical *typical; /* NULL: its state does not say what its inputs were like together */
  struct watched *watched;       /* NULL: its state says nothing of the rows that it was trained on */
  uint32_t *parts, part_count;   /* of a combination: the beliefs that it weighs */
  double *weights;
  uint64_t part_models;
};
struct models {
  struct model *at;
  uint32_t count;
  struct belief *beliefs;
  uint32_t belief_count;
  const struct features *features;
};

/* One row of one input: `values` has room for its width, the row's bits from `first_bit` on are 0 before. [lane] */
void input_read(const struct model_input *from, uint32_t width, struct view *v, struct value *slots, double *values, uint64_t *valid,
                size_t first_bit);
/* troubles.c. A person in one number; which crashes there were before a question; what became of it; and may it be asked? [lane] */
#define TROUBLE_SEVERAL UINT64_MAX /* the question was about more than one */
uint64_t trouble_who(const struct user *u);
bool trouble_alone(const struct model *m); /* is each person to be asked about in a question of their own? */
uint32_t trouble_crashes(const struct model *m);
bool trouble_suspended(const struct model *m);
bool trouble_suspend(const struct model *m, const char *why); /* false: another lane told it */
/* After a question that was not answered, about one person (`who`) or several (0). `there`: its process was there still, late or busy. */
void trouble_ask_failed(const struct model *m, uint32_t crashes_before, uint64_t who, bool is_read, bool there);
void trouble_answered(const struct model *m);
bool trouble_withholds(const struct model *m, const struct user *u, bool is_read);
/* The model's file's golden rows through a session; each that differs is a finding. [builder] */
void model_golden(const struct models *all, const struct model *m, struct findings *f);
struct value belief_value(const struct belief *b, double output); /* calibrated, `as` applied, rounded to 1e-6 */
struct value belief_missing(const struct model *m, const struct belief *b, enum missing_reason why); /* or the model's fallback */
/* beside.c: what a state's figures say besides: golden rows of its own, and what its inputs were like. [builder] */
void model_build(struct arena *a, struct models *all, struct model *m, const struct models_from *from, struct findings *f);
void beside_add(struct arena *a, struct models *all, const struct models_from *from, struct findings *f);
/* `stands`: the state does not lie in its program's own directory. */
bool figures_read(struct arena *a, struct model *m, struct str metrics_json, bool stands, struct err *e);
/* drift.c: one batch that the model answered is counted into the bins of its reference; what a missing row is, is a bin too. [lane] */
struct watched *watched_read(struct arena *a, const struct model *m, const struct json *figures);
void watched_note(const struct model *m, uint32_t rows, double *const *inputs, uint64_t *const *valid, const double *outputs,
                  const uint64_t *good);
const char *set_word(double p, double quantile); /* of the set: "high" "low" "atypical" */
/* typical.c: NULL when the figures hold none that fits. [builder] */
const struct typical *typical_read(struct arena *a, const struct model *m, const struct json *figures);
/* combine.c: resolves `combine` once all beliefs are named; one row, whose parts were asked. */
void combine_build(struct arena *a, struct models *all, struct model *m, struct findings *f);
void combine_row(const struct models *all, const struct model *m, struct belief_row *row);
