/* What a model's predictions are worth: figures of people it was not trained on, beside its champions; and the card that says so. */
#pragma once
#include "learning.h"
#include "one_model.h"

enum report_line { REPORT_TRAIN, REPORT_TEST, REPORT_LATE, REPORT_LOGISTIC, REPORT_LAST_VALUE, REPORT_LINES };
struct report {
  struct figures lines[REPORT_LINES]; /* the champions: on the test rows. No rows: it could not be worked out */
  double over_logistic, over_logistic_error, over_last, over_last_error; /* gains in log loss, and their standard errors */
};
/* The model's rows from where `from` says, finished; NULL with its sentence. [main] */
struct training_table *report_table(const struct one_model *m, const struct learning_from *from, struct err *e);
/* The outputs of rows, NaN where there is none. [main] */
bool report_answers(const struct trained *model, const struct training_rows *rows, double *out, struct err *e);
/* The same, 0.5 where there is none; to be given back with kit_free. NULL with its sentence. [main] */
double *report_outputs(const struct trained *model, const struct training_rows *rows, struct err *e);
/* Of the model with its weights (and its calibration, when it has one) over the table's people. [main] */
bool report_make(struct report *r, const struct one_model *m, const struct training_table *table, struct err *e);
void report_write(const struct report *r, struct json_writer *w); /* as members of an open object */
/* One sentence: is it better than its champions? */
void report_verdict(const struct report *r, char *text, size_t size);
/* The model card, Markdown; `what` was done with the rows: "Learned from". [main] */
void report_card(const struct report *r, const struct one_model *m, const char *what, const struct learning_from *from, struct buf *out);
