/* A model of a program learns: its weights, and what turns its output into a probability. */
#pragma once
#include "one_model.h"

bool teach_limit(int64_t seconds, struct err *e); /* --seconds can be meant: 1 to a year */
/* Trains on the rows in a child process and takes the weights. `seconds`: the child's limit. [main] */
bool teach(struct one_model *m, const struct training_rows *rows, int64_t seconds, struct err *e);
/* Learns the calibration, and where there are enough rows the prediction sets, from the table's people that were kept for them, and writes
 * it as the member "calibration" of an open object. [main] */
bool teach_calibration(struct one_model *m, const struct training_table *table, bool isotonic, struct json_writer *w, struct err *e);
/* A few rows of `all` as a table of their own, spread over it, inputs rounded to what a person can read. */
#define GOLDEN_ROWS 4
void teach_golden(const struct training_rows *all, struct arena *a, struct training_rows *few);
/* The same of the table's test rows with the model's answers, as the member "golden" of an open object. [main] */
bool teach_golden_write(const struct one_model *m, const struct training_table *table, struct json_writer *w, struct err *e);
/* Are there enough people and outcomes to make a model that may be served? Else the sentence that says what is missing. [main] */
bool teach_enough(const struct one_model *m, const struct training_table *table, struct err *e);
