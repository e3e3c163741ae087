/* What a model's predictions are worth: figures of people it was not trained on, beside its champions; and the card that says so. */
#pragma once
#include "learning.h"
#include "one_model.h"
#include "stats/stats.h"

/* The champions and the rest on the test rows; no rows: it could not be worked out. CEILING: who knows everything of everybody. */
enum report_line { REPORT_TRAIN, REPORT_TEST, REPORT_LATE, REPORT_LOGISTIC, REPORT_LAST_VALUE, REPORT_BASE, REPORT_CEILING, REPORT_LINES };
#define REPORT_PARTS_MOST 8
struct report {
  struct figures lines[REPORT_LINES];
  double over_logistic, over_logistic_error, over_last, over_last_error; /* gains in log loss, and their standard errors */
  double over_base, over_base_error;                                     /* over the base rate alone */
  uint32_t folds, refused;                                               /* folds 0: one model, judged by one group of people */
  struct {
    char name[100];
    double weight;
    struct figures figures;
  } parts[REPORT_PARTS_MOST];                /* of a combination, on the test rows */
  struct reliability bins[RELIABILITY_BINS]; /* of the test rows, by what was predicted */
  double calibration_error;
  uint32_t part_count, best_part;
  double over_part, over_part_error; /* over the best part */
};
/* What is to be judged: rows with outcomes, and what the model and its champions say of them. */
struct judged {
  struct training_rows rows; /* of it outcome, truth, user, late and their number */
  double *p, *logistic, *last, *base;
};
bool judged_new(struct judged *j, uint32_t room, struct arena *a);
/* What the champions that learned from `train` say of `test`, into j from row `at` on. Where no logistic regression can be fitted the base
 * rate stands for it. */
void judged_champions(struct judged *j, uint32_t at, const struct training_rows *train, const struct training_rows *test);
void report_judge(struct report *r, const struct judged *j);
/* What the model says of rows, calibrated, 0.5 where it says nothing, into p. [main] */
bool report_calibrated(const struct one_model *m, const struct training_rows *rows, double *p, struct err *e);
/* The model's rows from where `from` says, finished; NULL with its sentence. [main] */
struct training_table *report_table(const struct one_model *m, const struct learning_from *from, struct err *e);
/* The outputs of rows, NaN where there is none. [main] */
bool report_answers(const struct trained *model, const struct training_rows *rows, double *out, struct err *e);
/* The same, 0.5 where there is none; to be given back with kit_free. NULL with its sentence. [main] */
double *report_outputs(const struct trained *model, const struct training_rows *rows, struct err *e);
/* Of the model with its weights (and its calibration, when it has one) over the table's people. [main] */
bool report_make(struct report *r, const struct one_model *m, const struct training_table *table, struct err *e);
void report_write(const struct report *r, struct json_writer *w); /* as members of an open object */
/* What the model's inputs and predictions were like on the rows that it was trained on, for whom watches over it: a member of the open
 * object. [main] */
bool report_reference(const struct one_model *m, const struct training_table *table, struct json_writer *w, struct err *e);
/* How far predictions can be taken at their word: what came of those of each tenth, and the mean distance from what was said. */
void report_reliability(const struct report *r, struct buf *out);
void report_reliability_write(const struct report *r, struct json_writer *w); /* as members of an open object */
#define REPORT_VERDICT 1000
/* One sentence: is it better than its champions? */
void report_verdict(const struct report *r, char *text, size_t size);
/* The model card, Markdown; `what` was done with the rows: "Learned from". [main] */
void report_card(const struct report *r, const struct one_model *m, const char *what, const struct learning_from *from, struct buf *out);
