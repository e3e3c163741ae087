/* Cross-validation by people: what a model could learn where there are too few of them to keep some away from it. */
#pragma once
#include "report.h"

/* The people are dealt to `folds` groups; each is judged by a model that learned from the others, in a child of at most `seconds`. All
 * their rows are judged together, beside champions that learned from the same people. Makes no state. [main] */
bool folds_run(struct one_model *m, struct training_table *table, uint32_t folds, int64_t seconds, struct report *r, struct err *e);
